"""What an agent finds out about a lead: only what stands in the contact's own words."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from agents.runtime import qualifying
from agents.runtime.tools import TryAgain
from agents.types import TranscriptLine
from agents.types_leads import LeadField, LeadFound

FIELDS = (
    LeadField("need", "need", "what they want"),
    LeadField("budget", "budget", "how much"),
    LeadField("email", "email", "e-mail", is_literal=True),
    LeadField("style", "Estilo", "estilo", choices=("clássico", "moderno")),
)
LINES = [
    ("até 5 mil por mês, e-mail ana@example.com", "M3"),
    ("Quero um site  novo, tipo clássico", "M2"),
    ("oi", "M1"),
]
AT = datetime(2026, 11, 20, tzinfo=UTC)


def called(**value: object) -> list[LeadFound]:
    kept: list[LeadFound] = []
    given = {"confidence": 80, **value}
    qualifying.RecordLead(FIELDS, LINES, kept.append).call({"values": [given]})
    return kept


@pytest.mark.parametrize(
    ("quote", "words", "source"),
    [
        pytest.param("Quero um site novo", "Quero um site novo", "M2", id="as it stands"),
        pytest.param("quero UM site, novo!", "Quero um site novo", "M2", id="signs and capitals"),
        pytest.param("tipo classico", "tipo clássico", "M2", id="accents"),
        pytest.param("até 5 mil", "até 5 mil", "M3", id="another message"),
    ],
)
def test_a_quote_is_kept_as_it_stands_in_its_message(quote: str, words: str, source: str) -> None:
    [found] = called(field="need", value="site", quote=quote)

    assert (found.words, found.source, found.confidence) == (words, source, 80)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"field": "need", "value": "x", "quote": "quero um carro"}, id="never said"),
        pytest.param({"field": "need", "value": "x", "quote": "site clássico"}, id="put together"),
        pytest.param({"field": "need", "value": "x", "quote": "!!!"}, id="no word"),
        pytest.param({"field": "owner", "value": "x", "quote": "oi"}, id="no such field"),
        pytest.param({"field": "style", "value": "gótico", "quote": "tipo clássico"}, id="choice"),
        pytest.param(
            {"field": "email", "value": "bia@example.com", "quote": "e-mail ana@example.com"},
            id="another address",
        ),
        pytest.param({"field": "need", "value": "x", "quote": "oi", "confidence": 900}, id="900"),
    ],
)
def test_what_no_message_bears_out_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(TryAgain):
        called(**value)


def test_a_number_that_the_quote_does_not_hold_gives_way_to_the_quote() -> None:
    [found] = called(field="budget", value="R$ 9.000 por mês", quote="até 5 mil por mês")

    assert found.value == "até 5 mil por mês"


def test_a_choice_and_a_literal_value_are_kept_as_they_are_written_here() -> None:
    assert called(field="style", value="CLASSICO", quote="tipo clássico")[0].value == "clássico"
    [mail] = called(field="email", value="ANA@example.com", quote="ana@example.com")
    assert mail.value == "ana@example.com"


def test_what_is_borne_out_is_kept_beside_what_is_not() -> None:
    kept: list[LeadFound] = []
    tool = qualifying.RecordLead(FIELDS, LINES, kept.append)

    result = tool.call(
        {
            "values": [
                {"field": "need", "value": "site", "quote": "site novo", "confidence": 90},
                {"field": "budget", "value": "mil", "quote": "tenho mil", "confidence": 90},
            ]
        }
    )

    assert [one.key for one in kept] == ["need"]
    assert result.text.startswith("Kept: need. budget: this quote stands in no message")


def lines(*texts: str) -> list[TranscriptLine]:
    return [TranscriptLine("contact", text, AT, ref=f"R{n}") for n, text in enumerate(texts)]


def test_a_models_reading_at_the_end_is_checked_the_same() -> None:
    said = [
        *lines("preciso de um site", "posso gastar 3 mil"),
        TranscriptLine("agent", "Para amanhã?", AT),
    ]
    values = [
        {"field": "need", "value": "site", "quote": "preciso de um site", "confidence": 95},
        {"field": "budget", "value": "3 mil", "quote": "posso gastar 3 mil", "confidence": 90},
        {"field": "budget", "value": "amanhã", "quote": "Para amanhã", "confidence": 90},
    ]
    answer = f"Aqui está: {json.dumps({'values': values})}"

    found = qualifying.read(answer, said, fields=FIELDS)

    assert [(one.key, one.source) for one in found] == [("need", "R0"), ("budget", "R1")]
    assert qualifying.read("nada", said, fields=FIELDS) == []
    assert qualifying.read('{"values": 7}', said, fields=FIELDS) == []


def test_rules_find_a_lead_only_where_money_or_time_was_named() -> None:
    fields = (*FIELDS, LeadField("timing", "timing", "when"))

    found = qualifying.by_rules(
        lines("oi", "queria um site", "meu orçamento é R$ 3.000", "preciso até sexta"),
        fields=fields,
    )

    assert {one.key: one.value for one in found} == {
        "need": "queria um site",
        "budget": "meu orçamento é R$ 3.000",
        "timing": "preciso até sexta",
    }
    assert {one.confidence for one in found} == {qualifying.BY_RULES}
    assert qualifying.by_rules(lines("vocês têm estacionamento?"), fields=fields) == []
