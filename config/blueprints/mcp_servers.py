"""The section `mcp_servers` of a blueprint: what it holds, applying it, writing it.

The file holds the definitions that somebody has approved, so that it can be applied while the
servers are away. A server that says something else by then is refused, as after any change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from config.blueprints.fields import EnvName, Secret, Section, defined, refuse
from config.blueprints.tools import ParameterSection, ShownSection, own_values
from integrations import mcp
from integrations.models import HttpTool, McpServer
from integrations.models.tools import MAX_CALLS, MAX_KB, MAX_TIMEOUT_S
from integrations.services import (
    mcp_approving,
    mcp_definitions,
    mcp_servers,
    tool_editing,
)

ACTOR = "blueprint"


class ServerAuthSection(Section):
    """How the server knows who is asking; `name` is the name of the header."""

    kind: Literal["bearer", "header"]
    name: str = Field("", max_length=100)
    secret: Secret | None = Field(None, repr=False)
    secret_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> ServerAuthSection:
        self.one_of("secret", required=True)
        if self.kind == "header" and not self.name:
            raise refuse("name is missing: the name of the header")
        return self


def is_definition(definition: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is no definition as a server gives it."""
    if not isinstance(definition.get("name"), str) or not definition["name"]:
        raise refuse("name is missing: the tool's name at the server")
    if unknown := sorted(set(definition) - set(mcp.KEPT)):
        raise refuse(f"{unknown[0]} is no part of a definition")
    if len(json.dumps(definition)) > mcp.MAX_DEFINITION:
        raise refuse(f"is longer than {mcp.MAX_DEFINITION} characters")
    return definition


class ServedToolSection(Section):
    """A tool of the server that somebody has approved, by the definition that was approved."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$"), AfterValidator(defined("tool"))]
    definition: Annotated[dict[str, Any], AfterValidator(is_definition)]
    description: str | None = Field(None, min_length=1, max_length=1_000)
    parameters: list[ParameterSection] | None = Field(None, max_length=tool_editing.MAX_PARAMETERS)
    shows: list[ShownSection] = Field([], max_length=tool_editing.MAX_SHOWN)
    risk: Literal["read", "write", "approval"] = "approval"
    repeats_safely: bool = False
    timeout_s: int = Field(10, ge=1, le=MAX_TIMEOUT_S)
    max_kb: int = Field(64, ge=1, le=MAX_KB)
    max_calls: int | None = Field(None, ge=1, le=MAX_CALLS)
    is_active: bool = True


class McpServerSection(Section):
    """A system that describes its tools itself; `command` is one of the operator's programs."""

    name: Annotated[
        str, Field(pattern=r"^[a-z][a-z0-9_]{1,19}$"), AfterValidator(defined("mcp_server"))
    ]
    url: str = Field("", max_length=500)
    command: str = Field("", max_length=60)
    auth: ServerAuthSection | None = None
    tools: list[ServedToolSection] = Field([], max_length=mcp.MAX_TOOLS)
    is_active: bool = True


def apply(
    sections: Sequence[McpServerSection],
    *,
    note: Callable[[str, bool, list[str]], None],
    now: datetime,
) -> dict[str, int]:
    """Create and change the servers of the current tenant; none is removed, and none is asked.

    Return the ids of their tools by name.

    Raises:
        BadServer: a value that the file's checks let through.
        BadTool: the same of a tool.
        Unusable: a definition that cannot be called.
    """
    found = {}
    for section in sections:
        auth = section.auth
        ensured = mcp_servers.ensure_server(
            name=section.name,
            values={
                "url": section.url,
                "command": section.command,
                "auth_kind": auth.kind if auth else "none",
                "auth_name": auth.name if auth else "",
            },
            secret=(auth.reveal("secret") or "") if auth else "",
            is_active=section.is_active,
        )
        note(f"MCP server {section.name}", ensured.created, list(ensured.changed))
        for one in section.tools:
            pinned = mcp_approving.pin(
                server=ensured.server,
                definition=one.definition,
                name=one.name,
                values=_values(one),
                is_active=one.is_active,
                actor=ACTOR,
                now=now,
            )
            note(f"tool {one.name}", pinned.created, list(pinned.changed))
            found[one.name] = pinned.tool.pk
    return found


def _values(section: ServedToolSection) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(section, name)
        for name in ("risk", "repeats_safely", "timeout_s", "max_kb", "max_calls")
    }
    values["description"] = section.description or mcp_definitions.description(section.definition)
    values["shows"] = [one.model_dump(exclude_defaults=True) for one in section.shows]
    if section.parameters is not None:
        values["parameters"] = [
            one.model_dump(by_alias=True, exclude_defaults=True) for one in section.parameters
        ]
    return values


def export(variable: Callable[..., str]) -> list[dict[str, Any]]:
    """Return the section for the current tenant, secrets by reference.

    Args:
        variable: makes the name of an environment variable of some words.
    """
    exported = []
    for server in McpServer.objects.order_by("name"):
        way = "url" if server.url else "command"
        entry: dict[str, Any] = {"name": server.name, way: getattr(server, way)}
        if server.auth_kind != McpServer.Auth.NONE:
            entry["auth"] = {
                "kind": server.auth_kind,
                **({"name": server.auth_name} if server.auth_name else {}),
                "secret_env": variable("mcp", server.name, "secret"),
            }
        if tools := [_tool(one) for one in _approved(server)]:
            entry["tools"] = tools
        if not server.is_active:
            entry["is_active"] = False
        exported.append(entry)
    return exported


def _approved(server: McpServer) -> Any:
    found = HttpTool.objects.filter(mcp__server=server).exclude(mcp__pinned_hash="")
    return found.select_related("mcp").order_by("name")


def _tool(tool: HttpTool) -> dict[str, Any]:
    definition = (tool.mcp.pinned if tool.mcp else None) or {}
    entry = {"name": tool.name, "definition": definition, "risk": tool.risk}
    if tool.description != mcp_definitions.description(definition):
        entry["description"] = tool.description
    return {
        **entry,
        "parameters": tool.parameters,
        **own_values(tool, leave=("parameters", "risk")),
    }
