"""Pages are loaded where they are served, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.core.management import call_command, get_commands, load_command_class

from config.settings.base import BASE_DIR

LOADED = "import sys; print(sum(name.startswith('unfold.admin') for name in sys.modules))"


@pytest.mark.parametrize(
    ("program", "is_serving"),
    [
        ("from config.celery import app; app.loader.import_default_modules()", False),
        ("import config.asgi", True),
    ],
    ids=["worker", "web"],
)
def test_only_who_serves_pages_loads_them(program, is_serving):
    done = subprocess.run(
        [sys.executable, "-c", f"{program}; {LOADED}"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout.split()[-1] != "0") is is_serving


def test_no_command_of_ours_loads_them_to_look_through_the_code():
    ours = {name: app for name, app in get_commands().items() if app in ("config", "tenants")}

    assert {"dispatcher", "prepare", "stack"} <= ours.keys()
    for name, app in ours.items():
        assert load_command_class(app, name).requires_system_checks == (), name


def test_django_finds_nothing_wrong_with_the_code(db):
    call_command("check", fail_level="WARNING")
