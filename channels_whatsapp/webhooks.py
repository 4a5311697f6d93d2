"""What the door knows of the bridge's webhooks; see `tenants.door`."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from channels_whatsapp.bridge import payloads
from tenants.door import Headers, Refused, Taken, media_type
from tenants.reading import Unreadable
from tenants.services.routes import Route

PREFIX = "/hooks/whatsapp/"

_ENCODINGS: Mapping[bytes, str] = {
    b"application/json": "json",
    b"application/x-www-form-urlencoded": "form",
}


def read(route: Route, headers: Headers, body: bytes) -> Taken:
    """Let a webhook of the bridge in; see `tenants.door.Reader`.

    Raises:
        Refused: another type, an unsigned or unreadable body, or another instance's.
    """
    encoding = _ENCODINGS.get(media_type(headers), "")
    if not encoding:
        raise Refused(415, "send JSON or the bridge's form")
    _check_signature(route, headers, body)
    data, key, kept = _read(encoding, body)
    _check_identity(route, data)
    return Taken(key, payloads.line(data), encoding, kept)


def _check_signature(route: Route, headers: Headers, body: bytes) -> None:
    """Compare the one signature with each key that is good now, in constant time."""
    given = headers.get(b"x-hmac-signature", [])
    keys = route.keys
    if len(keys) > 1 and route.previous_until and route.previous_until <= datetime.now(UTC):
        keys = keys[:1]
    wanted = [hmac.digest(key, body, "sha256").hex().encode() for key in keys]
    if len(given) != 1 or not any(hmac.compare_digest(given[0], one) for one in wanted):
        raise Refused(401, "the signature is missing or wrong")


def _read(encoding: str, body: bytes) -> tuple[dict[str, Any], str, bytes]:
    """Return the event, its key and the bytes to keep.

    Of a form only the event itself is kept: older bridges put their access token beside it.
    """
    try:
        if encoding == "json":
            data = payloads.read(body)
            return data, payloads.dedup_key(data, body), body
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=50)
        data = payloads.read(fields.get("jsonData", [""])[0].encode())
        for name in ("userID", "instanceName"):
            data.setdefault(name, fields.get(name, [""])[0])
        return data, payloads.dedup_key(data, body), json.dumps(data, allow_nan=False).encode()
    except (Unreadable, ValueError, RecursionError) as error:
        raise Refused(422, str(error) or "the body cannot be read") from error


def _check_identity(route: Route, data: dict[str, Any]) -> None:
    """Refuse an event that names another instance for the bridge user that this route knows."""
    instance, user_ref = data.get("instanceName"), data.get("userID")
    if (
        route.bridge_user_ref
        and user_ref == route.bridge_user_ref
        and instance
        and instance != route.bridge_instance
    ):
        raise Refused(401, "the event belongs to another instance")
