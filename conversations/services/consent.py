"""Obeying a contact who wants no more messages, whoever is answering them.

One confirmation goes out, and then nothing until they ask for it: `outbox` refuses every message
to them, a person's too, and `intake` wakes nobody.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from agents.runtime import consent
from agents.runtime.consent import Wish
from conversations.models import Contact, Conversation, InboundMessage, OutboundMessage
from conversations.services import bursts, drafts, outbox, takeover
from conversations.types import Silence
from tenants.audit.record import record
from tenants.context import current_schema
from tenants.models import Tenant

HEEDED = frozenset(
    {
        Silence.NONE,
        Silence.OPTED_OUT,
        Silence.HUMAN_MODE,
        Silence.NO_AGENT,
        Silence.TOO_OLD,
        Silence.CLOCK_AHEAD,
    }
)
"""Messages that can say so, late ones too, and those of a wrong clock: a wish to be left alone does
not grow old. Who is
blocked gets no confirmation, and a reaction or what no person typed says nothing."""

MEANT_TOGETHER = timedelta(minutes=1)
"""How much older than the wish to be left alone one to be written to may be and still undo it: two
clocks are never quite the same."""

GOODBYE = _(
    "All right, you will get no more messages from us here."
    " If you change your mind, just write VOLTAR."
)
"""The one message that who asks for none still gets."""


def heed(*, conversation: Conversation, text: str, said_at: datetime, now: datetime) -> Silence:
    """Do what a message asks of our writing; `Silence.NONE` where it is to be answered as usual.

    Safe to call twice, and for two messages at once: one of them changes the contact and is
    confirmed. Joins the caller's transaction, which holds the conversation's lock.

    Args:
        said_at: by the sender's clock. What comes late undoes no wish that was said after it.
    """
    wish = consent.wish(text)
    if wish is None:
        return Silence.NONE
    contact = conversation.contact
    if wish is Wish.STOP:
        _opt_out(conversation, contact, now=now)
        return Silence.OPTED_OUT
    if _was_said_before_stop(contact, said_at):
        return Silence.NONE
    return _opt_in(conversation, contact, now=now)


def _opt_out(conversation: Conversation, contact: Contact, *, now: datetime) -> None:
    won = Contact.objects.filter(pk=contact.pk, opted_out_at=None).update(opted_out_at=now)
    if not won:
        return
    contact.opted_out_at = now
    drafts.supersede(conversation, reason="the contact asked not to be written to", now=now)
    # What they wrote before it is not answered either, on any device, now or when they come back.
    last = InboundMessage.objects.filter(conversation=conversation).order_by("-pk").first()
    conversation.handled_upto = last.pk if last else conversation.handled_upto
    conversation.n_pending, conversation.n_superseded, conversation.first_pending_at = 0, 0, None
    conversation.save(update_fields=["handled_upto", "has_draft", *bursts.COUNTS])
    OutboundMessage.objects.filter(
        conversation__contact=contact, status=OutboundMessage.Status.CREATED
    ).update(
        status=OutboundMessage.Status.CANCELLED,
        failure_reason="the contact asked not to be written to",
    )
    takeover.set_aside(contact, silence=Silence.OPTED_OUT, now=now)
    # The one message that may still go: it bears the instant of the opting out.
    _tell(conversation, GOODBYE, now=now)
    _note("contact.opted_out", contact, conversation)


def _was_said_before_stop(contact: Contact, said_at: datetime) -> bool:
    if contact.opted_out_at is None or said_at.year <= 1970:  # it tells no time
        return False
    # Both may have come late; a clock that runs ahead would keep them out until it is caught up.
    stop = InboundMessage.objects.filter(
        conversation__contact=contact, received_at=contact.opted_out_at
    ).first()
    stopped_at = min(stop.sent_at, contact.opted_out_at) if stop else contact.opted_out_at
    return said_at < stopped_at - MEANT_TOGETHER


def _opt_in(conversation: Conversation, contact: Contact, *, now: datetime) -> Silence:
    won = Contact.objects.filter(pk=contact.pk, opted_out_at__isnull=False).update(
        opted_out_at=None
    )
    if not won:
        return Silence.NONE
    contact.opted_out_at = None
    _tell(conversation, _("Good to have you back! How can we help?"), now=now)
    _note("contact.opted_in", contact, conversation)
    return Silence.OPTED_IN


def _tell(conversation: Conversation, text: object, *, now: datetime) -> None:
    language = Tenant.objects.values_list("language", flat=True).get(schema_name=current_schema())
    with override(language):
        outbox.add_message(
            conversation=conversation,
            text=str(text),
            origin=OutboundMessage.Origin.SYSTEM,
            now=now,
        )


def _note(action: str, contact: Contact, conversation: Conversation) -> None:
    """Tell whoever must know: here the audit trail, and the events of the same names."""
    record(
        action=action,
        actor="contact",
        target=f"contact {contact.uuid}",
        data={"conversation": str(conversation.uuid)},
    )
