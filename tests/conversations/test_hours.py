"""When a business is open: by its week, holidays, own days, and whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.types_hours import HoursState, Span
from conversations import brazil
from conversations.hours import BadSpan, Rules, Special, parse_span, state_at

SAO_PAULO = "America/Sao_Paulo"
WITH_LUNCH = (parse_span("08:00-12:00"), parse_span("13:30-18:00"))
MORNING = (parse_span("08:00-12:00"),)
WEEK = (*(WITH_LUNCH,) * 5, MORNING, ())
NIGHTS = (*((parse_span("22:00-02:00"),),) * 7,)


def at(text: str, zone: str = SAO_PAULO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def state(now: str, *, zone: str = SAO_PAULO, **rules: object) -> HoursState:
    return state_at(Rules(zone, **{"week": WEEK, **rules}), at(now, zone))  # type: ignore[arg-type]


def local(instant: datetime | None, zone: str = SAO_PAULO) -> str:
    return "" if instant is None else instant.astimezone(ZoneInfo(zone)).isoformat()[:16]


@pytest.mark.parametrize(
    ("now", "reason", "changes_at"),
    [
        ("2026-11-20T07:59", "closed", "2026-11-20T08:00"),
        ("2026-11-20T08:00", "open", "2026-11-20T12:00"),
        ("2026-11-20T12:00", "break", "2026-11-20T13:30"),
        ("2026-11-20T17:59", "open", "2026-11-20T18:00"),
        ("2026-11-20T18:00", "closed", "2026-11-21T08:00"),
        ("2026-11-21T12:00", "closed", "2026-11-23T08:00"),  # Saturday noon to Monday
        ("2026-11-22T10:00", "closed", "2026-11-23T08:00"),  # Sunday
    ],
)
def test_a_week_with_a_lunch_break_and_a_closed_sunday(
    now: str, reason: str, changes_at: str
) -> None:
    found = state(now)

    assert found.reason == reason
    assert found.is_open == (reason == "open")
    assert local(found.closes_at if found.is_open else found.opens_at) == changes_at


def test_without_a_week_it_is_always_open() -> None:
    assert state("2026-11-22T03:00", week=()) == HoursState.always()
    assert state("2026-11-22T03:00", week=((),) * 7).is_open


def test_a_night_goes_on_past_midnight_and_belongs_to_the_day_on_which_it_begins() -> None:
    holiday = Special(date(2026, 11, 22), date(2026, 11, 22), (), "Descanso")

    assert local(state("2026-11-21T23:00", week=NIGHTS).closes_at) == "2026-11-22T02:00"
    assert local(state("2026-11-22T01:59", week=NIGHTS).closes_at) == "2026-11-22T02:00"
    assert local(state("2026-11-22T02:00", week=NIGHTS).opens_at) == "2026-11-22T22:00"
    # Closed on Sunday: Saturday's night still ends at two, and Sunday's does not begin.
    assert state("2026-11-22T01:00", week=NIGHTS, specials=(holiday,)).is_open
    found = state("2026-11-22T22:30", week=NIGHTS, specials=(holiday,))
    assert (found.reason, found.name) == ("closure", "Descanso")
    assert local(found.opens_at) == "2026-11-23T22:00"


def test_days_that_touch_at_midnight_are_one_opening() -> None:
    week = ((parse_span("20:00-24:00"),), (parse_span("00:00-03:00"),), *((),) * 5)

    assert local(state("2026-11-23T23:59", week=week).closes_at) == "2026-11-24T03:00"
    whole = ((Span(0, 1440),),) * 7
    assert state("2026-11-23T23:59", week=whole).closes_at is None


@pytest.mark.parametrize(
    ("region", "day", "name"),
    [
        ("BR-SP", "2026-07-09", "Revolução Constitucionalista"),
        ("BR-BA", "2026-07-02", "Independência da Bahia"),
        ("BR", "2026-09-07", "Independência do Brasil"),
    ],
)
def test_holidays_are_those_of_the_country_and_of_the_state(
    region: str, day: str, name: str
) -> None:
    found = state(f"{day}T10:00", region=region)

    assert (found.reason, found.name) == ("holiday", name)
    assert state(f"{day}T10:00", region="BR-PR" if region != "BR" else "").is_open


def test_every_state_has_holidays() -> None:
    for region in brazil.REGIONS:
        assert {"Natal", "Tiradentes", "Sexta-feira Santa"} <= brazil.names(region, 2027)


def test_a_holiday_can_be_a_half_day_or_a_day_like_any_other() -> None:
    hours = (("Natal", MORNING), ("Finados", None))

    half = state("2026-12-25T09:00", region="BR", holiday_hours=hours)
    after = state("2026-12-25T13:00", region="BR", holiday_hours=hours)
    assert (half.is_open, local(half.closes_at)) == (True, "2026-12-25T12:00")
    assert (after.reason, after.name) == ("holiday", "Natal")
    assert state("2026-11-02T10:00", region="BR", holiday_hours=hours).is_open


def test_carnival_and_corpus_christi_are_left_to_the_business() -> None:
    for day in ("2026-02-17", "2026-06-04"):
        assert state(f"{day}T10:00", region="BR-SP").is_open
    closed = (("Carnaval", ()), ("Corpus Christi", ()))
    for day in ("2026-02-16", "2026-02-17", "2026-06-04"):
        assert not state(f"{day}T10:00", region="BR-SP", holiday_hours=closed).is_open
    assert not state("2026-02-17T10:00", region="BR-RJ").is_open  # there it is the law


def test_a_closure_goes_before_everything_and_a_day_within_it_before_the_closure() -> None:
    closure = Special(date(2026, 12, 21), date(2027, 1, 3), (), "Férias", "Voltamos {volta}.")
    opening = Special(date(2026, 12, 27), date(2026, 12, 27), MORNING, "Plantão")
    specials = (opening, closure)

    found = state("2026-12-22T10:00", specials=specials)
    assert (found.reason, found.name) == ("closure", "Férias")
    assert found.away_text == "Voltamos {volta}."
    assert local(found.opens_at) == "2026-12-27T08:00"  # a Sunday
    assert state("2026-12-27T09:00", specials=specials).is_open
    assert state("2026-12-27T13:00", specials=specials).reason == "closed"
    assert local(state("2026-12-28T10:00", specials=specials).opens_at) == "2027-01-04T08:00"


def test_a_citys_own_holiday_comes_every_year() -> None:
    city = Special(date(2020, 7, 14), date(2020, 7, 14), (), "Aniversário", every_year=True)
    over = Special(date(2020, 12, 30), date(2021, 1, 2), (), "Recesso", every_year=True)
    leap = Special(date(2024, 2, 29), date(2024, 2, 29), (), "Balanço", every_year=True)

    assert state("2026-07-14T10:00", specials=(city,)).name == "Aniversário"
    assert state("2027-01-01T10:00", specials=(over,)).name == "Recesso"
    assert state("2026-02-28T10:00", specials=(leap,)).name == "Balanço"
    assert state("2026-07-15T10:00", specials=(city,)).is_open


@pytest.mark.parametrize(
    ("first", "last", "closed", "is_open"),
    [
        (date(2027, 2, 26), date(2027, 3, 1), "2028-03-01", "2028-03-02"),
        (date(2024, 2, 26), date(2024, 3, 1), "2027-03-01", "2027-03-02"),
        (date(2027, 12, 28), date(2028, 3, 1), "2027-03-01", "2027-03-02"),
        (date(2024, 2, 29), date(2024, 2, 29), "2028-02-29", "2028-02-28"),
    ],
    ids=["to-a-leap-year", "from-a-leap-year", "over-new-year", "the-day-itself"],
)
def test_what_comes_every_year_ends_on_the_same_date_in_leap_years(
    first: date, last: date, closed: str, is_open: str
) -> None:
    special = Special(first, last, (), "Recesso", every_year=True)

    assert state(f"{closed}T10:00", specials=(special,)).name == "Recesso"
    assert state(f"{is_open}T10:00", specials=(special,)).is_open


def test_who_never_opens_promises_nothing() -> None:
    closure = Special(date(2026, 1, 1), date(2030, 1, 1), (), "Reforma")

    found = state("2026-05-05T10:00", specials=(closure,))
    assert (found.opens_at, found.period) == (None, "unknown")


def test_the_same_instant_is_judged_in_each_zone() -> None:
    now = datetime(2026, 11, 23, 11, 30, tzinfo=UTC)  # 8:30 in São Paulo, 6:30 in Rio Branco

    assert state_at(Rules(SAO_PAULO, WEEK), now).is_open
    away = state_at(Rules("America/Rio_Branco", WEEK), now)
    assert local(away.opens_at, "America/Rio_Branco") == "2026-11-23T08:00"


def test_hours_are_those_of_the_clock_when_the_clocks_change() -> None:
    berlin = "Europe/Berlin"  # 2026-03-29: 02:00 becomes 03:00; 2026-10-25: 03:00 becomes 02:00
    early = (((parse_span("02:30-06:00"),),)) * 7

    spring = state("2026-03-29T01:00", zone=berlin, week=early)
    assert local(spring.opens_at, berlin) == "2026-03-29T03:30"
    autumn = state_at(Rules(berlin, early), datetime(2026, 10, 25, 0, 40, tzinfo=UTC))
    assert autumn.is_open  # 02:40 for the first time, and open until the second 06:00
    assert local(autumn.closes_at, berlin) == "2026-10-25T06:00"
    # Brazil skipped midnight itself: the day began at one o'clock.
    opening = state("2018-11-03T23:30", week=((parse_span("00:00-06:00"),),) * 7)
    assert local(opening.opens_at) == "2018-11-04T01:00"


@pytest.mark.parametrize("text", ["12:00-08:00", "08:00-08:00", "8-12", "25:00-26:00", "x", ""])
def test_a_slip_is_no_span(text: str) -> None:
    with pytest.raises(BadSpan):
        parse_span(text)


spans = st.lists(
    st.tuples(st.integers(0, 1439), st.integers(1, 900)).map(lambda p: Span(p[0], p[0] + p[1])),
    max_size=3,
).map(tuple)


@settings(max_examples=150, deadline=None)
@given(
    week=st.tuples(*[spans] * 7).filter(any),
    zone=st.sampled_from(["America/Sao_Paulo", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]),
    now=st.integers(1_483_228_800, 1_830_297_600),  # seconds, from 2017 to 2027
    region=st.sampled_from(["", "BR", "BR-BA"]),
)
def test_a_state_holds_until_the_instant_that_it_names(
    week: tuple[tuple[Span, ...], ...], zone: str, now: int, region: str
) -> None:
    rules, instant = Rules(zone, week, region=region), datetime.fromtimestamp(now, UTC)
    found = state_at(rules, instant)

    changes_at = found.closes_at if found.is_open else found.opens_at
    if changes_at is None:
        return
    assert changes_at > instant
    middle = instant + (changes_at - instant) / 2
    just_before = changes_at - timedelta(microseconds=1)
    for one in (middle, just_before):
        assert state_at(rules, max(one, instant)).is_open == found.is_open
    assert state_at(rules, changes_at).is_open != found.is_open
