"""Reads the bodies of the test API: plain JSON with checked types."""

from collections.abc import Mapping

from channels_whatsapp.simulator.http import Refused


def text(body: Mapping[str, object], name: str, default: str = "") -> str:
    """Return a string field.

    Raises:
        Refused: 400 if it is something else.
    """
    value = body.get(name, default)
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be a string")
    return value


def number(body: Mapping[str, object], name: str, default: float = 0.0) -> float:
    """Return a number field.

    Raises:
        Refused: 400 if it is something else.
    """
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(400, f"{name} must be a number")
    return float(value)


def flag(body: Mapping[str, object], name: str, *, default: bool = False) -> bool:
    """Return a boolean field.

    Raises:
        Refused: 400 if it is something else.
    """
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Refused(400, f"{name} must be true or false")
    return value


def texts(body: Mapping[str, object], name: str) -> list[str]:
    """Return a list of strings, empty if absent.

    Raises:
        Refused: 400 if it is something else.
    """
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Refused(400, f"{name} must be a list of strings")
    return value
