"""A process that dies around a call: the event is told all the same, and under one id."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from integrations.models import Delivery, DeliveryAttempt
from tenants.failpoints import EXIT_CODE
from tenants.models import Tenant, Timer
from tenants.timers import Doorbell
from tests.fakes.receiver import Receiver
from tests.integrations.events import SECRET, deliver, happen, make_endpoint, ring

DEADLINE_S = 60.0


def killed(found: Doorbell, *, failpoint: str) -> None:
    """Let a process deliver what a doorbell announces, and die at a place."""
    code = (
        "import uuid, django; django.setup();"
        "from django_tenants.utils import schema_context;"
        "from integrations.services.deliveries import run;"
        "scope = schema_context('t_alpha'); scope.__enter__();"
        f"run(timer_id={found.timer_id}, token=uuid.UUID('{found.token}'))"
    )
    place = connection.settings_dict
    url = (
        f"postgres://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}"
        f"/{place['NAME']}"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEYS": ",".join(settings.FIELD_ENCRYPTION_KEYS),
        "FAILPOINT": failpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == EXIT_CODE, done.stderr[-2000:]


@pytest.mark.parametrize(
    ("place", "n_calls"), [("delivery_before_call", 1), ("delivery_after_call", 2)]
)
def test_a_worker_that_dies_around_a_call_loses_nothing(
    committed_alpha: Tenant, place: str, n_calls: int
) -> None:
    with Receiver() as crm:
        make_endpoint(f"{crm.url}/")
        [event] = happen()
        [bell] = ring()

        killed(bell, failpoint=place)
        assert not DeliveryAttempt.objects.exists()
        # What a supervisor does for a process that ended, and else the lease by itself.
        Timer.objects.update(lease_token=None, lease_until=None)
        deliver()

        assert crm.ids() == [str(event.uuid)] * n_calls
        assert len(crm.bodies(SECRET)) == n_calls
        assert Delivery.objects.get().status == "delivered"
        assert DeliveryAttempt.objects.count() == 1
