from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from integrations.llm.types import ChatConfig
from integrations.models import Breaker
from integrations.services import breakers
from tenants.models import Tenant

CONFIG = ChatConfig("openai", "m-1", credential="c")


def fail(times: int) -> list[bool]:
    return [breakers.failed(CONFIG, reason="HTTP 500") for _ in range(times)]


def let_the_pause_end() -> None:
    with connection.cursor() as cursor:
        cursor.execute("update integrations_breaker set retry_at = now() - interval '1 s'")


def test_it_opens_after_five_failures_and_says_so_once(alpha: Tenant) -> None:
    assert fail(breakers.MAX_FAILURES) == [False, False, False, False, True]
    assert fail(1) == [False]
    verdict = breakers.may_ask(CONFIG)
    assert not verdict.allowed
    assert "HTTP 500" in verdict.reason


def test_an_answer_in_between_starts_the_count_anew(alpha: Tenant) -> None:
    fail(breakers.MAX_FAILURES - 1)
    breakers.succeeded(CONFIG)
    fail(breakers.MAX_FAILURES - 1)

    assert breakers.may_ask(CONFIG).allowed


def test_single_failures_between_answers_pause_nobody(
    alpha: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breakers, "FRESH_S", 0.0)  # as if there were a second between calls

    for _ in range(breakers.MAX_FAILURES):
        assert breakers.may_ask(CONFIG).allowed
        fail(1)
        for _ in range(2):
            assert breakers.may_ask(CONFIG).allowed
            breakers.succeeded(CONFIG)

    assert breakers.may_ask(CONFIG).allowed
    assert Breaker.objects.get().n_failures == 0


def test_after_the_pause_one_probe_is_let_through_and_closes_it(alpha: Tenant) -> None:
    fail(breakers.MAX_FAILURES)
    let_the_pause_end()

    first, second = breakers.may_ask(CONFIG), breakers.may_ask(CONFIG)

    assert (first.allowed, first.is_probe, second.allowed) == (True, True, False)
    assert breakers.succeeded(CONFIG)
    assert breakers.may_ask(CONFIG).allowed
    assert Breaker.objects.get().state == Breaker.State.CLOSED


def test_each_failed_probe_makes_the_pause_longer_up_to_a_limit(alpha: Tenant) -> None:
    fail(breakers.MAX_FAILURES)
    pauses = []
    for _ in range(7):
        breaker = Breaker.objects.get()
        assert breaker.retry_at is not None
        pauses.append(round((breaker.retry_at - breaker.changed_at).total_seconds()))
        let_the_pause_end()
        breakers.failed(CONFIG, reason="HTTP 500", is_probe=breakers.may_ask(CONFIG).is_probe)

    assert pauses == [15, 30, 60, 120, 240, 300, 300]


def test_late_failures_of_calls_under_way_do_not_make_the_pause_longer(alpha: Tenant) -> None:
    fail(breakers.MAX_FAILURES + 40)

    assert Breaker.objects.get().n_openings == 1


def test_another_key_or_model_is_not_paused(alpha: Tenant) -> None:
    fail(breakers.MAX_FAILURES)

    assert breakers.may_ask(ChatConfig("openai", "m-2", credential="c")).allowed
    assert breakers.may_ask(ChatConfig("openai", "m-1", credential="d")).allowed


def test_another_tenants_provider_is_not_paused(alpha: Tenant, beta: Tenant) -> None:
    fail(breakers.MAX_FAILURES)

    with tenant_context(beta):
        assert breakers.may_ask(CONFIG).allowed
    assert not breakers.may_ask(CONFIG).allowed


def test_of_two_workers_only_one_probes(committed_alpha: Tenant) -> None:
    with tenant_context(committed_alpha):
        fail(breakers.MAX_FAILURES)
        let_the_pause_end()

    def probe(_: int) -> bool:
        try:
            with tenant_context(committed_alpha):
                return breakers.may_ask(CONFIG).is_probe
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        probes = list(pool.map(probe, range(16)))

    assert probes.count(True) == 1
