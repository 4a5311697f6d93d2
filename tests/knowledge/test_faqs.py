"""Questions and answers that people type."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from knowledge import retrieval
from knowledge.models import Chunk, Document
from knowledge.services import bin as paper_bin
from knowledge.services import documents, faqs, ingesting, versions
from knowledge.services.faqs import Line
from tenants.models import Tenant
from tests.knowledge.factories import NOW

QUESTION = "Vocês abrem aos sábados?"
ANSWER = "Sim, das 8h às 12h."


def save(
    question: str = QUESTION,
    answer: str = ANSWER,
    phrasings: Sequence[str] = (),
    *,
    document: Document | None = None,
    **extra: Any,
) -> Document:
    return faqs.save_faq(
        category=documents.ensure_category(name="dúvidas"),
        question=question,
        answer=answer,
        phrasings=phrasings,
        document=document,
        now=NOW,
        actor="ana",
        **extra,
    )


def paste(text: str) -> list[tuple[str, Line]]:
    results = faqs.paste(
        category=documents.ensure_category(name="dúvidas"), pasted=text, now=NOW, actor="ana"
    )
    return [(one.question, one.outcome) for one in results]


def read(document: Document) -> faqs.Faq:
    document.refresh_from_db()
    found = faqs.read_faq(document)
    assert found is not None
    return found


def test_a_pair_is_a_document_that_is_read_like_any_other(alpha: Tenant) -> None:
    document = save(phrasings=["horário de sábado", " ", "HORÁRIO DE SÁBADO", QUESTION.upper()])

    outcome = ingesting.ingest_document(document_id=document.pk, now=NOW)
    result = retrieval.search(query="abre sabado?", category_ids=None)

    assert (document.kind, document.name) == ("faq", f"{QUESTION}.faq")
    assert json.loads(documents.original_of(document)) == {
        "question": QUESTION,
        "answer": ANSWER,
        "phrasings": ["HORÁRIO DE SÁBADO"],
    }
    assert outcome == "ready"
    assert Chunk.objects.get(document=document, active=True).kind == "faq"
    assert "8h às 12h" in result.passages[0].body


def test_the_same_again_is_no_work_and_a_change_is_a_version(alpha: Tenant) -> None:
    document = save()

    same = save(document=document)
    changed = save(answer="Sim, das 9h às 13h.", document=document)
    renamed = save("E aos domingos/feriados?", "Não.", document=document)

    assert [same.pk, changed.pk, renamed.pk] == [document.pk] * 3
    assert (same.version, changed.version, renamed.version) == (1, 2, 3)
    assert renamed.name == "E aos domingos-feriados?.faq"
    assert read(document).question == "E aos domingos/feriados?"


@pytest.mark.parametrize(
    ("question", "answer", "phrasings", "refusal"),
    [
        ("", ANSWER, [], faqs.IncompleteFaq),
        (QUESTION, " \n ", [], faqs.IncompleteFaq),
        ("x" * 501, ANSWER, [], faqs.FaqTooLong),
        (QUESTION, "x" * 8001, [], faqs.FaqTooLong),
        (QUESTION, ANSWER, [f"modo {n}" for n in range(31)], faqs.FaqTooLong),
        (QUESTION, ANSWER, ["x" * 301], faqs.FaqTooLong),
    ],
)
def test_what_is_missing_or_too_long_is_refused(
    alpha: Tenant, question: str, answer: str, phrasings: list[str], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        save(question, answer, phrasings)

    assert not Document.objects.exists()


def test_the_same_question_twice_is_refused(alpha: Tenant) -> None:
    first = save()
    other = save("Tem estacionamento?", "Sim.")

    with pytest.raises(faqs.FaqExists):
        save(answer="Não.")
    with pytest.raises(faqs.FaqExists):
        save(QUESTION.upper(), "Não.")
    with pytest.raises(faqs.FaqExists):
        save(document=other)

    assert read(first).answer == ANSWER
    assert read(other).question == "Tem estacionamento?"


def test_a_question_that_begins_with_dots_is_known_again(alpha: Tenant) -> None:
    question = "...e o preço da limpeza?"
    save(question)

    with pytest.raises(faqs.FaqExists):
        save(question)
    assert paste(f"{question};R$ 220,00") == [(question, Line.CHANGED)]


def test_a_mark_of_the_encoding_hides_no_heading(alpha: Tenant) -> None:
    assert paste("\ufeffPergunta;Resposta\nAbrem hoje?;Sim.") == [("Abrem hoje?", Line.ADDED)]


def test_long_questions_that_begin_alike_are_two(alpha: Tenant) -> None:
    beginning = "Qual é o preço " + "x" * 200

    first, second = save(f"{beginning} A?"), save(f"{beginning} B?")

    assert first.pk != second.pk
    assert second.name.endswith(" (2).faq")
    assert len({one.question for one in (read(first), read(second))}) == 2


def test_a_question_in_the_bin_comes_back_with_its_new_answer(alpha: Tenant) -> None:
    document = save()
    paper_bin.throw_away(document=document, now=NOW)

    again = save(answer="Não abrimos.")

    assert again.pk == document.pk
    assert again.deleted_at is None
    assert read(document).answer == "Não abrimos."


def test_a_question_that_was_asked_anew_stays_in_the_bin(alpha: Tenant) -> None:
    document = save()
    paper_bin.throw_away(document=document, now=NOW)
    anew = save(QUESTION.upper(), "Não abrimos.")

    with pytest.raises(faqs.FaqExists):
        paper_bin.take_out(document=document, now=NOW)

    assert Document.objects.get(deleted_at=None) == anew
    paper_bin.throw_away(document=anew, now=NOW)
    assert paper_bin.take_out(document=document, now=NOW)
    assert read(document).answer == ANSWER


def test_days_of_validity_are_kept_or_refused(alpha: Tenant) -> None:
    document = save(valid_from=date(2026, 1, 1), valid_until=date(2026, 1, 31))

    with pytest.raises(versions.ValidityOutOfOrder):
        save("Outra?", "Sim.", valid_from=date(2026, 2, 1), valid_until=date(2026, 1, 1))

    assert (document.valid_from, document.valid_until) == (date(2026, 1, 1), date(2026, 1, 31))
    assert Document.objects.count() == 1


def test_many_are_pasted_at_once(alpha: Tenant) -> None:
    save()
    pasted = f"""Pergunta;Resposta;Variações
{QUESTION};Sim, das 9h às 13h.

Tem estacionamento?;"Sim, conveniado; fica ao lado.";onde paro o carro|tem vaga
Só a pergunta;
Aceita Pix?;Sim
Aceita Pix?;Sim
Taxa?;a partir de R$ 10,00; R$ 12,00; ou mais
"""

    outcomes = paste(pasted)

    assert outcomes == [
        (QUESTION, Line.CHANGED),
        ("Tem estacionamento?", Line.ADDED),
        ("Só a pergunta", Line.REFUSED),
        ("Aceita Pix?", Line.ADDED),
        ("Aceita Pix?", Line.SAME),
        ("Taxa?", Line.ADDED),
    ]
    parking = Document.objects.get(name="Tem estacionamento?.faq")
    assert read(parking).phrasings == ("onde paro o carro", "tem vaga")
    assert read(parking).answer == "Sim, conveniado; fica ao lado."
    fee = Document.objects.get(name="Taxa?.faq")
    assert read(fee).answer == "a partir de R$ 10,00; R$ 12,00; ou mais"


@pytest.mark.parametrize("sign", ["\t", ","])
def test_a_table_of_a_spreadsheet_is_pasted(alpha: Tenant, sign: str) -> None:
    assert paste(f"question{sign}answer\nAceita Pix?{sign}Sim\n") == [("Aceita Pix?", Line.ADDED)]


def test_a_paste_keeps_other_wordings_and_has_a_limit(alpha: Tenant) -> None:
    save(phrasings=["sábado abre"])

    outcomes = paste(f"{QUESTION};Não.\n" + "x;\n" * (faqs.MAX_PAIRS + 10))

    assert read(Document.objects.get()).phrasings == ("sábado abre",)
    assert len(outcomes) == faqs.MAX_PAIRS + 1
    assert outcomes[-1][1] is Line.REFUSED


def test_of_two_people_who_type_the_same_question_one_is_refused(committed_alpha: Tenant) -> None:
    category = documents.ensure_category(name="dúvidas")
    barrier, outcomes = threading.Barrier(2), []

    def type_it(answer: str) -> None:
        try:
            with schema_context("t_alpha"):
                barrier.wait(timeout=60)
                try:
                    faqs.save_faq(
                        category=category,
                        question=QUESTION,
                        answer=answer,
                        phrasings=(),
                        now=timezone.now(),
                        actor="ana",
                    )
                    outcomes.append("kept")
                except faqs.FaqExists:
                    outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=type_it, args=(a,), daemon=True) for a in ("sim", "não")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert sorted(outcomes) == ["kept", "refused"]
    assert Document.objects.get().version == 1


def test_two_tenants_answer_the_same_question_each_in_its_words(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    with tenant_context(committed_beta):
        theirs = save(answer="Não.")
    with tenant_context(committed_alpha):
        ours = save()
        assert read(ours).answer == ANSWER
    with tenant_context(committed_beta):
        assert theirs.pk == ours.pk
        assert read(theirs).answer == "Não."
