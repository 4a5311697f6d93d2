"""A process that dies around a call: the event is told all the same, and under one id."""

from __future__ import annotations

import pytest

from integrations.models import Delivery, DeliveryAttempt
from integrations.services import deliveries
from tenants.models import Tenant, Timer
from tests.fakes.receiver import Receiver
from tests.integrations.events import SECRET, deliver, happen, make_endpoint, ring
from tests.workers import die_at


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

        die_at(place, deliveries.run, bell)
        assert not DeliveryAttempt.objects.exists()
        # What a supervisor does for a process that ended, and else the lease by itself.
        Timer.objects.update(lease_token=None, lease_until=None)
        deliver()

        assert crm.ids() == [str(event.uuid)] * n_calls
        assert len(crm.bodies(SECRET)) == n_calls
        assert Delivery.objects.get().status == "delivered"
        assert DeliveryAttempt.objects.count() == 1
