"""What `manage.py stack` and `manage.py demo` are asked for: refused in words where it is wrong."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from config import local


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", "99999"), ("--port", "eight"), ("--simulator-port", "0"), ("--workers", "0")],
)
def test_a_port_or_number_that_is_none_is_refused(option: str, value: str) -> None:
    local.set_environment([option, value])  # reads it before the command does, and leaves it to it

    with pytest.raises(CommandError, match=f"{option}: {value} is no"):
        call_command("stack", option, value)
