"""Signing what is sent, as Standard Webhooks lays down.

Source: Standard Webhooks 1.0, "Signature scheme".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
N_BYTES = 32
"""Bytes of a secret that we make; the standard asks for 24 to 64."""


def new_secret() -> str:
    """Return a secret in the form that every Standard Webhooks library reads."""
    return PREFIX + base64.b64encode(secrets.token_bytes(N_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes that sign: base64 as the libraries read it, any other text as it is."""
    encoded = secret.removeprefix(PREFIX)
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return secret.encode()


def headers(
    *, message_id: str, body: bytes, sent_at: datetime, signing_secrets: Sequence[str]
) -> dict[str, str]:
    """Return the three headers of a call, signed with each of the secrets.

    Args:
        message_id: the same at each try, so that a receiver knows a repeat.
    """
    timestamp = str(int(sent_at.timestamp()))
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [
        base64.b64encode(hmac.new(key_of(one), signed, hashlib.sha256).digest()).decode()
        for one in signing_secrets
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
