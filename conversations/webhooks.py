"""The door for leads that forms and other systems bring in, on the tenant's own host."""

from __future__ import annotations

import logging
import uuid

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from conversations.models import LeadSource
from conversations.services import lead_sources
from tenants.errors import DomainError

logger = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
"""Bytes of one lead; a form has a few hundred."""


@csrf_exempt
@require_POST
def bring_lead(request: HttpRequest, source_uuid: uuid.UUID) -> JsonResponse:
    """Take one lead; its size is looked at first, then the source's key, then what is in it."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        return _error("length_required", "Say in Content-Length how long the lead is.", 411)
    if len(length) > 9 or int(length) > MAX_BODY:
        return _error("too_large", "A lead has at most 64 kB.", 413)
    source = LeadSource.objects.filter(uuid=source_uuid, is_active=True).first()
    if source is None:
        return _error("unknown_source", "There is no such source, or it is switched off.", 404)
    now, body = timezone.now(), request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:  # one that is sent in chunks may bring more than it says
        return _error("too_large", "A lead has at most 64 kB.", 413)
    try:
        key = lead_sources.verify(
            source,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            now=now,
        )
        received = lead_sources.receive(
            source=source, data=lead_sources.parse(body), dedup_key=key, now=now
        )
    except DomainError as error:
        logger.info("lead refused", extra={"source_id": source.pk, "code": error.code})
        return _error(error.code, str(error), error.http_status)
    return JsonResponse(
        {
            "status": "accepted" if received.is_new else "duplicate",
            "lead_id": str(received.lead.uuid) if received.lead else None,
            "contact": received.outcome,
        }
    )


def _error(code: str, message: str, status: int) -> JsonResponse:
    answer = JsonResponse({"code": code, "message": message, "fields": {}}, status=status)
    if status == 503:
        answer["Retry-After"] = "300"
    return answer
