"""`manage.py evaluate_knowledge` as a person at a terminal, or a script, sees it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django_tenants.utils import tenant_context

from knowledge.models import EvaluationRun, EvaluationSet
from tenants.models import Tenant
from tests.knowledge.factories import ready
from tests.knowledge.test_evaluation import FAQ, content


@pytest.fixture
def questions(alpha: Tenant, tmp_path: Path) -> Path:
    ready(FAQ, name="faq.md")
    path = tmp_path / "perguntas.jsonl"
    path.write_bytes(content() + b"\n{broken\n")
    connection.set_schema_to_public()
    return path


def evaluate(*args: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("evaluate_knowledge", *args, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_it_prints_the_figures_and_then_what_changed(questions: Path, alpha: Tenant) -> None:
    out, err = evaluate("alpha", str(questions))

    assert "answerable" in out
    assert "nDCG@10" in out
    assert "AUROC" in out
    assert "differences" not in out
    assert err.startswith("line 5 left out: ")

    out, _err = evaluate("alpha", str(questions))

    assert "differences from the run of" in out
    assert "worse: 0" in out
    with tenant_context(alpha):
        assert EvaluationSet.objects.get().name == "perguntas"
        assert EvaluationRun.objects.filter(status="ready").count() == 2


def test_its_json_says_the_same(questions: Path) -> None:
    out, _err = evaluate("alpha", str(questions), "--set", "kit", "--json")

    report = json.loads(out)
    assert report["set"] == "kit"
    assert report["figures"]["by_type"]["answerable"]["n"] == 2
    assert report["bad_lines"][0]["line"] == 5
    assert report["before"] is None


@pytest.mark.parametrize(
    ("slug", "name"), [("nobody", "perguntas.jsonl"), ("alpha", "missing.jsonl")]
)
def test_what_is_not_there_is_told(slug: str, name: str, questions: Path) -> None:
    with pytest.raises(CommandError):
        evaluate(slug, str(questions.with_name(name)))
