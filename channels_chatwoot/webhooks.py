"""What the door knows of Chatwoot's webhooks; see `tenants.door`."""

from __future__ import annotations

import hmac
import time

from channels_chatwoot import payloads
from tenants.door import Headers, Refused, Taken, is_json
from tenants.reading import Unreadable
from tenants.services.routes import Route

PREFIX = "/hooks/chatwoot/"

CLOCKS_APART_S = 300
"""How far a signature's instant may lie from ours, in seconds. An older one may be somebody who
sends again what was overheard; source: the contract of the integration, section 5.4."""


def read(route: Route, headers: Headers, body: bytes) -> Taken:
    """Let a webhook of Chatwoot in; see `tenants.door.Reader`.

    Raises:
        Refused: another type, a wrong signature, or an unreadable body.
    """
    if not is_json(headers):
        raise Refused(415, "send JSON")
    # Older servers sign nothing: there the address alone is the secret.
    if route.keys and not _is_signed(route, headers, body, now=time.time()):
        raise Refused(401, "the signature is missing, wrong or too old")
    try:
        data = payloads.read(body)
    except Unreadable as error:
        raise Refused(422, str(error)) from error
    return Taken(payloads.dedup_key(data, body), payloads.line(data), "json", body)


def _is_signed(route: Route, headers: Headers, body: bytes, *, now: float) -> bool:
    """Compare the one signature with each key that is good now, in constant time."""
    given = headers.get(b"x-chatwoot-signature", [])
    stamps = headers.get(b"x-chatwoot-timestamp", [])
    if len(given) != 1 or len(stamps) != 1 or not 0 < len(stamps[0]) <= 12:
        return False
    if not stamps[0].isdigit() or abs(now - int(stamps[0])) > CLOCKS_APART_S:
        return False
    keys = route.keys
    if len(keys) > 1 and route.previous_until and route.previous_until.timestamp() <= now:
        keys = keys[:1]
    signed = stamps[0] + b"." + body
    wanted = [b"sha256=" + hmac.digest(key, signed, "sha256").hex().encode() for key in keys]
    return any(hmac.compare_digest(given[0], one) for one in wanted)
