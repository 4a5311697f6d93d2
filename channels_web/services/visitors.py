"""Who a visitor is: an id that we gave and signed, and nothing else.

The token is all that the visitor's browser keeps. It is good for one chat of one tenant: both are
part of what is signed. Nothing of it stands in a row of its own.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core import signing

from channels_web.models import WebChat
from conversations.models import ContactAddress, Conversation
from conversations.types import Address
from tenants.api import throttling
from tenants.context import current_schema
from tenants.errors import DomainError

KEPT_FOR = timedelta(days=180)
"""How long a visitor is known after the first message. Who comes back later begins anew; doubled,
whoever gets hold of an old browser reads what was written for twice as long."""

MAX_TOKEN = 400
_ID = re.compile(r"[0-9a-f]{24}")


class UnknownVisitor(DomainError):
    """This visitor is not known here; begin anew."""

    code = "unknown_visitor"
    http_status = 401


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who writes in one chat.

    Attributes:
        ref: 24 hexadecimal digits, at random.
    """

    chat: WebChat
    ref: str

    @property
    def address(self) -> Address:
        """Under which the visitor is a contact."""
        return address_of(self.ref)


def address_of(ref: str) -> Address:
    """Return under which a visitor is a contact."""
    return Address(external=f"web:{ref}")


def welcome(chat: WebChat) -> str:
    """Return the token of a new visitor."""
    return _signer().sign_object([chat.uuid.hex, secrets.token_hex(12)])


def recognise(token: str, *, chat: WebChat) -> Visitor:
    """Return whom a token was given to; reads nothing.

    Raises:
        UnknownVisitor: it is not ours, of another chat or tenant, or too old.
    """
    try:
        if len(token) > MAX_TOKEN:
            raise UnknownVisitor
        chat_hex, ref = _signer().unsign_object(token, max_age=KEPT_FOR)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise UnknownVisitor from error
    if chat_hex != chat.uuid.hex or not isinstance(ref, str) or not _ID.fullmatch(ref):
        raise UnknownVisitor
    return Visitor(chat, ref)


def find_conversation(visitor: Visitor) -> Conversation | None:
    """Return what the visitor wrote in last; None before the first message was written down."""
    rows = Conversation.objects.filter(
        contact__addresses__kind=ContactAddress.Kind.EXTERNAL,
        contact__addresses__value=visitor.address.external,
        channel_account_ref=visitor.chat.uuid,
    )
    return rows.order_by("-pk").first()


def spend(what: str, refs: Mapping[str, str], *, now: datetime) -> None:
    """Count what somebody does, the narrowest limit first.

    Args:
        what: ``"visit"``, ``"write"`` or ``"read"``.
        refs: who it is by kind of limit, see `settings.WEB_CHAT_PER_MINUTE`.

    Raises:
        TooManyRequests: a limit is used up.
    """
    limits = settings.WEB_CHAT_PER_MINUTE[what]
    wanted = {(f"web_{what}_{kind}", ref): limits[kind] for kind, ref in refs.items()}
    throttling.spend_each(wanted, now=now)


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"{current_schema()}:web:visitor")
