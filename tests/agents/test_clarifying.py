from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.runtime import clarifying
from agents.types import TranscriptLine
from integrations.llm.types import Evidence

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHOICES = ("Troca e devolução", "Frete grátis", "Clareamento de consultório")


def asked(
    *choices: str, language: str = "pt", question: str = "quanto é?"
) -> clarifying.Asked | None:
    return clarifying.asked_before(
        (
            TranscriptLine("agent", "Bom dia!", AT),
            TranscriptLine("contact", question, AT),
            TranscriptLine("agent", clarifying.text(language=language, choices=choices), AT),
        )
    )


@pytest.mark.parametrize("language", ["pt", "en"])
@pytest.mark.parametrize("choices", [(), CHOICES[:1], CHOICES])
def test_a_question_back_is_known_again(language: str, choices: tuple[str, ...]) -> None:
    assert asked(*choices, language=language) == clarifying.Asked("quanto é?", choices)


def test_anything_else_that_was_said_last_is_no_question_back() -> None:
    back = TranscriptLine("agent", clarifying.text(language="pt", choices=CHOICES), AT)

    assert clarifying.asked_before(()) is None
    assert clarifying.asked_before((back, TranscriptLine("agent", "Até logo!", AT))) is None
    assert clarifying.asked_before((back, TranscriptLine("person", "Oi, sou a Ana", AT))) is None
    quoted = TranscriptLine("contact", back.text, AT)
    assert clarifying.asked_before((quoted,)) is None


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("2", CHOICES[1]),
        ("2.", CHOICES[1]),
        ("a 1", CHOICES[0]),
        ("opção 3 por favor", CHOICES[2]),
        ("frete gratis", CHOICES[1]),
        ("é sobre a troca e a devolução", CHOICES[0]),
        ("4", ""),
        ("quero saber de outra coisa", ""),
        ("220", ""),
        ("não", ""),
    ],
)
def test_an_answer_chooses_by_number_or_by_words(answer: str, chosen: str) -> None:
    question = asked(*CHOICES)

    assert question is not None
    assert question.chosen(answer) == chosen


def test_a_yes_chooses_the_only_subject() -> None:
    one, three = asked(CHOICES[0]), asked(*CHOICES)

    assert one is not None
    assert three is not None
    assert one.chosen("sim, isso") == CHOICES[0]
    assert three.chosen("sim") == ""


@pytest.mark.parametrize("answer", ["não", "nenhum", "nao é nenhum desses", "Nenhuma.", "no"])
def test_a_no_is_understood(answer: str) -> None:
    question = asked(*CHOICES)

    assert question is not None
    assert question.refused(answer)
    assert not question.refused("não, quero saber do prazo de entrega")


def test_subjects_are_named_once_and_short() -> None:
    row = "codigo: C1; procedimento: Limpeza completa; valor: R$ 220,00"
    long = "Política de " + "muito " * 30 + "longa"

    assert clarifying.labels(
        (
            Evidence("1", row, "precos.csv", "precos 2026"),
            Evidence("2", "Sim.", "faq.md", "FAQ > Troca"),
            Evidence("3", "Não.", "faq.md", "Outro > troca"),
            Evidence("4", "Texto.", "x.md", ""),
            Evidence("5", "Texto.", "x.md", long),
        )
    )[:2] == ("Limpeza completa", "Troca")
    assert len(clarifying.label_of(Evidence("5", "Texto.", "x.md", long))) <= (
        clarifying.MAX_LABEL + 2
    )
