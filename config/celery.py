"""The Celery application: `celery -A config.celery worker`."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
# Looking through the code, as our commands do not either: see `tenants.commands`.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

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
        from tenants import garbage

        assembly.warm_up()
        brazil.warm_up()
        garbage.settle()


@signals.task_received.connect
def share_a_rush(request: Any = None, **_: Any) -> None:
    """Ask for no more turns while some wait to begin here; called by the main thread."""
    if getattr(request, "name", "") == "conversations.tasks.run_turns":
        from conversations.services import orchestrator

        orchestrator.take_breath()


@signals.setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Leave the logging as Django's settings made it."""
