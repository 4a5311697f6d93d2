"""When a burst counts as complete; pure rules, with any sequence of messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from conversations.services.accumulator import due_at
from conversations.types import BurstSettings

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
BURST = BurstSettings(quiet_s=5, max_wait_s=60, max_messages=20, freshness_s=900)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_each_message_starts_the_quiet_window_anew():
    assert due_at(now=at(0), first_pending_at=at(0), n_pending=1, burst=BURST) == at(5)
    assert due_at(now=at(4), first_pending_at=at(0), n_pending=2, burst=BURST) == at(9)


def test_the_cap_ends_the_wait_of_somebody_who_never_stops():
    assert due_at(now=at(58), first_pending_at=at(0), n_pending=9, burst=BURST) == at(60)
    assert due_at(now=at(75), first_pending_at=at(0), n_pending=9, burst=BURST) == at(75)


def test_the_last_allowed_message_is_answered_at_once():
    assert due_at(now=at(3), first_pending_at=at(0), n_pending=20, burst=BURST) == at(3)


def test_typing_may_wait_longer_but_never_past_the_cap():
    due = due_at(now=at(55), first_pending_at=at(0), n_pending=2, burst=BURST, wait_s=10)
    assert due == at(60)


@given(
    gaps=st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=40),
    quiet_s=st.floats(0, 30),
    extra_s=st.floats(0, 120),
    max_messages=st.integers(1, 30),
)
def test_any_burst_ends_within_its_caps(gaps, quiet_s, extra_s, max_messages):
    burst = BurstSettings(
        quiet_s=quiet_s, max_wait_s=quiet_s + extra_s, max_messages=max_messages, freshness_s=900
    )
    now = START
    for n_pending, gap in enumerate(gaps, start=1):
        now += timedelta(seconds=gap)
        due = due_at(now=now, first_pending_at=START, n_pending=n_pending, burst=burst)
        assert now <= due <= now + timedelta(seconds=quiet_s, microseconds=2)
        assert due <= max(now, START + timedelta(seconds=burst.max_wait_s, microseconds=2))
        if n_pending >= max_messages:
            assert due == now
