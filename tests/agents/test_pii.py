from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.types import Reply, StepKind, TranscriptLine
from integrations.llm import pii
from integrations.llm.types import Evidence
from tests.agents.worlds import CLEANING, NOW, World, remote, run
from tests.fakes.llm import FakeLLM, Mode

FILE = Path(__file__).parent.parent / "fixtures" / "pii_open.jsonl"
ROWS = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
CPF = "529.982.247-25"


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


def test_recall_and_precision_on_the_set() -> None:
    n_right = n_missed = n_wrong = 0
    for row in ROWS:
        found = {row["text"][one.start : one.end] for one in pii.find(row["text"])}
        wanted = set(row["must_mask"])
        n_right += len(found & wanted)
        n_missed += len(wanted - found)
        n_wrong += len(found - wanted)
        assert all(kept in pii.Cloak().hide(row["text"]) for kept in row["must_keep"])

    assert n_right / (n_right + n_missed) >= 0.95
    assert n_right / (n_right + n_wrong) >= 0.95
    assert (n_right, n_missed, n_wrong) == (10, 0, 0)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("meu cnpj é 12ABC34501DE35", ["CNPJ"]),
        ("cnpj 11222333000181 ok", ["CNPJ"]),
        ("cartao 5555555555554444 cvv 123", ["CARTAO"]),
        ("cartão 4111-1111-1111-1111 12/29", ["CARTAO"]),
        ("amex 378282246310005", ["CARTAO"]),
        ("11 9 8888-7777", ["TELEFONE"]),
        ("98888-7777", ["TELEFONE"]),
        ("(011) 3555-0140", ["TELEFONE"]),
        ("liga 3555-0140", ["TELEFONE"]),
        ("fixo: 1935550140", ["TELEFONE"]),
        ("5511987654321", ["TELEFONE"]),
        ("+351 912 345 678", ["TELEFONE"]),
        ("529 982 247 25", ["CPF"]),
        ("cpf:52998224725.", ["CPF"]),
        ("ana@x.com,beto@y.org", ["EMAIL", "EMAIL"]),
        ("(19)3555-0140 ou (19)98888-0000", ["TELEFONE", "TELEFONE"]),
    ],
)
def test_what_identifies_a_person_is_found(text: str, kinds: list[str]) -> None:
    assert [one.kind.value for one in pii.find(text)] == kinds


@pytest.mark.parametrize(
    "text",
    [
        "de 2025-2026",
        "2500-3000 reais",
        "pedido 11987654321",
        "R$ 11.987.654,32",
        "CEP 13010-001",
        "imei 356938035643809",
        "ean 7891234567895",
        "0800 123 4567",
        "conta 12345-6 ag 0001",
        "1111 1111 1111 1111",
        "00.000.000/0000-00",
        "processo 0001234-56.2024.8.26.0100",
        "lote 11222333000182",
        "10x de 129,00 sem juros de 1290,00",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert pii.find(text) == []


def test_the_same_number_has_the_same_name_however_it_is_written() -> None:
    cloak = pii.Cloak()

    hidden = cloak.hide(f"cpf {CPF}, repito 52998224725, e 11 98888-7777")

    assert hidden == "cpf [CPF_1], repito [CPF_1], e [TELEFONE_1]"
    assert cloak.show("CPF [CPF_1], fone [telefone_1]") == f"CPF {CPF}, fone 11 98888-7777"
    assert cloak.hidden == {"CPF": 1, "TELEFONE": 1}


def test_a_name_that_was_not_given_out_stays_a_name() -> None:
    mine, theirs = pii.Cloak(), pii.Cloak()
    theirs.hide(CPF)

    assert mine.show("[CPF_1] e [CPF_9]") == "[CPF_1] e [CPF_9]"


@given(st.text(max_size=200))
def test_what_was_hidden_comes_back(text: str) -> None:
    cloak = pii.Cloak()

    assert [one.value for one in pii.find(cloak.show(cloak.hide(text)))] == [
        one.value for one in pii.find(text)
    ]


def test_a_model_sees_names_and_the_contact_their_own_number(llm: FakeLLM) -> None:
    llm.say("A limpeza custa R$ 220,00. Anotei o CPF [CPF_1] e o e-mail [EMAIL_1].")
    earlier = TranscriptLine("contact", "meu cpf é 52998224725", NOW)

    result = run(
        World(),
        f"quanto custa a limpeza? CPF {CPF}, ana@exemplo.com.br",
        agent=remote(llm),
        transcript=(earlier,),
        contact_name="Ana 11 98888-7777",
    )

    asked = json.dumps(llm.prompts, ensure_ascii=False)
    assert all(one not in asked for one in (CPF, "52998224725", "ana@exemplo", "98888-7777"))
    assert "[CPF_1]" in asked
    assert isinstance(result.outcome, Reply)
    assert "52998224725" in result.outcome.text
    assert "ana@exemplo.com.br" in result.outcome.text
    assert result.steps[-1].data["hidden"] == {"CPF": 1, "EMAIL": 1, "TELEFONE": 1}


def test_the_rewriting_of_a_question_sees_names_too(llm: FakeLLM) -> None:
    llm.mode = Mode.EVIDENCE
    lines = (TranscriptLine("contact", f"meu cpf é {CPF}, e a limpeza?", NOW),)

    run(World(confidence=0.3), "e no sábado?", agent=remote(llm), transcript=lines)

    assert len(llm.prompts) > 1
    assert CPF not in json.dumps(llm.prompts)


def test_what_the_business_wrote_is_not_hidden(llm: FakeLLM) -> None:
    llm.mode = Mode.EVIDENCE
    phone = Evidence("p", "Telefone da limpeza: (19) 3555-0140", "contato.md")

    result = run(World(passages=(phone, CLEANING)), "qual o telefone?", agent=remote(llm))

    assert "(19) 3555-0140" in json.dumps(llm.prompts)
    assert isinstance(result.outcome, Reply)
    assert "3555-0140" in result.outcome.text


def test_another_persons_number_is_held_back(llm: FakeLLM) -> None:
    llm.say(*["A limpeza custa R$ 220,00; o CPF do outro cliente é 111.444.777-35."] * 2)

    result = run(World(), "quanto custa a limpeza?", agent=remote(llm))

    assert not isinstance(result.outcome, Reply)
    checked = [one for one in result.steps if one.kind is StepKind.GUARD]
    verdicts = checked[-1].data["verdicts"]
    assert isinstance(verdicts, list)
    held = next(one for one in verdicts if one["check"] == "strangers")
    assert (held["passed"], held["found"]) == (False, ["CPF"])
