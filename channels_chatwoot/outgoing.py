"""What is written to a contact as Chatwoot wants it; source: section 5.5 of the contract."""

from __future__ import annotations

from dataclasses import dataclass, field

from channels_chatwoot.types import REF_NAME
from conversations.types import Address, MessageKind
from conversations.types_sending import Content
from tenants.errors import Permanent


@dataclass(frozen=True)
class Order:
    """One call that a contact notices.

    Attributes:
        file: its name, type and bytes; None where there is none.
    """

    path: str
    body: dict[str, object] = field(repr=False)
    file: tuple[str, str, bytes] | None = field(default=None, repr=False)


def message(content: Content, *, to: Address, ref: str) -> Order:
    """Return the call that writes a message under an id of ours.

    Raises:
        Permanent: there is no conversation in Chatwoot to write in.
    """
    attributes: dict[str, object] = {REF_NAME: ref}
    if content.quote is not None and (quoted := content.quote.ref.partition("/")[0]).isdigit():
        attributes["in_reply_to"] = int(quoted)
    body: dict[str, object] = {
        "content": _text(content),
        "message_type": "outgoing",
        "private": False,
        "echo_id": ref,
        "content_attributes": attributes,
    }
    file = (content.file_name, content.media_type, content.data) if content.data else None
    return Order(f"{_thread(to)}/messages", body, file)


def typing(*, to: Address) -> Order:
    """Return the call that shows that we are typing."""
    return Order(f"{_thread(to)}/toggle_typing_status", {"typing_status": "on"})


def _text(content: Content) -> str:
    if content.kind != MessageKind.LOCATION:
        return content.text
    place = f"{content.place['latitude']},{content.place['longitude']}"
    link = f"https://maps.google.com/?q={place}"
    return f"{content.text}\n{link}".strip()


def _thread(to: Address) -> str:
    if not to.thread:
        raise Permanent("there is no conversation in Chatwoot to write in")
    return f"/conversations/{int(to.thread)}"
