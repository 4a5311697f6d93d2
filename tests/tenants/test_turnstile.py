"""Few pieces of work begin at a time, and whoever waits for the network makes room."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import connection
from django_tenants.utils import tenant_context

from integrations import http
from tenants import turnstile
from tenants.context import database_now
from tenants.turnstile import Turnstile
from tests.fakes.http import ScriptedServer, json_answer, wait_until

LONG_S = 30.0


@pytest.fixture
def threads():
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Holder:
    """A thread that holds a place until it is told to leave."""

    def __init__(self, pool: ThreadPoolExecutor, stile: Turnstile) -> None:
        self.inside, self.end = threading.Event(), threading.Event()
        self.future = pool.submit(self._run, stile)

    def _run(self, stile: Turnstile) -> None:
        with stile.place():
            self.inside.set()
            assert self.end.wait(10)


def n_waiting(stile: Turnstile) -> int:
    return len(stile._line)


def enter(pool: ThreadPoolExecutor, stile: Turnstile, then: Callable[[], None]):
    """Let a thread enter, and return once it is inside or stands in the line."""

    def run() -> None:
        with stile.place():
            began.set()
            then()

    began, before = threading.Event(), n_waiting(stile)
    future: Future[None] = pool.submit(run)
    wait_until(lambda: began.is_set() or n_waiting(stile) > before)
    return future


def test_each_goes_in_its_order(threads):
    stile, order = Turnstile(n_places=1, longest_wait_s=LONG_S), list[str]()
    holder = Holder(threads, stile)
    assert holder.inside.wait(5)

    futures = [
        enter(threads, stile, lambda name=name: order.append(name))
        for name in ("first", "second", "third")
    ]
    assert order == []
    holder.end.set()
    for future in futures:
        future.result(5)

    assert order == ["first", "second", "third"]


def test_calm_is_when_nobody_waits_for_a_place(threads):
    stile = Turnstile(n_places=1, longest_wait_s=LONG_S)
    stile.wait_for_calm(longest_s=LONG_S)
    holder = Holder(threads, stile)
    assert holder.inside.wait(5)
    stile.wait_for_calm(longest_s=LONG_S)  # one is inside, and nobody waits
    waiting = enter(threads, stile, lambda: None)

    calm = threads.submit(stile.wait_for_calm, longest_s=LONG_S)
    stile.wait_for_calm(longest_s=0.01)  # not calm, and no longer waited for
    assert not calm.done()
    holder.end.set()

    calm.result(5)
    waiting.result(5)


def test_as_many_as_there_are_places_are_inside(threads):
    stile = Turnstile(n_places=2, longest_wait_s=LONG_S)
    first, second, third = (Holder(threads, stile) for _ in range(3))

    wait_until(lambda: n_waiting(stile) == 1)
    inside = [one for one in (first, second, third) if one.inside.is_set()]
    assert len(inside) == 2
    inside[0].end.set()
    wait_until(lambda: all(one.inside.is_set() for one in (first, second, third)))
    for one in (first, second, third):
        one.end.set()
        one.future.result(5)

    assert stile._n_free == 2


def test_who_waits_for_the_network_has_no_place_meanwhile(threads):
    stile = Turnstile(n_places=1, longest_wait_s=LONG_S)
    answered, was_free = threading.Event(), []

    class Slow(ScriptedServer):
        def take(self, request):
            holder = Holder(threads, stile)
            was_free.append(holder.inside.wait(5))
            holder.end.set()
            return super().take(request)

    with Slow() as server:
        server.script(json_answer({}))
        with stile.place():
            http.request("GET", server.url)
            answered.set()

    assert answered.is_set()
    assert was_free == [True]


def test_a_place_is_given_on_once(threads):
    stile = Turnstile(n_places=1)
    with stile.place():
        turnstile.leave()
        turnstile.leave()

    assert stile._n_free == 1


def test_one_that_fails_gives_its_place_on():
    stile = Turnstile(n_places=1)
    with pytest.raises(ValueError, match="broken"), stile.place():
        raise ValueError("broken")

    assert stile._n_free == 1


def test_who_finds_no_place_in_time_begins_all_the_same(threads):
    stile = Turnstile(n_places=1, longest_wait_s=0.05)
    holder = Holder(threads, stile)
    assert holder.inside.wait(5)

    with stile.place():
        assert not holder.end.is_set()
    assert (stile._n_free, n_waiting(stile)) == (0, 0)
    holder.end.set()
    holder.future.result(5)

    assert stile._n_free == 1


def test_who_has_to_wait_holds_no_connection(committed_alpha, threads):
    stile = Turnstile(n_places=1, longest_wait_s=LONG_S)
    holder = Holder(threads, stile)
    assert holder.inside.wait(5)
    held: list[object] = []

    def work() -> None:
        with tenant_context(committed_alpha):
            database_now()
            with stile.place():
                held.append(connection.connection)

    future = threads.submit(work)
    wait_until(lambda: n_waiting(stile) == 1)
    holder.end.set()
    future.result(5)

    assert held == [None]
