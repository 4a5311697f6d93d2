"""What a webhook of the bridge does to a tenant's rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from django.db.models import F

from channels_whatsapp.bridge import contents, payloads
from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import asking_again, devices, linking, reception, selftest
from channels_whatsapp.types import (
    ContactMessage,
    Deleted,
    Edited,
    Ignored,
    LinkChange,
    OwnMessage,
    ParsedEvent,
    Receipt,
    Typing,
)
from conversations.models import OutboundMessage
from conversations.services import changing, contact_changes, intake, ladder
from conversations.types import NewMessage
from tenants import inbox
from tenants.context import database_now

CHANNEL_KIND = "whatsapp"
UNKNOWN_MESSAGE = "unknown_message"

CLOCKS_DIFFER_BY = timedelta(minutes=1)
"""How much earlier than a message was sent, by WhatsApp's clock, a change of it may have come, by
ours. For each new message the events since then are looked through."""

_Verdict = tuple[BridgeEvent.Outcome, str]


def receive(entry: inbox.Entry) -> None:
    """Write one webhook into the current tenant; joins a transaction. See `tenants.receiving`."""
    now = database_now()
    device = Device.objects.select_related("entry_agent").get(uuid=entry.device_ref)
    data = payloads.read(entry.body)
    key = payloads.dedup_key(data, entry.body)
    n_repeated = BridgeEvent.objects.filter(device=device, dedup_key=key).update(
        n_repeats=F("n_repeats") + 1
    )
    if n_repeated:
        return
    devices.learn_identity(device=device, data=data)
    if selftest.is_about_test(device=device, body=entry.body):
        selftest.note_sign(device=device, at=now)
        outcome, reason = BridgeEvent.Outcome.APPLIED, "self_test"
    else:
        outcome, reason = _apply(
            device=device, event=payloads.parse(data), received_at=entry.received_at, now=now
        )
    stored = BridgeEvent.objects.create(
        device=device,
        type=str(data["type"])[:40],
        dedup_key=key,
        outcome=outcome,
        reason=reason,
        # The file in it is kept once, and as long as its own rules say.
        body=contents.without_file(data) or entry.body,
        received_at=entry.received_at,
    )
    is_new = outcome in (BridgeEvent.Outcome.STORED, BridgeEvent.Outcome.SILENT)
    if is_new and stored.type == "UndecryptableMessage":
        asking_again.plan(stored, now=now)


def _apply(*, device: Device, event: ParsedEvent, received_at: datetime, now: datetime) -> _Verdict:
    """Do what an event asks for and say what became of it."""
    match event:
        case ContactMessage():
            return _contact_message(device=device, event=event, now=now)
        case OwnMessage():
            return _own_message(device=device, event=event, now=now)
        case Edited() | Deleted():
            return _change(device=device, event=event, now=now)
        case Receipt(refs=refs, is_read=is_read, at=at):
            status = OutboundMessage.Status.READ if is_read else OutboundMessage.Status.DELIVERED
            n_climbed = ladder.apply_receipt(
                account_ref=device.uuid,
                refs=refs,
                status=status,
                at=at if at.timestamp() else now,  # the beginning of time: it bears none
            )
            return _known(bool(n_climbed))
        case Typing(sender=sender, is_typing=is_typing):
            moved = intake.note_typing(
                sender=sender,
                account_ref=device.uuid,
                is_typing=is_typing,
                burst=device.burst,
                now=now,
            )
            return (
                (BridgeEvent.Outcome.APPLIED, "")
                if moved
                else (BridgeEvent.Outcome.IGNORED, "no_burst")
            )
        case LinkChange():
            return _link_change(device=device, event=event, received_at=received_at, now=now)
        case Ignored(reason=reason):
            return BridgeEvent.Outcome.IGNORED, reason
        case _:
            assert_never(event)


def _change(*, device: Device, event: Edited | Deleted, now: datetime) -> _Verdict:
    ref = event.target_ref
    if event.sender.group and device.groups == Device.Groups.IGNORE:
        return BridgeEvent.Outcome.IGNORED, "group"
    match event:
        case Edited(is_own=True):
            known = changing.note_edited(
                account_ref=device.uuid,
                provider_ref=ref,
                text=event.text,
                kind=event.kind,
                sent_at=event.sent_at,
                now=now,
            )
        case Edited():
            known = contact_changes.edit_message(
                account_ref=device.uuid,
                sender=event.sender,
                provider_ref=ref,
                text=event.text,
                burst=device.burst,
                now=now,
                sent_at=event.sent_at,
            )
        case Deleted(is_own=True):
            known = changing.note_deleted(account_ref=device.uuid, provider_ref=ref, now=now)
        case Deleted():
            known = contact_changes.delete_message(
                account_ref=device.uuid, sender=event.sender, provider_ref=ref, now=now
            )
        case _:
            assert_never(event)
    return _known(known)


def _link_change(
    *, device: Device, event: LinkChange, received_at: datetime, now: datetime
) -> _Verdict:
    if not linking.apply_event(device=device, event=event, received_at=received_at, now=now):
        return BridgeEvent.Outcome.IGNORED, "link_changed_since"
    reception.learn_own(device=device, own=event.own)
    return BridgeEvent.Outcome.APPLIED, ""


def _contact_message(*, device: Device, event: ContactMessage, now: datetime) -> _Verdict:
    if reception.is_own_chat(device=device, other=event.sender):
        return BridgeEvent.Outcome.IGNORED, "own_chat"
    facts = dict(event.media)
    if event.group is not None:
        if refusal := reception.refusal_in_group(device=device, group=event.group):
            return BridgeEvent.Outcome.IGNORED, refusal
        facts |= {"author": event.group.author, "author_ref": event.group.author_ref}
    received = intake.receive_message(
        message=NewMessage(
            channel_kind=CHANNEL_KIND,
            account_ref=device.uuid,
            sender=event.sender,
            sender_name=event.sender_name,
            provider_ref=event.ref,
            kind=event.kind,
            text=event.text,
            sent_at=event.sent_at,
            burst=device.burst,
            entry_agent_id=device.entry_agent_id,
            quoted_ref=event.quoted_ref,
            media=facts,
            file=event.file,
            rules=device.rules,
            thread_ref=event.sender.phone,
        ),
        now=now,
    )
    if not received.is_new:
        return BridgeEvent.Outcome.DUPLICATE, "message_id_known"
    _apply_what_overtook(device=device, ref=event.ref, sent_at=event.sent_at, now=now)
    if received.silence:
        return BridgeEvent.Outcome.SILENT, received.silence.value
    return BridgeEvent.Outcome.STORED, ""


def _apply_what_overtook(*, device: Device, ref: str, sent_at: datetime, now: datetime) -> None:
    """Edit or delete a new message as its sender asked in events that came before it did."""
    kept = BridgeEvent.objects.filter(
        device=device,
        type="Message",
        reason=UNKNOWN_MESSAGE,
        received_at__gte=sent_at - CLOCKS_DIFFER_BY,
    ).exclude(body=b"")
    for one in kept.order_by("received_at", "pk"):
        change = payloads.parse(payloads.read(bytes(one.body)))
        if isinstance(change, Edited | Deleted) and change.target_ref == ref:
            one.outcome, one.reason = _apply(
                device=device, event=change, received_at=one.received_at, now=now
            )
            one.save(update_fields=["outcome", "reason"])


def _own_message(*, device: Device, event: OwnMessage, now: datetime) -> _Verdict:
    reception.learn_own(device=device, own=event.own)
    if reception.is_own_chat(device=device, other=event.recipient):
        return BridgeEvent.Outcome.IGNORED, "own_chat"
    age_s = (now - event.sent_at).total_seconds()
    reason = intake.record_phone_message(
        channel_kind=CHANNEL_KIND,
        account_ref=device.uuid,
        recipient=event.recipient,
        provider_ref=event.ref,
        text=event.text,
        entry_agent_id=device.entry_agent_id,
        now=now,
        kind=event.kind,
        is_old=age_s > device.freshness_s,
        sent_at=event.sent_at,
        facts=event.facts,
        file=event.file,
        rules=device.rules,
    )
    if reason != "own_echo":
        _apply_what_overtook(device=device, ref=event.ref, sent_at=event.sent_at, now=now)
    return BridgeEvent.Outcome.SILENT, reason


def _known(is_known: bool) -> _Verdict:
    return (
        (BridgeEvent.Outcome.APPLIED, "")
        if is_known
        else (BridgeEvent.Outcome.IGNORED, UNKNOWN_MESSAGE)
    )
