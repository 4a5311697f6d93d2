from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.conf import settings
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations import tasks
from integrations.models import Budget, Spend
from integrations.services import budgets
from integrations.services.budgets import Subject
from tenants.models import Tenant


def set_aside(usd: str) -> None:
    """Reserve as a caller would that died an hour ago."""
    Budget.objects.create(level="tenant", limit_usd=10)
    budgets.reserve(
        subject=Subject(),
        usd=Decimal(usd),
        now=timezone.now() - timedelta(hours=1),
        timezone="America/Sao_Paulo",
    )


def test_the_sweep_books_what_a_dead_caller_had_set_aside(alpha: Tenant, beta: Tenant) -> None:
    set_aside("4")
    with tenant_context(beta):
        set_aside("3")

    assert tasks.settle_abandoned.run() == "settled 1"

    assert Spend.objects.get().spent_usd == 4
    with tenant_context(beta):
        assert Spend.objects.get().spent_usd == 0


def test_the_sweep_is_rung_for_each_tenant() -> None:
    assert settings.TENANT_SWEEPS[tasks.settle_abandoned.name] == 60
