"""Print one tenant's configuration as a blueprint."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from config.blueprints import exporting
from tenants.commands import QuickCommand
from tenants.models import Tenant


class Command(QuickCommand):
    """`export_blueprint SLUG`."""

    help = "Print one tenant's configuration as YAML, secrets as names of environment variables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("slug", help="the tenant")
        parser.add_argument(
            "--directory",
            type=Path,
            metavar="DIR",
            help="write DIR/blueprint.yaml and the documents beside it instead of printing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, or write, the blueprint.

        Raises:
            CommandError: no such tenant, it is not ready, or the folder cannot be written.
        """
        tenant = Tenant.objects.ready().filter(slug=options["slug"]).first()
        if tenant is None:
            slugs = ", ".join(
                Tenant.objects.ready().order_by("slug").values_list("slug", flat=True)
            )
            raise CommandError(f'No tenant has the slug "{options["slug"]}"; there are: {slugs}')
        text = exporting.as_yaml(exporting.export(tenant))
        directory: Path | None = options["directory"]
        if directory is None:
            self.stdout.write(text, ending="")
            return
        try:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "blueprint.yaml").write_text(text, encoding="utf-8")
            n_written = exporting.write_documents(tenant, folder=directory)
        except OSError as error:
            where = error.filename or directory
            raise CommandError(f"{where} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{directory / 'blueprint.yaml'} and {n_written} documents written")
