"""What our commands have in common."""

from __future__ import annotations

from django.core.management.base import BaseCommand


class QuickCommand(BaseCommand):
    """A command that starts at once.

    Django would look through the code before each, and load every page of the panel for that. The
    code is the same each time: the tests look through it.
    """

    requires_system_checks = ()
