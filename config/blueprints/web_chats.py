"""The section `web_chats` of a blueprint: what it holds, applying it, writing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings
from pydantic import AfterValidator, Field, model_validator

from agents.models import Agent
from channels_web.models import WebChat
from channels_web.services import chats
from channels_web.types import MAX_ORIGINS, NoOrigin, origin_of
from config.blueprints.fields import AgentRef, Section, defined, refuse


def _origin(given: str) -> str:
    try:
        return origin_of(given)
    except NoOrigin as error:
        raise refuse(f'"{given}" is no origin such as https://www.example.com') from error


class WebChatSection(Section):
    """One chat on the business's pages; `route_key` is part of its address, random when null."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=60, pattern=r"^\S(.*\S)?$"),
        AfterValidator(defined("web chat")),
    ]
    entry_agent: AgentRef
    allowed_origins: list[Annotated[str, AfterValidator(_origin)]] = Field(
        [], max_length=MAX_ORIGINS
    )
    title: str = Field(min_length=1, max_length=60)
    greeting: str = Field("", max_length=300)
    colour: str = Field("#0f766e", pattern=r"^#[0-9a-fA-F]{6}$")
    language: Literal["pt-br", "en"] = "pt-br"
    quiet_s: float = Field(4, ge=0, le=60)
    max_wait_s: float = Field(30, ge=0, le=600)
    max_messages: int = Field(20, ge=1, le=100)
    route_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{24,64}$")] | None = None
    is_active: bool = True

    @model_validator(mode="after")
    def _check(self) -> WebChatSection:
        if self.max_wait_s < self.quiet_s:
            raise refuse("max_wait_s is shorter than quiet_s")
        return self


_PLAIN = ("title", "greeting", "colour", "language", "quiet_s", "max_wait_s", "max_messages")


def apply(
    sections: Sequence[WebChatSection],
    *,
    agents: Mapping[str, Agent],
    actor: str,
    note: Callable[[str, bool, list[str]], None],
    now: datetime,
) -> None:
    """Create and change the web chats of the current tenant; none is removed.

    Raises:
        BadChat, BadRoute: a value that the file's checks let through.
    """
    for section in sections:
        edit = chats.ChatEdit(
            name=section.name,
            allowed_origins=tuple(section.allowed_origins),
            entry_agent=agents[section.entry_agent],
            **{name: getattr(section, name) for name in _PLAIN},
            is_active=section.is_active,
            route_key=section.route_key,
        )
        _, changed = chats.save_chat(edit=edit, actor=actor, now=now)
        note(f"web chat {section.name}", changed == ["chat"], changed)


def addresses(*, domain: str) -> list[dict[str, str]]:
    """Return the line for the site's pages of each chat of the current tenant.

    Args:
        domain: a host of the tenant; scheme and port are those of the installation.
    """
    known = urlsplit(settings.PUBLIC_BASE_URL)
    base_url = f"{known.scheme}://{domain}" + (f":{known.port}" if known.port else "")
    found = []
    for one in WebChat.objects.order_by("pk"):
        key = chats.key_of(one)
        line = chats.snippet(base_url=base_url, key=key)
        found.append({"name": one.name, "uuid": str(one.uuid), "route_key": key, "snippet": line})
    return found


def export() -> list[dict[str, Any]]:
    """Return the section for the current tenant."""
    exported = []
    for chat in WebChat.objects.select_related("entry_agent").order_by("name"):
        if chat.entry_agent is None:
            continue  # as a device without one: no file could name it
        entry: dict[str, Any] = {
            "name": chat.name,
            "entry_agent": chat.entry_agent.name,
            "allowed_origins": chat.allowed_origins,
        }
        for name in _PLAIN:
            value = getattr(chat, name)
            is_whole = isinstance(value, float) and value.is_integer()
            entry[name] = int(value) if is_whole else value
        entry["route_key"] = None
        if not chat.is_active:
            entry["is_active"] = False
        exported.append(entry)
    return exported
