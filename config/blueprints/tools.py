"""The section `tools` of a blueprint: what it holds, applying it, writing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from config.blueprints.fields import EnvName, Secret, Section, defined, refuse
from config.blueprints.webhooks import HeaderSection
from integrations.models import HttpTool
from integrations.models.tools import MAX_CALLS, MAX_KB, MAX_TIMEOUT_S
from integrations.services import tool_editing


class AuthSection(Section):
    """How the other system knows who is asking; `name` is the user, or the name of the header."""

    kind: Literal["bearer", "basic", "header"]
    name: str = Field("", max_length=100)
    secret: Secret | None = Field(None, repr=False)
    secret_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> AuthSection:
        self.one_of("secret", required=True)
        if self.kind != "bearer" and not self.name:
            raise refuse("name is missing: the user, or the name of the header")
        return self


class ParameterSection(Section):
    """One value of a call; `from` says who fills it in."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$")
    type: Literal["string", "integer", "number", "boolean", "json"] = "string"
    source: Literal[
        "model",
        "said",
        "contact_phone",
        "contact_name",
        "contact_email",
        "contact_uuid",
        "conversation_uuid",
        "fixed",
    ] = Field("model", alias="from")
    description: str = Field("", max_length=300)
    required: bool = True
    choices: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field([], max_length=50)
    minimum: float | None = None
    maximum: float | None = None
    value: str = Field("", max_length=500)


class ShownSection(Section):
    """A part of the answer that the model may see."""

    path: str = Field(min_length=1, max_length=300)
    name: str = Field("", max_length=80)


class ToolSection(Section):
    """A call of another system that agents may make."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$"), AfterValidator(defined("tool"))]
    description: str = Field(min_length=1, max_length=1_000)
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = Field(min_length=8, max_length=500)
    auth: AuthSection | None = None
    headers: list[HeaderSection] = []
    parameters: list[ParameterSection] = Field([], max_length=tool_editing.MAX_PARAMETERS)
    shows: list[ShownSection] = Field([], max_length=tool_editing.MAX_SHOWN)
    risk: Literal["read", "write", "approval"] = "read"
    repeats_safely: bool = False
    timeout_s: int = Field(10, ge=1, le=MAX_TIMEOUT_S)
    max_kb: int = Field(64, ge=1, le=MAX_KB)
    max_calls: int | None = Field(None, ge=1, le=MAX_CALLS)
    is_active: bool = True


def apply(
    sections: Sequence[ToolSection], *, note: Callable[[str, bool, list[str]], None]
) -> dict[str, int]:
    """Create and change the tools of the current tenant; none is removed. Return their ids.

    Raises:
        BadTool: a value that the file's checks let through.
    """
    found = {}
    for section in sections:
        auth = section.auth
        same = ("description", "method", "url", "risk", "repeats_safely")
        limits = ("timeout_s", "max_kb", "max_calls")
        ensured = tool_editing.ensure_tool(
            name=section.name,
            values={
                **{name: getattr(section, name) for name in (*same, *limits)},
                "auth_kind": auth.kind if auth else "none",
                "auth_name": auth.name if auth else "",
                "parameters": [_parameter(one) for one in section.parameters],
                "shows": [one.model_dump(exclude_defaults=True) for one in section.shows],
            },
            secret=(auth.reveal("secret") or "") if auth else "",
            headers={one.name: one.reveal("value") or "" for one in section.headers},
            is_active=section.is_active,
        )
        note(f"tool {section.name}", ensured.created, list(ensured.changed))
        found[section.name] = ensured.tool.pk
    return found


def _parameter(section: ParameterSection) -> dict[str, Any]:
    return section.model_dump(by_alias=True, exclude_defaults=True)


_OPTIONAL = (
    "parameters",
    "shows",
    "risk",
    "repeats_safely",
    "timeout_s",
    "max_kb",
    "max_calls",
    "is_active",
)


def own_values(tool: HttpTool, *, leave: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a tool has otherwise than a new one, without what is named."""
    new = HttpTool()
    return {
        field: value
        for field in _OPTIONAL
        if field not in leave and (value := getattr(tool, field)) != getattr(new, field)
    }


def export(variable: Callable[..., str]) -> list[dict[str, Any]]:
    """Return the section for the current tenant, secrets and headers by reference.

    Args:
        variable: makes the name of an environment variable of some words.
    """
    exported = []
    for tool in HttpTool.objects.filter(mcp=None).order_by("name"):
        entry: dict[str, Any] = {"name": tool.name, "description": tool.description}
        for field in ("method", "url"):
            entry[field] = getattr(tool, field)
        if tool.auth_kind != HttpTool.Auth.NONE:
            entry["auth"] = {
                "kind": tool.auth_kind,
                **({"name": tool.auth_name} if tool.auth_name else {}),
                "secret_env": variable("tool", tool.name, "secret"),
            }
        if names := sorted(tool.headers()):
            entry["headers"] = [
                {"name": one, "value_env": variable("tool", tool.name, one)} for one in names
            ]
        exported.append(entry | own_values(tool))
    return exported
