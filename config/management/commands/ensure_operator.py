"""Create a platform operator or set the password of one."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import connection
from django.utils import translation

from config import env
from tenants.commands import QuickCommand
from tenants.services import staff


class Command(QuickCommand):
    """Makes a platform operator."""

    help = "Create a platform operator; the password is asked for, or read from OPERATOR_PASSWORD."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the name."""
        parser.add_argument("username")
        parser.add_argument("--email", help="left out, the one there is stays")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create or update the operator in schema `public`.

        Raises:
            CommandError: no password is to be had, or name, e-mail or password cannot be taken.
        """
        connection.set_schema_to_public()  # type: ignore[attr-defined]
        username, email = options["username"], options["email"]
        found = User.objects.filter(username=username).first()
        if email is None:
            email = found.email if found else ""
        try:
            with translation.override("en"):  # as all that commands say
                User(username=username, email=email).clean_fields(exclude=["password"])
        except ValidationError as error:
            listed = [f"{name}: {' '.join(said)}" for name, said in error.message_dict.items()]
            raise CommandError("\n".join(listed)) from error
        password = env.text("OPERATOR_PASSWORD") or self._asked()
        if len(password) < 8:
            raise CommandError("A password has at least 8 characters.")
        _, changed = staff.ensure_user(
            username=username,
            email=email,
            role="",
            password=password,
            is_operator=True,
        )
        self.stdout.write("Operator saved." if changed else "Operator unchanged.")

    def _asked(self) -> str:
        try:
            return getpass.getpass("Password: ")
        except EOFError as error:
            raise CommandError(
                "Nobody is there to be asked: set OPERATOR_PASSWORD, or OPERATOR_PASSWORD_FILE."
            ) from error
