"""Combining: one round for all who wait, each of one tenant, and nobody harmed by another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connection, connections, transaction
from django_tenants.utils import schema_context

from tenants import combining
from tenants.combining import Combiner
from tenants.context import current_schema, database_now
from tests.fakes.http import wait_until

Round = tuple[str, list[int], bool]


class World:
    """Notes each round; the first one of a tenant lasts until the others have come."""

    def __init__(
        self,
        *,
        most: int = 10,
        linger_s: float = 0.0,
        refuse: Callable[[Sequence[int]], None] | None = None,
    ):
        self.rounds: list[Round] = []
        self.gate = threading.Event()
        self.refuse = refuse
        self.combiner: Combiner[int, str] = Combiner(self.work, most=most, linger_s=linger_s)
        self.results: dict[int, object] = {}
        self.threads: list[threading.Thread] = []

    def work(self, items: Sequence[int], *, alone: bool) -> dict[int, str]:
        self.rounds.append((current_schema(), list(items), alone))
        self.gate.wait(60)
        if self.refuse is not None:
            self.refuse(items)
        return {item: f"{current_schema()}:{item}" for item in items if item >= 0 or alone}

    def come(self, *items: int, schema: str = "t_alpha") -> None:
        for item in items:
            thread = threading.Thread(target=self._do, args=(item, schema))
            n_before = self.n_waiting(schema)
            is_first = schema not in self.combiner._lines
            self.threads.append(thread)
            thread.start()
            if is_first:
                wait_until(lambda: any(one[0] == schema for one in self.rounds))
            else:
                wait_until(lambda n=n_before: self.n_waiting(schema) > n)

    def n_waiting(self, schema: str) -> int:
        return len(self.combiner._lines.get(schema, ()))

    def go_on(self) -> None:
        self.gate.set()
        for thread in self.threads:
            thread.join(10)

    def _do(self, item: int, schema: str) -> None:
        try:
            with schema_context(schema):
                self.results[item] = self.combiner.do(item)
        except ValueError as error:
            self.results[item] = error
        finally:
            connection.close()


def test_who_comes_first_does_not_wait_and_the_others_share_a_round():
    world = World()
    world.come(1, 2, 3, 4)
    world.go_on()

    assert world.rounds == [("t_alpha", [1], False), ("t_alpha", [2, 3, 4], False)]
    assert world.results == {item: f"t_alpha:{item}" for item in (1, 2, 3, 4)}
    assert world.combiner._lines == {}


def test_who_leads_lingers_for_more_only_where_there_is_company():
    world = World(linger_s=0.5)
    world.come(1)  # alone, at once
    world.come(2, 3)
    world.gate.set()
    wait_until(lambda: world.n_waiting("t_alpha") == 1)  # the second leads and lingers
    world.come(4)
    world.go_on()

    assert [items for _, items, _ in world.rounds] == [[1], [2, 3, 4]]


def test_a_round_has_a_bound_and_the_next_of_the_line_goes_on():
    world = World(most=2)
    world.come(1, 2, 3, 4, 5, 6)
    world.go_on()

    assert [items for _, items, _ in world.rounds] == [[1], [2, 3], [4, 5], [6]]
    assert len(world.results) == 6


def test_two_tenants_share_no_round_and_do_not_wait_for_each_other():
    world = World()
    world.come(1, 2)
    world.come(11, 12, schema="t_beta")
    world.go_on()

    rounds = [(schema, items) for schema, items, _ in world.rounds]
    assert sorted(rounds) == [
        ("t_alpha", [1]),
        ("t_alpha", [2]),
        ("t_beta", [11]),
        ("t_beta", [12]),
    ]
    assert world.results[12] == "t_beta:12"


def test_one_that_fails_fails_alone():
    def refuse(items: Sequence[int]) -> None:
        if 3 in items:
            raise ValueError(items)

    world = World(refuse=refuse)
    world.come(1, 2, 3, 4)
    world.go_on()

    failed = world.results.pop(3)
    assert isinstance(failed, ValueError)
    assert failed.args == ([3],)
    assert world.results == {item: f"t_alpha:{item}" for item in (1, 2, 4)}
    assert world.combiner._lines == {}


def test_one_that_is_left_out_is_tried_alone():
    world = World()
    world.come(1, -2, 3)
    world.go_on()

    assert world.rounds[-1] == ("t_alpha", [-2], True)
    assert world.results[-2] == "t_alpha:-2"


def test_the_line_goes_on_where_a_connection_cannot_be_given_back(monkeypatch):
    own = threading.local()

    def fail() -> None:  # but not before a thread has worked
        if hasattr(own, "has_come"):
            raise ValueError("a transaction is open")
        own.has_come = True

    monkeypatch.setattr(combining, "release_connection", fail)
    world = World()
    world.come(1, 2, 3)
    world.go_on()

    assert world.combiner._lines == {}
    assert world.results[3] == "t_alpha:3"


def test_who_stands_in_the_line_holds_no_connection(committed_alpha):
    wrappers = []

    def come(item: int) -> None:
        try:
            with schema_context("t_alpha"):
                database_now()
                wrappers.append(connections["default"])
                world.combiner.do(item)
        finally:
            connection.close()

    world = World()
    world.come(1)
    world.threads.append(threading.Thread(target=come, args=(2,)))
    world.threads[-1].start()
    wait_until(lambda: world.n_waiting("t_alpha") == 1)

    assert wrappers[0].connection is None
    world.go_on()


def test_who_has_a_transaction_open_is_refused(committed_alpha):
    world = World()
    with (
        schema_context("t_alpha"),
        transaction.atomic(),
        pytest.raises(RuntimeError, match="transaction"),
    ):
        world.combiner.do(1)

    assert (world.rounds, world.combiner._lines) == ([], {})


@pytest.mark.parametrize("n", [1, 2])
def test_a_failure_of_a_round_reaches_who_came_for_it(n):
    def refuse(items: Sequence[int]) -> None:
        raise ValueError(items)

    world = World(refuse=refuse)
    world.come(*range(n))
    world.go_on()

    assert [type(one) for one in world.results.values()] == [ValueError] * n
