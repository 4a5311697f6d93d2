"""Untrusted JSON: from the bytes of a webhook to objects and texts that can be kept."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any


class Unreadable(Exception):
    """The body is no event; its sender would gain nothing from sending it again."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body.

    Raises:
        Unreadable: not JSON, not an object, or nested beyond reason.
    """
    try:
        # Decoded here: `json` would guess at other encodings and let halves of characters through.
        data = json.loads(body.decode(), parse_constant=_refuse)
        if b"\\u0000" in body:
            data = _without_nul(data)
        if b"\\ud" in body.lower():
            # Half of a character: no database or model could hold it.
            json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Unreadable("the body holds half of a character") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error
    if not isinstance(data, dict):
        raise Unreadable("the body is not a JSON object")
    return data


def object_of(value: object) -> Mapping[str, Any]:
    """Return an object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def text_of(value: object) -> str:
    """Return a text, or a whole number as one; empty for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def clean(text: str) -> str:
    """Return text that PostgreSQL can store: NFC, without NUL."""
    return unicodedata.normalize("NFC", text.replace("\x00", "")).strip()


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _without_nul(value: object) -> Any:
    """Return what PostgreSQL can store: neither its texts nor its JSON hold a NUL."""
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_nul(part) for part in value]
    return value.replace("\x00", "") if isinstance(value, str) else value
