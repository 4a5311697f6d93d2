"""Calls that last: whether the credential that opened a stream is still good."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q

from tenants.api.models import ApiKey


def good_keys(key_ids: Collection[int], *, now: datetime) -> set[int]:
    """Return those of some keys of the current tenant that may still be used."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    rows = ApiKey.objects.filter(unexpired, pk__in=key_ids, revoked_at=None, user__is_active=True)
    return set(rows.values_list("pk", flat=True))


def active_users(user_ids: Collection[int]) -> set[int]:
    """Return those of some people of the current tenant who may still log in."""
    rows = User.objects.filter(pk__in=user_ids, is_active=True)
    return set(rows.values_list("pk", flat=True))
