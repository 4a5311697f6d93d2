from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from knowledge import retrieval, scanning
from knowledge.models import ChunkVector, Document
from knowledge.services import documents, faqs, indexing, ingesting, vector_indexes
from knowledge.types import ChunkKind, Decision, SearchOptions
from tenants import remembering
from tenants.models import Tenant
from tests.fakes.embeddings import FakeEmbeddings
from tests.knowledge.factories import NOW, PRICES, number_next_document, ready, store
from tests.knowledge.spaces import credential, switch_to

HOURS = """# Unidades

## Centro
Segunda a sexta: das 8h às 20h.

## Centro aos sábados
Sábado: das 8h às 13h.

## Estacionamento
Convênio com o estacionamento ao lado, duas horas grátis.

## Formas de pagamento
Aceitamos Pix, cartão de crédito e boleto.

## Sedação
Temos óxido nitroso para adultos e crianças acima de cinco anos.
"""


@pytest.mark.parametrize("is_small", [True, False])
def test_only_a_small_tenants_search_is_planned_for_any_values(
    alpha: Tenant, monkeypatch: pytest.MonkeyPatch, is_small: bool
) -> None:
    """Such a plan reads all passages to find those of a category. Django sees no prepared one."""
    category = ready().category
    ready(HOURS, name="unidades.md")
    if not is_small:
        monkeypatch.setattr(retrieval, "EXACT_UP_TO", scanning.total() - 1)
    remembering.forget_all()

    with CaptureQueriesContext(connection) as queries:
        found = retrieval.search(query="quanto ta a limpeza?", category_ids=[category.pk])

    assert "R$ 220,00" in found.passages[0].body
    planned = [one for one in queries.captured_queries if "picked as" in one["sql"]]
    assert (not planned) == is_small


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("quanto ta a limpeza?", id="hurried"),
        pytest.param("oi\nbom dia\nquanto ta a limpeza?", id="several messages"),
        pytest.param("QTO CUSTA LIMPESA", id="typos"),
        pytest.param("preço da profilaxia", id="another word"),
        pytest.param("220,00", id="a bare number"),
    ],
)
def test_the_row_of_the_price_list_comes_first(alpha: Tenant, typed: str) -> None:
    document = ready()
    ready(HOURS, name="unidades.md")

    result = retrieval.search(query=typed, category_ids=None)

    best = result.passages[0]
    assert "Limpeza completa" in best.body
    assert "R$ 220,00" in best.body
    assert (best.document_id, best.document_uuid) == (document.pk, document.uuid)
    assert (best.document_name, best.category, best.version) == ("precos.csv", "precos", 1)
    assert (best.kind, best.page, best.heading_path) == (ChunkKind.ROW, None, "precos")
    assert [p.score for p in result.passages] == sorted(
        (p.score for p in result.passages), reverse=True
    )


def test_confidence_tells_what_the_documents_answer(alpha: Tenant) -> None:
    ready()
    ready(HOURS, name="unidades.md")

    answered = retrieval.search(query="quanto custa a limpeza completa?", category_ids=None)
    unanswered = retrieval.search(query="vocês vendem pneu de caminhão?", category_ids=None)

    assert 0 <= unanswered.confidence < 0.15 < 0.5 < answered.confidence <= 1


def test_only_the_given_categories_are_searched(alpha: Tenant) -> None:
    prices = ready().category
    info = documents.ensure_category(name="informacoes")
    ready(HOURS, name="unidades.md", category=info)

    found = retrieval.search(query="quanto custa a limpeza?", category_ids=[info.pk], k=50)
    everywhere = retrieval.search(
        query="quanto custa a limpeza?", category_ids=[info.pk, prices.pk], k=50
    )
    nowhere = retrieval.search(query="quanto custa a limpeza?", category_ids=[])

    assert {passage.category for passage in found.passages} == {"informacoes"}
    assert {passage.category for passage in everywhere.passages} == {"informacoes", "precos"}
    assert (nowhere.passages, nowhere.confidence) == ((), 0.0)


def test_only_the_version_in_use_is_found(alpha: Tenant) -> None:
    ready()
    store(PRICES.replace("220,00", "240,00"))

    meanwhile = retrieval.search(query="quanto custa a limpeza?", category_ids=None)
    ready(PRICES.replace("220,00", "260,00"))
    afterwards = retrieval.search(query="quanto custa a limpeza?", category_ids=None, k=50)

    assert "R$ 220,00" in meanwhile.passages[0].body
    bodies = " ".join(passage.body for passage in afterwards.passages)
    assert "R$ 260,00" in bodies
    assert "R$ 220,00" not in bodies
    assert "R$ 240,00" not in bodies


def test_a_follow_up_is_searched_with_the_message_before(alpha: Tenant) -> None:
    ready(HOURS, name="unidades.md")

    alone = retrieval.search(query="e no sábado?", category_ids=None)
    result = retrieval.search(
        query="e no sábado?", category_ids=None, previous="que horas abre a unidade centro?"
    )

    assert "Sábado: das 8h às 13h." in result.passages[0].body
    assert result.normalised_query == "que horas abre a unidade centro e no sábado?"
    assert alone.normalised_query == "e no sábado?"


def test_a_question_that_stands_alone_ignores_the_message_before(alpha: Tenant) -> None:
    ready(HOURS, name="unidades.md")
    question = "quais formas de pagamento a clínica aceita?"

    alone = retrieval.search(query=question, category_ids=None)
    after = retrieval.search(query=question, category_ids=None, previous="tem sedação?")

    assert replace(after, duration_ms=0) == replace(alone, duration_ms=0)


def test_an_empty_knowledge_base_finds_nothing(alpha: Tenant) -> None:
    result = retrieval.search(query="quanto custa?", category_ids=None)

    assert (result.passages, result.confidence) == ((), 0.0)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("", id="nothing"),
        pytest.param("???!!", id="signs"),
        pytest.param("\x00limpeza\x00", id="null"),
        pytest.param("'; drop table knowledge_chunk; --", id="sql"),
        pytest.param("limpeza & (canal | !'x':*) <-> \"", id="operators"),
        pytest.param("%(k)s %s %", id="placeholders"),
        pytest.param("🦷👩‍⚕️👍🏽", id="emoji"),
        pytest.param("ß ﬁ ª ① 中文 עברית \u202e", id="scripts"),
        pytest.param("limpeza " * 1_250, id="10k characters"),
        pytest.param("".join(chr(97 + n % 26) for n in range(10_000)), id="one long word"),
    ],
)
def test_hostile_questions_are_only_questions(alpha: Tenant, typed: str) -> None:
    ready()

    result = retrieval.search(query=typed, category_ids=None, previous=typed)

    assert 0 <= result.confidence <= 1
    assert all(-1 <= passage.cosine <= 1.0001 for passage in result.passages)
    assert Document.objects.count() == 1


def test_one_passage_is_enough(alpha: Tenant) -> None:
    ready("Aceitamos Pix com cinco por cento de desconto.", name="a.txt")

    result = retrieval.search(query="aceita pix?", category_ids=None)

    assert len(result.passages) == 1
    assert result.confidence > 0.3


def test_no_more_passages_than_asked_for(alpha: Tenant) -> None:
    ready()

    assert len(retrieval.search(query="canal", category_ids=None, k=2).passages) == 2
    assert len(retrieval.search(query="canal", category_ids=None, k=-1).passages) == 1
    assert len(retrieval.search(query="canal", category_ids=None, k=10_000).passages) == 3


def test_nothing_is_embedded_under_an_open_transaction(alpha: Tenant) -> None:
    ready()

    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        retrieval.search(query="canal", category_ids=None)


def test_the_nearest_passage_of_another_tenant_is_never_found(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    with tenant_context(committed_alpha):
        ours = ready()
    with tenant_context(committed_beta):
        theirs = ready(HOURS, name="precos.csv.md")

        result = retrieval.search(query="quanto custa a limpeza?", category_ids=None, k=50)

        assert ours.pk == theirs.pk
        assert len(result.passages) == theirs.n_chunks
        assert {passage.document_uuid for passage in result.passages} == {theirs.uuid}
        assert not any("Limpeza" in passage.body for passage in result.passages)


def test_words_of_one_tenant_never_correct_those_of_another(alpha: Tenant, beta: Tenant) -> None:
    ready("Fazemos clareamento com laser.", name="a.txt")

    ours = retrieval.search(query="clareamneto", category_ids=None)
    with tenant_context(beta):
        ready("Fazemos pranchas de surfe.", name="a.txt")
        theirs = retrieval.search(query="clareamneto", category_ids=None)

    assert ours.normalised_query == "clareamento?"
    assert theirs.normalised_query == "clareamneto?"


def test_words_of_who_had_the_schema_before_are_forgotten(alpha: Tenant) -> None:
    former = ready("Fazemos clareamento com laser.", name="a.txt")
    before = retrieval.search(query="clareamneto", category_ids=None)
    pk = former.pk
    former.delete()
    number_next_document(pk)
    later = ready("Fazemos pranchas de surfe.", name="a.txt", now=NOW + timedelta(days=1))

    after = retrieval.search(query="clareamneto", category_ids=None)

    assert later.pk == pk
    assert before.normalised_query == "clareamento?"
    assert after.normalised_query == "clareamneto?"


def test_words_of_a_new_document_are_known_at_once(alpha: Tenant) -> None:
    ready("Fazemos clareamento com laser.", name="a.txt")
    before = retrieval.search(query="sedaçao ou ortodontai", category_ids=None)

    ready("Temos ortodontia.", name="b.txt", now=NOW)
    after = retrieval.search(query="sedaçao ou ortodontai", category_ids=None)

    assert "ortodontai" in before.normalised_query
    assert "ortodontia" in after.normalised_query


def _valid(document: Document, *, first: date | None = None, last: date | None = None) -> None:
    Document.objects.filter(pk=document.pk).update(valid_from=first, valid_until=last)


@pytest.mark.parametrize(
    ("first", "last", "is_found"),
    [
        pytest.param(None, None, True, id="without dates"),
        pytest.param(0, 0, True, id="on its only day"),
        pytest.param(None, -1, False, id="expired yesterday"),
        pytest.param(1, None, False, id="valid from tomorrow"),
    ],
)
@pytest.mark.parametrize("exact", [True, False])
def test_a_document_is_found_on_its_days_only(
    alpha: Tenant, first: int | None, last: int | None, is_found: bool, exact: bool
) -> None:
    today = timezone.localdate()

    def day(offset: int | None) -> date | None:
        return None if offset is None else today + timedelta(days=offset)

    ready(HOURS, name="unidades.md")
    _valid(ready(), first=day(first), last=day(last))

    result = retrieval.search(
        query="quanto custa a limpeza?",
        category_ids=None,
        k=50,
        options=SearchOptions(exact=exact),
    )

    assert any("Limpeza" in passage.body for passage in result.passages) is is_found


def test_another_day_can_be_asked_about(alpha: Tenant) -> None:
    _valid(ready(), last=date(2026, 3, 31))

    def found_on(day: date) -> int:
        options = SearchOptions(on=day)
        return len(retrieval.search(query="limpeza", category_ids=None, options=options).passages)

    assert found_on(date(2026, 3, 31)) == 3
    assert found_on(date(2026, 4, 1)) == 0


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_day_is_that_of_the_tenant_for_workers_too(alpha: Tenant, zone: str) -> None:
    # Never the same day in both, so that the product's own zone is wrong in one of them.
    Tenant.objects.filter(pk=alpha.pk).update(timezone=zone)
    day = timezone.localdate(timezone=ZoneInfo(zone))
    _valid(ready(), first=day, last=day)

    with schema_context(alpha.schema_name):  # as tasks enter it
        found = retrieval.search(query="quanto custa a limpeza?", category_ids=None)

    assert found.passages


def test_a_schema_without_a_tenants_row_is_searched_by_the_products_own_day(alpha: Tenant) -> None:
    day = timezone.localdate()
    _valid(ready(), first=day, last=day)
    Tenant.objects.filter(pk=alpha.pk).update(schema_name="t_another")  # as where benches work
    remembering.forget_all()

    with schema_context(alpha.schema_name):
        found = retrieval.search(query="quanto custa a limpeza?", category_ids=None)

    assert found.passages


def test_documents_of_other_languages_are_left_out(alpha: Tenant) -> None:
    spanish, unknown = ready(), ready(HOURS, name="unidades.md")
    Document.objects.filter(pk=spanish.pk).update(language="es")
    Document.objects.filter(pk=unknown.pk).update(language="")

    result = retrieval.search(
        query="quanto custa a limpeza?",
        category_ids=None,
        k=50,
        options=SearchOptions(languages=("pt",)),
    )

    assert {passage.document_id for passage in result.passages} == {unknown.pk}


@pytest.mark.parametrize("exact", [True, False])
def test_what_is_in_the_bin_is_not_found(alpha: Tenant, exact: bool) -> None:
    document = ready()
    ready(HOURS, name="unidades.md")
    Document.objects.filter(pk=document.pk).update(deleted_at=NOW)

    result = retrieval.search(
        query="limpeza", category_ids=None, k=50, options=SearchOptions(exact=exact)
    )

    assert document.pk not in {passage.document_id for passage in result.passages}
    assert result.passages


def test_the_decision_comes_with_the_threshold(alpha: Tenant) -> None:
    ready()
    ready(HOURS, name="unidades.md")

    known = retrieval.search(query="quanto custa a limpeza completa?", category_ids=None)
    unknown = retrieval.search(query="vocês vendem pneu de caminhão?", category_ids=None)
    nothing = retrieval.search(query="limpeza", category_ids=[])

    assert (known.decision, unknown.decision) == (Decision.ANSWER, Decision.UNKNOWN)
    assert nothing.decision is Decision.UNKNOWN
    assert 0 < known.threshold <= known.confidence
    assert known.best_cosine == max(passage.cosine for passage in known.passages)
    assert {"cosine", "margin", "n_passages"} <= known.signals.keys()


def test_weights_can_be_tried_out(alpha: Tenant) -> None:
    ready()
    ready(HOURS, name="unidades.md")

    result = retrieval.search(
        query="limpeza", category_ids=None, k=50, options=SearchOptions(weights=(1.0, 0.0, 0.0))
    )

    cosines = [passage.cosine for passage in result.passages]
    assert cosines == sorted(cosines, reverse=True)


def test_a_question_that_somebody_rewrote_is_searched_with_what_was_typed(alpha: Tenant) -> None:
    ready(HOURS, name="unidades.md")

    result = retrieval.search(
        query="e no outro dia?",
        category_ids=None,
        previous="que horas abre a unidade centro?",
        rewritten="que horas abre a unidade centro no sábado?",
    )

    assert "Sábado: das 8h às 13h." in result.passages[0].body
    assert result.normalised_query == "que horas abre a unidade centro no sábado?"


def test_another_wording_of_a_question_finds_its_answer(alpha: Tenant) -> None:
    ready(HOURS, name="unidades.md")
    category = documents.ensure_category(name="faq")
    faq = faqs.save_faq(
        category=category,
        question="Como funciona o acompanhamento depois do procedimento?",
        answer="Ligamos no dia seguinte e marcamos uma revisão em quinze dias.",
        phrasings=["o que acontece se eu passar mal em casa"],
        now=NOW,
        actor="",
    )
    ingesting.ingest_document(document_id=faq.pk, now=NOW)

    result = retrieval.search(query="e se eu passar mal em casa?", category_ids=None)

    assert result.passages[0].document_id == faq.pk
    assert result.passages[0].document_title == faq.title == faq.name.removesuffix(".faq")
    vectors = ChunkVector.objects.filter(chunk__document=faq).order_by("position")
    assert list(vectors.values_list("position", flat=True)) == [0, 1]
    chunk = vectors[0].chunk
    assert [one.content_sha256 for one in vectors] == [
        indexing.digest(one) for one in indexing.texts_of(chunk)
    ]


def test_candidates_are_ordered_as_everything_is(alpha: Tenant) -> None:
    lines = [f"Procedimento {name} com retorno.;{n},00" for n, name in enumerate(_names(300))]
    with FakeEmbeddings() as server:
        switch_to(credential(server))
        ready("procedimento;valor\n" + "\n".join(lines), name="muitos.csv")
        ready(HOURS, name="unidades.md")

        for question in ("quanto custa o procedimento bacada?", "onde tem estacionamento?", "pix"):
            one, other = (
                retrieval.search(
                    query=question, category_ids=None, options=SearchOptions(exact=exact)
                )
                for exact in (True, False)
            )
            found = [p.chunk_id for p in one.passages[:3]]
            assert found == [p.chunk_id for p in other.passages[:3]]
            assert one.decision is other.decision


def _names(n: int) -> list[str]:
    syllables = ["ba", "ca", "da", "fa", "ga", "la", "ma", "na", "pa", "ra", "sa", "ta"]
    return [
        syllables[i % 12] + syllables[i // 12 % 12] + syllables[(i // 144 + i) % 12]
        for i in range(n)
    ]


def test_two_tenants_with_the_same_documents_but_one_price_keep_their_own(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    dearer = PRICES.replace("220,00", "999,00")
    with tenant_context(committed_alpha):
        ours = ready()
        vector_indexes.index_vectors(index_from=1)
    with tenant_context(committed_beta):
        theirs = ready(dearer)
        vector_indexes.index_vectors(index_from=1)
    assert ours.pk == theirs.pk

    for exact in (True, False):
        for tenant, price in ((committed_alpha, "R$ 220,00"), (committed_beta, "R$ 999,00")):
            with tenant_context(tenant):
                result = retrieval.search(
                    query="quanto custa a limpeza?",
                    category_ids=None,
                    k=50,
                    options=SearchOptions(exact=exact),
                )
            assert price in result.passages[0].body
            assert len(result.passages) == 3
            assert sum("Limpeza" in passage.body for passage in result.passages) == 1
