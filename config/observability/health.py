"""Liveness, readiness and metrics, on any host name and before any tenant is looked for."""

from __future__ import annotations

from collections.abc import Callable

import redis
from django.conf import settings
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from config.observability import metrics
from tenants import inbox

MAX_AGE_S = 60
"""How old the oldest waiting entry may be, in seconds, before an installation is called unready."""


class HealthMiddleware:
    """Answer `/livez`, which touches nothing, `/readyz` and `/metrics`, which do."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a health check; pass everything else on."""
        if request.path == "/livez":
            return JsonResponse({"status": "ok"})
        if request.path == "/readyz":
            return _readiness()
        if request.path == "/metrics":
            connection.set_schema_to_public()  # type: ignore[attr-defined]
            return HttpResponse(metrics.exposition(), content_type=metrics.CONTENT_TYPE)
        return self.get_response(request)


def _readiness() -> JsonResponse:
    problems = {}
    try:
        connection.set_schema_to_public()  # type: ignore[attr-defined]
        age_s = inbox.oldest_waiting_s()
        if age_s > MAX_AGE_S:
            problems["inbox"] = f"the oldest entry has waited {age_s:.0f} s"
    except Error:
        problems["postgresql"] = "unreachable"
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2).ping()
    except redis.RedisError:
        problems["broker"] = "unreachable"
    status = "ok" if not problems else "unready"
    return JsonResponse({"status": status, "problems": problems}, status=503 if problems else 200)
