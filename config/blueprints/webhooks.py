"""The section `webhooks` of a blueprint: what it holds, applying it, writing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from config.blueprints.fields import EnvName, Name, Secret, Section, Url, defined, refuse
from integrations import mapping
from integrations.models import WebhookEndpoint
from integrations.payloads import EventType
from integrations.services import endpoints

Ready = Literal["generic", "rdstation", "hubspot", "pipedrive", "n8n"]


class HeaderSection(Section):
    """A header that is sent with each call; it may hold a key."""

    name: Name
    value: str | None = Field(None, repr=False)
    value_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> HeaderSection:
        self.one_of("value", required=True)
        return self


class WebhookSection(Section):
    """An address of a customer's system that is told of events."""

    name: Annotated[Name, AfterValidator(defined("webhook"))]
    url: Url
    secret: Secret | None = Field(None, repr=False)
    secret_env: EnvName | None = None
    events: list[EventType] = Field(min_length=1)
    headers: list[HeaderSection] = []
    body: Ready | dict[str, Any] | None = None
    is_active: bool = True

    @property
    def template(self) -> mapping.Json:
        """The body that is sent; None for the event itself."""
        return mapping.READY[self.body] if isinstance(self.body, str) else self.body

    @model_validator(mode="after")
    def _check(self) -> WebhookSection:
        self.one_of("secret", required=True)
        if isinstance(self.body, dict):
            try:
                mapping.check(self.body)
            except mapping.BadTemplate as error:
                raise refuse(f"body: {error}") from error
        return self


def apply(
    sections: Sequence[WebhookSection],
    *,
    note: Callable[[str, bool, list[str]], None],
    now: datetime,
) -> None:
    """Create and change the endpoints of the current tenant; none is removed.

    Raises:
        BadEndpoint: a value that the file's checks let through.
    """
    for section in sections:
        ensured = endpoints.ensure_endpoint(
            name=section.name,
            url=section.url,
            types=section.events,
            secret=section.reveal("secret"),
            headers={one.name: one.reveal("value") or "" for one in section.headers},
            template=section.template,
            is_active=section.is_active,
            now=now,
        )
        note(f"webhook {section.name}", ensured.created, list(ensured.changed))


def export(variable: Callable[..., str]) -> list[dict[str, Any]]:
    """Return the section for the current tenant, secrets and headers by reference.

    Args:
        variable: makes the name of an environment variable of some words.
    """
    exported = []
    for endpoint in WebhookEndpoint.objects.order_by("name"):
        entry: dict[str, Any] = {
            "name": endpoint.name,
            "url": endpoint.url,
            "secret_env": variable("webhook", endpoint.name, "secret"),
            "events": endpoint.events,
        }
        if names := sorted(endpoint.headers()):
            entry["headers"] = [
                {"name": one, "value_env": variable("webhook", endpoint.name, one)} for one in names
            ]
        if endpoint.template is not None:
            entry["body"] = _ready(endpoint.template) or endpoint.template
        if not endpoint.is_active:
            entry["is_active"] = False
        exported.append(entry)
    return exported


def _ready(template: mapping.Json) -> str | None:
    return next((name for name, one in mapping.READY.items() if one == template), None)
