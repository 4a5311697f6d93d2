"""Calling a tool of an MCP server: how the server is reached, and what is made of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from integrations import mcp
from integrations.http import Response
from integrations.mcp import Changed, NotCalled, Place
from integrations.models import McpServer, McpTool
from integrations.services import mcp_definitions, tool_requests
from integrations.services.tool_outcomes import Called, Sent, State
from integrations.services.tool_requests import Definition, Parameter, Served
from integrations.services.tool_values import Kind, Value

CHANGED = "its server describes it otherwise than was approved"
"""The reason of a call that was refused until somebody approves the tool again."""


def place(server: McpServer) -> Place:
    """Return how a server is reached.

    Raises:
        CannotDecrypt: its secret cannot be read.
    """
    headers = {}
    if server.auth_kind == McpServer.Auth.BEARER:
        headers["authorization"] = f"Bearer {server.secret()}"
    elif server.auth_kind == McpServer.Auth.HEADER:
        headers[server.auth_name] = server.secret()
    return Place(server.url, server.command, headers, server.protocol)


def served(found: McpTool) -> Served:
    """Return the server's side of a tool.

    Raises:
        CannotDecrypt: the server's secret cannot be read.
    """
    server = found.server
    return Served(place(server), server.uuid, server.name, found.name, found.pinned_hash, found.pk)


def with_shapes(parameters: tuple[Parameter, ...], found: McpTool) -> tuple[Parameter, ...]:
    """Return parameters, those that are lists or objects as the approved definition has them.

    Raises:
        Unusable: one is described at too great length.
    """
    return tuple(
        replace(one, shape=mcp_definitions.shape(found.pinned or {}, one.name))
        if one.kind is Kind.JSON
        else one
        for one in parameters
    )


def send(tool: Definition, served: Served, values: Mapping[str, Value], *, key: str) -> Sent:
    """Call it and judge the answer; keeps nothing.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    unsure = State.UNKNOWN if tool.changes else State.REFUSED
    try:
        answer = mcp.call(
            served.place,
            tool=served.tool,
            pinned=served.pinned,
            arguments=values,
            key=key,
            timeout_s=tool.timeout_s,
            max_bytes=tool.max_kb * 1024,
        )
    except Changed as error:
        return Sent(Called(State.REFUSED, reason=CHANGED), is_changed=True, found=error.found)
    except NotCalled as error:
        state = State.REFUSED if error.is_certain else unsure
        return Sent(Called(state, reason=error.reason), error.status, error.is_trouble)
    if answer.is_cut and not tool.changes:
        reason = f"the answer is larger than {tool.max_kb} KiB"
        return Sent(Called(State.REFUSED, reason=reason), is_trouble=True)
    text = tool_requests.shown(tool, Response(200, {}, answer.body.encode()))
    if not answer.is_error:
        return Sent(Called(State.DONE, text))
    # It may have failed in the middle; only the business knows whether it undoes that.
    state = State.REFUSED if tool.repeats_safely else unsure
    return Sent(Called(state, text, "it answered with an error"))
