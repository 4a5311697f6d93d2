"""What people in Chatwoot are told when the assistant leaves a conversation to them."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from conversations.models import Conversation
from conversations.services import briefs, handoffs, words
from tenants.context import current_schema
from tenants.models import Tenant


def text(conversation: Conversation, *, now: datetime) -> str:
    """Return a note in the business's language: why it is theirs, and what is known so far."""
    tenant = Tenant.objects.get(schema_name=current_schema())
    with override(tenant.language), timezone.override(tenant.timezone):
        lines = [
            _("The assistant leaves this conversation to people."),
            _("Reason: %(reason)s.") % {"reason": words.reason(conversation.mode_reason)},
            *_brief(conversation, now=now),
            "",
            _("To let the assistant answer again, set the conversation to pending."),
        ]
    return "\n".join(lines)


def _brief(conversation: Conversation, *, now: datetime) -> list[str]:
    found = handoffs.brief_of(conversation, now=now)
    if found is None:
        return [conversation.summary] if conversation.summary else []
    brief = briefs.of_brief(found)
    said = (
        (_("Wants"), brief.goal),
        (_("Deadline"), brief.deadline),
        (_("Tone"), brief.tone),
        (_("Already said"), "; ".join(brief.done)),
        (_("Still open"), "; ".join(brief.pending)),
        *((fact.kind, fact.text) for fact in brief.facts),
    )
    return [f"{name}: {value}" for name, value in said if value]
