"""How MCP servers describe their tools, without a database: read, cut, and told apart.

A description is written by somebody else and read by a model and by the person who approves it, so
signs that cannot be seen are taken from the one and shown to the other.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from integrations.llm import words
from integrations.services import identities
from integrations.services.tool_requests import checked, parameter
from integrations.services.tool_values import BadArguments, Kind, Source
from tenants.errors import DomainError

MAX_DESCRIPTION = 1_000
"""Characters of a tool's description that a model is told."""

MAX_OF_PARAMETER = 300
MAX_CHOICES = 50
MAX_EXAMPLE = 100
MAX_DEPTH = 5
MAX_SCHEMAS = 2_000
"""Schemas that are looked at within one definition, each reference counted anew."""

MAX_SHAPE = 4_000
"""Characters of the schema of one list or object, as a model is told it."""

MAX_PARAMETERS = 20
MAX_DIFFERENCES = 100
_MAX_WORDS = 1_500

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_KINDS = {one.value: one for one in Kind if one is not Kind.JSON}
_SHAPE_KEYS = ("type", "format", "description", "enum", "items", "properties", "required")

Schema = Mapping[str, Any]


class Unusable(DomainError):
    """A tool that is described like this cannot be called."""

    code = "unusable_tool"
    http_status = 422


def told(text: object, limit: int) -> str:
    """Return a text without signs that nobody sees, cut; for a model."""
    plain = "".join(
        sign if sign == "\n" or unicodedata.category(sign)[0] != "C" else " " for sign in str(text)
    )
    return re.sub(r"[ ]+", " ", plain).strip()[:limit]


def visible(text: object) -> str:
    """Return a text whose invisible signs can be seen; for the person who approves it."""
    return "".join(
        sign if sign == "\n" or unicodedata.category(sign)[0] != "C" else f"⟨U+{ord(sign):04X}⟩"
        for sign in str(text)
    )


def description(definition: Schema) -> str:
    """Return what a model is told of a tool; never empty."""
    said = definition.get("description") or definition.get("title") or definition["name"]
    return told(said, MAX_DESCRIPTION) or str(definition["name"])


def only_reads(definition: Schema) -> bool:
    """Test whether the server says that it changes nothing; nobody has to believe it."""
    hints = definition.get("annotations")
    return isinstance(hints, dict) and hints.get("readOnlyHint") is True


def tool_name(server: str, name: str) -> str:
    """Return the name by which agents know a server's tool."""
    plain = re.sub(r"[^a-z0-9]+", "_", words.fold(name)).strip("_")
    return f"{server}_{plain}"[:40].rstrip("_")


def required(definition: Schema) -> tuple[str, ...]:
    """Return the names of the parameters that must be given."""
    listed = _input(definition).get("required")
    known = properties(definition)
    return tuple(one for one in listed if one in known) if isinstance(listed, list) else ()


def properties(definition: Schema) -> dict[str, Schema]:
    """Return the schemas of the parameters by name, references resolved."""
    schema = _input(definition)
    listed = schema.get("properties")
    found = listed if isinstance(listed, dict) else {}
    resolver = _Resolver(schema)
    return {str(name): resolver.plain(one) for name, one in found.items()}


def parameters(definition: Schema, *, changes: bool) -> list[dict[str, Any]]:
    """Return the parameters as a tool's row keeps them, bound as carefully as can be guessed.

    What is required comes first; what is optional is left out where it cannot be called.

    Raises:
        Unusable: something required cannot be filled in.
    """
    if "unreadable" in definition:
        raise Unusable(_("Its description is too long to be read and approved."))
    schemas, must = properties(definition), required(definition)
    found: list[dict[str, Any]] = []
    for name in sorted(schemas, key=lambda one: one not in must):
        if NAME.fullmatch(name) and (len(found) < MAX_PARAMETERS or name in must):
            found.append(_parameter(name, schemas[name], name in must, changes=changes))
        elif name in must:
            raise Unusable(_("Its parameter “%s” has a name that cannot be used.") % name[:40])
    if len(found) > MAX_PARAMETERS:
        raise Unusable(_("It asks for more than %(n)s parameters.") % {"n": MAX_PARAMETERS})
    for one in found:
        if one.get("type") == Kind.JSON:
            shape(definition, one["name"])
        elif text := _example(schemas[one["name"]]):
            with suppress(BadArguments):
                checked(parameter(one), text)
                one["value"] = text
    return found


def merged(
    kept: list[dict[str, Any]], fresh: list[dict[str, Any]], *, same: set[str]
) -> list[dict[str, Any]]:
    """Return fresh parameters, with those of which nothing changed as the business left them."""
    known = {one["name"]: one for one in kept if one["name"] in same}
    return [known.get(one["name"], one) for one in fresh]


def unchanged(before: Schema | None, after: Schema) -> set[str]:
    """Return the names of parameters that are described as before."""
    old, new = properties(before or {}), properties(after)
    was, is_now = required(before or {}), required(after)
    return {
        name
        for name in old.keys() & new.keys()
        if old[name] == new[name] and (name in was) == (name in is_now)
    }


def shape(definition: Schema, name: str) -> dict[str, Any]:
    """Return the schema of a list or an object, cut to what a model needs.

    Raises:
        Unusable: it is too large.
    """
    found = _pruned(properties(definition).get(name, {}), MAX_DEPTH)
    if len(json.dumps(found)) > MAX_SHAPE:
        raise Unusable(_("Its parameter “%s” is described at too great length.") % name[:40])
    return found


def _parameter(name: str, schema: Schema, is_required: bool, *, changes: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    kind = _KINDS.get(str(schema.get("type")), Kind.JSON)
    if kind is not Kind.TEXT:
        found["type"] = kind.value
    if text := told(schema.get("description") or "", MAX_OF_PARAMETER):
        found["description"] = text
    if not is_required:
        found["required"] = False
    choices = [] if kind is Kind.JSON else _choices(schema)
    if choices:
        found["choices"] = choices
    elif kind in (Kind.INTEGER, Kind.NUMBER):
        found |= {
            end: float(schema[end])
            for end in ("minimum", "maximum")
            if isinstance(schema.get(end), int | float)
        }
    if source := _source(name, schema, kind, is_free=not choices, changes=changes):
        found["from"] = source.value
    return found


def _source(
    name: str, schema: Schema, kind: Kind, *, is_free: bool, changes: bool
) -> Source | None:
    """Guess who fills a parameter in; None for the model."""
    if not is_free or kind is Kind.BOOLEAN:
        return None
    if source := identities.source_of(name, schema):
        return source
    return Source.SAID if changes and kind is not Kind.TEXT else None


def _example(schema: Schema) -> str:
    listed = schema.get("examples")
    first = listed[0] if isinstance(listed, list) and listed else schema.get("default")
    if not isinstance(first, str | int | float):
        return ""
    text = str(first).lower() if isinstance(first, bool) else str(first)
    return text if text.isprintable() and len(text) <= MAX_EXAMPLE else ""


def _choices(schema: Schema) -> list[str]:
    listed = schema.get("enum", [schema["const"]] if "const" in schema else [])
    values = [str(one) for one in listed] if isinstance(listed, list) else []
    fits = all(0 < len(one) <= 100 and one.isprintable() for one in values)
    return values if fits and len(values) <= MAX_CHOICES else []


def _input(definition: Schema) -> Schema:
    schema = definition.get("inputSchema")
    return schema if isinstance(schema, dict) else {}


class _Resolver:
    """Puts what a schema refers to in its place, within bounds: references may go in circles."""

    def __init__(self, root: Schema) -> None:
        self._root, self._n_left = root, MAX_SCHEMAS

    def plain(self, schema: object, depth: int = MAX_DEPTH) -> Schema:
        """Return a schema with its references resolved; of "or nothing" the something."""
        self._n_left -= 1
        if not isinstance(schema, dict) or depth < 0 or self._n_left < 0:
            return {}
        if isinstance(schema.get("$ref"), str):
            rest = {key: one for key, one in schema.items() if key != "$ref"}
            return {**self.plain(self._named(schema["$ref"]), depth - 1), **rest}
        for key in ("anyOf", "oneOf", "allOf"):
            if isinstance(schema.get(key), list):
                some = [one for one in schema[key] if one != {"type": "null"}]
                rest = {name: one for name, one in schema.items() if name != key}
                return {**self.plain(some[0], depth - 1), **rest} if len(some) == 1 else rest
        return self._below(schema, depth)

    def _below(self, schema: Schema, depth: int) -> Schema:
        found = dict(schema)
        if isinstance(found.get("type"), list):
            kinds = [one for one in found["type"] if one != "null"]
            found["type"] = kinds[0] if len(kinds) == 1 else "object"
        if "items" in found:
            found["items"] = self.plain(found["items"], depth - 1)
        if isinstance(found.get("properties"), dict):
            found["properties"] = {
                str(name): self.plain(one, depth - 1) for name, one in found["properties"].items()
            }
        return found

    def _named(self, ref: str) -> object:
        group, _sign, name = ref.removeprefix("#/").partition("/")
        target = self._root.get(group)
        return target.get(name) if isinstance(target, dict) else None


def _pruned(schema: object, depth: int) -> dict[str, Any]:
    if not isinstance(schema, dict) or depth < 0:
        return {}
    found: dict[str, Any] = {key: schema[key] for key in _SHAPE_KEYS if key in schema}
    if "description" in found:
        found["description"] = told(found["description"], MAX_OF_PARAMETER)
    if "items" in found:
        found["items"] = _pruned(found["items"], depth - 1)
    if isinstance(found.get("properties"), dict):
        found["properties"] = {
            told(name, 100): _pruned(one, depth - 1) for name, one in found["properties"].items()
        }
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which two definitions differ.

    Args:
        where: what it is, in words.
        parts: pieces of text, each with ``"same"``, ``"old"`` or ``"new"``.
    """

    where: str
    parts: tuple[tuple[str, str], ...]


def differences(before: Schema, after: Schema) -> tuple[list[Difference], int]:
    """Return what a server says otherwise than before, to be read by a person.

    Returns:
        What a model reads first, and how many more there are than are listed.
    """
    old, new = dict(_flat(before)), dict(_flat(after))
    paths = [one for one in {**old, **new} if old.get(one) != new.get(one)]
    paths.sort(key=_rank)
    found = [
        Difference(_where(path), _parts(old.get(path), new.get(path)))
        for path in paths[:MAX_DIFFERENCES]
    ]
    return found, len(paths) - len(found)


def _rank(path: tuple[str, ...]) -> int:
    first = [("description",), ("title",), ("inputSchema", "required"), ("inputSchema",)]
    return next((n for n, one in enumerate(first) if path[: len(one)] == one), len(first))


def _flat(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Return the parts of a definition, each as JSON: the text "1" is no number."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from _flat(one, (*path, str(key)))
    else:
        yield path, json.dumps(value, ensure_ascii=False)


def _where(path: tuple[str, ...]) -> str:
    if path[:2] == ("inputSchema", "properties") and len(path) > 2:
        rest = " · ".join(path[3:])
        return visible(_("parameter %s") % path[2]) + (f" · {visible(rest)}" if rest else "")
    names = {
        ("description",): _("description"),
        ("title",): _("title"),
        ("inputSchema", "required"): _("what must be given"),
    }
    return names.get(path) or visible(" · ".join(path))


def _parts(old: str | None, new: str | None) -> tuple[tuple[str, str], ...]:
    if all(one is None or (one[0] == '"' and one != '""') for one in (old, new)):
        old, new = (json.loads(one) if one else None for one in (old, new))  # texts, read as such
    before, after = re.findall(r"\s+|\S+", old or ""), re.findall(r"\s+|\S+", new or "")
    if max(len(before), len(after)) > _MAX_WORDS or not before or not after:
        whole = (("old", visible(old or "")), ("new", visible(new or "")))
        return tuple(one for one in whole if one[1])
    found: list[tuple[str, str]] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            found.append(("same", visible("".join(before[a:b]))))
            continue
        pieces = (("old", "".join(before[a:b])), ("new", "".join(after[c:d])))
        found += [(mark, visible(piece)) for mark, piece in pieces if piece]
    return tuple(found)
