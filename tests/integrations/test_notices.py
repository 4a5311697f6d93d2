"""Notices: once a day for each subject, in the panel, by e-mail and as an event."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import connection
from django.utils.translation import gettext_lazy as _
from django_tenants.utils import schema_context, tenant_context

from integrations.llm.errors import BudgetExhausted
from integrations.llm.types import ChatConfig
from integrations.models import Budget, Event, Notice, WebhookEndpoint
from integrations.services import breakers, budget_marks, budgets, endpoints, notices
from integrations.services.budgets import Subject
from tenants.models import Tenant
from tenants.services import staff
from tests.integrations.events import make_endpoint

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
URL = "https://crm.example/"


def tell(subject: str = "1", *, now: datetime = NOW) -> bool:
    return notices.tell(
        kind="device.offline",
        subject=subject,
        title=_("%(device)s is not connected"),
        text="50%% of nothing",
        values={"device": "Loja"},
        now=now,
    )


@pytest.fixture
def owner(alpha: Tenant) -> None:
    staff.ensure_user(username="ana", email="ana@x.example", role="owner", password=None)
    staff.ensure_user(username="rui", email="rui@x.example", role="manager", password=None)


def test_a_subject_is_told_once_a_day(alpha: Tenant, beta: Tenant) -> None:
    assert tell()
    assert not tell(now=NOW + timedelta(hours=1))
    assert tell("2")
    # 02:30 in UTC is still the evening before in São Paulo.
    assert not tell(now=datetime(2026, 11, 22, 2, 30, tzinfo=UTC))
    assert tell(now=datetime(2026, 11, 22, 3, 30, tzinfo=UTC))
    with tenant_context(beta):
        assert tell()
        assert Notice.objects.count() == 1


def test_what_happens_again_after_somebody_has_dealt_with_it_is_told_again(owner: None) -> None:
    endpoint = make_endpoint(URL)
    for hours in (0, 1):
        now = NOW + timedelta(hours=hours)
        endpoints.disable(endpoint=endpoint, reason=WebhookEndpoint.Disabled.GONE, now=now)
        [notice] = notices.unseen()
        assert notice.created_at == now
        assert notices.mail_due(now=now) == 1
        notices.settle(kind=endpoints.DISABLED, subject=notice.subject, actor="ana", now=now)
        assert notices.unseen() == []
    tell()
    notices.mark_seen(notice_ids=[one.pk for one in notices.unseen()], actor="ana", now=NOW)
    assert not tell()  # it only lasts


def test_the_owners_get_an_e_mail_once(owner: None) -> None:
    tell()

    assert notices.mail_due(now=NOW) == 1
    assert notices.mail_due(now=NOW + timedelta(hours=1)) == 0

    [sent] = mail.outbox
    assert sent.to == ["ana@x.example"]
    assert sent.subject.startswith("Alpha: ")
    assert "Loja" in sent.subject
    assert "50% of nothing" in sent.body


def test_a_mail_server_that_is_away_is_tried_again(owner: None, settings: Any) -> None:
    tell()
    locmem = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    assert notices.mail_due(now=NOW) == 0
    settings.EMAIL_BACKEND = locmem

    assert notices.mail_due(now=NOW) == 0
    assert notices.mail_due(now=NOW + notices.MAIL_LEASE) == 1
    assert len(mail.outbox) == 1


def test_without_a_mail_server_nothing_is_called_mailed(owner: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = notices.NO_MAIL
    tell()

    assert notices.mail_due(now=NOW) == 0

    assert Notice.objects.get().mailed_at is None


def test_of_two_workers_one_mails(committed_alpha: Tenant) -> None:
    staff.ensure_roles()
    staff.ensure_user(username="ana", email="ana@x.example", role="owner", password=None)
    tell()
    barrier = threading.Barrier(4)
    counts: list[int] = []

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(60)
                counts.append(notices.mail_due(now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(counts) == [0, 0, 0, 1]
    assert len(mail.outbox) == 1


def test_a_notice_is_an_event_too(alpha: Tenant) -> None:
    make_endpoint(URL, "notice.created")
    tell()
    assert '"kind": "device.offline"' in Event.objects.get().body


def test_the_marks_of_a_budget_are_told_once(alpha: Tenant) -> None:
    make_endpoint(URL, "budget.warned", "budget.exhausted")
    budget = Budget.objects.create(level="tenant", period="month", limit_usd=Decimal(1))

    def reserve(usd: str) -> None:
        budgets.reserve(subject=Subject(), usd=Decimal(usd), now=NOW, timezone="America/Sao_Paulo")

    reserve("0.81")
    reserve("0.01")
    reserve("0.15")
    for _again in range(2):
        with pytest.raises(BudgetExhausted) as refused:
            reserve("0.50")
        budget_marks.tell_exhausted(spend_id=refused.value.spend_id, now=NOW)

    assert list(Event.objects.order_by("pk").values_list("type", flat=True)) == [
        "budget.warned",
        "budget.warned",
        "budget.exhausted",
    ]
    assert list(Notice.objects.order_by("pk").values_list("subject", flat=True)) == [
        f"{budget.uuid}:80",
        f"{budget.uuid}:95",
        str(budget.uuid),
    ]
    assert "80%" in Notice.objects.earliest("pk").title


def test_a_pause_and_its_end_are_told(alpha: Tenant) -> None:
    breakers.forget()
    config = ChatConfig(provider="openai", model="gpt-4o", credential="c")
    for _again in range(breakers.MAX_FAILURES):
        breakers.failed(config, reason="HTTP 500")
    breakers.succeeded(config)

    told = Notice.objects.order_by("pk").values_list("kind", "level")
    assert list(told) == [("breaker.opened", "info"), ("breaker.closed", "info")]
    assert notices.unseen() == []


def test_what_was_seen_is_not_shown_again(alpha: Tenant) -> None:
    tell()
    [notice] = notices.unseen()

    assert notices.mark_seen(notice_ids=[notice.pk], actor="ana", now=NOW) == 1
    assert notices.mark_seen(notice_ids=[notice.pk], actor="rui", now=NOW) == 0

    assert notices.unseen() == []
    assert Notice.objects.get().seen_by == "ana"
