"""Questions without an answer: gathered once, made into FAQs, and never mixed between tenants."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import override_settings
from django_tenants.utils import schema_context, tenant_context

from integrations.models import Credential
from knowledge import spaces
from knowledge.models import Category, Document, EmbeddingSpace, Search, UnansweredQuestion
from knowledge.services import coverage, gaps, searches
from knowledge.services.gaps import Miss
from knowledge.types import ChunkKind, Decision, Passage, SearchResult
from tenants.models import Tenant
from tests.fakes.embeddings import FakeEmbeddings, Mode
from tests.knowledge.factories import NOW
from tests.knowledge.spaces import credential, switch_to

DEADLINE_S = 60.0
ZONE = ZoneInfo("America/Sao_Paulo")


def passage(*, document: Document | None = None, cosine: float = 0.8) -> Passage:
    return Passage(
        chunk_id=1,
        document_id=document.pk if document else 1,
        document_name=document.name if document else "faq.md",
        document_title=document.title if document else "faq.md",
        document_uuid=document.uuid if document else uuid.UUID(int=1),
        version=1,
        category=document.category.name if document else "faq",
        heading_path="Horário",
        body="Abrimos de segunda a sábado.",
        page=None,
        kind=ChunkKind.TEXT,
        score=1.0,
        cosine=cosine,
        lexical=0.0,
        grams=0.0,
    )


def result(
    question: str,
    *,
    confidence: float = 0.1,
    threshold: float = 0.5,
    decision: Decision = Decision.UNKNOWN,
    passages: tuple[Passage, ...] = (),
) -> SearchResult:
    return SearchResult(
        passages=passages,
        confidence=confidence,
        normalised_query=question,
        decision=decision,
        threshold=threshold,
        best_cosine=passages[0].cosine if passages else None,
    )


def ask(
    question: str,
    *,
    answered: bool | None = False,
    origin: str = "chat",
    at: datetime = NOW,
    previous: str = "",
    agent_name: str = "Recepção",
    found: SearchResult | None = None,
) -> Search:
    search = searches.new_search(
        origin=origin,
        question=question,
        previous=previous,
        result=found or result(question),
        turn_uuid=uuid.uuid4(),
        agent_name=agent_name,
        answered=answered,
        asked_by="",
        settings={},
        category_ids=None,
        now=at,
    )
    searches.record([search])
    return search


def gathered() -> dict[str, int]:
    rows = UnansweredQuestion.objects.order_by("pk")
    return dict(rows.values_list("question", "n_asked"))


def test_a_search_is_kept_with_all_that_was_known(alpha: Tenant) -> None:
    found = result("abre?", confidence=0.4, decision=Decision.ASK, passages=(passage(),))

    row = ask("abre domingo?", found=found)

    row = Search.objects.get()
    assert (row.decision, row.confidence, row.threshold, row.best_cosine) == ("ask", 0.4, 0.5, 0.8)
    assert row.passages[0]["document"] == "faq.md"
    assert row.passages[0]["scores"]["cosine"] == 0.8


def test_what_identifies_a_contact_is_not_kept(alpha: Tenant) -> None:
    question = "meu cpf é 123.456.789-09, liga 19 99876-5432"

    row = ask(question, previous=question, found=result(question))
    gaps.gather_unanswered(now=NOW)

    kept = [row.question, row.previous, row.normalised, *gathered()]
    assert not any("456" in one or "9987" in one for one in kept)
    assert ask(question, origin="test", answered=None).question == question


def test_old_searches_are_forgotten(alpha: Tenant) -> None:
    ask("velha", at=NOW - timedelta(days=181))
    ask("nova", at=NOW - timedelta(days=179))

    assert searches.prune(now=NOW) == 1
    assert Search.objects.get().question == "nova"
    with override_settings(SEARCH_RETENTION_DAYS=1):
        assert searches.prune(now=NOW) == 1


def test_wordings_of_one_question_are_gathered(alpha: Tenant) -> None:
    for wording in ("aceita unimed", "tem convenio com a unimed", "vcs atendem plano unimed?"):
        ask(wording)
    ask("tem estacionamento?")

    assert gaps.gather_unanswered(now=NOW) == 4

    assert sorted(gathered().values()) == [1, 3]
    cluster = UnansweredQuestion.objects.get(n_asked=3)
    assert cluster.question == "vcs atendem plano unimed?"  # says most by itself
    assert {one.text for one in gaps.wordings(cluster)} >= {"aceita unimed"}


def test_gathering_again_counts_nothing_twice(alpha: Tenant) -> None:
    ask("tem estacionamento?")
    gaps.gather_unanswered(now=NOW)

    assert gaps.gather_unanswered(now=NOW) == 0
    assert gathered() == {"tem estacionamento?": 1}


def test_only_conversations_without_an_answer_are_gathered(alpha: Tenant) -> None:
    ask("respondida", answered=True)
    ask("de teste", origin="test", answered=None)
    ask("oi", found=result(""))

    assert gaps.gather_unanswered(now=NOW) == 0


def test_a_dismissed_question_stays_dismissed_and_an_answered_one_is_asked_anew(
    alpha: Tenant,
) -> None:
    ask("vcs fazem botox?")
    ask("tem estacionamento?")
    gaps.gather_unanswered(now=NOW)
    botox = UnansweredQuestion.objects.get(question__contains="botox")
    parking = UnansweredQuestion.objects.get(question__contains="estaciona")
    gaps.dismiss(cluster=botox, now=NOW, actor="ana")
    gaps.answer_with_faq(
        cluster=parking,
        category=Category.objects.create(name="faq"),
        question=parking.question,
        answer="Sim, na rua de trás.",
        phrasings=["onde paro o carro"],
        now=NOW,
        actor="ana",
    )
    later = NOW + timedelta(hours=1)
    ask("vcs fazem botox?", at=later)
    ask("tem estacionamento?", at=later)

    gaps.gather_unanswered(now=later)

    botox.refresh_from_db()
    parking.refresh_from_db()
    assert (botox.status, botox.n_asked) == ("dismissed", 2)
    assert (parking.status, parking.n_asked) == ("answered", 1)
    assert parking.faq is not None
    assert parking.faq.kind == Document.Kind.FAQ
    assert UnansweredQuestion.objects.filter(status="open").count() == 1


def test_settling_is_done_once_and_can_be_undone(alpha: Tenant) -> None:
    ask("vcs fazem botox?")
    gaps.gather_unanswered(now=NOW)
    cluster = UnansweredQuestion.objects.get()
    gaps.dismiss(cluster=cluster, now=NOW, actor="ana")

    with pytest.raises(gaps.AlreadySettled):
        gaps.dismiss(cluster=cluster, now=NOW, actor="bia")

    assert gaps.reopen(cluster=cluster, actor="ana")
    assert not gaps.reopen(cluster=cluster, actor="ana")
    assert gaps.n_open() == 1


@pytest.mark.parametrize(
    ("found", "miss"),
    [
        pytest.param(result("q"), Miss.NOTHING, id="no passage"),
        pytest.param(result("q", confidence=0.1, passages=(passage(),)), Miss.NOTHING, id="far"),
        pytest.param(result("q", confidence=0.3, passages=(passage(),)), Miss.TOO_TIGHT, id="near"),
        pytest.param(
            result("q", confidence=0.7, decision=Decision.ANSWER, passages=(passage(),)),
            Miss.HELD_BACK,
            id="enough",
        ),
    ],
)
def test_having_nothing_and_cutting_too_tight_look_different(
    found: SearchResult, miss: Miss, alpha: Tenant
) -> None:
    ask("q")
    ask("q", found=found)
    gaps.gather_unanswered(now=NOW)
    cluster = UnansweredQuestion.objects.get()

    near = gaps.near_miss(gaps.best_searches([cluster])[cluster.pk])

    assert near is not None
    assert near.miss is miss


def test_the_same_ids_in_two_tenants_are_two_questions(alpha: Tenant, beta: Tenant) -> None:
    first = ask("tem estacionamento?")
    with tenant_context(beta):
        assert ask("aceita pix?").pk == first.pk
        gaps.gather_unanswered(now=NOW)
        assert gathered() == {"aceita pix?": 1}
    gaps.gather_unanswered(now=NOW)

    assert gathered() == {"tem estacionamento?": 1}


def in_threads(n: int, work: Callable[[], object]) -> list[object]:
    """Run something in threads and connections of their own, all starting at once."""
    barrier = threading.Barrier(n)
    results: list[object] = []

    def run() -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=DEADLINE_S)
                results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, daemon=True) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=DEADLINE_S)
        assert not thread.is_alive()
    return results


def test_two_workers_never_make_two_clusters_of_the_same(committed_alpha: Tenant) -> None:
    for _ in range(12):
        ask("tem estacionamento?")
    ask("aceita pix?")

    counts = in_threads(4, lambda: gaps.gather_unanswered(now=NOW))

    assert sum(int(str(one)) for one in counts) == 13
    assert gathered() == {"tem estacionamento?": 12, "aceita pix?": 1}


def test_of_two_people_one_settles(committed_alpha: Tenant) -> None:
    ask("tem estacionamento?")
    gaps.gather_unanswered(now=NOW)
    cluster = UnansweredQuestion.objects.get()

    def dismiss() -> str:
        try:
            gaps.dismiss(cluster=cluster, now=NOW, actor="ana")
        except gaps.AlreadySettled:
            return "late"
        return "won"

    assert sorted(map(str, in_threads(2, dismiss))) == ["late", "won"]


@pytest.fixture
def asked(alpha: Tenant) -> Document:
    """A week in which one document answered twice and another never."""
    category = Category.objects.create(name="faq")
    made = [
        Document.objects.create(
            category=category,
            name=name,
            kind="md",
            status="ready",
            content_sha256="0" * 64,
            created_at=NOW,
            updated_at=NOW,
        )
        for name in ("a.md", "b.md")
    ]
    good = result(
        "q", confidence=0.9, decision=Decision.ANSWER, passages=(passage(document=made[0]),)
    )
    near = result("q", confidence=0.4, decision=Decision.ASK, passages=(passage(document=made[1]),))
    ask("um", answered=True, found=good)
    ask("dois", answered=True, found=good, at=NOW - timedelta(days=1), agent_name="Vendas")
    ask("tres", found=near)
    ask("quatro")
    ask("teste", origin="test", answered=None)
    ask("velha", answered=True, at=NOW - timedelta(days=60))
    return made[1]


def test_coverage_counts_what_became_of_each_question(asked: Document) -> None:
    found = coverage.coverage(now=NOW, zone=ZONE, n_periods=7, by_week=False)

    total = found.total
    assert (total.n_asked, total.n_answered, total.n_asked_back, total.n_unknown) == (4, 2, 1, 1)
    assert total.n_near == 1
    assert total.hit_rate == 0.5
    assert [one.counts.n_asked for one in found.periods] == [0, 0, 0, 0, 0, 1, 3]
    assert [(one.document.name, one.n_answers) for one in found.quoted] == [("a.md", 2)]
    assert list(found.never_quoted) == [asked]
    assert {(one.name, one.counts.n_asked) for one in found.by_agent} == {
        ("Recepção", 3),
        ("Vendas", 1),
    }
    assert {(one.name, one.counts.n_asked) for one in found.by_category} == {("faq", 3), ("", 1)}


def test_weeks_begin_on_monday_in_the_tenants_zone(asked: Document) -> None:
    found = coverage.coverage(now=NOW, zone=ZONE, n_periods=2, by_week=True)

    assert [one.begins_on.weekday() for one in found.periods] == [0, 0]
    assert sum(one.counts.n_asked for one in found.periods) == 4


def test_nothing_asked_is_no_rate(alpha: Tenant) -> None:
    found = coverage.coverage(now=NOW, zone=ZONE, n_periods=14, by_week=False)

    assert found.total.hit_rate is None
    assert len(found.periods) == 14


def test_a_lost_doorbell_is_rung_again(alpha: Tenant) -> None:
    ask("tem estacionamento?", at=NOW - timedelta(seconds=61))

    assert gaps.requeue_waiting(now=NOW)

    gaps.gather_unanswered(now=NOW)
    assert not gaps.requeue_waiting(now=NOW)


def test_while_the_model_is_away_questions_wait_to_be_gathered(alpha: Tenant) -> None:
    spaces.forget()
    with FakeEmbeddings() as server:
        switch_to(credential(server))
        ask("tem estacionamento?")
        server.mode = Mode.BROKEN

        assert gaps.gather_unanswered(now=NOW) == 0
        assert Search.objects.get().unanswered is None

        server.mode = Mode.GOOD
        spaces.forget()
        assert gaps.gather_unanswered(now=NOW) == 1


def test_a_model_that_refuses_us_is_left_alone_for_an_hour(alpha: Tenant) -> None:
    spaces.forget()
    with FakeEmbeddings() as server:
        key = credential(server)
        switch_to(key)
        now = key.updated_at + timedelta(minutes=1)
        ask("tem estacionamento?", at=now - timedelta(minutes=5))
        server.mode = Mode.UNAUTHORIZED

        assert gaps.gather_unanswered(now=now) == 0
        n_asked = len(server.received)
        spaces.forget()  # another process, which knows nothing of it
        assert not gaps.requeue_waiting(now=now + timedelta(minutes=5))
        assert gaps.gather_unanswered(now=now + timedelta(minutes=5)) == 0
        assert len(server.received) == n_asked
        assert gaps.requeue_waiting(now=now + gaps.REST)

        server.mode = Mode.GOOD
        key.refresh_from_db()
        Credential.objects.filter(pk=key.pk).update(updated_at=now + timedelta(minutes=6))
        assert gaps.gather_unanswered(now=now + timedelta(minutes=7)) == 1


def test_the_questions_of_a_model_are_never_measured_by_another_tenants(
    alpha: Tenant, beta: Tenant
) -> None:
    spaces.forget()
    gaps._backgrounds.clear()
    with FakeEmbeddings() as server:
        for tenant in (alpha, beta):
            with tenant_context(tenant):
                switch_to(credential(server))
                ask("tem estacionamento?")
                gaps.gather_unanswered(now=NOW)

    assert {schema for schema, _uuid in gaps._backgrounds} == {"t_alpha", "t_beta"}


def test_kept_backgrounds_are_bounded(alpha: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "KEPT_BACKGROUNDS", 1)
    gaps._backgrounds["t_other", uuid.uuid4()] = 0.5
    ask("tem estacionamento?")

    gaps.gather_unanswered(now=NOW)

    assert [schema for schema, _uuid in gaps._backgrounds] == ["t_alpha"]


def test_questions_follow_to_another_model_in_slices(
    alpha: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.forget()
    for number in range(5):
        UnansweredQuestion.objects.create(
            question=f"pergunta {number}", n_asked=1, first_asked_at=NOW, last_asked_at=NOW
        )
    ask("tem estacionamento?")
    monkeypatch.setattr(gaps, "BATCH", 2)
    elsewhere = UnansweredQuestion.objects.exclude(space=spaces.active_space())

    with monkeypatch.context() as patched:
        patched.setattr(gaps, "SLICE_S", -1.0)
        assert gaps.gather_unanswered(now=NOW) == 0
        assert elsewhere.count() == 5
    assert gaps.gather_unanswered(now=NOW) == 1
    assert not elsewhere.exists()


def test_a_model_that_is_replaced_meanwhile_gets_no_question(
    alpha: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.forget()
    UnansweredQuestion.objects.create(
        question="pergunta", n_asked=1, first_asked_at=NOW, last_asked_at=NOW
    )
    before = spaces.active_space()
    with FakeEmbeddings() as server:
        embed = spaces.embed_query

        def switch_first(space: EmbeddingSpace, question: str) -> list[float] | None:
            vector = embed(space, question)
            if spaces.active_space() == before:
                switch_to(credential(server))
            return vector

        monkeypatch.setattr(spaces, "embed_query", switch_first)
        gaps.gather_unanswered(now=NOW)
        assert UnansweredQuestion.objects.get().space is None

        gaps.gather_unanswered(now=NOW)
        assert UnansweredQuestion.objects.get().space == spaces.active_space()


def test_a_question_asked_very_often_is_shown_by_few_rows(
    alpha: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("tem estacionamento?", found=result("q", confidence=0.4, passages=(passage(),)))
    for _ in range(4):
        ask("tem estacionamento?", at=NOW + timedelta(minutes=1))
    gaps.gather_unanswered(now=NOW)
    cluster = UnansweredQuestion.objects.get()
    monkeypatch.setattr(gaps, "SHOWN_SEARCHES", 3)

    assert [one.n_asked for one in gaps.wordings(cluster)] == [3]
    best = gaps.best_searches([cluster])[cluster.pk]
    assert best.confidence == 0.4
    assert "passages" in gaps.newest_searches()[0].get_deferred_fields()
