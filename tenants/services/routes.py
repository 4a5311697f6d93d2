"""Inbound routes: which webhook address belongs to which account, and which keys sign for it.

A channel's account is a device on WhatsApp; other channels have others.
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.utils.crypto import salted_hmac

from tenants import crypto
from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.models import InboundRoute, InboxEntry

CHANGED_CHANNEL = "prosa_routes"
"""The PostgreSQL channel on which the door hears that its cached routes are old."""

OVERLAP = timedelta(hours=24)
"""How long a replaced key still signs: longer than any bridge takes to get the new one."""


UNSIGNED_KEY_CHARS = 24
"""Least length of a route key that is the only secret of an address."""


class BadRoute(DomainError):
    """A route key has 8 to 64 letters, digits, - or _, and belongs to one device only."""

    code = "bad_route"
    http_status = 422


@dataclass(frozen=True)
class Route:
    """What the door needs to know of a route; the keys are in clear."""

    route_id: int
    schema_name: str
    channel_kind: str
    keys: tuple[bytes, ...] = field(repr=False)
    previous_until: datetime | None
    bridge_user_ref: str
    bridge_instance: str


def key_context(device_ref: uuid.UUID) -> str:
    """Name the place of a device's HMAC key, for encryption."""
    return f"route:{device_ref}"


def ensure_route(
    *,
    device_ref: uuid.UUID,
    route_key: str | None,
    hmac_key: str,
    now: datetime,
    channel_kind: str = "whatsapp",
    is_signed: bool = True,
) -> tuple[InboundRoute, bool]:
    """Create or change the route of a device of the current tenant; True when it changed.

    A changed HMAC key leaves the old one valid for `OVERLAP`.

    Args:
        route_key: None keeps the one there is, or makes a random one.
        hmac_key: at least 32 characters, which is the bridge's own minimum.
        is_signed: whether the other side always signs with a key of that length. One that does not
            may have a shorter key, or none: then its address alone has to be kept secret, and has
            at least `UNSIGNED_KEY_CHARS`.

    Raises:
        BadRoute: a key that cannot be used.
    """
    if route_key is not None and not re.fullmatch(r"[A-Za-z0-9_-]{8,64}", route_key):
        raise BadRoute
    if is_signed and len(hmac_key) < 32:
        raise BadRoute("An HMAC key has at least 32 characters.")
    context = key_context(device_ref)
    with transaction.atomic():
        route = InboundRoute.objects.select_for_update().filter(device_ref=device_ref).first()
        used_key = route_key or (route.route_key if route is not None else None)
        if not hmac_key and used_key is not None and len(used_key) < UNSIGNED_KEY_CHARS:
            raise BadRoute("Without an HMAC key, a route key has at least 24 characters.")
        if route is None:
            route = InboundRoute(
                device_ref=device_ref,
                schema_name=current_schema(),
                channel_kind=channel_kind,
                route_key=route_key or secrets.token_urlsafe(24),
                hmac_key_encrypted=_sealed(hmac_key, context=context),
            )
            _save(route)
            return route, True
        changed = False
        if route_key is not None and route.route_key != route_key:
            route.route_key, changed = route_key, True
        if key_of(route) != hmac_key:
            # Where the other side stops signing, what it signed before is not waited for.
            route.previous_hmac_key_encrypted = route.hmac_key_encrypted if hmac_key else ""
            route.previous_hmac_key_until = now + OVERLAP
            route.hmac_key_encrypted = _sealed(hmac_key, context=context)
            changed = True
        if changed:
            _save(route)
        return route, changed


def key_of(route: InboundRoute) -> str:
    """Return the key that signs for a route now, in clear; empty where nothing is signed."""
    if not route.hmac_key_encrypted:
        return ""
    return crypto.decrypt(route.hmac_key_encrypted, context=key_context(route.device_ref))


def _sealed(hmac_key: str, *, context: str) -> str:
    return crypto.encrypt(hmac_key, context=context) if hmac_key else ""


def set_enabled(*, device_ref: uuid.UUID, is_enabled: bool) -> None:
    """Open or close the door for a device."""
    InboundRoute.objects.filter(device_ref=device_ref).update(is_enabled=is_enabled)
    announce_change()


def learn_identity(*, device_ref: uuid.UUID, user_ref: str, instance: str) -> None:
    """Remember who the bridge says it is, from its first signed event or its own status."""
    n_changed = (
        InboundRoute.objects.filter(device_ref=device_ref)
        .exclude(bridge_user_ref=user_ref[:64], bridge_instance=instance[:200])
        .update(bridge_user_ref=user_ref[:64], bridge_instance=instance[:200])
    )
    if n_changed:
        announce_change()


def learn_place(*, device_ref: uuid.UUID, bridge_url: str, number: str) -> None:
    """Remember on which bridge a device is and, in a form that shows no number, with which."""
    known = {"bridge_url": bridge_url[:300], "number_digest": number_digest(number)}
    InboundRoute.objects.filter(device_ref=device_ref).exclude(**known).update(**known)


def number_digest(number: str) -> str:
    """Return what two devices with one number have in common; empty for no number.

    A Brazilian mobile number is the same with its ninth digit and without it.
    """
    if len(number) == 13 and number.startswith("55") and number[4] == "9":
        number = number[:4] + number[5:]
    if not number:
        return ""
    return salted_hmac("tenants.routes.number", number, algorithm="sha256").hexdigest()


def paired_elsewhere(*, device_ref: uuid.UUID, digest: str) -> list[tuple[str, uuid.UUID]]:
    """Return (schema, device) of the other devices with a number; one query."""
    if not digest:
        return []
    found = InboundRoute.objects.filter(number_digest=digest).exclude(device_ref=device_ref)
    return list(found.order_by("pk").values_list("schema_name", "device_ref"))


def remove_route(*, device_ref: uuid.UUID) -> bool:
    """Close a device's address for good; False while something that came in is not written yet."""
    route = InboundRoute.objects.filter(device_ref=device_ref).first()
    if route is None:
        return True
    entries = InboxEntry.objects.filter(route=route)
    if entries.filter(done_at=None, parked_reason="").exists():
        return False
    entries.delete()
    route.delete()
    announce_change()
    return True


def announce_change() -> None:
    """Tell every door, once the open transaction commits, to read its routes anew."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_notify(%s, '')", [CHANGED_CHANNEL])


def _save(route: InboundRoute) -> None:
    try:
        with transaction.atomic():
            route.save()
    except IntegrityError as error:
        raise BadRoute("This route key belongs to another device.") from error
    announce_change()


ROUTE_SQL = """
    select r.id, r.schema_name, r.channel_kind, r.device_ref, r.hmac_key_encrypted,
        r.previous_hmac_key_encrypted, r.previous_hmac_key_until, r.bridge_user_ref,
        r.bridge_instance
    from public.tenants_inboundroute r join public.tenants_tenant t using (schema_name)
    where r.route_key = %s and r.is_enabled and t.status = 'ready'
"""
"""Read by the door, which has no Django connection; give the row to `route_from_row`."""


def route_from_row(row: tuple[object, ...]) -> Route:
    """Return the route of a row of `ROUTE_SQL`, its keys decrypted.

    Raises:
        CannotDecrypt: a key is unreadable.
    """
    route_id, schema_name, kind, device_ref, current, previous, until, user_ref, instance = row
    context = key_context(uuid.UUID(str(device_ref)))
    keys = [crypto.decrypt(str(token), context=context) for token in (current, previous) if token]
    return Route(
        route_id=int(str(route_id)),
        schema_name=str(schema_name),
        channel_kind=str(kind),
        keys=tuple(key.encode() for key in keys),
        previous_until=until if isinstance(until, datetime) else None,
        bridge_user_ref=str(user_ref),
        bridge_instance=str(instance),
    )
