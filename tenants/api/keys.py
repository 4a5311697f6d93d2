"""API keys: made, shown once, found again by what a program sends, and revoked."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from tenants.api.models import ApiKey
from tenants.api.scopes import Scope
from tenants.audit.record import record
from tenants.errors import DomainError

MARK = "prosa_"
"""What every key begins with, so that scanners of repositories know one when they see it."""

_SHAPE = re.compile(rf"{MARK}([A-Za-z0-9]{{12}})_([A-Za-z0-9_-]{{43}})\Z")

SEEN_EVERY = timedelta(minutes=1)
"""How much later the time of the last use is written anew: a busy key costs no write per call."""


class BadKey(DomainError):
    """The key cannot be made like this."""

    code = "bad_key"
    http_status = 422


def issue_key(
    *,
    user: User,
    name: str,
    scopes: Sequence[str],
    actor: str,
    now: datetime,
    networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key for a person; return it and its text, which nobody can read again.

    Args:
        scopes: values of `Scope`.
        networks: in CIDR notation; none for everywhere.
        expires_at: None for never.

    Raises:
        BadKey: unknown scopes or none, no network, or an end that has passed.
    """
    unknown = set(scopes) - set(Scope.values)
    if unknown or not scopes:
        raise BadKey(_("Choose at least one of the scopes there are."))
    check_end(expires_at, now=now)
    prefix, secret = _letters(12), secrets.token_urlsafe(32)
    text = f"{MARK}{prefix}_{secret}"
    with transaction.atomic():
        key = ApiKey.objects.create(
            user=user,
            name=name,
            prefix=prefix,
            digest=_digest(text),
            scopes=sorted(set(scopes)),
            networks=clean_networks(networks),
            expires_at=expires_at,
            created_at=now,
            created_by=actor,
        )
        _record(key, "created", actor=actor, scopes=key.scopes)
    return key, text


def change_key(
    *, key: ApiKey, name: str, scopes: Sequence[str], networks: Sequence[str], actor: str
) -> None:
    """Change what a key is called, may be used for, and is taken from.

    Raises:
        BadKey: unknown scopes or none, or no network.
    """
    if set(scopes) - set(Scope.values) or not scopes:
        raise BadKey(_("Choose at least one of the scopes there are."))
    key.name, key.scopes, key.networks = name, sorted(set(scopes)), clean_networks(networks)
    with transaction.atomic():
        key.save(update_fields=["name", "scopes", "networks"])
        _record(key, "changed", actor=actor, scopes=key.scopes)


def revoke_key(*, key_uuid: uuid.UUID, actor: str, now: datetime) -> bool:
    """End a key for good, at once; False where it had ended before."""
    with transaction.atomic():
        won = ApiKey.objects.filter(uuid=key_uuid, revoked_at=None).update(revoked_at=now)
        if won:
            _record(ApiKey.objects.get(uuid=key_uuid), "revoked", actor=actor)
    return bool(won)


def find_key(*, text: str, address: str, now: datetime) -> ApiKey | None:
    """Return the key of the current tenant with this text, if it may be used from there now.

    Args:
        address: of the caller, as the server or its trusted proxy gives it.
    """
    shape = _SHAPE.match(text)
    if shape is None:
        return None
    rows = ApiKey.objects.select_related("user")
    key = rows.filter(prefix=shape[1], revoked_at=None, user__is_active=True).first()
    if key is None or not constant_time_compare(key.digest, _digest(text)):
        return None
    if key.expires_at is not None and key.expires_at <= now:
        return None
    if key.networks and not _is_inside(address, key.networks):
        return None
    if key.last_used_at is None or now - key.last_used_at >= SEEN_EVERY:
        unseen = Q(last_used_at=None) | Q(last_used_at__lte=now - SEEN_EVERY)
        ApiKey.objects.filter(unseen, pk=key.pk).update(last_used_at=now)
    return key


def check_end(expires_at: datetime | None, *, now: datetime) -> None:
    """Refuse an end that has passed.

    Raises:
        BadKey: it has.
    """
    if expires_at is not None and expires_at <= now:
        raise BadKey(_("The key would have expired already."))


def clean_networks(networks: Sequence[str]) -> list[str]:
    """Return networks as they are written; an address is the network of itself.

    Raises:
        BadKey: one is no network.
    """
    found = []
    for text in networks:
        try:
            found.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError as error:
            raise BadKey(_("“%(text)s” is no address or network.") % {"text": text}) from error
    return found


def _is_inside(address: str, networks: Sequence[str]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(network) for network in networks)


def _letters(n: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return "".join(secrets.choice(letters) for _ in range(n))


def _digest(text: str) -> str:
    # 256 random bits: nothing slower than this is needed against guessing.
    return hashlib.sha256(text.encode()).hexdigest()


def _record(key: ApiKey, what: str, *, actor: str, **data: object) -> None:
    record(action=f"api_key.{what}", actor=actor, target=f"api key {key.uuid}", data=data)
