"""Create a platform operator or set the password of one."""

from __future__ import annotations

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from tenants.commands import QuickCommand
from tenants.services import staff


class Command(QuickCommand):
    """Makes a platform operator."""

    help = "Create a platform operator; the password is asked for, or read from OPERATOR_PASSWORD."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name."""
        parser.add_argument("username")
        parser.add_argument("--email", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or update the operator in schema `public`."""
        connection.set_schema_to_public()  # type: ignore[attr-defined]
        password = os.environ.get("OPERATOR_PASSWORD") or getpass.getpass("Password: ")
        if len(password) < 8:
            raise CommandError("A password has at least 8 characters.")
        _, changed = staff.ensure_user(
            username=options["username"],
            email=options["email"],
            role="",
            password=password,
            is_operator=True,
        )
        self.stdout.write("Operator saved." if changed else "Operator unchanged.")
