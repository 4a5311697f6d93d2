"""The Celery application: `celery -A config.celery worker`."""

from __future__ import annotations

import os
import threading
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

app = Celery("prosa", task_cls="tenants.celery:TenantTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.worker_init.connect
def refuse_unsafe_database(**_: Any) -> None:
    """Stop a worker whose database would mix tenants."""
    from tenants.checks import refuse_unsafe_database

    refuse_unsafe_database()


@signals.worker_ready.connect
def warm_up(sender: Any = None, **_: Any) -> None:
    """Load the models beside the first tasks, in workers that answer contacts."""
    pool = getattr(sender, "pool_cls", None) or getattr(sender.controller, "pool_cls", "")
    if "thread" in f"{getattr(pool, '__module__', '')}{pool}":
        from agents.services import assembly

        threading.Thread(target=assembly.warm_up, name="warm-up", daemon=True).start()


@signals.setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Leave the logging as Django's settings made it."""
