from __future__ import annotations

import re

import pytest

from integrations.llm import quoting
from integrations.llm.offline import Offline
from integrations.llm.types import ChatRequest, ChatResult, Evidence, FinishReason, Usage

CLEANING = Evidence(
    "c1",
    "procedimento: Limpeza completa (profilaxia + tartaro); especialidade: Clínica geral; "
    "valor particular: R$ 220,00; valor parcelado: 2x R$ 110,00; duração min: 50; "
    "observação: recomendada a cada 6 meses",
    "tabela_precos_2026.csv",
)
FLUORIDE = Evidence(
    "c2",
    "codigo: C002; procedimento: Aplicação de flúor; especialidade: Clínica geral; "
    "valor particular: R$ 80,00; valor parcelado: à vista; duração min: 15",
    "tabela_precos_2026.csv",
)
SUNDAY = Evidence(
    "f1",
    "Temos plantão apenas na unidade Centro, aos domingos e feriados das 9h às 13h. Não fazemos "
    "atendimento noturno depois das 20h. A taxa de urgência no plantão é de R$ 290,00.",
    "faq.md",
    "Perguntas frequentes > Agendamento > Tem atendimento no domingo?",
)
BIKINI = Evidence(
    "p1",
    "sku: MA-101; nome: Biquíni Cortininha Areia; categoria: Biquíni; preco: R$ 139,90; "
    "tamanhos: P M G GG; cores: areia; preto; coral; composicao: 82% poliamida 18% elastano; "
    "observacao: forro duplo",
    "produtos.csv",
)
CLINIC = (CLEANING, FLUORIDE, SUNDAY)


def ask(
    question: str,
    evidence: tuple[Evidence, ...] = CLINIC,
    *,
    language: str = "pt-br",
    confidence: float | None = 0.7,
) -> ChatResult:
    return Offline().chat(
        ChatRequest(
            (), question=question, evidence=evidence, language=language, confidence=confidence
        )
    )


def test_a_price_is_quoted_with_its_source_and_says_that_it_is_a_quote() -> None:
    result = ask("oi\nbom dia\nquanto ta a limpeza?")

    assert result.text.startswith(
        "Bom dia! Encontrei isto na nossa tabela de preços (fonte: tabela_precos_2026.csv):"
    )
    assert "*Limpeza completa (profilaxia + tartaro)*" in result.text
    assert "Valor particular: R$ 220,00" in result.text
    assert "2x R$ 110,00" in result.text
    assert "Copiei do nosso material" in result.text
    assert "R$ 80,00" not in result.text
    assert result.evidence_refs == ("c1",)
    assert result.finish_reason is FinishReason.STOP
    assert result.usage == Usage(None, None)


def test_every_number_of_a_quote_stands_in_its_passage() -> None:
    for evidence in (*CLINIC, BIKINI):
        for number in re.findall(r"\d[\d.,]*", quoting.quote(evidence, "preço?")):
            assert number.rstrip(".,") in evidence.text


@pytest.mark.parametrize(
    ("question", "refs"),
    [
        ("quanto custa a limpesa", ("c1",)),
        ("QUANTO É O FLUOR?", ("c2",)),
        ("vcs atendem domingo?", ("f1",)),
        ("quanto é a limpeza e o flúor?", ("c1", "c2")),
        ("quanto ta a limpeza?\nvcs atendem domingo?", ("c1", "f1")),
    ],
    ids=["typo", "capitals", "faq", "two subjects", "two questions"],
)
def test_the_passage_that_fits_is_quoted(question: str, refs: tuple[str, ...]) -> None:
    assert ask(question).evidence_refs == refs


@pytest.mark.parametrize("confidence", [None, 0.2, 0.9])
def test_nothing_is_quoted_where_nothing_fits(confidence: float | None) -> None:
    result = ask("quanto custa piercing no nariz?", confidence=confidence)

    assert result.finish_reason is FinishReason.NO_ANSWER
    assert result.text == ""
    assert result.evidence_refs == ()


@pytest.mark.parametrize("question", ["", "   ", "???", "quanto custa?"])
def test_a_question_without_a_subject_gets_no_guess(question: str) -> None:
    assert ask(question, confidence=0.3).finish_reason is FinishReason.NO_ANSWER


def test_without_evidence_there_is_no_answer() -> None:
    assert ask("quanto ta a limpeza?", ()).finish_reason is FinishReason.NO_ANSWER


def test_a_question_of_the_documents_heads_its_answer() -> None:
    text = ask("atendem domingo?").text

    assert "nas nossas perguntas frequentes (fonte: faq.md)" in text
    assert "*Tem atendimento no domingo?*\n“Temos plantão" in text


def test_the_answer_is_in_the_tenants_language() -> None:
    text = ask("hi, how much is the limpeza?", language="en").text

    assert text.startswith("Hi! I found this in our price list (source: tabela_precos_2026.csv):")
    assert "R$ 220,00" in text


def test_a_value_with_semicolons_stays_whole() -> None:
    text = ask("quais cores tem o biquini cortininha", (BIKINI,)).text

    assert "*Biquíni Cortininha Areia*" in text
    assert "Cores: areia; preto; coral\n" in text
    assert "MA-101" not in text


def test_long_text_is_cut_to_the_sentences_that_answer() -> None:
    filler = "Nossa clínica atende famílias com carinho e atenção desde a fundação. " * 12
    sentence = "A Dra. Camila Bastos atende crianças segunda, quarta e sexta na unidade Cambuí."
    evidence = Evidence("l", f"{filler}{sentence} {filler}", "unidades_equipe.txt")

    text = ask("qual dia a dra camila atende crianças", (evidence,)).text

    assert sentence in text
    assert len(text) < 800


def test_rows_that_fit_equally_are_told_together() -> None:
    rows = tuple(
        Evidence(str(n), f"procedimento: Canal de {name}; valor: R$ {price}", "precos.csv")
        for n, (name, price) in enumerate(
            [("dente anterior", "780,00"), ("pré-molar", "980,00"), ("molar", "1.290,00")]
        )
    )

    text = ask("quanto custa canal?", rows).text

    assert text.count("(fonte: precos.csv)") == 1
    assert all(price in text for price in ("R$ 780,00", "R$ 980,00", "R$ 1.290,00"))


def test_a_stream_holds_the_same_answer() -> None:
    deltas = list(Offline().stream(ChatRequest((), question="domingo?", evidence=CLINIC)))

    assert [delta.text for delta in deltas] == [ask("domingo?", confidence=None).text]


def test_a_hostile_passage_costs_no_time() -> None:
    evidence = Evidence("x", "a: " * 20_000 + ";" * 20_000, "x.csv")

    assert ask("limpeza", (evidence,)).finish_reason is FinishReason.NO_ANSWER
