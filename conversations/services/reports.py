"""What happened today, in numbers; one that nobody measured is None and never zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import (
    Aggregate,
    Count,
    DateField,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Q,
    Sum,
)
from django.db.models.functions import TruncDate

from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn

CHART_DAYS = 7


class _Percentile(Aggregate):
    """PostgreSQL's interpolated percentile of an expression."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) within group (order by %(expressions)s)"

    def __init__(self, expression: str, *, fraction: float) -> None:
        super().__init__(expression, fraction=fraction, output_field=DurationField())


@dataclass(frozen=True)
class DayCount:
    """One day of the chart."""

    day: date
    n_messages: int
    n_answers: int


@dataclass(frozen=True)
class Today:
    """A tenant's day up to now.

    Attributes:
        n_waiting: open conversations that the assistant has left to people.
        oldest_waiting_id: the conversation that has waited longest, with when it began to.
        p50_s: seconds from the last message of a burst to its reply being sent, the median.
        people_share: of the turns that ended today, the part that was left to people, 0 to 1.
        tokens: input and output together; None where no model counted any.
        days: the last `CHART_DAYS`, today last.
    """

    n_open: int
    n_waiting: int
    oldest_waiting_id: int | None
    oldest_waiting_at: datetime | None
    n_messages: int
    n_answered: int
    p50_s: float | None
    p95_s: float | None
    people_share: float | None
    tokens: int | None
    n_unsent: int
    days: tuple[DayCount, ...]

    @property
    def has_ever_worked(self) -> bool:
        """Test whether there is anything to be shown at all."""
        return bool(self.n_open or any(day.n_messages or day.n_answers for day in self.days))


def today(*, now: datetime, zone: ZoneInfo) -> Today:
    """Count the present day of a time zone; seven queries, however much there is.

    Args:
        now: aware.
        zone: the tenant's; its midnight begins the day.
    """
    local_day = now.astimezone(zone).date()
    midnight = datetime.combine(local_day, time.min, tzinfo=zone)
    now_open = Conversation.objects.filter(status=Conversation.Status.OPEN).aggregate(
        n=Count("pk"), waiting=Count("pk", filter=Q(mode=Conversation.Mode.HUMAN))
    )
    oldest = (
        Conversation.objects.waiting_for_a_person()
        .filter(mode_changed_at__isnull=False)
        .order_by("mode_changed_at", "pk")
        .values_list("pk", "mode_changed_at")
        .first()
    )
    turns = Turn.objects.filter(started_at__gte=midnight).aggregate(
        done=Count("pk", filter=Q(status=Turn.Status.DONE)),
        replied=Count("pk", filter=Q(status=Turn.Status.DONE, outcome=Turn.Outcome.REPLY)),
        people=Count("pk", filter=Q(status=Turn.Status.DONE, outcome=Turn.Outcome.NEEDS_HUMAN)),
        tokens_in=Sum("input_tokens"),
        tokens_out=Sum("output_tokens"),
    )
    waits = _waits(midnight)
    counted = [n for n in (turns["tokens_in"], turns["tokens_out"]) if n is not None]
    days = _days(local_day=local_day, zone=zone)
    return Today(
        n_open=now_open["n"],
        n_waiting=now_open["waiting"],
        oldest_waiting_id=oldest[0] if oldest else None,
        oldest_waiting_at=oldest[1] if oldest else None,
        n_messages=days[-1].n_messages,
        n_answered=turns["replied"],
        p50_s=_seconds(waits["p50"]),
        p95_s=_seconds(waits["p95"]),
        people_share=turns["people"] / turns["done"] if turns["done"] else None,
        tokens=sum(counted) if counted else None,
        n_unsent=OutboundMessage.objects.filter(
            status=OutboundMessage.Status.FAILED, created_at__gte=midnight
        ).count(),
        days=days,
    )


def _waits(midnight: datetime) -> dict[str, timedelta | None]:
    """Return how long contacts waited for the replies that were sent since `midnight`."""
    replies = OutboundMessage.objects.filter(
        turn__started_at__gte=midnight,
        turn__status=Turn.Status.DONE,
        position=0,
        acked_at__isnull=False,
    )
    waited = replies.annotate(asked_at=Max("turn__messages__received_at")).annotate(
        waited=ExpressionWrapper(F("acked_at") - F("asked_at"), output_field=DurationField())
    )
    return waited.filter(asked_at__isnull=False).aggregate(
        p50=_Percentile("waited", fraction=0.5), p95=_Percentile("waited", fraction=0.95)
    )


def _days(*, local_day: date, zone: ZoneInfo) -> tuple[DayCount, ...]:
    days = [local_day - timedelta(days=back) for back in range(CHART_DAYS - 1, -1, -1)]
    since = datetime.combine(days[0], time.min, tzinfo=zone)
    messages = _by_day(
        InboundMessage.objects.filter(received_at__gte=since).annotate(
            day=TruncDate("received_at", tzinfo=zone, output_field=DateField())
        )
    )
    answers = _by_day(
        Turn.objects.filter(
            started_at__gte=since, status=Turn.Status.DONE, outcome=Turn.Outcome.REPLY
        ).annotate(day=TruncDate("started_at", tzinfo=zone, output_field=DateField()))
    )
    return tuple(DayCount(day, messages.get(day, 0), answers.get(day, 0)) for day in days)


def _by_day(rows: object) -> dict[date, int]:
    counted = rows.values("day").annotate(n=Count("pk")).values_list("day", "n")  # type: ignore[attr-defined]
    return dict(counted)


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else max(0.0, span.total_seconds())
