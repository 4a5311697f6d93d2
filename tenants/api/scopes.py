"""What a key may be used for. Who has a key may do no more than its owner, and no more than these.

A resource that may be read and changed has two scopes. The role of the key's owner is asked as
well: a scope opens nothing that the role does not.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """One thing that a key may be used for."""

    AGENTS_READ = "agents:read", _("Agents: read")
    AGENTS_WRITE = "agents:write", _("Agents: change and publish")
    AGENTS_RUN = "agents:run", _("Agents: have them answer")
    KNOWLEDGE_READ = "knowledge:read", _("Documents: read and search")
    KNOWLEDGE_WRITE = "knowledge:write", _("Documents: upload and remove")
    DEVICES_READ = "devices:read", _("Devices: read")
    DEVICES_WRITE = "devices:write", _("Devices: pair and disconnect")
    CONTACTS_READ = "contacts:read", _("Contacts: read")
    CONTACTS_WRITE = "contacts:write", _("Contacts: change")
    CONVERSATIONS_READ = "conversations:read", _("Conversations: read")
    CONVERSATIONS_WRITE = (
        "conversations:write",
        _("Conversations: send, take over, give back, close"),
    )
    LEADS_READ = "leads:read", _("Leads: read")
    LEADS_WRITE = "leads:write", _("Leads: change")
    WEBHOOKS_READ = "webhooks:read", _("Webhooks: read")
    WEBHOOKS_WRITE = "webhooks:write", _("Webhooks: change and deliver again")
    USAGE_READ = "usage:read", _("Usage and cost: read")
    BLUEPRINT_READ = "blueprint:read", _("Configuration as a file: read")
    BLUEPRINT_WRITE = "blueprint:write", _("Configuration as a file: apply")
