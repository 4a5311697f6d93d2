"""Create or update one tenant from a blueprint file."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from config.blueprints import applying, loading, overwriting
from config.blueprints.schema import Blueprint
from knowledge.models import Document
from tenants.commands import QuickCommand
from tenants.context import release_connection
from tenants.errors import DomainError

POLL_S = 0.5
BRIDGE_WITHIN_S = 15
FINAL = (Document.Status.READY, Document.Status.FAILED)


class Command(QuickCommand):
    """`apply_blueprint FILE`."""

    help = "Create or update one tenant from a YAML blueprint; safe to repeat."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("file", type=Path, help="the blueprint; documents lie beside it")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--dry-run", action="store_true", help="only tell what would change; write nothing"
        )
        parser.add_argument(
            "--wait", action="store_true", help="until every document is ready or failed"
        )
        parser.add_argument(
            "--timeout",
            type=float,
            default=900,
            metavar="S",
            help="give up waiting after so many seconds (default: %(default)s)",
        )
        parser.add_argument(
            "--bridge", metavar="URL", help="where every device's bridge is, in place of the file's"
        )
        parser.add_argument(
            "--no-provision", action="store_true", help="do not tell the bridge about the devices"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Apply the file and report.

        Raises:
            CommandError: the file was refused, or a document could not be read.
        """
        file: Path = options["file"]
        try:
            blueprint = loading.load(file)
            if options["bridge"]:
                blueprint = _moved(blueprint, options["bridge"])
            if options["dry_run"]:
                self._rehearse(blueprint, folder=file.parent, as_json=options["json"])
                return
            applied = applying.apply(blueprint, folder=file.parent, now=timezone.now())
        except loading.BadBlueprint as error:
            listed = "\n".join(f"  {problem}" for problem in error.problems)
            raise CommandError(f"{file} was refused, nothing was changed:\n{listed}") from error
        except DomainError as error:
            raise CommandError(f"{file}: {error}") from error
        if applied.changes and not options["no_provision"]:
            applying.provision(applied)
        if not options["json"]:
            self._tell(applied.changes, slug=applied.tenant.slug)
        problem = self._wait(applied, timeout_s=options["timeout"]) if options["wait"] else ""
        if options["wait"] and applied.changes and not options["no_provision"]:
            self._wait_for_bridge(applied)
        if options["json"]:
            self.stdout.write(json.dumps(applying.summary(applied), ensure_ascii=False, indent=2))
        if problem:
            raise CommandError(problem)

    def _wait_for_bridge(self, applied: applying.Applied) -> None:
        """Wait a little for the bridge; one that is away is a word, and no failure."""
        until = time.monotonic() + BRIDGE_WITHIN_S
        while (missing := applying.unprovisioned(applied)) and time.monotonic() < until:
            release_connection()
            time.sleep(POLL_S)
        for line in missing:
            self.stderr.write(f"Not provisioned: {line}")

    def _rehearse(self, blueprint: Blueprint, *, folder: Path, as_json: bool) -> None:
        changes = applying.rehearse(blueprint, folder=folder, now=timezone.now())
        if as_json:
            told = {"is_dry_run": True, "changes": changes}
            self.stdout.write(json.dumps(told, ensure_ascii=False, indent=2))
            return
        slug = blueprint.tenant.slug
        self._tell(changes, slug=slug)
        self.stdout.write("Nothing was written: this was a dry run.")
        if any(overwriting.REPLACED in change for change in changes):
            self.stdout.write(
                f"To keep what people have set, write it into the file before you apply it;"
                f" `manage.py export_blueprint {slug}` prints how it is now."
            )

    def _tell(self, changes: list[str], *, slug: str) -> None:
        for change in changes:
            self.stdout.write(change)
        if not changes:
            self.stdout.write(f"tenant {slug}: no changes")

    def _wait(self, applied: applying.Applied, *, timeout_s: float) -> str:
        """Wait for the documents, telling their progress; return what went wrong, or nothing."""
        until = time.monotonic() + timeout_s
        told: dict[int, str] = {}
        while True:
            documents = applying.document_states(applied)
            for document in documents:
                line = f"{document.category.name}/{document.name}: {_progress(document)}"
                if told.get(document.pk) != line:
                    told[document.pk] = line
                    self.stderr.write(line)
            unfinished = [one for one in documents if one.status not in FINAL]
            if not unfinished:
                n_failed = sum(one.status == Document.Status.FAILED for one in documents)
                return f"{n_failed} documents could not be read." if n_failed else ""
            if time.monotonic() > until:
                return f"{len(unfinished)} documents are not finished. Does a worker run?"
            release_connection()
            time.sleep(POLL_S)


def _moved(blueprint: Blueprint, url: str) -> Blueprint:
    """Return a blueprint whose devices are all held by one bridge."""
    devices = [
        one.model_copy(update={"bridge": one.bridge.model_copy(update={"base_url": url})})
        for one in blueprint.devices
    ]
    return blueprint.model_copy(update={"devices": devices})


def _progress(document: Document) -> str:
    match document.status:
        case Document.Status.READY:
            return f"ready, {document.n_chunks} passages"
        case Document.Status.FAILED:
            return f"failed: {document.failure_reason}"
        case Document.Status.QUEUED:
            return "waiting for a worker"
    return f"{document.progress} %"
