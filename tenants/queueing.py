"""The only way in which this project publishes a task."""

from __future__ import annotations

import logging
from functools import partial

from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from tenants.celery import SCHEMA_HEADER
from tenants.context import current_schema

logger = logging.getLogger(__name__)


def enqueue(path: str, /, **kwargs: object) -> None:
    """Publish the task at `path` for the current tenant once the open transaction commits.

    The schema is noted now: by the time the transaction commits, the code that knew the tenant has
    usually left its schema. Services name tasks by path, so that tasks may import services.

    A broker that is away is no error: the message is a doorbell, and a sweep finds the row.

    Args:
        path: import path of the task, such as ``"conversations.tasks.run_turn"``.
        kwargs: ids and plain scalars.

    Raises:
        ImportError: no such task; raised here and not at commit.
    """
    task = import_string(path)
    transaction.on_commit(partial(ring, path=path, schema=current_schema(), kwargs=kwargs))
    del task  # imported only to find a misspelt path now


def ring(
    *, path: str, schema: str, kwargs: dict[str, object], expires_s: float | None = None
) -> bool:
    """Publish at once for `schema`; False when the broker cannot be reached.

    Args:
        expires_s: a worker that gets it later than this drops it; None for never.
    """
    task = import_string(path)
    try:
        task.apply_async(kwargs=kwargs, headers={SCHEMA_HEADER: schema}, expires=expires_s)
    except OperationalError:
        logger.warning("broker unreachable", extra={"task": path})
        return False
    return True
