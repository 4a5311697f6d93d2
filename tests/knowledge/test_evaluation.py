"""Evaluation sets and runs: stored, run once however many workers, and compared."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context

from knowledge.models import EvaluationQuestion, EvaluationResult, EvaluationRun, EvaluationSet
from knowledge.services import evaluation, figures
from knowledge.services.evaluation import Outcome
from tenants.models import Tenant
from tests.knowledge.factories import NOW, ready

DEADLINE_S = 60.0
FAQ = (
    "# Horário\n\nAbrimos de segunda a sábado, das 10h às 19h.\n\n"
    "# Troca\n\nAceitamos em 30 dias.\n"
)
ROWS: list[dict[str, object]] = [
    {
        "id": "A1",
        "type": "answerable",
        "question": "que horas abre?",
        "evidence": [{"doc": "faq.md", "quote": "das 10h às 19h"}],
    },
    {
        "id": "A2",
        "type": "answerable",
        "question": "quantos dias pra trocar?",
        "evidence": [{"doc": "faq.md", "quote": "Aceitamos em 30 dias."}],
    },
    {
        "id": "F1",
        "type": "followup",
        "question": "e no sábado?",
        "history": [
            {"role": "user", "text": "que horas abre?"},
            {"role": "assistant", "text": "10h"},
        ],
        "evidence": [{"doc": "faq.md", "quote": "segunda a sábado"}],
    },
    {"id": "U1", "type": "unanswerable", "question": "vai chover?", "reason": "off_topic"},
]


def content(rows: list[dict[str, object]] = ROWS) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def stored(name: str = "kit") -> EvaluationSet:
    return evaluation.store_set(name=name, content=content(), actor="ana").set


def started(of: EvaluationSet) -> EvaluationRun:
    return evaluation.start_run(of=of, now=NOW, actor="ana")


def run_through(of: EvaluationSet) -> EvaluationRun:
    run = started(of)
    assert evaluation.work_on_run(run_id=run.pk, now=NOW) is Outcome.READY
    run.refresh_from_db()
    return run


def test_a_run_has_the_figures_of_its_questions(alpha: Tenant) -> None:
    ready(FAQ, name="faq.md")

    run = run_through(stored())

    assert run.status == "ready"
    assert run.progress == 100
    answerable = run.metrics["by_type"]["answerable"]
    assert (answerable["n"], answerable["recall_5"], answerable["in_context"]) == (2, 1.0, 1.0)
    assert run.metrics["by_type"]["followup"]["recall_1"] == 1.0
    assert run.metrics["by_category"]["precos"]["n"] == 3
    assert run.metrics["abstention"]["n_unanswerable"] == 1
    assert run.metrics["abstention"]["auroc"] == 1.0
    assert sum(run.metrics["reasons"]["off_topic"].values()) == 1


def test_a_newer_file_brings_the_set_up_to_date_and_keeps_what_was_run(alpha: Tenant) -> None:
    ready(FAQ, name="faq.md")
    of = stored()
    run_through(of)

    again = evaluation.store_set(
        name="kit", content=content([{**ROWS[0], "question": "abre quando?"}]), actor="ana"
    )

    assert again.set == of
    active = EvaluationQuestion.objects.filter(is_active=True)
    assert [one.question for one in active] == ["abre quando?"]
    assert EvaluationResult.objects.count() == 4
    assert run_through(of).metrics["by_type"]["answerable"]["n"] == 1


def test_bad_lines_take_no_question_out_of_use(alpha: Tenant) -> None:
    stored()

    again = evaluation.store_set(name="kit", content=content(ROWS[:1]) + b"\n{", actor="ana")

    assert [line.number for line in again.bad_lines] == [2]
    assert EvaluationQuestion.objects.filter(is_active=True).count() == 4


def test_a_sign_that_the_database_does_not_keep_takes_no_question_along(alpha: Tenant) -> None:
    odd = {**ROWS[-1], "question": "vai\x00 chover?"}

    made = evaluation.store_set(name="kit", content=content([ROWS[0], odd]), actor="ana")

    assert (made.n_questions, made.bad_lines) == (2, ())
    assert made.set.questions.get(ref="U1").question == "vai chover?"


def test_a_file_without_a_question_is_refused_and_stores_nothing(alpha: Tenant) -> None:
    with pytest.raises(evaluation.FileUnusable):
        evaluation.store_set(name="kit", content=b"not json\n", actor="ana")

    assert not EvaluationSet.objects.exists()


def test_a_run_goes_on_where_its_dead_worker_stopped(alpha: Tenant) -> None:
    ready(FAQ, name="faq.md")
    run = started(stored())
    assert evaluation.work_on_run(run_id=run.pk, now=NOW, slice_s=0) is Outcome.CONTINUES
    assert EvaluationResult.objects.count() == 1
    first = EvaluationResult.objects.get().pk
    # A worker takes it and is killed: its lease stays behind.
    EvaluationRun.objects.filter(pk=run.pk).update(
        status="running", lease_token=uuid.uuid4(), lease_until=NOW + timedelta(seconds=60)
    )
    assert evaluation.work_on_run(run_id=run.pk, now=NOW) is Outcome.NOT_DUE
    assert evaluation.requeue_stalled(now=NOW) == 0

    later = NOW + timedelta(seconds=61)
    assert evaluation.requeue_stalled(now=later) == 1
    assert evaluation.requeue_stalled(now=later) == 0
    assert evaluation.work_on_run(run_id=run.pk, now=later) is Outcome.READY

    assert EvaluationResult.objects.filter(pk=first).exists()
    assert EvaluationResult.objects.count() == 4


def test_a_run_that_keeps_killing_its_worker_is_given_up(alpha: Tenant) -> None:
    run = started(stored())
    EvaluationRun.objects.filter(pk=run.pk).update(n_attempts=evaluation.MAX_ATTEMPTS)

    assert evaluation.work_on_run(run_id=run.pk, now=NOW) is Outcome.FAILED
    run.refresh_from_db()
    assert run.failure_reason


def test_what_got_worse_is_named(alpha: Tenant) -> None:
    ready(FAQ, name="faq.md")
    of = stored()
    before = run_through(of)
    after = run_through(of)
    EvaluationRun.objects.filter(pk=after.pk).update(created_at=NOW + timedelta(hours=1))
    after.refresh_from_db()
    EvaluationResult.objects.filter(run=after, question__ref="A2").update(rank=None)
    EvaluationResult.objects.filter(run=before, question__ref="F1").update(rank=4)

    moved = figures.compare(before, after)

    assert evaluation.find_before(after) == before
    assert evaluation.find_before(before) is None
    assert [(one.question.ref, one.after) for one in moved.worse] == [("A2", None)]
    assert [(one.question.ref, one.before) for one in moved.better] == [("F1", 4)]
    assert [one.question.ref for one in figures.failed(after, limit=5)] == ["A2"]


def test_a_second_start_gives_the_run_under_way(alpha: Tenant) -> None:
    of = stored()

    assert started(of) == started(of)
    assert EvaluationRun.objects.count() == 1


def test_the_same_ids_in_two_tenants_have_their_own_figures(alpha: Tenant, beta: Tenant) -> None:
    ready(FAQ, name="faq.md")
    mine = run_through(stored())
    with tenant_context(beta):
        ready(FAQ.replace("19h", "20h"), name="faq.md")
        theirs = run_through(stored())
        assert (theirs.pk, theirs.set_id) == (mine.pk, mine.set_id)
        assert theirs.metrics["by_type"]["answerable"]["recall_5"] == 0.5

    mine.refresh_from_db()
    assert mine.metrics["by_type"]["answerable"]["recall_5"] == 1.0


def test_of_two_workers_one_runs_it_and_of_two_starts_one_counts(committed_alpha: Tenant) -> None:
    ready(FAQ, name="faq.md")
    of = stored()
    barrier = threading.Barrier(3)
    outcomes: list[Outcome] = []
    runs: set[int] = set()

    def work() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=DEADLINE_S)
                run = started(of)
                runs.add(run.pk)
                barrier.wait(timeout=DEADLINE_S)
                outcomes.append(evaluation.work_on_run(run_id=run.pk, now=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE_S)
        assert not thread.is_alive()

    assert len(runs) == 1
    assert sorted(outcomes) == [Outcome.NOT_DUE, Outcome.NOT_DUE, Outcome.READY]
    assert EvaluationResult.objects.count() == 4
