"""Endpoints, and things that happen, for tests."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.utils import timezone

from integrations import payloads
from integrations.models import Event, WebhookEndpoint
from integrations.services import deliveries, endpoints, events
from integrations.services.deliveries import Outcome
from tenants import timers
from tenants.context import database_now
from tenants.models import Timer

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS1yZWNlaXZlci0x"


def make_endpoint(url: str, *types: str, name: str = "crm", **values: object) -> WebhookEndpoint:
    ensured = endpoints.ensure_endpoint(
        name=name,
        url=url,
        types=types or ("conversation.opened",),
        now=timezone.now(),
        **{"secret": SECRET, **values},  # type: ignore[arg-type]
    )
    return ensured.endpoint


def happen(line: uuid.UUID | None = None, *, n: int = 1, at: datetime | None = None) -> list[Event]:
    """Open a conversation, or the same one again and again: each is an event."""
    conversation = line or uuid.uuid4()
    opened = payloads.ConversationOpened(
        conversation_id=conversation,
        contact_id=uuid.uuid4(),
        contact_name="Ana",
        contact_phone="5511988887777",
        channel="whatsapp",
        device_id=uuid.uuid4(),
    )
    now = at or database_now()
    return events.publish_many([events.Happened(opened, now, conversation)] * n)


def ring(kind: str = "delivery") -> list[timers.Doorbell]:
    """Do what the dispatcher does, whatever the clock says."""
    past = database_now() - timedelta(seconds=1)
    Timer.objects.filter(kind=kind, lease_token=None).update(due_at=past)
    return timers.claim_due(kind=kind, max_running=50, limit=50)


def deliver() -> list[Outcome]:
    """Wake every endpoint of the current tenant that has anything, and work for it."""
    waiting = deliveries.Delivery.objects.filter(status="pending")
    refs = set(waiting.values_list("endpoint", flat=True))
    timers.arm_all(kind="delivery", refs=refs, due_at=database_now())
    return [deliveries.run(timer_id=bell.timer_id, token=bell.token) for bell in ring()]


def pass_time() -> None:
    """Let every waiting delivery be due."""
    past = database_now() - timedelta(seconds=1)
    deliveries.Delivery.objects.filter(status="pending").update(next_attempt_at=past)
