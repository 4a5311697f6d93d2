"""The leads of two contacts who are one person."""

from __future__ import annotations

from datetime import datetime

from conversations.lead_rules import score
from conversations.models import Contact, IncomingLead, Lead, LeadMove, LeadValue
from conversations.services import lead_fields, lead_values


def merge(*, keep: Contact, twin: Contact, now: datetime) -> None:
    """Give a contact the leads of another who is the same person; joins the caller's transaction.

    Of two open ones the kept contact's goes on, and the other's values stand beside its own.
    """
    theirs = Lead.objects.filter(contact=twin)
    kept = Lead.objects.select_for_update().filter(contact=keep, closed_at=None).first()
    if kept is not None and (other := theirs.filter(closed_at=None).first()) is not None:
        counted = LeadValue.objects.filter(lead=kept, is_current=True)
        keys = list(counted.values_list("key", flat=True))
        LeadValue.objects.filter(lead=other, key__in=keys).update(is_current=False)
        LeadValue.objects.filter(lead=other).update(lead=kept)
        LeadMove.objects.filter(lead=other).update(lead=kept)
        # Else its form would write to them again within the week.
        IncomingLead.objects.filter(lead=other).update(lead=kept)
        other.delete()
        kept.score = score(
            lead_values.scored(lead_values.of_leads([kept.pk])[kept.pk], rules=lead_fields.rules())
        )
        kept.updated_at = now
        kept.save(update_fields=["score", "updated_at"])
    theirs.update(contact=keep)
