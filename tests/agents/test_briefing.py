from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime import briefing, handing
from agents.runtime.briefing import Said
from agents.types import Brief, BriefFact, RunRequest, TranscriptLine
from tests.agents.worlds import DESK, NOW


def request(*burst: str, transcript: tuple[TranscriptLine, ...] = ()) -> RunRequest:
    return RunRequest(
        tenant_name="Clínica",
        language="pt-br",
        timezone="America/Sao_Paulo",
        agent=DESK,
        burst=burst,
        transcript=transcript,
        contact_name="Ana",
        now=NOW,
        burst_refs=tuple(f"m{place}" for place in range(len(burst))),
    )


def test_what_the_contact_gave_goes_along_with_their_own_words() -> None:
    earlier = (
        TranscriptLine("contact", "Me chamo Ana Souza, meu fone é (11) 98888-7777", NOW, "m-1"),
        TranscriptLine("agent", "Obrigada, Ana! O que você precisa?", NOW),
    )

    brief = briefing.brief(
        request("oi", "quero trocar o pedido 48213 até sexta", transcript=earlier)
    )

    assert brief.goal == "quero trocar o pedido 48213 até sexta"
    facts = {fact.kind: fact for fact in brief.facts}
    assert (facts["number"].text, facts["number"].source) == ("48213", "m1")
    assert (facts["name"].text, facts["name"].source) == ("Ana Souza", "m-1")
    assert facts["phone"].words == "Me chamo Ana Souza, meu fone é (11) 98888-7777"
    assert brief.done == ("Obrigada, Ana! O que você precisa?",)
    assert brief.pending == ("quero trocar o pedido 48213 até sexta",)
    assert brief.deadline == "quero trocar o pedido 48213 até sexta"


def test_a_model_says_what_is_wanted_and_code_says_what_was_given() -> None:
    said = Said("Trocar um pedido", ("explicou o prazo",), ("a etiqueta",), "irritada")

    brief = briefing.brief(request("troca o 48213"), said=said)

    assert (brief.goal, brief.done, brief.pending, brief.tone) == (
        "Trocar um pedido",
        ("explicou o prazo",),
        ("a etiqueta",),
        "irritada",
    )
    assert [fact.text for fact in brief.facts] == ["48213"]


def test_facts_of_the_brief_before_stay() -> None:
    before = Brief("trocar", (BriefFact("98888-7777", "phone", "m0", "fone 98888-7777"),))

    brief = briefing.brief(request("ok"), before=before)

    assert brief.goal == "trocar"
    assert brief.facts == before.facts


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("QUERO MEU DINHEIRO DE VOLTA", "tense"),
        ("cadê isso??? já faz um mês!!", "tense"),
        ("por favor, qual o prazo?", "polite"),
        ("qual o prazo?", "neutral"),
    ],
)
def test_the_tone_is_told_by_a_rule(text: str, tone: str) -> None:
    assert briefing.tone([text]) == tone


@given(st.lists(st.text(max_size=400), max_size=3))
def test_any_burst_gives_a_short_brief_that_can_be_stored(burst: list[str]) -> None:
    brief = briefing.brief(request(*burst))

    assert len(brief.facts) <= briefing.MAX_FACTS
    assert len(brief.goal) <= briefing.MAX_TEXT + 2
    assert handing.brief_from_data(handing.brief_as_data(brief)) == brief
