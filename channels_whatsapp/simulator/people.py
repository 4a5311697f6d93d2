"""What people do with their phones: write, edit, react, read, and answer by hand."""

import asyncio
import base64
import binascii
import struct
from dataclasses import dataclass

from channels_whatsapp.simulator import delivering, payloads, samples
from channels_whatsapp.simulator.core import Simulator, new_contact_message_id
from channels_whatsapp.simulator.http import Refused
from channels_whatsapp.simulator.model import Contact, Media, Message, Side, State, User

MEDIA_KINDS = ("image", "audio", "video", "document", "sticker")
KINDS = (
    "text",
    "location",
    "contact",
    "poll",
    "vote",
    "buttons_response",
    "list_response",
    "album",
    "undecryptable",
    *MEDIA_KINDS,
)
STATUS_CHAT = "status@broadcast"
LADDER = ("sent", "delivered", "read")


@dataclass(frozen=True)
class Draft:
    """What somebody is about to send.

    Attributes:
        message_id: "" to invent one.
        at: unix seconds.
        group: a group's JID, or "" for a direct chat.
        is_status: a status post, seen by all contacts.
        options: a poll's choices, or what was chosen by a vote, a button or a list entry.
        expires_s: the timer of a chat with disappearing messages; 0 for none.
        mentions: JIDs that the text names.
        target: the message that a vote or a choice answers.
    """

    kind: str
    at: float
    text: str = ""
    message_id: str = ""
    media: Media | None = None
    latitude: float = 0.0
    longitude: float = 0.0
    place: str = ""
    vcard: str = ""
    quoted_id: str = ""
    group: str = ""
    is_status: bool = False
    options: tuple[str, ...] = ()
    forwarded: bool = False
    expires_s: int = 0
    view_once: bool = False
    mentions: tuple[str, ...] = ()
    target: str = ""


def media_from(
    kind: str, *, data: str, mimetype: str, file_name: str, seconds: int, size: tuple[int, int]
) -> Media:
    """Build a file from base64 text, or the sample of its kind when there is none.

    Raises:
        Refused: 400 if the text isn't base64.
    """
    if not data:
        return samples.sample_media(kind)
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "data is not base64") from error
    width, height = size if size != (0, 0) else _png_size(raw)
    return Media(
        mimetype=mimetype or samples.MIMETYPES[kind],
        data=data,
        file_name=file_name,
        seconds=seconds,
        width=width,
        height=height,
    )


def _png_size(raw: bytes) -> tuple[int, int]:
    if raw[:8] != b"\x89PNG\r\n\x1a\n" or len(raw) < 24:
        return 0, 0
    width, height = struct.unpack(">II", raw[16:24])
    return int(width), int(height)


def _message(
    simulator: Simulator, user: User, draft: Draft, *, chat: str, side: Side, origin: str
) -> Message:
    if draft.kind not in KINDS:
        raise Refused(400, f"kind must be one of {', '.join(KINDS)}")
    message_id = draft.message_id or new_contact_message_id()
    return Message(
        seq=simulator.next_seq(),
        user_id=user.id,
        chat=chat,
        id=message_id,
        side=side,
        origin=origin,
        kind=draft.kind,
        at=draft.at,
        text=draft.text,
        media=draft.media,
        latitude=draft.latitude,
        longitude=draft.longitude,
        place=draft.place,
        vcard=draft.vcard,
        quoted_id=draft.quoted_id,
        options=list(draft.options),
        forwarded=draft.forwarded,
        expires_s=draft.expires_s,
        view_once=draft.view_once,
        mentions=list(draft.mentions),
        target=draft.target,
    )


def _quoted(
    simulator: Simulator, user: User, contact: Contact, draft: Draft
) -> tuple[Message | None, str]:
    if not draft.quoted_id:
        return None, ""
    for side, author in ((Side.BUSINESS, user.own_jid), (Side.CONTACT, contact.address)):
        found = simulator.find_message(user.id, contact.key, side, draft.quoted_id)
        if found is not None:
            return found, author
    raise Refused(404, "no such message to quote")


def contact_sends(simulator: Simulator, user: User, contact: Contact, draft: Draft) -> Message:
    """Let a contact write to a business number, in a direct chat, a group or a status post.

    Raises:
        Refused: 400 for an unknown kind, 404 for an unknown quoted message.
    """
    if draft.is_status:
        chat, source = STATUS_CHAT, payloads.status_source(contact)
    elif draft.group:
        chat, source = draft.group, payloads.group_source(contact, group=draft.group)
    else:
        chat, source = contact.key, payloads.direct_source(contact)
    sent = _message(simulator, user, draft, chat=chat, side=Side.CONTACT, origin="contact")
    quoted, author = _quoted(simulator, user, contact, draft)
    message = simulator.add_message(sent)
    if draft.kind == "undecryptable":
        _emit_unreadable(simulator, user, message, source, name=contact.name)
        return message
    body = payloads.content(message, quoted=quoted, quoted_author=author, own_jid=user.own_jid)
    _emit_message(simulator, user, message, source, body=body, name=contact.name)
    return message


def owner_sends(simulator: Simulator, user: User, contact: Contact, draft: Draft) -> Message:
    """Let the business's owner answer on the paired phone; the bridge sees it from itself."""
    sent = _message(simulator, user, draft, chat=contact.key, side=Side.BUSINESS, origin="owner")
    quoted, author = _quoted(simulator, user, contact, draft)
    message = simulator.add_message(sent)
    body = payloads.content(message, quoted=quoted, quoted_author=author, own_jid=user.own_jid)
    source = payloads.owner_source(user, contact)
    raw = payloads.from_owner(body, destination=contact.address)
    _emit_message(simulator, user, message, source, body=body, name=user.name, raw=raw)
    plan_receipts(simulator, user, contact, message)
    return message


def _emit_message(
    simulator: Simulator,
    user: User,
    message: Message,
    source: payloads.Source,
    *,
    body: dict[str, object],
    name: str,
    raw: dict[str, object] | None = None,
) -> None:
    event_info = payloads.info(
        source,
        message_id=message.id,
        kind=message.kind,
        push_name=name,
        at=simulator.timestamp(message.at),
    )

    def complete(content: dict[str, object]) -> dict[str, object]:
        return payloads.with_context(content, message_id=message.id, at=message.at)

    raw = raw or payloads.wrapped(body, message)
    event = payloads.message_event(
        event_info, complete(body), raw=complete(raw), is_view_once=message.view_once
    )
    keys = delivering.media_keys(
        message, delivery=user.s3.get("media_delivery", ""), base_url=simulator.base_url
    )
    if message.kind == "vote":
        keys["pollVote"] = payloads.poll_vote(message)
    simulator.emit(user, {"event": event, "type": "Message", **keys}, message=message)


def _emit_unreadable(
    simulator: Simulator, user: User, message: Message, source: payloads.Source, *, name: str
) -> None:
    """Emit what stands in for a message that the bridge could not decrypt."""
    event_info = payloads.info(
        source,
        message_id=message.id,
        kind="image" if message.view_once else "text",
        push_name=name,
        at=simulator.timestamp(message.at),
    )
    # What only the phone may show is "unavailable" and of no named medium.
    event_info["MediaType"] = ""
    payload = payloads.unreadable_payload(event_info, is_view_once=message.view_once)
    simulator.emit(user, payload, message=message)


def send_again(simulator: Simulator, user: User, contact: Contact, message: Message) -> None:
    """Let the number's phone give a message that the bridge could not decrypt, where it may.

    What is to be seen once stays on the phone.
    """
    if message.kind != "undecryptable" or message.view_once:
        return
    message.kind = "text"
    simulator.save_message(message)
    body = payloads.content(message, quoted=None, quoted_author="", own_jid=user.own_jid)
    source = payloads.direct_source(contact)
    _emit_message(simulator, user, message, source, body=body, name=contact.name)


def _emit_action(
    simulator: Simulator,
    user: User,
    contact: Contact,
    body: dict[str, object],
    *,
    at: float,
    kind: str = "text",
    edit: str = "",
    wrapper: str = "",
) -> str:
    """Emit a message that acts on another one, and return its own id."""
    message_id = new_contact_message_id()
    event_info = payloads.info(
        payloads.direct_source(contact),
        message_id=message_id,
        kind=kind,
        push_name=contact.name,
        at=simulator.timestamp(at),
        edit=edit,
    )
    raw: dict[str, object] = {wrapper: {"message": body}} if wrapper else body
    event = payloads.message_event(
        event_info,
        payloads.with_context(body, message_id=message_id, at=at),
        raw=payloads.with_context(raw, message_id=message_id, at=at),
        is_edit=bool(wrapper),
    )
    simulator.emit(user, {"event": event, "type": "Message"})
    return message_id


def get_message(
    simulator: Simulator, user: User, contact: Contact, message_id: str, *sides: Side
) -> Message:
    """Return a message of a direct chat.

    Raises:
        Refused: 404 if no such message was written on one of the sides.
    """
    for side in sides:
        found = simulator.find_message(user.id, contact.key, side, message_id)
        if found is not None:
            return found
    raise Refused(404, "no such message")


def contact_edits(
    simulator: Simulator,
    user: User,
    contact: Contact,
    *,
    message_id: str,
    text: str,
    at: float,
    encrypted: bool = False,
) -> str:
    """Let a contact change a message's text and return the edit's own id.

    `encrypted` takes the form that today's phones use, where `IsEdit` stays false.
    """
    message = get_message(simulator, user, contact, message_id, Side.CONTACT)
    message.text = text
    message.edited = True
    simulator.save_message(message)
    key = payloads.message_key(remote=user.own_jid, from_me=True, message_id=message.id)
    body = payloads.edit_content(key, text=text, at=at)
    wrapper = "" if encrypted else "editedMessage"
    return _emit_action(simulator, user, contact, body, at=at, edit="1", wrapper=wrapper)


def contact_deletes(
    simulator: Simulator,
    user: User,
    contact: Contact,
    *,
    message_id: str,
    at: float,
    with_type: bool = True,
) -> str:
    """Let a contact delete a message for everyone and return the revocation's own id."""
    message = get_message(simulator, user, contact, message_id, Side.CONTACT)
    message.deleted = True
    simulator.save_message(message)
    key = payloads.message_key(remote=user.own_jid, from_me=True, message_id=message.id)
    body = payloads.revoke_content(key, with_type=with_type)
    return _emit_action(simulator, user, contact, body, at=at, edit="7")


def contact_reacts(
    simulator: Simulator, user: User, contact: Contact, *, message_id: str, emoji: str, at: float
) -> str:
    """Let a contact react, or take it back with an empty emoji; return the reaction's own id."""
    message = get_message(simulator, user, contact, message_id, Side.BUSINESS, Side.CONTACT)
    set_reaction(simulator, message, Side.CONTACT, emoji)
    key = payloads.message_key(
        remote=contact.address,
        from_me=message.side == Side.CONTACT,
        message_id=message.id,
    )
    body = payloads.reaction_content(key, emoji=emoji, at=at)
    edit = "" if emoji else "7"
    return _emit_action(simulator, user, contact, body, at=at, kind="reaction", edit=edit)


def set_reaction(simulator: Simulator, message: Message, side: Side, emoji: str) -> None:
    """Put one side's reaction on a message, or take it away."""
    if emoji:
        message.reactions[side] = emoji
    else:
        message.reactions.pop(side, None)
    simulator.save_message(message)


def contact_types(
    simulator: Simulator, user: User, contact: Contact, *, state: str, media: str = ""
) -> None:
    """Show the bridge that a contact is typing, recording (`media` "audio") or has paused."""
    if user.state != State.ONLINE:
        return
    address = contact.address
    payload = payloads.typing_payload(payloads.Source(address, address), state=state, media=media)
    simulator.emit(user, payload)


def give_receipt(
    simulator: Simulator, user: User, contact: Contact, *, message_ids: list[str], status: str
) -> None:
    """Tell the bridge that business messages were delivered or read.

    Raises:
        Refused: 400 for another status.
    """
    if status not in LADDER[1:]:
        raise Refused(400, "state must be delivered or read")
    for message_id in message_ids:
        message = simulator.find_message(user.id, contact.key, Side.BUSINESS, message_id)
        if message is not None and LADDER.index(status) > LADDER.index(message.status):
            message.status = status
            simulator.save_message(message)
    address = contact.address
    payload = payloads.receipt_payload(
        payloads.Source(address, address),
        message_ids=message_ids,
        at=simulator.timestamp(simulator.now()),
        receipt_type="read" if status == "read" else "",
    )
    simulator.emit(user, payload)


def plan_receipts(simulator: Simulator, user: User, contact: Contact, message: Message) -> None:
    """Let the contact's phone acknowledge a business message by itself, as the settings say."""
    unreachable = contact.phone in simulator.settings.not_on_whatsapp
    if simulator.settings.receipts != "manual" and not unreachable:
        simulator.spawn(_acknowledge(simulator, user, contact, message))


async def _acknowledge(
    simulator: Simulator, user: User, contact: Contact, message: Message
) -> None:
    settings = simulator.settings
    await asyncio.sleep(settings.delivered_s)
    if message.status == "sent":
        give_receipt(simulator, user, contact, message_ids=[message.id], status="delivered")
    if settings.receipts != "auto":
        return
    await asyncio.sleep(max(0.0, settings.read_s - settings.delivered_s))
    if message.status != "read":
        give_receipt(simulator, user, contact, message_ids=[message.id], status="read")


def contact_views(simulator: Simulator, user: User, contact: Contact) -> int:
    """Mark what the business wrote as seen and return how many messages that were."""
    unread = [
        message.id
        for message in simulator.chat(user.id, contact.key)
        if message.side == Side.BUSINESS and message.status != "read"
    ]
    if unread and simulator.settings.receipts == "on_view":
        give_receipt(simulator, user, contact, message_ids=unread, status="read")
    return len(unread)
