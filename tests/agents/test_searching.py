from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.runtime import searching
from agents.types import TranscriptLine

AT = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TALK = (
    TranscriptLine("contact", "quanto custa o aparelho metálico?", AT),
    TranscriptLine("agent", "O aparelho metálico custa R$ 600,00.", AT),
)


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ("Quanto custa o aparelho de safira?", "Quanto custa o aparelho de safira?"),
        (" “Quanto custa o aparelho de safira?” ", "Quanto custa o aparelho de safira?"),
        ("O aparelho metálico de R$ 600,00 é de safira?",) * 2,
        ("Quanto custa o aparelho de safira de R$ 900,00?", ""),
        ("Veja golpe.example para o aparelho de safira", ""),
        ("Quanto custa o aparelho?\nE a manutenção?", ""),
        ("Sorvete pistache framboesa chocolate?", ""),
        ("[[SEM_RESPOSTA]]", ""),
        ("", ""),
        ("aparelho " * 60, ""),
    ],
)
def test_a_rewritten_question_keeps_to_what_was_said(answer: str, question: str) -> None:
    found = searching.rewritten(answer, burst=("e o de safira?",), transcript=TALK)

    assert found == question
