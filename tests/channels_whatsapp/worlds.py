"""A device on a running simulator, with the door and the workers played by the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from channels_whatsapp.models import Device
from channels_whatsapp.services import provisioning, watching
from tenants import timers
from tests.factories import make_agent, make_device, receive
from tests.simulator.conftest import Receiver, Running, wait_until

NUMBER = "5511911112222"


def ago(**span: float) -> datetime:
    """Return an instant in the past."""
    return datetime.now(UTC) - timedelta(**span)


class World:
    """One device, its bridge, and what the bridge has posted so far."""

    def __init__(self, simulator: Running, receiver: Receiver, *, name: str = "principal") -> None:
        self.simulator, self.receiver = simulator, receiver
        self.device = make_device(
            make_agent(f"Agente {name}"), bridge_url=simulator.base_url, name=name
        )
        self.device.set_bridge_token(f"token-{name}")
        self.device.save()
        self._n_taken = 0

    def provision(self) -> Device:
        """Do what the task after a change does."""
        provisioning.provision_device(device_id=self.device.pk, now=datetime.now(UTC))
        return self.now()

    def take_webhooks(self) -> Device:
        """Bring in what the bridge has posted, as the door and a worker do."""
        bodies = [one.body for one in self.receiver.deliveries[self._n_taken :]]
        self._n_taken += len(bodies)
        receive(self.device, *bodies)
        return self.now()

    def wait_for_webhook(self, kind: str) -> Device:
        """Bring in what comes, until an event of this type was among it."""
        mark = f'"type":"{kind}"'.encode()
        start = self._n_taken
        wait_until(lambda: any(mark in one.body for one in self.receiver.deliveries[start:]), kind)
        return self.take_webhooks()

    def look(self) -> Device:
        """Do what the device's timer does when it is due."""
        Device.objects.filter(pk=self.device.pk).update(checked_at=None)
        timers.arm(kind=provisioning.TIMER, ref=self.device.pk, due_at=ago(seconds=1))
        for bell in timers.claim_due(kind=provisioning.TIMER, max_running=9, limit=9):
            self.outcome = watching.watch_device(timer_id=bell.timer_id, token=bell.token)
        return self.now()

    def now(self) -> Device:
        """Return the device as it is in the database."""
        self.device = Device.objects.get(pk=self.device.pk)
        return self.device

    def set(self, **values: object) -> None:
        """Change what the row remembers, such as to let time pass."""
        Device.objects.filter(pk=self.device.pk).update(**values)

    def act(self, action: str, **body: object) -> None:
        """Let something happen to the session."""
        self.simulator.sim(f"users/{self.device.bridge_token()}/{action}", **body)

    def pair(self) -> Device:
        """Create the device on the bridge and scan its code."""
        self.provision()
        self.act("scan", phone=NUMBER)
        self.wait_for_webhook("Connected")
        return self.provision()
