"""Calls that last: whether the credential that opened a stream is still good, and for that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from tenants.api import tokens
from tenants.api.callers import Caller
from tenants.api.models import ApiKey, TokenFamily


def callers_of_keys(key_ids: Collection[int], *, now: datetime) -> dict[int, Caller]:
    """Return those of some keys of the current tenant that may still be used."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    rows = ApiKey.objects.filter(unexpired, pk__in=key_ids, revoked_at=None, user__is_active=True)
    return {one.pk: Caller(one.user, key=one) for one in rows.select_related("user")}


def callers_of_logins(login_ids: Collection[int], *, now: datetime) -> dict[int, Caller]:
    """Return those of some logins of the current tenant that were not ended."""
    rows = TokenFamily.objects.filter(pk__in=login_ids).select_related("user")
    alive = (one for one in rows if tokens.is_alive(one, now=now))
    return {one.pk: Caller(one.user, login=one) for one in alive}
