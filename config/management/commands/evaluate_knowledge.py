"""Ask a tenant's knowledge questions whose answers are known, and say how it does."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django_tenants.utils import tenant_context

from config import evaluation_report
from knowledge.models import EvaluationRun
from knowledge.services import evaluation
from knowledge.services.evaluation import Outcome
from tenants.commands import QuickCommand
from tenants.errors import DomainError
from tenants.models import Tenant

ACTOR = "evaluate_knowledge"

POLL_S = 2.0
"""Pause before looking again at a run that a worker has, in seconds."""


class Command(QuickCommand):
    """`evaluate_knowledge SLUG questions.jsonl`."""

    help = "Ask a tenant's knowledge the questions of a file, and compare with the last run."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the command line."""
        parser.add_argument("slug", help="the tenant")
        parser.add_argument("questions", type=Path, help="JSON lines, one question each")
        parser.add_argument(
            "--set", metavar="NAME", help="default: the file's name without its end"
        )
        parser.add_argument("--json", action="store_true", help="print the figures as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Store the set, run it here, and print the figures.

        Raises:
            CommandError: no such tenant or file, no question in it, or the run failed.
        """
        tenant = Tenant.objects.ready().filter(slug=options["slug"]).first()
        if tenant is None:
            ready = Tenant.objects.ready().order_by("slug")
            slugs = ", ".join(ready.values_list("slug", flat=True))
            raise CommandError(f'No tenant has the slug "{options["slug"]}"; there are: {slugs}')
        path: Path = options["questions"]
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        with tenant_context(tenant):
            self._evaluate(content, name=options["set"] or path.stem, as_json=options["json"])

    def _evaluate(self, content: bytes, *, name: str, as_json: bool) -> None:
        try:
            stored = evaluation.store_set(name=name, content=content, actor=ACTOR)
        except DomainError as error:
            raise CommandError(str(error)) from error
        for line in stored.bad_lines:
            self.stderr.write(f"line {line.number} left out: {line.reason}")
        run = evaluation.start_run(
            of=stored.set, now=timezone.now(), actor=ACTOR, is_announced=False
        )
        show = None if as_json or not sys.stderr.isatty() else self._show
        while not run.is_over:
            outcome = evaluation.work_on_run(
                run_id=run.pk, now=timezone.now(), slice_s=float("inf"), progress=show
            )
            if outcome is Outcome.NOT_DUE:
                time.sleep(POLL_S)  # a worker has it, or died and leaves it to us soon
            run = EvaluationRun.objects.select_related("set").get(pk=run.pk)
            if outcome is Outcome.POSTPONED:
                raise CommandError("The embedding model did not answer; a worker tries again.")
        if run.status == EvaluationRun.Status.FAILED:
            raise CommandError(f"The run failed: {run.failure_reason}")
        before = evaluation.find_before(run)
        if as_json:
            report = evaluation_report.as_dict(run, before=before, bad_lines=stored.bad_lines)
            self.stdout.write(json.dumps(report, ensure_ascii=False, indent=2))
        else:
            self.stdout.write(evaluation_report.as_table(run, before=before))

    def _show(self, n_done: int, n_total: int) -> None:
        end = "\n" if n_done == n_total else "\r"
        sys.stderr.write(f"  {n_done}/{n_total} questions{end}")
        sys.stderr.flush()
