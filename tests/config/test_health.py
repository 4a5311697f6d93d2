"""Health pages: on any host, and truthful."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from tenants.context import database_now
from tenants.models import InboundRoute, InboxEntry
from tests.factories import make_agent, make_device, message_body


@pytest.fixture
def client() -> Client:
    return Client(HTTP_HOST="nobody-knows-this-host")


def test_liveness_touches_nothing(client):
    assert client.get("/livez").json() == {"status": "ok"}


def test_readiness_asks_the_services(alpha, client):
    assert client.get("/readyz").json() == {"status": "ok", "problems": {}}


def test_an_old_entry_in_the_inbox_makes_it_unready(alpha, client):
    wait(seconds=90)

    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "inbox" in answer.json()["problems"]


def test_metrics_show_the_queues(alpha, client):
    wait(seconds=90)

    text = client.get("/metrics").content.decode()
    assert "prosa_inbox_waiting 1.0" in text
    assert 'prosa_tenants{status="ready"}' in text


def wait(*, seconds: float) -> None:
    route = InboundRoute.objects.get(device_ref=make_device(make_agent()).uuid)
    InboxEntry.objects.create(
        route=route,
        schema_name="t_alpha",
        dedup_key="x",
        encoding="json",
        body=message_body(),
        received_at=database_now() - timedelta(seconds=seconds),
    )
