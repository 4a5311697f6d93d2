from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime import evidence
from integrations.llm import offline
from integrations.llm.types import ChatRequest, Evidence
from tests.fakes import reading

PRICE = Evidence("p", "procedimento: Limpeza completa; valor: R$ 220,00", "precos.csv", "Preços")
FLUOR = Evidence("f", "procedimento: Aplicação de flúor; valor: R$ 80,00", "precos.csv", "Preços")
PLACE = Evidence(
    "l",
    "A unidade Centro fica na Rua Barão de Jaguara, 1455, e abre das 8h às 20h.",
    "casa.md",
    "Onde fica?",
)
PASSAGES = (PRICE, FLUOR, PLACE)


def examine(reply: str, **given: list[str]) -> evidence.Examination:
    return evidence.examine(reply, passages=PASSAGES, **given)


def test_each_sentence_names_the_passage_that_says_it() -> None:
    found = examine("A limpeza completa custa R$ 220,00. A unidade Centro abre às 8h.")

    assert [one.refs for one in found.sentences] == [("p",), ("l",)]
    assert [one.supported for one in found.sentences] == [True, True]
    assert found.unsupported == ()
    fact = found.sentences[0].facts[0]
    assert (fact.kind, fact.refs) == ("money", ("p",))


def test_a_fact_that_no_passage_holds_is_named_with_its_sentence() -> None:
    found = examine("A limpeza completa custa R$ 199,00. A unidade Centro abre às 8h.")

    assert found.unsupported == ("r$ 199,00",)
    assert [one.supported for one in found.sentences] == [False, True]
    assert found.sentences[0].refs == ()  # what it contradicts is no source of it


def test_the_price_of_the_next_row_does_not_support_this_one() -> None:
    found = examine("A limpeza completa custa R$ 80,00.")

    # It stands in a passage, so nothing is held back; people see that it is not that row's.
    assert found.unsupported == ()
    assert not found.sentences[0].supported
    assert "p" not in found.sentences[0].refs


def test_rows_with_another_price_are_no_sources_of_a_price() -> None:
    rows = [
        Evidence(str(number), f"procedimento: {name}; valor particular: {price}", "precos.csv", "")
        for number, (name, price) in enumerate(
            [("Restauração", "R$ 190,00"), ("Faceta", "R$ 690,00"), ("Prótese", "R$ 690,00")]
        )
    ]

    found = evidence.examine("O valor particular é de R$ 690,00.", passages=rows)

    assert found.sentences[0].refs == ("1", "2")
    assert found.sentences[0].supported


def test_a_sentence_of_two_rows_names_both() -> None:
    found = examine("A limpeza completa custa R$ 220,00 e a aplicação de flúor, R$ 80,00.")

    assert set(found.sentences[0].refs) == {"p", "f"}
    assert found.sentences[0].supported


def test_words_of_a_passage_support_a_fact_that_the_contact_gave() -> None:
    found = examine("A unidade Centro fica na Rua Barão de Jaguara, dia 3.", contact=["dia 3?"])

    assert found.sentences[0].refs == ("l",)
    assert found.sentences[0].supported


def test_a_statement_of_nobody_is_marked_and_a_courtesy_is_not() -> None:
    found = examine(
        "Nossos dentistas são premiados no mundo inteiro. Olá, Ana! Posso ajudar com algo mais?"
    )

    assert [one.supported for one in found.sentences] == [False, True, True]


def test_a_price_over_two_lines_is_one_price() -> None:
    assert examine("Custa R$\n20,00").unsupported


def test_who_said_it_decides_what_it_supports() -> None:
    reply = "Anotei 15h. Sai por R$ 5,00."
    found = examine(reply, contact=["dia 3 às 15h por R$ 5,00"])

    assert found.unsupported == ("r$ 5,00",)
    assert found.sentences[0].facts[0].refs == ("contact",)
    assert not examine(reply, said=["Às 15h custa R$ 5,00."]).unsupported


@pytest.mark.parametrize("invention", reading.INVENTIONS)
def test_every_kind_of_invention_is_found(invention: str) -> None:
    assert examine(f"A limpeza completa custa R$ 220,00. {invention}").unsupported


def test_what_the_offline_provider_says_is_supported_throughout() -> None:
    said = offline.Offline().chat(
        ChatRequest(messages=(), evidence=PASSAGES, question="quanto é a limpeza?", confidence=0.9)
    )

    found = examine(said.text, own_words=list(offline.frame("pt-br")))

    assert found.sentences
    assert all(one.supported for one in found.sentences)


def test_it_can_be_stored() -> None:
    data = json.loads(json.dumps(examine("A limpeza completa custa R$ 220,00.").as_data()))

    assert data == [
        {
            "sentence": "A limpeza completa custa R$ 220,00.",
            "refs": ["p"],
            "supported": True,
            "facts": [{"text": "r$ 220,00", "kind": "money", "refs": ["p"], "supported": True}],
        }
    ]


@given(st.text(max_size=400))
def test_any_reply_can_be_examined(reply: str) -> None:
    json.dumps(examine(reply).as_data())
