"""The section `chatwoot` of a blueprint: what it holds, applying it, writing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from agents.models import Agent
from channels_chatwoot.models import Inbox
from channels_chatwoot.services import inboxes
from config.blueprints.fields import AgentRef, EnvName, Secret, Section, Url, defined, refuse
from tenants.services.routes import UNSIGNED_KEY_CHARS


class ChatwootSection(Section):
    """One inbox of Chatwoot; `route_key` is part of its webhook address, random when null."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=60, pattern=r"^\S(.*\S)?$"),
        AfterValidator(defined("chatwoot inbox")),
    ]
    base_url: Url
    account_id: int = Field(ge=1)
    inbox_id: int = Field(ge=1)
    entry_agent: AgentRef
    token: Secret | None = Field(None, repr=False)
    token_env: EnvName | None = None
    reader_token: Secret | None = Field(None, repr=False)
    reader_token_env: EnvName | None = None
    secret: Secret | None = Field(None, repr=False)
    secret_env: EnvName | None = None
    quiet_s: float = Field(5, ge=0, le=60)
    max_wait_s: float = Field(60, ge=0, le=600)
    max_messages: int = Field(20, ge=1, le=100)
    freshness_s: float = Field(900, ge=1, le=7 * 86_400)
    route_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    is_enabled: bool = True

    @model_validator(mode="after")
    def _check(self) -> ChatwootSection:
        self.one_of("token", required=True)
        self.one_of("reader_token", required=False)
        self.one_of("secret", required=False)
        is_signed = self.secret is not None or self.secret_env is not None
        if self.route_key and not is_signed and len(self.route_key) < UNSIGNED_KEY_CHARS:
            raise refuse("route_key has at least 24 characters where there is no secret")
        if self.max_wait_s < self.quiet_s:
            raise refuse("max_wait_s is shorter than quiet_s")
        return self


WAITS = ("quiet_s", "max_wait_s", "max_messages", "freshness_s")


def apply(
    sections: Sequence[ChatwootSection],
    *,
    agents: Mapping[str, Agent],
    actor: str,
    note: Callable[[str, bool, list[str]], None],
    now: datetime,
) -> None:
    """Create and change the inboxes of the current tenant; none is removed.

    Raises:
        BadInbox, BadRoute: a value that the file's checks let through.
    """
    for section in sections:
        edit = inboxes.InboxEdit(
            name=section.name,
            base_url=section.base_url,
            account_id=section.account_id,
            inbox_id=section.inbox_id,
            entry_agent=agents[section.entry_agent],
            **{name: getattr(section, name) for name in WAITS},
            is_enabled=section.is_enabled,
            token=section.reveal("token"),
            reader_token=section.reveal("reader_token") or "",
            secret=section.reveal("secret") or "",
            route_key=section.route_key,
        )
        _, changed = inboxes.save_inbox(edit=edit, actor=actor, now=now)
        note(f"chatwoot inbox {section.name}", changed == ["inbox"], changed)


def addresses() -> list[dict[str, str]]:
    """Return the webhook address of each inbox of the current tenant, to be typed in Chatwoot."""
    return [
        {"name": one.name, "uuid": str(one.uuid), "webhook_url": inboxes.webhook_url(one)}
        for one in Inbox.objects.order_by("pk")
    ]


def export(variable: Callable[..., str]) -> list[dict[str, Any]]:
    """Return the section for the current tenant, tokens and secrets by reference.

    Args:
        variable: makes the name of an environment variable of some words.
    """
    exported = []
    for inbox in Inbox.objects.select_related("entry_agent").order_by("name"):
        if inbox.entry_agent is None:
            continue  # as a device without one: no file could name it
        entry: dict[str, Any] = {
            "name": inbox.name,
            "base_url": inbox.base_url,
            "account_id": inbox.account_id,
            "inbox_id": inbox.inbox_id,
            "entry_agent": inbox.entry_agent.name,
            "token_env": variable("chatwoot", inbox.name, "token"),
        }
        if inbox.reader_token_encrypted:
            entry["reader_token_env"] = variable("chatwoot", inbox.name, "reader_token")
        if inboxes.secret_of(inbox):
            entry["secret_env"] = variable("chatwoot", inbox.name, "secret")
        for name in WAITS:
            value = getattr(inbox, name)
            entry[name] = int(value) if float(value).is_integer() else value
        entry["route_key"] = None
        if not inbox.is_enabled:
            entry["is_enabled"] = False
        exported.append(entry)
    return exported
