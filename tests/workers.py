"""Workers that begin in the same instant, and workers that die at a named place."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db import connection
from django_tenants.utils import schema_context

from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.failpoints import EXIT_CODE
from tenants.timers import Doorbell

DEADLINE_S = 60.0


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Do things in threads that begin together, each with a connection to the caller's schema.

    Returns:
        What each returned, in the order of `works`; of one that was refused, the refusal.
    """
    schema, gate = current_schema(), threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        try:
            with schema_context(schema):
                gate.wait(DEADLINE_S)
                return work()
        except DomainError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        begun = [threads.submit(one, work) for work in works]
        return [future.result(DEADLINE_S) for future in begun]


def die_at(failpoint: str, run: Callable[..., Any], bell: Doorbell) -> None:
    """Let a process of its own work on a doorbell of tenant alpha, and die at a place.

    Args:
        run: a service that takes `timer_id` and `token`; found by its module and name.
    """
    code = (
        "import uuid, django; django.setup();"
        "from django_tenants.utils import schema_context;"
        f"from {run.__module__} import {run.__qualname__} as run;"
        "scope = schema_context('t_alpha'); scope.__enter__();"
        f"run(timer_id={bell.timer_id}, token=uuid.UUID('{bell.token}'))"
    )
    place = connection.settings_dict
    url = (
        f"postgres://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}"
        f"/{place['NAME']}"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": url,
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEYS": ",".join(settings.FIELD_ENCRYPTION_KEYS),
        "FAILPOINT": failpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == EXIT_CODE, done.stderr[-2000:]
