"""Inboxes: making them, changing them, and what a call needs of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction

from agents.models import Agent
from channels_chatwoot.client import Chatwoot
from channels_chatwoot.models import Inbox, Thread
from channels_chatwoot.types import KIND
from integrations import egress
from tenants import timers
from tenants.audit.record import record
from tenants.errors import DomainError, Permanent
from tenants.models import InboundRoute
from tenants.services import routes

TIMER = "chatwoot_inbox"
"""The kind of timer that watches an inbox; its ref is the inbox."""


class BadInbox(DomainError):
    """This inbox of Chatwoot cannot be used as it is described."""

    code = "bad_inbox"
    http_status = 422


class TokenNeeded(DomainError):
    """Another address gets no token that was given for this one; enter the token again."""

    code = "token_needed"
    http_status = 422


class StillArriving(DomainError):
    """Something of this inbox is just arriving; try again in a moment."""

    code = "still_arriving"


@dataclass(frozen=True)
class InboxEdit:
    """An inbox as a form or a file describes it.

    Attributes:
        name: says which inbox; it stays as it is once the inbox is there.
        token: of the agent bot; None keeps the one there is.
        reader_token: of a person there, to read back; None keeps it, empty removes it.
        secret: with which Chatwoot signs its webhooks; None keeps it, empty is for servers that
            sign nothing.
        route_key: the secret part of its webhook address; None makes or keeps a random one.
    """

    name: str
    base_url: str
    account_id: int
    inbox_id: int
    entry_agent: Agent | None
    quiet_s: float = 5.0
    max_wait_s: float = 60.0
    max_messages: int = 20
    freshness_s: float = 900.0
    is_enabled: bool = True
    token: str | None = field(default=None, repr=False)
    reader_token: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    route_key: str | None = None


_COLUMNS = (
    "account_id",
    "inbox_id",
    "entry_agent",
    "quiet_s",
    "max_wait_s",
    "max_messages",
    "freshness_s",
    "is_enabled",
)


def save_inbox(*, edit: InboxEdit, actor: str, now: datetime) -> tuple[Inbox, list[str]]:
    """Create or change an inbox and its route; return it with the names of what changed.

    Speaks to no network: the watch looks at it once this is committed.

    Raises:
        BadInbox: a value that cannot be, or an inbox that is here under another name.
        TokenNeeded: a new inbox, or another address, without its token.
        BadRoute: an unusable route key.
    """
    address = _address(edit.base_url)
    if not (0 <= edit.quiet_s <= edit.max_wait_s) or edit.max_messages < 1:
        raise BadInbox("The longest wait is at least the quiet window, and one message or more.")
    with transaction.atomic():
        inbox = Inbox.objects.select_for_update(of=("self",)).filter(name=edit.name).first()
        is_new = inbox is None
        inbox = inbox or Inbox(name=edit.name)
        same = Inbox.objects.filter(
            base_url=address, account_id=edit.account_id, inbox_id=edit.inbox_id
        )
        if same.exclude(pk=inbox.pk).exists():
            raise BadInbox("This inbox of Chatwoot is here already, under another name.")
        changed = ["inbox"] if is_new else []
        changed += _write(inbox, edit, address=address, is_new=is_new)
        if changed:
            inbox.state, inbox.state_detail = Inbox.State.UNKNOWN, ""
            inbox.save()
        _, is_route_changed = routes.ensure_route(
            device_ref=inbox.uuid,
            route_key=edit.route_key,
            hmac_key=secret_of(inbox) if edit.secret is None else edit.secret,
            now=now,
            channel_kind=KIND,
            is_signed=False,
        )
        if not is_new and is_route_changed:
            changed.append("route")
        if changed:
            routes.set_enabled(device_ref=inbox.uuid, is_enabled=inbox.is_enabled)
            timers.arm(kind=TIMER, ref=inbox.pk, due_at=now)
            record(
                action="chatwoot_inbox.changed",
                actor=actor,
                target=f"chatwoot inbox {inbox.uuid}",
                data={"fields": changed},
            )
    return inbox, changed[:1] if is_new else changed


def _write(inbox: Inbox, edit: InboxEdit, *, address: str, is_new: bool) -> list[str]:
    """Write an edit into a row and return what changed; the row is not saved."""
    has_moved = not is_new and address != inbox.base_url
    if (is_new or has_moved) and not edit.token:
        raise TokenNeeded
    changed = [name for name in _COLUMNS if getattr(inbox, name) != getattr(edit, name)]
    for name in _COLUMNS:
        setattr(inbox, name, getattr(edit, name))
    if has_moved or is_new:
        inbox.base_url = address
        changed.append("base_url")
    if edit.token and (is_new or inbox.token() != edit.token):
        inbox.set_token(edit.token)
        changed.append("token")
    # A person's token does not go to another address either, and can be done without.
    reader = "" if has_moved and edit.reader_token is None else edit.reader_token
    if reader is not None and inbox.reader_token() != reader:
        inbox.set_reader_token(reader)
        changed.append("reader_token")
    if has_moved or "account_id" in changed:
        # Its numbers mean other conversations there.
        Thread.objects.filter(inbox=inbox.pk).delete()
        inbox.is_echoing = False
    return changed


def remove_inbox(*, inbox: Inbox, actor: str) -> None:
    """Remove an inbox and its address; conversations stay, with everything in them.

    Raises:
        StillArriving: what has come in is not written yet.
    """
    with transaction.atomic():
        if not routes.remove_route(device_ref=inbox.uuid):
            raise StillArriving
        Inbox.objects.filter(pk=inbox.pk).delete()
        record(
            action="chatwoot_inbox.removed",
            actor=actor,
            target=f"chatwoot inbox {inbox.uuid}",
            data={},
        )


def webhook_url(inbox: Inbox) -> str:
    """Return the address to which Chatwoot posts this inbox's events; it is a secret."""
    route = InboundRoute.objects.get(device_ref=inbox.uuid)
    return f"{settings.PUBLIC_BASE_URL}/hooks/{KIND}/{route.route_key}/"


def secret_of(inbox: Inbox) -> str:
    """Return the secret with which Chatwoot signs, in clear; empty where none is set."""
    route = InboundRoute.objects.filter(device_ref=inbox.uuid).first()
    return "" if route is None else routes.key_of(route)


def bot_of(inbox: Inbox) -> Chatwoot:
    """Return the account as the agent bot may use it, ready for calls without the database."""
    return Chatwoot(inbox.base_url, inbox.account_id, inbox.token())


def reader_of(inbox: Inbox) -> Chatwoot | None:
    """Return the account as its reading person may use it; None where no token was given."""
    token = inbox.reader_token()
    return Chatwoot(inbox.base_url, inbox.account_id, token) if token else None


def new_ref() -> str:
    """Return an id for something that we write."""
    return f"prosa-{uuid.uuid4().hex}"


def _address(given: str) -> str:
    address = given.strip().rstrip("/")
    try:
        found = egress.check_url(address)
    except Permanent as error:
        raise BadInbox("The address is one such as https://app.chatwoot.com.") from error
    if found.query or found.fragment:
        raise BadInbox("The address is one such as https://app.chatwoot.com.")
    return address
