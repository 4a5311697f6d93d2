"""What contacts change of what they wrote: texts that they edit, messages that they take back."""

from __future__ import annotations

import uuid
from datetime import datetime

from conversations.models import Conversation, Draft, InboundMessage, Turn
from conversations.services import accumulator, bursts, consent, drafts, identity, intake
from conversations.types import Address, BurstSettings
from tenants import timers


def edit_message(
    *,
    account_ref: uuid.UUID,
    sender: Address,
    provider_ref: str,
    text: str,
    burst: BurstSettings,
    now: datetime,
    sent_at: datetime | None = None,
) -> bool:
    """Replace the text of a message that its sender edited; False where `sender` has none such.

    An edit before the answer starts the quiet window anew; one after it changes the record only.
    Of two edits the later one counts, whichever arrives first.

    Args:
        sent_at: when it was edited, by the channel's clock; None where the channel does not say.
    """
    found = _hold_own(account_ref=account_ref, sender=sender, provider_ref=provider_ref)
    if found is None:
        return False
    row, conversation = found
    if row.text == intake.cut(text):
        return True  # told again, or of something else about it
    edited_at = intake.said_at(sent_at, now)
    if row.edited_at is not None and edited_at < row.edited_at:
        return True
    row.text, row.edited_at = intake.cut(text), edited_at
    row.save(update_fields=["text", "edited_at"])
    _drop_draft(row, conversation, now=now)
    if _is_pending(row, conversation) and conversation.n_pending:
        conversation.n_pending -= 1  # add_message counts it again
        accumulator.add_message(conversation=conversation, burst=burst, now=now)
    consent.heed(conversation=conversation, text=row.text, said_at=now, now=now)
    return True


def delete_message(
    *, account_ref: uuid.UUID, sender: Address, provider_ref: str, now: datetime
) -> bool:
    """Mark a message that its sender took back; False where `sender` has none such.

    A message that has not been answered yet will not be.
    """
    found = _hold_own(account_ref=account_ref, sender=sender, provider_ref=provider_ref)
    if found is None:
        return False
    row, conversation = found
    row.deleted_at = now
    row.save(update_fields=["deleted_at"])
    if _drop_draft(row, conversation, now=now):
        timers.arm(kind=accumulator.TIMER, ref=conversation.pk, due_at=now)  # for those beside it
    if _is_pending(row, conversation) and conversation.n_pending:
        conversation.n_pending -= 1
        conversation.save(update_fields=["n_pending"])
        if conversation.turns.filter(status=Turn.Status.RUNNING).exists():
            # It answers what is gone now: superseded by this, it looks again at what is left.
            timers.arm(kind=accumulator.TIMER, ref=conversation.pk, due_at=now)
    return True


def _hold_own(
    *, account_ref: uuid.UUID, sender: Address, provider_ref: str
) -> tuple[InboundMessage, Conversation] | None:
    """Return a message that `sender` wrote and its conversation, which is locked then.

    Nobody changes what another contact said.
    """
    row = (
        InboundMessage.objects.select_related("conversation")
        .filter(channel_account_ref=account_ref, provider_ref=provider_ref, deleted_at=None)
        .first()
    )
    if row is None:
        return None
    # Under any of its addresses: one who has two phones writes from both.
    if identity.find_contact_id(sender) != row.conversation.contact_id:
        return None
    conversation = Conversation.objects.select_for_update().get(pk=row.conversation_id)
    row.refresh_from_db()  # who held it may just have answered the message
    return (row, conversation) if row.deleted_at is None else None


def _drop_draft(row: InboundMessage, conversation: Conversation, *, now: datetime) -> bool:
    """Drop the draft that answers a message which was changed; False where none does.

    All that it answered waits again. The conversation is locked.
    """
    waiting = Draft.objects.filter(turn=row.turn_id, status=Draft.Status.WAITING)
    if row.turn_id is None or not waiting.exists():
        return False
    freed = drafts.supersede(conversation, reason="its question was changed", now=now)
    conversation.n_pending += len(freed)
    conversation.first_pending_at = conversation.first_pending_at or now
    conversation.save(update_fields=["has_draft", "handled_upto", *bursts.COUNTS])
    row.turn_id = None
    return True


def _is_pending(row: InboundMessage, conversation: Conversation) -> bool:
    return not row.silence_reason and row.turn_id is None and row.pk > conversation.handled_upto
