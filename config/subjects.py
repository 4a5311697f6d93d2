"""Who calls of models were made for: names and pages out of the apps that have them."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from django.urls import reverse
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from agents.models import Agent
from conversations.models import Contact, Conversation
from integrations.llm.types import Purpose
from integrations.services.subjects import AgentName, Link


def agents() -> list[AgentName]:
    """Return all agents but the queues of people, by name."""
    found = Agent.objects.exclude(kind=Agent.Kind.HUMAN).order_by("name", "pk")
    return [
        AgentName(uuid, name, frozenset(purposes) | ({Purpose.CHAT} if chat else set()))
        for uuid, name, chat, purposes in found.values_list(
            "uuid", "name", "chat_credential_id", "purposes"
        )
    ]


def conversations(refs: Collection[uuid.UUID]) -> dict[uuid.UUID, Link]:
    """Return the conversations under the names of their contacts."""
    found = Conversation.objects.filter(uuid__in=refs)
    return {
        ref: _link("conversation", pk, name)
        for ref, pk, name in found.values_list("uuid", "pk", "contact__name")
    }


def contacts(refs: Collection[uuid.UUID]) -> dict[uuid.UUID, Link]:
    """Return the contacts under their names."""
    found = Contact.objects.filter(uuid__in=refs)
    return {
        ref: _link("contact", pk, name) for ref, pk, name in found.values_list("uuid", "pk", "name")
    }


def _link(model: str, pk: int, name: str) -> Link:
    label = Truncator(name).chars(60) or _("Contact %(n)s") % {"n": pk}
    return Link(label, reverse(f"admin:conversations_{model}_change", args=[pk]))
