"""Encryption at rest: a value is bound to the place where it is stored.

Ciphertext that is copied to another row or tenant does not decrypt there, because the place is
part of what is encrypted. Keys rotate by `FIELD_ENCRYPTION_KEYS` (newest first): the first one
encrypts, all of them decrypt, and `manage.py rotate_field_keys` writes everything anew.
"""

from __future__ import annotations

import json
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class CannotDecrypt(Exception):
    """A stored secret cannot be read: its key is gone, or it was copied from another place."""


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key.strip()) for key in keys])


def _current() -> MultiFernet:
    return _fernet(tuple(settings.FIELD_ENCRYPTION_KEYS))


def encrypt(plain: str, *, context: str) -> str:
    """Return `plain` encrypted for one place.

    Args:
        plain: the secret.
        context: names the place, such as ``"t_acme:credential:<uuid>"``.
    """
    return _current().encrypt(json.dumps([context, plain]).encode()).decode()


def decrypt(token: str, *, context: str) -> str:
    """Return what `encrypt` was given for the same place.

    Raises:
        CannotDecrypt: a wrong place, no key for it, or a damaged value.
    """
    try:
        place, plain = json.loads(_current().decrypt(token.encode()))
    except (InvalidToken, ValueError) as error:
        raise CannotDecrypt("no key in FIELD_ENCRYPTION_KEYS reads this value") from error
    if place != context:
        raise CannotDecrypt("this value was encrypted for another place")
    return str(plain)


def is_readable(token: str) -> bool:
    """Test whether one of the keys reads `token`, whatever its place."""
    try:
        _current().decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def rotate(token: str) -> str:
    """Return `token` encrypted anew under the newest key, bound to the same place.

    Raises:
        CannotDecrypt: no key reads it.
    """
    try:
        return _current().rotate(token.encode()).decode()
    except InvalidToken as error:
        raise CannotDecrypt("no key in FIELD_ENCRYPTION_KEYS reads this value") from error
