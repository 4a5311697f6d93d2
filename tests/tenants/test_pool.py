"""The pool of connections, and a server that went away and came back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
from django.db import OperationalError, connection
from psycopg_pool import ConnectionPool


def test_a_server_that_restarted_fails_one_call_and_not_one_for_each_connection(committed_alpha):
    n = 4
    all_hold = threading.Barrier(n)

    def hold() -> int:
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            (pid,) = cursor.fetchone()
        all_hold.wait(30)
        connection.close()
        return int(pid)

    def can_ask(_: int) -> bool:
        try:
            with connection.cursor() as cursor:
                cursor.execute("select 1")
        except OperationalError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(n) as threads:
        pids = [one.result() for one in [threads.submit(hold) for _ in range(n)]]
    assert len(set(pids)) == n
    with connection.cursor() as cursor:
        cursor.execute("select pg_terminate_backend(pid, 5000) from unnest(%s) as pid", [pids])

    with ThreadPoolExecutor(1) as threads:
        could = list(threads.map(can_ask, range(5 * n)))

    assert could.count(False) == 1


def test_who_waits_through_an_outage_is_served_at_its_end(committed_alpha):
    tries = iter(range(4))

    class Outage(psycopg.Connection[Any]):
        @classmethod
        def connect(cls, conninfo: str = "", **options: Any) -> Any:
            if next(tries, None) is not None:
                raise psycopg.OperationalError("the server is down")
            return super().connect(conninfo, **options)

    rules = connection.settings_dict["OPTIONS"]["pool"]
    with ConnectionPool(
        connection_class=Outage,
        kwargs=connection.get_connection_params(),
        # Each series of tries is over at its second one.
        **{**rules, "reconnect_timeout": 0.1, "timeout": 10},
    ) as pool:
        held = pool.getconn()  # nobody else comes meanwhile, who would begin another series
        assert held.execute("select 1").fetchone() == (1,)
        pool.putconn(held)


def test_a_broken_connection_of_a_pool_that_is_closed_can_be_given_back(committed_alpha):
    def hold_and_lose() -> None:
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
        connection.close_pool()
        connection.connection.pgconn.finish()
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("select 1")
            assert cursor.fetchone() == (1,)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        threads.submit(hold_and_lose).result()
