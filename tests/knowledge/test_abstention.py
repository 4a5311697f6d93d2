from __future__ import annotations

import pytest
from django_tenants.utils import tenant_context
from hypothesis import given
from hypothesis import strategies as st

from knowledge import abstention
from knowledge.models import KnowledgeSettings
from knowledge.types import Decision
from tenants.models import Tenant


@pytest.mark.parametrize(
    ("confidence", "decision"),
    [
        (0.0, Decision.UNKNOWN),
        (abstention.ASK_FROM - 0.001, Decision.UNKNOWN),
        (abstention.ASK_FROM, Decision.ASK),
        (abstention.ANSWER_FROM - 0.001, Decision.ASK),
        (abstention.ANSWER_FROM, Decision.ANSWER),
        (1.0, Decision.ANSWER),
    ],
)
def test_there_are_three_zones(confidence: float, decision: Decision) -> None:
    assert abstention.decide(confidence=confidence, settings=None) is decision


def test_a_tenant_that_wants_every_question_answered_gets_it() -> None:
    zones = abstention.between(ask=None, answer=0.0)

    assert abstention.decide(confidence=0.001, settings=zones) is Decision.ANSWER
    assert abstention.decide(confidence=0.0, settings=zones) is Decision.UNKNOWN


@given(
    st.one_of(st.none(), st.floats(0, 1)),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_the_zones_never_cross(ask: float | None, answer: float | None) -> None:
    zones = abstention.between(ask=ask, answer=answer)

    assert 0 <= zones.ask_from <= zones.answer_from <= 1
    assert answer is None or zones.answer_from == answer


@given(st.floats(0, 1), st.floats(0, 1))
def test_who_is_surer_is_never_treated_as_less_sure(low: float, high: float) -> None:
    low, high = sorted((low, high))
    rank = [Decision.UNKNOWN, Decision.ASK, Decision.ANSWER]

    assert rank.index(abstention.decide(confidence=low, settings=None)) <= rank.index(
        abstention.decide(confidence=high, settings=None)
    )


def test_each_tenant_has_its_own_thresholds(alpha: Tenant, beta: Tenant) -> None:
    KnowledgeSettings.objects.create(pk=1, answer_threshold=0.8)
    with tenant_context(beta):
        KnowledgeSettings.objects.create(pk=1, ask_threshold=0.3)

        assert abstention.current() == abstention.Thresholds(0.3, abstention.ANSWER_FROM)

    assert abstention.current() == abstention.Thresholds(abstention.ASK_FROM, 0.8)
    settings = KnowledgeSettings.objects.get()
    assert abstention.thresholds(settings) == abstention.current()


def test_a_tenant_without_settings_has_the_defaults(alpha: Tenant) -> None:
    assert abstention.current() == abstention.DEFAULT
