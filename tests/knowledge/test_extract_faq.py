from __future__ import annotations

import json

import pytest

from knowledge import chunking
from knowledge.extract import faq
from knowledge.types import ChunkKind, Draft, Heading, Paragraph, Problem, Unreadable

PIX = {
    "question": "Formas de pagamento ",
    "answer": "Pix e cartão.\n\nEm até 3x.",
    "phrasings": ["aceita pix?", "Aceita  Pix?", "FORMAS DE PAGAMENTO", "", 3, "parcela?"],
}


def test_a_question_is_a_title_with_other_ways_of_asking() -> None:
    extracted = faq.extract(json.dumps(PIX).encode())

    assert extracted.blocks == (
        Heading(level=1, text="Formas de pagamento"),
        Paragraph(text="Pix e cartão."),
        Paragraph(text="Em até 3x."),
    )
    assert extracted.phrasings == ("aceita pix?", "parcela?")


def test_it_becomes_one_passage_that_knows_them() -> None:
    extracted = faq.extract(json.dumps(PIX).encode())

    drafts = chunking.cut(
        extracted.blocks, name="x.faq", phrasings=extracted.phrasings, is_faq=True
    )

    assert drafts == [
        Draft(
            heading_path="Formas de pagamento",
            body="Pix e cartão.\nEm até 3x.",
            kind=ChunkKind.FAQ,
            page=None,
            phrasings=("aceita pix?", "parcela?"),
        )
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b" ", Problem.EMPTY, id="nothing"),
        pytest.param(b"{", Problem.FAQ_DAMAGED, id="no JSON"),
        pytest.param(b"[" * 100_000, Problem.FAQ_DAMAGED, id="deep"),
        pytest.param(b"[]", Problem.FAQ_DAMAGED, id="no object"),
        pytest.param(b'{"question": 1, "answer": "x"}', Problem.FAQ_DAMAGED, id="no text"),
        pytest.param(b'{"question": "a", "answer": " "}', Problem.NO_TEXT, id="no answer"),
    ],
)
def test_what_is_no_question_is_refused(content: bytes, problem: Problem) -> None:
    with pytest.raises(Unreadable) as refused:
        faq.extract(content)

    assert refused.value.problem is problem
