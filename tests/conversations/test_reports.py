"""The numbers of the first page, by hand and by the clock of the tenant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn
from conversations.services import reports
from tenants.models import Tenant
from tests.admin.rows import make_conversation

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
NOON = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)  # noon in São Paulo


def test_nothing_measured_is_not_zero(alpha: Tenant) -> None:
    report = reports.today(now=NOON, zone=SAO_PAULO)

    assert (report.n_open, report.n_messages, report.n_answered) == (0, 0, 0)
    assert (report.p50_s, report.p95_s, report.people_share, report.tokens) == (None,) * 4
    assert report.oldest_waiting_at is None
    assert [day.day for day in report.days] == [
        date(2026, 11, 15) + timedelta(days=i) for i in range(7)
    ]
    assert not report.has_ever_worked


def test_a_day_is_counted(alpha: Tenant) -> None:
    make_conversation(at=NOON - timedelta(hours=2), n_turns=3)
    waiting = make_conversation(at=NOON - timedelta(hours=1), mode="human")
    Turn.objects.filter(conversation=waiting).update(outcome="needs_human")
    Turn.objects.filter(pk=Turn.objects.order_by("pk")[0].pk).update(
        input_tokens=100, output_tokens=20
    )

    report = reports.today(now=NOON, zone=SAO_PAULO)

    assert (report.n_open, report.n_waiting) == (2, 1)
    assert report.oldest_waiting_id == waiting.pk
    assert report.oldest_waiting_at == NOON - timedelta(hours=1)
    assert (report.n_messages, report.n_answered) == (8, 3)
    assert report.people_share == pytest.approx(0.25)
    assert report.tokens == 120
    # Each reply is sent 8 s after its burst began, 7 s after the burst's last message.
    assert (report.p50_s, report.p95_s) == (pytest.approx(7), pytest.approx(7))
    assert (report.days[-1].n_messages, report.days[-1].n_answers) == (8, 3)


def test_the_tenants_midnight_begins_the_day(alpha: Tenant) -> None:
    make_conversation(at=datetime(2026, 11, 21, 2, 0, tzinfo=UTC))  # 23:00 the day before

    in_sao_paulo = reports.today(now=NOON, zone=SAO_PAULO)
    in_utc = reports.today(now=NOON, zone=ZoneInfo("UTC"))

    assert (in_sao_paulo.n_messages, in_utc.n_messages) == (0, 2)
    assert in_sao_paulo.days[-2].n_messages == 2


def test_archived_conversations_wait_for_nobody(alpha: Tenant) -> None:
    make_conversation(mode="human", at=NOON)
    Conversation.objects.update(status="archived")

    report = reports.today(now=NOON, zone=SAO_PAULO)

    assert (report.n_open, report.n_waiting, report.oldest_waiting_id) == (0, 0, None)


def test_what_could_not_be_sent_is_counted(alpha: Tenant) -> None:
    make_conversation(at=NOON)
    OutboundMessage.objects.update(status="failed", acked_at=None)

    report = reports.today(now=NOON, zone=SAO_PAULO)

    assert (report.n_unsent, report.p50_s) == (1, None)


def test_a_report_costs_the_same_however_much_there_is(alpha: Tenant) -> None:
    for _ in range(4):
        make_conversation(at=NOON, n_turns=2)

    with CaptureQueriesContext(connection) as captured:
        reports.today(now=NOON, zone=SAO_PAULO)

    assert sum(not query["sql"].startswith("SET") for query in captured) == 7
    assert InboundMessage.objects.count() == 16
