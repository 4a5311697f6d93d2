from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django_tenants.utils import schema_context, tenant_context

from integrations.llm.types import NOT_MEASURED, Usage
from integrations.models import ModelCall
from integrations.prices.models import ExchangeRate, ModelPrice
from integrations.services import prices
from integrations.services.prices import cost_of, price_of
from tenants.models import Tenant

ON = date(2026, 3, 2)


def add(model: str = "m-1", *, input_usd: str = "1", since: date = date(2026, 1, 1)) -> ModelPrice:
    prices.forget()
    return ModelPrice.objects.create(
        provider="openai",
        model=model,
        valid_from=since,
        input_usd=Decimal(input_usd),
        output_usd=Decimal(4),
        cached_input_usd=Decimal("0.5"),
    )


def test_cached_tokens_cost_their_own_price(alpha: Tenant) -> None:
    add()

    price = price_of(provider="openai", model="m-1", on=ON)
    cost = cost_of(usage=Usage(1_000_000, 500_000, 400_000, 100_000), price=price)

    assert cost.kind == ModelCall.CostKind.EXACT
    assert cost.usd == Decimal("0.6") + Decimal("0.2") + Decimal(2)


def test_what_is_kept_for_later_costs_its_own_price(alpha: Tenant) -> None:
    add()
    ModelPrice.objects.update(cache_write_usd=Decimal("1.25"))

    price = price_of(provider="openai", model="m-1", on=ON)
    usage = Usage(1_000_000, 500_000, 400_000, cache_write_tokens=200_000)
    cost = cost_of(usage=usage, price=price)

    assert cost.kind == ModelCall.CostKind.EXACT
    assert cost.usd == Decimal("0.4") + Decimal("0.2") + Decimal("0.25") + Decimal(2)
    assert price is not None
    assert price.as_json()["cache_write_usd"] == "1.250000"


def test_what_is_kept_at_a_price_that_nobody_said_is_an_estimate(alpha: Tenant) -> None:
    add()

    price = price_of(provider="openai", model="m-1", on=ON)
    kept = cost_of(usage=Usage(1_000_000, 0, cache_write_tokens=1), price=price)
    none = cost_of(usage=Usage(1_000_000, 0, cache_write_tokens=0), price=price)

    assert (kept.kind, kept.usd) == (ModelCall.CostKind.ESTIMATED, Decimal(1))
    assert (none.kind, none.usd) == (ModelCall.CostKind.EXACT, Decimal(1))


def test_all_may_be_kept_before_a_call_and_nothing_was_where_none_was_counted(
    alpha: Tenant,
) -> None:
    add()
    ModelPrice.objects.update(cache_write_usd=Decimal("1.25"))

    price = price_of(provider="openai", model="m-1", on=ON)
    before, after = (
        prices.estimate(n_input_characters=3_500, n_output_tokens=0, price=price, is_kept=is_kept)
        for is_kept in (True, False)
    )

    assert before.usd == 1_001 * Decimal("1.25") / 1_000_000
    assert after.usd == 1_001 * Decimal(1) / 1_000_000


def test_anthropic_takes_a_quarter_more_for_what_it_keeps_five_minutes(alpha: Tenant) -> None:
    prices.ensure_shipped()

    for price in ModelPrice.objects.all():
        kept = price.input_usd * Decimal("1.25") if price.provider == "anthropic" else None
        assert price.cache_write_usd == kept, price


def test_what_nobody_knows_the_price_of_is_not_free(alpha: Tenant) -> None:
    price = price_of(provider="openai", model="new", on=ON)

    assert price is None
    assert cost_of(usage=Usage(10, 10), price=price) == prices.UNKNOWN


def test_what_nobody_counted_is_not_free(alpha: Tenant) -> None:
    add()
    price = price_of(provider="openai", model="m-1", on=ON)

    assert cost_of(usage=NOT_MEASURED, price=price).usd is None


def test_the_model_that_is_built_in_costs_nothing(alpha: Tenant) -> None:
    cost = cost_of(usage=NOT_MEASURED, price=price_of(provider="offline", model="", on=ON))

    assert (cost.kind, cost.usd) == (ModelCall.CostKind.EXACT, Decimal(0))


def test_sound_costs_by_the_minute(alpha: Tenant) -> None:
    ModelPrice.objects.create(
        provider="openai",
        model="whisper-1",
        valid_from=date(2026, 1, 1),
        input_usd=0,
        output_usd=0,
        minute_usd=Decimal("0.006"),
    )
    price = price_of(provider="openai", model="whisper-1", on=ON)

    assert cost_of(usage=NOT_MEASURED, price=price, seconds=90).usd == Decimal("0.009")


def test_the_price_of_the_day_counts(alpha: Tenant) -> None:
    add(input_usd="1", since=date(2026, 1, 1))
    add(input_usd="2", since=date(2026, 3, 1))
    add(input_usd="3", since=date(2026, 4, 1))

    found = [
        price_of(provider="openai", model="m-1", on=on)
        for on in (date(2025, 12, 31), date(2026, 2, 1), ON)
    ]

    assert [one and one.input_usd for one in found] == [None, Decimal(1), Decimal(2)]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("m-1", "1"),
        ("m-1-2026-01-05", "1"),
        ("m-1-latest", "1"),
        ("m-1-preview-05-20", "1"),
        ("m-1-mini", "9"),
        ("m-1-mini-0105", "9"),
    ],
)
def test_a_dated_version_is_found_by_the_longest_name(
    alpha: Tenant, asked: str, found: str
) -> None:
    add()
    add("m-1-mini", input_usd="9")

    price = price_of(provider="openai", model=asked, on=ON)

    assert price is not None
    assert price.input_usd == Decimal(found)


@pytest.mark.parametrize("model", ["m-10", "m", "xm-1", "m-1-pro", "m-1-5", "m-1-2026-x"])
def test_a_name_that_only_begins_alike_is_another_model(alpha: Tenant, model: str) -> None:
    add()

    assert price_of(provider="openai", model=model, on=ON) is None


def test_a_tenants_own_price_comes_before_the_platforms_and_is_its_own(
    alpha: Tenant, beta: Tenant
) -> None:
    with schema_context("public"):
        add(input_usd="1")
    add(input_usd="7")

    mine = price_of(provider="openai", model="m-1", on=ON)
    with tenant_context(beta):
        theirs = price_of(provider="openai", model="m-1", on=ON)

    assert mine is not None
    assert theirs is not None
    assert (mine.input_usd, mine.source) == (Decimal(7), "own")
    assert (theirs.input_usd, theirs.source) == (Decimal(1), "platform")


def test_an_own_price_says_nothing_of_a_model_that_the_platform_knows_by_a_longer_name(
    alpha: Tenant,
) -> None:
    with schema_context("public"):
        add("m-1-mini", input_usd="0.1")
    add("m-1", input_usd="9")

    mini = price_of(provider="openai", model="m-1-mini-2026-01-01", on=ON)
    dated = price_of(provider="openai", model="m-1-2026-01-01", on=ON)

    assert mini is not None
    assert dated is not None
    assert (mini.input_usd, mini.source) == (Decimal("0.1"), "platform")
    assert (dated.input_usd, dated.source) == (Decimal(9), "own")


def test_the_rate_of_the_day_is_the_newest_that_counts_by_then(alpha: Tenant) -> None:
    ExchangeRate.objects.create(valid_from=date(2026, 3, 1), usd_brl=Decimal("5.40"))
    ExchangeRate.objects.create(valid_from=date(2026, 3, 3), usd_brl=Decimal("5.60"))

    assert prices.rate_on(ON) == Decimal("5.40")
    assert prices.rate_on(date(2026, 2, 1)) is None


def test_the_shipped_list_is_added_once_and_changes_nothing_that_people_changed(
    alpha: Tenant,
) -> None:
    first = prices.ensure_shipped()
    changed = ModelPrice.objects.filter(model="gpt-4o")
    changed.update(input_usd=Decimal(99), is_shipped=False)  # as the admin does

    assert first > 20
    assert prices.ensure_shipped() == 0
    assert ModelPrice.objects.get(model="gpt-4o").input_usd == Decimal(99)


def test_what_was_shipped_before_is_corrected_and_what_is_gone_taken_out(alpha: Tenant) -> None:
    prices.ensure_shipped()
    n_shipped = ModelPrice.objects.count()
    ModelPrice.objects.filter(model="whisper-1").update(minute_usd=9, source="", checked_on=None)
    old = add("retired")
    ModelPrice.objects.filter(pk=old.pk).update(is_shipped=True)

    assert prices.ensure_shipped() == 2

    assert ModelPrice.objects.count() == n_shipped
    assert ModelPrice.objects.get(model="whisper-1").minute_usd == Decimal("0.006")
    for price in ModelPrice.objects.all():  # a day without its page proves nothing
        assert bool(price.source.startswith("https://")) == (price.checked_on is not None), price


def test_what_nobody_confirmed_makes_costs_estimates(alpha: Tenant) -> None:
    usage = Usage(1_000_000, 0)
    with schema_context("public"):
        add("sure")
        add("unsure")
        ModelPrice.objects.update(is_shipped=True)
        ModelPrice.objects.filter(model="sure").update(checked_on=ON)

    found = {
        model: cost_of(usage=usage, price=price_of(provider="openai", model=model, on=ON))
        for model in ("sure", "unsure")
    }
    add("unsure")  # what a tenant writes itself it is sure of
    own = cost_of(usage=usage, price=price_of(provider="openai", model="unsure", on=ON))

    assert [one.kind for one in (*found.values(), own)] == ["exact", "estimated", "exact"]
    assert {one.usd for one in (*found.values(), own)} == {Decimal(1)}


def test_sound_that_was_counted_in_tokens_is_paid_by_them(alpha: Tenant) -> None:
    price = prices.Price(Decimal(2), Decimal(10), None, Decimal("0.006"), ON, "own")

    counted = cost_of(usage=Usage(500_000, 100_000), price=price, seconds=60)
    told = cost_of(usage=NOT_MEASURED, price=price, seconds=60)

    assert (counted.usd, told.usd) == (Decimal(2), Decimal("0.006"))
