"""The test after each pairing: a message to the own number goes out and is heard of again."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext, override

from channels_whatsapp.bridge import outgoing
from channels_whatsapp.models import Device
from channels_whatsapp.services import devices
from conversations.services import veto
from conversations.types import Address
from conversations.types_sending import Content
from tenants.audit.record import record
from tenants.context import current_schema, release_connection
from tenants.errors import Permanent, Temporary
from tenants.models import Tenant
from tenants.queueing import enqueue

logger = logging.getLogger(__name__)

PATIENCE = timedelta(minutes=2)
"""How long a sign of the message is waited for before the page says that none has come. One that
comes later still counts."""

NUMBER_UNKNOWN = "number_unknown"


class Result(StrEnum):
    """How far a test has come."""

    NONE = "none"
    DUE = "due"
    SENDING = "sending"
    WAITING = "waiting"
    PASSED = "passed"
    UNHEARD = "unheard"
    FAILED = "failed"


@dataclass(frozen=True)
class Report:
    """A test, ready to be shown."""

    result: Result
    sent_at: datetime | None
    acked_at: datetime | None
    received_at: datetime | None
    problem: str


def report(device: Device, *, now: datetime) -> Report:
    """Return how the last test of a device stands."""
    sent_at = device.selftest_sent_at
    if device.is_test_due:
        result = Result.DUE
    elif device.selftest_problem:
        result = Result.FAILED
    elif sent_at is None:
        result = Result.NONE
    elif device.selftest_received_at is not None:
        result = Result.PASSED
    elif device.selftest_acked_at is None:
        result = Result.SENDING if now - sent_at < PATIENCE else Result.FAILED
    else:
        result = Result.WAITING if now - sent_at < PATIENCE else Result.UNHEARD
    return Report(
        result,
        sent_at,
        device.selftest_acked_at,
        device.selftest_received_at,
        device.selftest_problem,
    )


def ask_for_test(*, device: Device, actor: str, now: datetime) -> None:
    """Have the test run once more."""
    Device.objects.filter(pk=device.pk).update(is_test_due=True)
    record(action="device.tested", actor=actor, target=f"device {device.uuid}", data={})
    enqueue("channels_whatsapp.tasks.check_device", device_id=device.pk)


def run_if_due(*, device: Device, now: datetime) -> bool:
    """Send the message of a test that is due; True where it was taken.

    Of two that begin at once one sends. Its id is written before the call, because signs of it may
    come before the answer.
    """
    ref = devices.new_message_ref()
    won = Device.objects.filter(pk=device.pk, is_test_due=True).update(
        is_test_due=False,
        selftest_ref=ref,
        selftest_sent_at=now,
        selftest_acked_at=None,
        selftest_received_at=None,
        selftest_problem="" if device.phone else NUMBER_UNKNOWN,
    )
    if not won or not device.phone:
        return False
    tenant = Tenant.objects.get(schema_name=current_schema())
    with override(tenant.language):
        text = gettext("Prosa: connection test of “%(name)s”. No answer is needed.") % {
            "name": device.name
        }
    bridge = devices.bridge_of(device)
    release_connection()
    try:
        order = outgoing.message(Content(text), to=Address(phone=device.phone), ref=ref)
        bridge.send(order, leave=veto.exempt("self_test"))
    except (Temporary, Permanent) as error:
        logger.warning("device test failed", extra={"reason": error.reason})
        Device.objects.filter(pk=device.pk, selftest_ref=ref).update(
            selftest_problem=error.reason[:200]
        )
        return False
    Device.objects.filter(pk=device.pk, selftest_ref=ref).update(selftest_acked_at=now)
    return True


def is_about_test(*, device: Device, body: bytes) -> bool:
    """Test whether an event is about the test's own message, whatever its kind."""
    return bool(device.selftest_ref) and device.selftest_ref.encode() in body


def note_sign(*, device: Device, at: datetime) -> None:
    """Note the first sign of the message; joins the caller's transaction."""
    Device.objects.filter(
        pk=device.pk, selftest_ref=device.selftest_ref, selftest_received_at=None
    ).update(selftest_received_at=at, selftest_problem="")
