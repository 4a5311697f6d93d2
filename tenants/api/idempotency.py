"""Calls that may be repeated: what bears an Idempotency-Key is done once, and answered the same.

The answer is written in the transaction of the work itself, under a unique key. A repeat that comes
while the first is at work waits for its commit and then gets its answer; one that comes after a
failure finds nothing and may try again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api.models import IdempotentCall
from tenants.errors import DomainError

HEADER = "Idempotency-Key"

KEPT_FOR = timedelta(hours=24)
"""How long an answer is repeated: longer than any program tries again."""

MAX_KEY = 255
"""Characters that are kept; of a longer key its digest is, for two may begin alike."""


class KeyReused(DomainError):
    """This Idempotency-Key was used for another request."""

    code = "key_reused"
    http_status = 422


def once(request: Request, *, now: datetime, work: Callable[[], Response]) -> Response:
    """Do something once for each Idempotency-Key of a person; without one, do it.

    Args:
        work: only writes; it joins this transaction and goes nowhere near the network.

    Raises:
        KeyReused: the key was sent with another request before.
    """
    key = request.headers.get(HEADER, "").strip()
    if not key:
        return work()
    if len(key) > MAX_KEY:
        key = hashlib.sha256(key.encode()).hexdigest()
    fingerprint = _fingerprint(request)
    with transaction.atomic():
        if not _claim(request, key, fingerprint, now):
            return _answer_again(request, key, fingerprint)
        response = work()
        IdempotentCall.objects.filter(user=_user(request), key=key).update(
            status=response.status_code, body=response.data
        )
    return response


def clear_old(*, now: datetime) -> int:
    """Remove answers that are not repeated any more; return how many."""
    return IdempotentCall.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]


def _claim(request: Request, key: str, fingerprint: str, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into api_idempotentcall (user_id, key, fingerprint, created_at)"
            " values (%s, %s, %s, %s) on conflict (user_id, key) do nothing",
            [_user(request), key, fingerprint, now],
        )
        return bool(cursor.rowcount)


def _answer_again(request: Request, key: str, fingerprint: str) -> Response:
    found = IdempotentCall.objects.get(user=_user(request), key=key)
    if found.fingerprint != fingerprint:
        raise KeyReused
    return Response(found.body, status=found.status, headers={"Idempotent-Replayed": "true"})


def _user(request: Request) -> Any:
    return request.user.pk


def _fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    digest.update(json.dumps(request.data, sort_keys=True).encode())
    return digest.hexdigest()
