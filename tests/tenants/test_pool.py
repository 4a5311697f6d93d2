"""The pool of connections, and a server that went away and came back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from django.db import OperationalError, connection


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
