"""The Celery application: `celery -A config.celery worker`."""

from __future__ import annotations

import gc
import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

GARBAGE_AFTER = 20_000
"""New objects after which a worker looks for garbage among them, some megabytes; Python's own
figure of 700 is passed several times in one turn."""

app = Celery("prosa", task_cls="tenants.celery:TenantTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect
def refuse_unsafe_database(**_: Any) -> None:
    """Stop a worker whose database would mix tenants."""
    from tenants.checks import refuse_unsafe_database

    refuse_unsafe_database()


@signals.worker_init.connect
def warm_up(sender: Any = None, **_: Any) -> None:
    """Load the models before the first task, in workers that answer contacts.

    A worker that takes work while it loads lets contacts wait whom another would have answered.
    """
    if "thread" in str(getattr(sender, "pool_cls", "")):
        from agents.services import assembly
        from conversations import brazil

        assembly.warm_up()
        brazil.warm_up()
        # What is loaded by now stays: to look through it again and again for garbage took a
        # twentieth of the time. What turns leave behind is found by counting references, mostly.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_AFTER)


@signals.setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Leave the logging as Django's settings made it."""
