"""Pages of what the knowledge lacks: what each role sees and does, and that it can be undone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from knowledge.admin_findings import marked
from knowledge.models import (
    Category,
    Document,
    EmbeddingSpace,
    EvaluationRun,
    EvaluationSet,
    Finding,
    Search,
    UnansweredQuestion,
)
from knowledge.services import evaluation, gaps
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role, published
from tests.admin.rows import fill_everything
from tests.knowledge.factories import NOW, ready
from tests.knowledge.test_evaluation import FAQ, content
from tests.knowledge.test_findings import LIST, PROMO, compare
from tests.knowledge.test_gaps import ask

UNANSWERED = "/admin/knowledge/unansweredquestion/"
FINDINGS = "/admin/knowledge/finding/"
SETS = "/admin/knowledge/evaluationset/"


@pytest.fixture
def cluster(alpha: Tenant) -> UnansweredQuestion:
    for wording in ("tem convenio com a unimed", "vcs atendem plano unimed?"):
        ask(wording)
    gaps.gather_unanswered(now=NOW)
    return UnansweredQuestion.objects.get()


def test_a_question_becomes_an_entry_with_one_form(
    cluster: UnansweredQuestion, owner: Client
) -> None:
    shelf = Category.objects.create(name="faq")
    page = owner.get(UNANSWERED).content.decode()
    assert cluster.question in page
    assert "tem convenio com a unimed" in page
    assert "/admin/knowledge/knowledgesettings/test/?question=" in page
    form = owner.get(f"{UNANSWERED}{cluster.pk}/faq/").context["form"]
    assert form.initial == {
        "question": cluster.question,
        "phrasings": "tem convenio com a unimed",
    }

    answer = owner.post(
        f"{UNANSWERED}{cluster.pk}/faq/",
        {**form.initial, "answer": "Sim, atendemos Unimed.", "category": shelf.pk},
    )

    assert answer.status_code == 302
    cluster.refresh_from_db()
    assert cluster.status == "answered"
    assert cluster.faq == Document.objects.get(kind="faq")
    assert cluster.question not in owner.get(UNANSWERED).content.decode()
    assert cluster.question in owner.get(f"{UNANSWERED}?status=answered").content.decode()
    assert AuditEntry.objects.filter(action="unanswered_question.answered").exists()


def test_an_empty_answer_keeps_the_form_and_the_question_open(
    cluster: UnansweredQuestion, owner: Client
) -> None:
    page = owner.post(f"{UNANSWERED}{cluster.pk}/faq/", {"question": "x", "new_category": "faq"})

    assert page.status_code == 200
    assert page.context["form"].errors
    assert gaps.n_open() == 1


def test_putting_aside_can_be_undone(cluster: UnansweredQuestion, owner: Client) -> None:
    page = owner.post(f"{UNANSWERED}{cluster.pk}/dismiss/", follow=True)
    assert f"{UNANSWERED}{cluster.pk}/reopen/" in page.content.decode()
    assert gaps.n_open() == 0

    owner.post(f"{UNANSWERED}{cluster.pk}/reopen/")

    assert gaps.n_open() == 1


def test_an_auditor_looks_and_changes_nothing(cluster: UnansweredQuestion) -> None:
    auditor = as_role("auditor")

    assert auditor.get(UNANSWERED).status_code == 200
    assert auditor.get(f"{UNANSWERED}{cluster.pk}/faq/").status_code == 200
    assert auditor.get(f"{UNANSWERED}coverage/").status_code == 200
    for what in ("faq", "dismiss", "reopen"):
        assert auditor.post(f"{UNANSWERED}{cluster.pk}/{what}/").status_code == 403
    assert gaps.n_open() == 1


def test_nothing_happens_by_a_link_alone(cluster: UnansweredQuestion, owner: Client) -> None:
    owner.get(f"{UNANSWERED}{cluster.pk}/dismiss/")

    assert gaps.n_open() == 1


def test_coverage_is_drawn_and_says_so_when_there_is_nothing(owner: Client) -> None:
    assert "<svg" not in owner.get(f"{UNANSWERED}coverage/").content.decode().split("pz-page")[1]
    fill_everything()
    Search.objects.update(origin="chat", answered=True, created_at=timezone.now())

    for by in ("day", "week"):
        page = owner.get(f"{UNANSWERED}coverage/?by={by}")
        assert page.status_code == 200
        assert 'class="pz-coverage"' in page.content.decode()


@pytest.fixture
def finding(alpha: Tenant) -> Finding:
    compare(ready(LIST, name="precos.csv"), ready(PROMO, name="promo.csv"))
    return Finding.objects.get()


def test_a_contradiction_is_shown_with_its_values_marked(finding: Finding, owner: Client) -> None:
    page = owner.get(FINDINGS).content.decode()

    assert "<mark>R$ 220,00</mark>" in page
    assert "<mark>R$ 149,00</mark>" in page


def test_a_last_day_settles_it_and_undo_takes_it_back(finding: Finding, owner: Client) -> None:
    promo = Document.objects.get(name="promo.csv")
    url = f"{FINDINGS}{finding.pk}"
    owner.post(f"{url}/end/{promo.pk}/", {"last_day": "2030-03-31"})
    promo.refresh_from_db()
    assert str(promo.valid_until) == "2030-03-31"

    owner.post(f"{url}/undo/")

    promo.refresh_from_db()
    assert promo.valid_until is None
    finding.refresh_from_db()
    assert finding.status == "open"


def test_the_bin_settles_it_and_undo_takes_it_back(finding: Finding, owner: Client) -> None:
    promo = Document.objects.get(name="promo.csv")
    owner.post(f"{FINDINGS}{finding.pk}/bin/{promo.pk}/")
    assert Document.objects.get(pk=promo.pk).deleted_at is not None

    owner.post(f"{FINDINGS}{finding.pk}/undo/")

    assert Document.objects.get(pk=promo.pk).deleted_at is None


def test_only_its_own_documents_can_be_settled_by_a_finding(
    finding: Finding, owner: Client
) -> None:
    other = ready("# Outra\n\nCoisa nenhuma.\n", name="outra.md")

    assert owner.post(f"{FINDINGS}{finding.pk}/bin/{other.pk}/").status_code == 404
    assert (
        owner.post(f"{FINDINGS}{finding.pk}/end/{other.pk}/", {"last_day": ""}).status_code == 302
    )
    assert Document.objects.filter(deleted_at=None).count() == 3


def test_marks_do_not_let_html_through() -> None:
    html = str(marked("<b>R$ 10</b> e R$ 10,50", ["R$ 10", "R$ 10,50"]))

    assert html == "&lt;b&gt;<mark>R$ 10</mark>&lt;/b&gt; e <mark>R$ 10,50</mark>"


def upload(client: Client, data: bytes, name: str = "kit.jsonl") -> str:
    page = client.post(SETS, {"file": SimpleUploadedFile(name, data)}, follow=True)
    return page.content.decode()


def test_a_set_is_uploaded_run_and_compared(owner: Client, alpha: Tenant) -> None:
    ready(FAQ, name="faq.md")
    page = upload(owner, content() + b"\n{broken\n")
    of = EvaluationSet.objects.get()
    assert of.name == "kit"
    assert "5" in page  # the line that was left out
    owner.post(f"{SETS}{of.pk}/start/")
    owner.post(f"{SETS}{of.pk}/start/")
    run = EvaluationRun.objects.get()
    assert published().count("knowledge.tasks.run_evaluation") == 1
    assert '<meta http-equiv="refresh"' in owner.get(f"{SETS}{of.pk}/set/").content.decode()
    evaluation.work_on_run(run_id=run.pk, now=NOW)
    owner.post(f"{SETS}{of.pk}/start/")
    second = EvaluationRun.objects.exclude(pk=run.pk).get()
    evaluation.work_on_run(run_id=second.pk, now=NOW)

    page = owner.get(f"{SETS}runs/{second.pk}/?with={run.pk}").content.decode()

    assert "nDCG@10" in page
    assert "vai chover?" in page or "faq" in page
    assert "<polyline" in owner.get(f"{SETS}{of.pk}/set/").content.decode()


def test_a_file_without_questions_says_why(owner: Client) -> None:
    page = upload(owner, b"hello\n")

    assert "JSON" in page
    assert not EvaluationSet.objects.exists()


def test_the_pages_of_two_tenants_show_their_own(
    cluster: UnansweredQuestion, owner: Client, beta: Tenant
) -> None:
    with tenant_context(beta):
        other = UnansweredQuestion.objects.create(
            pk=cluster.pk,
            question="pergunta de beta",
            n_asked=1,
            first_asked_at=NOW,
            last_asked_at=NOW,
        )
        page = as_role("owner").get(f"{UNANSWERED}{other.pk}/change/").content.decode()
        assert "pergunta de beta" in page
        assert cluster.question not in page

    page = owner.get(f"{UNANSWERED}{cluster.pk}/change/").content.decode()
    assert cluster.question in page
    assert "pergunta de beta" not in page


def test_a_page_of_questions_asked_often_reads_few_rows_of_each(
    cluster: UnansweredQuestion, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "SHOWN_SEARCHES", 1)

    with CaptureQueriesContext(connection) as queries:
        page = owner.get(UNANSWERED)

    assert page.status_code == 200
    assert cluster.question in page.content.decode()
    read = [one["sql"] for one in queries.captured_queries if "knowledge_search" in one["sql"]]
    assert [sql for sql in read if '."passages"' in sql and "DISTINCT ON" not in sql] == []
    assert any("ROW_NUMBER" in sql for sql in read)


def test_the_page_says_that_the_embedding_model_refuses_us(
    cluster: UnansweredQuestion, owner: Client
) -> None:
    url = "/admin/knowledge/embeddingspace/"
    before = owner.get(UNANSWERED)
    EmbeddingSpace.objects.update(rests_until=timezone.now() + timedelta(minutes=30))

    after = owner.get(UNANSWERED)

    assert before.context["rests_until"] is None
    assert after.context["rests_until"] is not None
    assert f'class="pz-link" href="{url}"' in after.content.decode()
