"""Names by which parameters mean a person: what is put there is never a model's to choose.

A phone number or an e-mail address is the contact's own, which code fills in; whatever else tells
one person, document or row from another is what the contact wrote, or what a tool returned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from integrations.llm import words
from integrations.services.tool_values import (
    NAMES,
    BadArguments,
    Known,
    NotKnown,
    Source,
    Value,
    was_said,
)

UNSAID = "%s must stand in the contact's messages or in a result; ask the contact."

_OF = (
    r"(?:customer|contact|client|cliente|contato|user|usuario|guest|patient|paciente|member|lead"
    r"|account|conta|person|pessoa|order|pedido|recipient|sender|from|to|my|home|work)?"
)
_NUMBER = r"(?:numbers?|nos?|nums?|numeros?)?"
_PHONE = re.compile(
    _OF
    + r"(?:(?:tele|cell|mobile)?phones?|tels?|(?:tele)?fones?|celular(?:es)?|mobiles?|msisdns?"
    + r"|whatsapps?|whats)"
    + _NUMBER
)
_EMAIL = re.compile(_OF + r"e?mails?(?:address(?:es)?)?")
_OTHER = re.compile(
    _OF
    + r"(?:ids?|uuids?|guids?|cpfs?|cnpjs?|cpfcnpj|rgs?|ssns?|passports?|passaportes?|documents?"
    + r"|documentos?|recipients?|destinatari[oa]s?|to|cc|bcc|pix)"
    + _NUMBER
)

_BY_CODE = (Source.PHONE, Source.EMAIL)

Shape = Mapping[str, Any]


def source_of(name: str, shape: Shape) -> Source | None:
    """Return who fills in what is named like this; None where the name means nobody.

    Args:
        shape: its JSON schema.
    """
    if shape.get("type") == "boolean":
        return None
    parts = _parts(name)
    for source, pattern in ((Source.PHONE, _PHONE), (Source.EMAIL, _EMAIL)):
        if any(map(pattern.fullmatch, parts)):
            return source if _takes(shape, source) else Source.SAID
    others = {one for one in parts if _OTHER.fullmatch(one)}
    if str(shape.get("format", "")).startswith(("date", "time")):
        others -= {"to"}  # until when
    return Source.SAID if others else None


def filled(shape: Shape, text: str) -> Value:
    """Return what code knows, as the schema wants it."""
    kind = shape.get("type")
    if kind == "array":
        return [filled(_mapping(shape.get("items")), text)]
    if kind in ("integer", "number") and text.isdecimal():
        return int(text)
    return text


def told(shape: Shape) -> dict[str, Any]:
    """Return a schema without what code fills in; for a model."""
    found = dict(shape)
    if isinstance(found.get("items"), dict):
        found["items"] = told(found["items"])
    if isinstance(found.get("properties"), dict):
        found["properties"] = {
            name: told(_mapping(one))
            for name, one in found["properties"].items()
            if source_of(name, _mapping(one)) not in _BY_CODE
        }
        if isinstance(found.get("required"), list):
            found["required"] = [one for one in found["required"] if one in found["properties"]]
    return found


def bound(name: str, value: Value, shape: Shape, known: Known, *, is_said: bool) -> Value:
    """Return a model's list or object with the identities within it bound.

    Args:
        is_said: each single value in it has to be the contact's own words.

    Raises:
        BadArguments: the model has to name others, or knows no such key.
        NotKnown: the conversation does not hold what is needed.
    """
    if isinstance(value, list):
        items = _mapping(shape.get("items"))
        return [bound(name, one, items, known, is_said=is_said) for one in value]
    if isinstance(value, dict):
        return _bound_object(name, value, shape, known, is_said=is_said)
    if isinstance(shape.get("enum"), list):
        if value not in shape["enum"]:
            raise BadArguments(f"{name[:40]} is one of a list.")
        return value
    if is_said and _is_word(value) and not was_said(value, known.said):
        raise BadArguments(UNSAID % name[:40])
    return value


def _bound_object(
    name: str, value: dict[str, Any], shape: Shape, known: Known, *, is_said: bool
) -> dict[str, Any]:
    inner = _mapping(shape.get("properties"))
    if inner and (unknown := sorted(value.keys() - inner.keys())):
        raise BadArguments(f"{name[:40]} has no {', '.join(unknown)[:100]}.")
    listed = shape.get("required")
    required = set(map(str, listed)) if isinstance(listed, list) else set()
    found: dict[str, Any] = {}
    for key in dict.fromkeys([*value, *inner]):
        below = _mapping(inner.get(key))
        source = source_of(key, below)
        if source in _BY_CODE:
            if text := known.of(source):
                found[key] = filled(below, text)
            elif key in value or key in required:
                raise NotKnown(f"the contact's {NAMES[source]} is not known here")
        elif key in value:
            must = is_said or source is Source.SAID
            found[key] = bound(key, value[key], below, known, is_said=must)
    return found


def _is_word(value: object) -> bool:
    """Test whether a value can be somebody's; yes, no and nothing cannot."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _takes(shape: Shape, source: Source) -> bool:
    """Test whether a phone number or an e-mail address can stand there."""
    kind = shape.get("type")
    if kind == "array":
        return _takes(_mapping(shape.get("items")), source)
    return kind in (None, "string") or (source is Source.PHONE and kind in ("integer", "number"))


def _mapping(given: object) -> Shape:
    return given if isinstance(given, dict) else {}


def _parts(name: str) -> set[str]:
    """Return the words of a name, however it joins them, and all of it in one."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = {one for text in (name, apart) for one in re.findall(r"[a-z]+", words.fold(text))}
    return found | {"".join(re.findall(r"[a-z]+", words.fold(name)))}
