"""The delivery ladder: what is late on it, and what is lost.

Each rung has its time, and what follows when it is over:

- created and handed: 15 minutes (`veto.STALE_AFTER`); then an answer goes to people, and what a
  person wrote is tried on;
- unknown, after a lost answer: 20 seconds to 2 minutes (`contents`); the channel is asked, and the
  message repeated under its id, or left to people;
- acked: a day without a delivery counts against the number's health, and the channel is asked after
  an hour whether it still knows the message;
- delivered: none, for who reads is free not to show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Sum

from conversations.channels import sender_for
from conversations.models import DeliveryDay, OutboundMessage
from conversations.services import identity, outbox
from conversations.types import Address
from tenants import timers
from tenants.context import current_schema, release_connection
from tenants.errors import Permanent, Temporary
from tenants.models import Tenant

LOST_AFTER = timedelta(minutes=30)
"""How long a message may stand in the line without any reason that somebody could read."""

ASLEEP_AFTER = timedelta(minutes=1)
"""How old a message must be before a line without a timer is taken for one that sleeps."""

COMPARE_AFTER, COMPARE_UNTIL = timedelta(hours=1), timedelta(hours=25)
"""Age of sent messages without a delivery that the channel is asked about."""

MAX_COMPARED = 20
"""Messages of one number that one round asks about; each may cost a call."""

_ASLEEP = """
select distinct m.conversation_id from conversations_outboundmessage m
where m.status in ('created', 'handed') and m.created_at < %(before)s
    and not exists (
        select from public.tenants_timer t
        where t.schema_name = %(schema)s and t.kind = %(kind)s and t.ref = m.conversation_id
    )
"""

_COUNT = """
insert into conversations_deliveryday as old
    (channel_account_ref, day, n_created, n_acked, n_delivered, n_read, n_failed, n_cancelled,
     n_waiting, n_lost, counted_at)
select channel_account_ref, (created_at at time zone %(zone)s)::date,
    count(*),
    count(acked_at),
    count(*) filter (where delivered_at is not null or read_at is not null),
    count(read_at),
    count(*) filter (where status = 'failed'),
    count(*) filter (where status = 'cancelled'),
    count(*) filter (where status in ('created', 'handed')),
    count(*) filter (where lost_at is not null or (
        status in ('created', 'handed') and created_at < %(lost)s
        and failure_reason = '' and held_by = ''
    )),
    %(now)s
from conversations_outboundmessage
where created_at >= %(since)s and origin <> 'phone'
group by 1, 2
on conflict (channel_account_ref, day) do update set
    n_created = excluded.n_created, n_acked = excluded.n_acked,
    n_delivered = excluded.n_delivered, n_read = excluded.n_read, n_failed = excluded.n_failed,
    n_cancelled = excluded.n_cancelled, n_waiting = excluded.n_waiting, n_lost = excluded.n_lost,
    counted_at = excluded.counted_at
"""

_RANK = {
    OutboundMessage.Status.ACKED: ("created", "handed", "cancelled"),
    # One that was not repeated, or was given up on, may have arrived at the first try.
    OutboundMessage.Status.DELIVERED: ("created", "handed", "acked", "cancelled", "failed"),
    OutboundMessage.Status.READ: (
        "created",
        "handed",
        "acked",
        "delivered",
        "cancelled",
        "failed",
    ),
}


def apply_receipt(
    *, account_ref: UUID, refs: Sequence[str], status: OutboundMessage.Status, at: datetime
) -> int:
    """Climb the delivery ladder for messages of ours; return how many climbed. Never downwards.

    Args:
        status: `DELIVERED`, `READ`, or `ACKED` where the channel itself shows that it has it.
        at: when the contact's phone, or the channel, said so.
    """
    messages = OutboundMessage.objects.filter(
        channel_account_ref=account_ref, provider_ref__in=refs
    )
    stamp = f"{status.value}_at"
    n_climbed = 0
    for message in messages.filter(status__in=_RANK[status]).order_by("pk"):
        n_climbed += messages.filter(pk=message.pk, status__in=_RANK[status]).update(
            # Why it was thought not to arrive is no longer true.
            status=status,
            failure_reason="",
            unknown_at=None,
            **{stamp: at},
        )
    return n_climbed


@dataclass(frozen=True)
class Week:
    """What became of the messages of the last seven days."""

    n_created: int
    n_acked: int
    n_delivered: int
    n_read: int
    n_failed: int
    n_lost: int
    is_counted: bool


def reconcile(*, now: datetime) -> int:
    """Wake lines whose timer is gone, and count the last two days anew; return how many woke."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ASLEEP,
            {"before": now - ASLEEP_AFTER, "schema": current_schema(), "kind": outbox.TIMER},
        )
        asleep = [row[0] for row in cursor.fetchall()]
    if asleep:
        timers.arm_all(kind=outbox.TIMER, refs=asleep, due_at=now)
    zone = Tenant.objects.values_list("timezone", flat=True).get(schema_name=current_schema())
    yesterday = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "zone": zone,
                "now": now,
                "lost": now - LOST_AFTER,
                "since": datetime.combine(yesterday, time.min, tzinfo=ZoneInfo(zone)),
            },
        )
    return len(asleep)


def week(*, today: date, account_ref: UUID | None = None) -> Week:
    """Return the sums of the last seven days, as they were last counted."""
    rows = DeliveryDay.objects.filter(day__gt=today - timedelta(days=7))
    if account_ref is not None:
        rows = rows.filter(channel_account_ref=account_ref)
    names = ("n_created", "n_acked", "n_delivered", "n_read", "n_failed", "n_lost")
    sums = rows.aggregate(**{name: Sum(name) for name in names})
    found = {name: sums[name] or 0 for name in names}
    return Week(**found, is_counted=sums["n_created"] is not None)


def days(*, account_ref: UUID, today: date) -> Sequence[DeliveryDay]:
    """Return the counts of a number's last seven days, today first."""
    rows = DeliveryDay.objects.filter(
        channel_account_ref=account_ref, day__gt=today - timedelta(days=7)
    )
    return list(rows.order_by("-day"))


def compare(*, channel_kind: str, account_ref: UUID, now: datetime) -> int:
    """Ask the channel about messages that it took and that nobody received; return how many it
    does not know.

    A phone that is switched off receives nothing, which is no loss; what the channel itself has
    forgotten is. Each message is asked about once.
    """
    rows = list(
        OutboundMessage.objects.select_related("conversation__contact")
        .prefetch_related("conversation__contact__addresses")
        .filter(
            channel_account_ref=account_ref,
            status=OutboundMessage.Status.ACKED,
            compared_at=None,
            created_at__gt=now - COMPARE_UNTIL,
            acked_at__lt=now - COMPARE_AFTER,
        )
        .exclude(origin=OutboundMessage.Origin.PHONE)
        .order_by("pk")[:MAX_COMPARED]
    )
    if not rows:
        return 0
    asked: list[tuple[OutboundMessage, Address]] = [
        (row, identity.address_for(row)) for row in rows
    ]
    account = sender_for(channel_kind).open_account(account_ref)
    release_connection()
    known: dict[int, bool | None] = {}
    for row, to in asked:
        try:
            known[row.pk] = account.was_sent(to=to, ref=row.provider_ref)
        except (Temporary, Permanent):
            break
    lost = [pk for pk, is_known in known.items() if is_known is False]
    still = OutboundMessage.objects.filter(status=OutboundMessage.Status.ACKED)
    still.filter(pk__in=known).update(compared_at=now)
    return still.filter(pk__in=lost).update(lost_at=now)
