from __future__ import annotations

import uuid

from celery import shared_task
from django.utils import timezone
from django.utils.translation import override

from knowledge.services import bin as paper_bin
from knowledge.services import (
    evaluation,
    findings,
    gaps,
    ingesting,
    searches,
    spaces,
    vector_indexes,
    versions,
    web,
    web_reading,
)
from tenants.context import current_schema
from tenants.models import Tenant


def _in_the_tenants_language() -> override:
    """Let what is written down for people, such as why a file failed, be in their language."""
    rows = Tenant.objects.filter(schema_name=current_schema())
    return override(rows.values_list("language", flat=True).get())


@shared_task
def ingest_document(*, document_id: int, **_: object) -> str:
    """Read a document and make it searchable; the sweep repeats what ends in an error."""
    with _in_the_tenants_language():
        return ingesting.ingest_document(document_id=document_id, now=timezone.now()).value


@shared_task
def fill_space(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Embed what another embedding model lacks, and switch to it when nothing is missing."""
    with _in_the_tenants_language():
        outcomes = [
            spaces.fill_space(timer_id=timer_id, token=uuid.UUID(token))
            for timer_id, token in bells
        ]
    return " ".join(outcomes)


@shared_task
def read_web_source(*, bells: list[tuple[int, str]], **_: object) -> str:
    """Read the pages of web sources."""
    with _in_the_tenants_language():
        outcomes = [
            web_reading.read_web_source(timer_id=timer_id, token=uuid.UUID(token))
            for timer_id, token in bells
        ]
    return " ".join(outcomes)


@shared_task
def requeue_stalled(**_: object) -> str:
    """Announce documents again that no worker holds; rung every 30 s for each tenant."""
    now = timezone.now()
    # People wait for these; the others are only cleaning, and one that fails ends the run.
    n_announced = ingesting.requeue_stalled(now=now)
    paper_bin.purge_bin(now=now)
    versions.prune_files(now=now)
    spaces.sweep(now=now)
    web.sweep(now=now)
    searches.prune(now=now)
    gaps.requeue_waiting(now=now)
    findings.requeue_waiting(now=now)
    evaluation.requeue_stalled(now=now)
    vector_indexes.ring_if_due()
    return f"announced {n_announced}"


@shared_task
def gather_unanswered(**_: object) -> str:
    """Put questions that found no answer beside those that mean the same."""
    return f"gathered {gaps.gather_unanswered(now=timezone.now())}"


@shared_task
def compare_document(*, document_id: int, **_: object) -> str:
    """Look for passages that contradict or repeat those of a document."""
    return findings.compare_document(document_id=document_id, now=timezone.now()).value


@shared_task
def run_evaluation(*, run_id: int, **_: object) -> str:
    """Ask the questions of an evaluation; the sweep repeats what ends in an error."""
    with _in_the_tenants_language():
        return evaluation.work_on_run(run_id=run_id, now=timezone.now()).value


@shared_task
def index_vectors(**_: object) -> str:
    """Make or remove the index over a tenant's vectors; the sweep rings again what was cut off."""
    return vector_indexes.index_vectors().value
