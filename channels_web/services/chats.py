"""Web chats: making them, changing them, and finding them for each request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from agents.models import Agent
from channels_web.models import WebChat
from channels_web.types import KIND, MAX_ORIGINS, NoOrigin, origin_of
from tenants.audit.record import record
from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.models import InboundRoute, Tenant
from tenants.remembering import Remembered
from tenants.services import routes


class BadChat(DomainError):
    """This web chat cannot be as it is described."""

    code = "bad_web_chat"
    http_status = 422


class StillArriving(DomainError):
    """Something of this chat is just arriving; try again in a moment."""

    code = "still_arriving"


@dataclass(frozen=True)
class ChatEdit:
    """A chat as a form or a file describes it.

    Attributes:
        name: says which chat; it stays as it is once the chat is there.
        route_key: the part of its address that the site's pages bear; None makes or keeps a random
            one. It is no secret.
    """

    name: str
    title: str
    allowed_origins: tuple[str, ...]
    entry_agent: Agent | None
    greeting: str = ""
    colour: str = "#0f766e"
    language: str = "pt-br"
    quiet_s: float = 4.0
    max_wait_s: float = 30.0
    max_messages: int = 20
    is_active: bool = True
    route_key: str | None = None


COLUMNS = (
    "title",
    "allowed_origins",
    "entry_agent",
    "greeting",
    "colour",
    "language",
    "quiet_s",
    "max_wait_s",
    "max_messages",
    "is_active",
)


def origins_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return origins as browsers write them, each once.

    Raises:
        NoOrigin: one of them is none.
        BadChat: too many.
    """
    found = tuple(dict.fromkeys(origin_of(one) for one in given))
    if len(found) > MAX_ORIGINS:
        raise BadChat(f"A web chat has up to {MAX_ORIGINS} sites.")
    return found


def save_chat(*, edit: ChatEdit, actor: str, now: datetime) -> tuple[WebChat, list[str]]:
    """Create or change a chat and its route; return it with the names of what changed.

    Raises:
        BadChat: a value that cannot be.
        BadRoute: an unusable route key.
    """
    try:
        edit = replace(edit, allowed_origins=origins_of(edit.allowed_origins))
    except NoOrigin as error:
        raise BadChat("A site is written like https://www.example.com.") from error
    with transaction.atomic():
        chat = WebChat.objects.select_for_update(of=("self",)).filter(name=edit.name).first()
        is_new = chat is None
        chat = chat or WebChat(name=edit.name)
        wanted = {name: getattr(edit, name) for name in COLUMNS}
        wanted["allowed_origins"] = list(edit.allowed_origins)
        changed = [name for name, value in wanted.items() if getattr(chat, name) != value]
        for name, value in wanted.items():
            setattr(chat, name, value)
        try:
            chat.full_clean(validate_unique=False)
        except ValidationError as error:
            raise BadChat(" ".join(error.messages)) from error
        if is_new or changed:
            chat.save()
        _, is_route_changed = routes.ensure_route(
            device_ref=chat.uuid,
            route_key=edit.route_key,
            hmac_key="",
            now=now,
            channel_kind=KIND,
            is_signed=False,
        )
        changed += ["route"] if is_route_changed and not is_new else []
        changed = ["chat"] if is_new else changed
        if changed:
            routes.set_enabled(device_ref=chat.uuid, is_enabled=chat.is_active)
            record(
                action="web_chat.changed",
                actor=actor,
                target=f"web chat {chat.uuid}",
                data={"fields": changed},
            )
        _known.forget()
    return chat, changed


def remove_chat(*, chat: WebChat, actor: str) -> None:
    """Remove a chat and its address; conversations stay, with everything in them.

    Raises:
        StillArriving: what has come in is not written yet.
    """
    with transaction.atomic():
        if not routes.remove_route(device_ref=chat.uuid):
            raise StillArriving
        WebChat.objects.filter(pk=chat.pk).delete()
        record(action="web_chat.removed", actor=actor, target=f"web chat {chat.uuid}", data={})
        _known.forget()


def find_chat(key: str) -> WebChat | None:
    """Return the chat of an address of this tenant, as it was a moment ago; not to be changed."""
    return _known.get().get(key)


def may_be_shown(uuid: UUID, *, site: str) -> bool:
    """Test whether a page may show a chat, as it was a moment ago.

    Args:
        site: the page's origin; empty for one of our own.
    """
    chat = next((one for one in _known.get().values() if one.uuid == uuid), None)
    return chat is not None and chat.is_active and (not site or site in chat.allowed_origins)


def key_of(chat: WebChat) -> str:
    """Return the part of its address that tells a chat from others; it is no secret."""
    return InboundRoute.objects.values_list("route_key", flat=True).get(device_ref=chat.uuid)


def snippet(*, base_url: str, key: str) -> str:
    """Return what the site's owner pastes into a page.

    Args:
        base_url: of the tenant's host, such as ``"https://panel.shop.example"``.
    """
    return f'<script src="{base_url}/chat/{key}.js" async></script>'


def _load() -> Mapping[str, WebChat]:
    # A business that is suspended has none: its host is still found, unlike at the door.
    served = Tenant.objects.ready().filter(schema_name=current_schema()).values("schema_name")
    here = InboundRoute.objects.filter(schema_name__in=served, channel_kind=KIND)
    keys = dict(here.values_list("device_ref", "route_key"))
    chats = WebChat.objects.filter(uuid__in=keys) if keys else ()
    return {keys[one.uuid]: one for one in chats}


_known: Remembered[Mapping[str, WebChat]] = Remembered(_load)
