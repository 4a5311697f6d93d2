"""Tools without a database: what a call is made of, and what of its answer is shown.

A model names values; which of them count is decided here. Identities come from the conversation,
numbers of a change from the contact's own words, a list or a fixed value.
"""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from integrations.http import Response
from integrations.llm import pii, words
from integrations.mcp import Place
from integrations.services import identities
from integrations.services.tool_values import (
    BY_MODEL,
    NAMES,
    BadArguments,
    Kind,
    Known,
    NotKnown,
    Source,
    Value,
    was_said,
)

MAX_VALUE = 500
"""Characters of one value; a longer one is a text, and no parameter."""

MAX_SHOWN = 6_000
"""Characters of an answer that are kept for the model."""

MAX_LISTED = 30
"""Entries of one list of an answer that are shown."""

_JOINERS = "\u200c\u200d"

MAX_JSON = 4_000
"""Characters of one list or object."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a call.

    Args:
        choices: what it may be; empty for anything.
        value: what a fixed one is, and else an example, which a test is made with.
        shape: the schema of a list or an object.
    """

    name: str
    kind: Kind = Kind.TEXT
    source: Source = Source.MODEL
    description: str = ""
    is_required: bool = True
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    value: str = ""
    shape: Mapping[str, object] = field(default_factory=dict)

    def schema(self) -> dict[str, object]:
        """Return it in JSON schema."""
        told = self.description
        if self.source is Source.SAID:
            ended = f"{told.rstrip('. ')}. " if told else ""
            told = f"{ended}Exactly as the contact wrote it, or as a tool returned it."
        found: dict[str, object] = (
            identities.told(self.shape) if self.kind is Kind.JSON else {"type": self.kind.value}
        )
        if told:
            found["description"] = told
        if self.choices:
            found["enum"] = [checked(self, one) for one in self.choices]
        if self.minimum is not None:
            found["minimum"] = self.minimum
        if self.maximum is not None:
            found["maximum"] = self.maximum
        if self.value and self.source is Source.MODEL and self.kind is not Kind.JSON:
            found["examples"] = [self.value]
        return found


@dataclass(frozen=True, slots=True)
class Served:
    """An MCP server's tool behind one of ours.

    Args:
        server_ref: of the server's row; failures of all of its tools are counted together.
        tool: its name at the server.
        pinned: the fingerprint of the definition that a person has approved.
        pk: of the row of the found tool.
    """

    place: Place
    server_ref: UUID | None
    server: str
    tool: str
    pinned: str
    pk: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A tool as it is called, with its secrets in plain; never logged and never stored.

    Args:
        ref: of the tool's row; None for one that was not saved yet.
        shows: paths of the answer, each with the name it is shown under; empty for all of it.
        risk: of `integrations.models.HttpTool.Risk`.
        served: set where an MCP server is called instead of an address.
    """

    ref: UUID | None
    name: str
    description: str
    method: str
    url: str
    parameters: tuple[Parameter, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth_kind: str = "none"
    auth_name: str = ""
    secret: str = field(default="", repr=False)
    shows: tuple[tuple[str, str], ...] = ()
    risk: str = "read"
    repeats_safely: bool = False
    timeout_s: float = 10.0
    max_kb: int = 64
    max_calls: int = 3
    pk: int | None = None
    served: Served | None = None

    @property
    def changes(self) -> bool:
        """Whether a call changes something."""
        return self.risk != "read"

    def schema(self) -> dict[str, object]:
        """Return, in JSON schema, what a model may fill in."""
        asked = [one for one in self.parameters if one.source in BY_MODEL]
        return {
            "type": "object",
            "properties": {one.name: one.schema() for one in asked},
            "required": [one.name for one in asked if one.is_required],
            "additionalProperties": False,
        }


def arguments(
    definition: Definition, given: Mapping[str, object], known: Known
) -> dict[str, Value]:
    """Return the values of a call: the model's where it may name them, else what code knows.

    Raises:
        BadArguments: the model has to name others.
        NotKnown: the conversation does not hold what is needed.
    """
    allowed = {one.name for one in definition.parameters if one.source in BY_MODEL}
    if unknown := sorted(set(given) - allowed):
        raise BadArguments(f"there is no parameter {', '.join(unknown)[:100]}.")
    found: dict[str, Value] = {}
    for one in definition.parameters:
        if one.source is Source.FIXED:
            found[one.name] = checked(one, one.value)
        elif one.source in BY_MODEL:
            value = _named(one, given.get(one.name), known)
            if value is not None:
                found[one.name] = value
        elif value := known.of(one.source):
            shape = one.shape if one.kind is Kind.JSON else {"type": one.kind.value}
            found[one.name] = identities.filled(shape, value[:MAX_VALUE])
        elif one.is_required:
            raise NotKnown(f"the contact's {NAMES[one.source]} is not known here")
    return found


def examples(definition: Definition) -> dict[str, Value]:
    """Return the values that a test is made with.

    Raises:
        BadArguments: an example is missing, or is none.
    """
    found: dict[str, Value] = {}
    for one in definition.parameters:
        if one.value:
            found[one.name] = checked(one, one.value)
        elif one.is_required:
            raise BadArguments(one.name)
    return found


def _named(one: Parameter, given: object, known: Known) -> Value | None:
    if given is None or given == "":
        if one.is_required:
            raise BadArguments(f"{one.name} is missing.")
        return None
    if one.kind is not Kind.JSON and not isinstance(given, str | int | float | bool):
        raise BadArguments(f"{one.name} is no single value.")
    value = checked(one, given)
    is_said = one.source is Source.SAID
    if one.kind is Kind.JSON:
        return identities.bound(one.name, value, one.shape, known, is_said=is_said)
    if is_said and not was_said(value, known.said):
        raise BadArguments(identities.UNSAID % one.name)
    return value


def checked(one: Parameter, given: object) -> Value:
    """Return a value of the parameter's kind and within its bounds.

    Raises:
        BadArguments: it is none.
    """
    if one.kind is Kind.JSON:
        return _json(one, given)
    text = " ".join(str(given).split())
    if len(text) > MAX_VALUE or not _is_plain(text):
        raise BadArguments(f"{one.name} is too long, or no plain text.")
    if pii.has_placeholder(text):
        raise BadArguments(f"{one.name} names data that nobody gave.")
    value: Value = text
    if one.kind is Kind.BOOLEAN:
        if text.lower() not in {"true", "false"}:
            raise BadArguments(f"{one.name} is true or false.")
        return text.lower() == "true"
    if one.kind in (Kind.INTEGER, Kind.NUMBER):
        value = _number(one, text)
    if not one.choices:
        return value
    for choice in one.choices:
        if words.fold(choice) == words.fold(text):
            return choice if one.kind is Kind.TEXT else value
    raise BadArguments(f"{one.name} is one of: {', '.join(one.choices)}.")


def _json(one: Parameter, given: object) -> Value:
    """Return a list or an object; some models write it as a text."""
    try:
        value = json.loads(given) if isinstance(given, str) else given
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise BadArguments(f"{one.name} is a list or an object.") from error
    if not isinstance(value, list | dict) or len(text) > MAX_JSON:
        raise BadArguments(f"{one.name} is a list or an object, and not too long.")
    if any(not _is_plain(str(leaf)) or pii.has_placeholder(str(leaf)) for leaf in _leaves(value)):
        raise BadArguments(f"{one.name} names data that nobody gave.")
    return value


def _is_plain(text: str) -> bool:
    """Test whether a text holds what people type: no control, and nothing else that is not seen.

    Joined emoji are (a family, a doctor), and those that are newer than this Python.
    """
    return all(
        one.isprintable() or one in _JOINERS or unicodedata.category(one) == "Cn" for one in text
    )


def _leaves(value: object) -> Iterator[Value]:
    """Return the single values within a value; yes, no and nothing are no one's words."""
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield value


def _number(one: Parameter, text: str) -> int | float:
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", text):
        raise BadArguments(f"{one.name} is a number such as 12 or 12.5.")
    value = float(text)
    if one.kind is Kind.INTEGER and not value.is_integer():
        raise BadArguments(f"{one.name} is a whole number.")
    if one.minimum is not None and value < one.minimum:
        raise BadArguments(f"{one.name} is at least {one.minimum:g}.")
    if one.maximum is not None and value > one.maximum:
        raise BadArguments(f"{one.name} is at most {one.maximum:g}.")
    return int(value) if value.is_integer() else value


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; `headers` hold secrets, so it is never logged."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    json: dict[str, Value] | None


def request(definition: Definition, values: Mapping[str, Value], *, key: str) -> Request:
    """Return a call as it is sent.

    Args:
        key: sent as ``Idempotency-Key`` where something is changed.

    Raises:
        BadArguments: a value would lead to another address.
    """
    placed = placeholders(definition.url)
    url = definition.url
    for name in placed:
        text = _as_text(values.get(name, ""))
        if not text or not text.strip("."):  # the server would read it as another folder
            raise BadArguments(f"{name} cannot be part of an address.")
        url = url.replace(f"{{{name}}}", quote(text, safe=""))
    rest = {name: value for name, value in values.items() if name not in placed}
    headers = {**definition.headers, "accept": "application/json, text/plain;q=0.9, */*;q=0.1"}
    if definition.changes:
        headers["idempotency-key"] = key
    headers |= _auth(definition)
    if definition.method in ("GET", "DELETE"):
        if rest:
            query = urlencode({name: _as_text(value) for name, value in rest.items()})
            url = f"{url}{'&' if '?' in url else '?'}{query}"
        return Request(url, headers, None)
    return Request(url, headers, rest)


def placeholders(url: str) -> tuple[str, ...]:
    """Return the names that stand in braces in an address."""
    return tuple(dict.fromkeys(re.findall(r"\{(\w+)\}", url)))


def _as_text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _auth(definition: Definition) -> dict[str, str]:
    match definition.auth_kind:
        case "bearer":
            return {"authorization": f"Bearer {definition.secret}"}
        case "basic":
            pair = f"{definition.auth_name}:{definition.secret}".encode()
            return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        case "header":
            return {definition.auth_name: definition.secret}
    return {}


def shown(definition: Definition, answer: Response) -> str:
    """Return what the model may see of an answer; empty where that is nothing."""
    text = answer.body.decode("utf-8", errors="replace").replace("\x00", "")
    try:
        value = json.loads(text)
        kept = _pruned(value, _tree(definition.shows)) if definition.shows else _cut(value)
        found = "" if kept in (None, {}, [], "") else json.dumps(kept, ensure_ascii=False)
    except (ValueError, RecursionError):  # no JSON, or nested as deeply as no answer is
        return "" if definition.shows else text.strip()[:MAX_SHOWN]
    # Half of a pair (\ud800) is JSON, and nothing that can be stored or sent.
    return found.encode("utf-8", "replace").decode()[:MAX_SHOWN]


Tree = dict[str, Any]  # a key of the answer -> (the name it is shown under, the tree below it)


def _tree(shows: Sequence[tuple[str, str]]) -> Tree:
    tree: Tree = {}
    for path, name in shows:
        level = tree
        parts = path.split(".")
        for place, part in enumerate(parts):
            is_last = place == len(parts) - 1
            known = level.get(part, (part, {}))
            level[part] = (name if is_last and name else known[0], known[1])
            level = level[part][1]
    return tree


def _pruned(value: object, tree: Tree) -> object:
    """Return the parts of an answer that a tree names; lists are looked through."""
    if isinstance(value, list):
        parts = [_pruned(one, tree) for one in value[:MAX_LISTED]]
        return [one for one in parts if one not in (None, {}, [])]
    if not tree:
        return _cut(value)
    if not isinstance(value, dict):
        return None
    return {
        name: part
        for key, (name, below) in tree.items()
        if key in value and (part := _pruned(value[key], below)) not in (None, {})
    }


def _cut(value: object) -> object:
    """Return a part of an answer with its long lists cut."""
    if isinstance(value, list):
        return [_cut(one) for one in value[:MAX_LISTED]]
    if isinstance(value, dict):
        return {key: _cut(one) for key, one in value.items()}
    return value


def parameter(stored: Mapping[str, Any]) -> Parameter:
    """Return a parameter as its tool's row keeps it."""
    return Parameter(
        name=stored["name"],
        kind=Kind(stored.get("type", Kind.TEXT)),
        source=Source(stored.get("from", Source.MODEL)),
        description=stored.get("description", ""),
        is_required=stored.get("required", True),
        choices=tuple(stored.get("choices", ())),
        minimum=stored.get("minimum"),
        maximum=stored.get("maximum"),
        value=stored.get("value", ""),
    )
