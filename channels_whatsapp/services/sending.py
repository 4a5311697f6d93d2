"""How a device sends: what people choose of it, and what came of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from channels_whatsapp.models import Device, QuoteChoices, ReadChoices
from channels_whatsapp.services.devices import BadDevice
from conversations.models import DeliveryDay
from conversations.services import ladder, veto, veto_counts
from tenants.audit.record import record

MAX_GAP_S, MAX_UNASKED, MAX_BUBBLE = 60.0, 2_000, 4_000


@dataclass(frozen=True)
class SendingEdit:
    """What people choose of a device's sending; see the columns of `Device`."""

    gap_s: float
    day_cap: int
    unasked_cap: int
    warms_up: bool
    bubble_chars: int
    quotes: str
    reads: str


FIELDS = tuple(SendingEdit.__dataclass_fields__)


@dataclass(frozen=True)
class Report:
    """What a device has sent lately.

    Attributes:
        unasked_today: how many planned messages it may send on this day.
        vetoes: by reason, how many messages waited and how many were not sent in seven days.
    """

    unasked_today: int
    vetoes: Sequence[tuple[str, int, int]]
    week: ladder.Week
    days: Sequence[DeliveryDay]


def set_sending(*, device: Device, edit: SendingEdit, actor: str) -> list[str]:
    """Change how a device sends; return the names of what changed.

    Raises:
        BadDevice: an unknown choice, or a number out of range.
    """
    in_range = (
        0 <= edit.gap_s <= MAX_GAP_S
        and edit.day_cap >= 0
        and 0 <= edit.unasked_cap <= MAX_UNASKED
        and 0 <= edit.bubble_chars <= MAX_BUBBLE
        and edit.quotes in QuoteChoices.values
        and edit.reads in ReadChoices.values
    )
    if not in_range:
        raise BadDevice("A choice or a limit of the sending cannot be taken.")
    wanted = asdict(edit)
    with transaction.atomic():
        held = Device.objects.select_for_update(of=("self",)).get(pk=device.pk)
        changed = [name for name, value in wanted.items() if getattr(held, name) != value]
        for name in changed:
            setattr(held, name, wanted[name])
            setattr(device, name, wanted[name])
        if changed:
            held.save(update_fields=changed)
            record(
                action="device.sending_changed",
                actor=actor,
                target=f"device {device.uuid}",
                data={"fields": changed},
            )
    return changed


def report(device: Device, *, now: datetime, zone: ZoneInfo) -> Report:
    """Return what a device has sent in the last seven days; four queries."""
    today: date = now.astimezone(zone).date()
    return Report(
        unasked_today=veto.unasked_cap(device.number_rules, now=now),
        vetoes=[
            (veto.reason_of(rule), n_waited, n_refused)
            for rule, n_waited, n_refused in veto_counts.read(
                device.uuid, since=today - timedelta(days=6)
            )
        ],
        week=ladder.week(today=today, account_ref=device.uuid),
        days=ladder.days(account_ref=device.uuid, today=today),
    )
