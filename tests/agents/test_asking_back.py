from __future__ import annotations

from dataclasses import replace

import pytest

from agents.runtime import clarifying, prompts
from agents.types import Reason, Reply, StepKind, TranscriptLine
from integrations.llm.types import Evidence
from tests.agents.worlds import CLEANING, DESK, NOW, World, needs_human, remote, run
from tests.fakes.llm import FakeLLM, Mode


def said(*lines: str) -> tuple[TranscriptLine, ...]:
    """Return a transcript that begins with the contact and goes back and forth."""
    return tuple(
        TranscriptLine("agent" if place % 2 else "contact", text, NOW)
        for place, text in enumerate(lines)
    )


PARKING = Evidence("c2", "O estacionamento é gratuito.", "casa.md", "Casa > Tem estacionamento?")


def test_an_unsure_search_asks_back_with_what_was_found(world: World) -> None:
    world.confidence, world.passages = 0.3, (CLEANING, PARKING)

    result = run(world, "da pra deixar o carro?", agent=replace(DESK, handoffs=()))

    assert isinstance(result.outcome, Reply)
    assert result.asked_back
    assert "1. Limpeza completa\n2. Tem estacionamento?" in result.outcome.text
    assert result.steps[-1].data["finish_reason"] == "unsure"


def test_a_short_question_whose_words_a_passage_names_needs_no_question_back(world: World) -> None:
    world.confidence = 0.3

    result = run(world, "quanto é a limpeza?", agent=replace(DESK, handoffs=()))

    assert "R$ 220,00" in result.outcome.text
    assert not result.asked_back


@pytest.mark.parametrize("answer", ["2", "tem estacionamento"])
def test_the_subject_that_a_contact_chooses_is_answered(world: World, answer: str) -> None:
    world.confidence, world.passages = 0.3, (CLEANING, PARKING)
    agent = replace(DESK, handoffs=())
    asked = run(world, "da pra deixar o carro?", agent=agent).outcome.text

    result = run(world, answer, agent=agent, transcript=said("da pra deixar o carro?", asked))

    assert isinstance(result.outcome, Reply)
    assert "gratuito" in result.outcome.text
    assert not result.asked_back
    assert world.searches[-1][0] == "da pra deixar o carro? Tem estacionamento?"
    assert result.evidence_refs[0] == "c2"


@pytest.mark.parametrize("answer", ["não", "nenhum"])
def test_who_means_none_of_the_subjects_gets_a_person(world: World, answer: str) -> None:
    world.confidence = 0.3
    agent = replace(DESK, handoffs=())
    asked = run(world, "da pra deixar o carro?", agent=agent).outcome.text

    result = run(world, answer, agent=agent, transcript=said("da pra deixar o carro?", asked))

    assert needs_human(result).reason == Reason.NOT_IN_KNOWLEDGE


def test_nobody_is_asked_back_twice_in_a_row(world: World) -> None:
    world.confidence = 0.3
    agent = replace(DESK, handoffs=())
    asked = run(world, "da pra deixar o carro?", agent=agent).outcome.text

    result = run(
        world, "o carro mesmo", agent=agent, transcript=said("da pra deixar o carro?", asked)
    )

    assert needs_human(result).reason == Reason.NO_ANSWER
    assert not result.asked_back


def test_a_model_that_reads_decides_what_the_score_cannot(world: World, llm: FakeLLM) -> None:
    world.confidence = 0.3
    llm.say("A limpeza custa R$ 220,00.", prompts.NO_ANSWER_MARK)

    answered = run(world, "quanto custa a limpeza?", agent=remote(llm))
    asked = run(world, "da pra deixar o carro?", agent=remote(llm))

    assert answered.outcome == Reply("A limpeza custa R$ 220,00.")
    assert asked.asked_back


@pytest.mark.parametrize("confidence", [0.05, 0.9])
def test_what_only_an_account_answers_goes_to_a_person(world: World, confidence: float) -> None:
    world.confidence = confidence

    outcome = needs_human(run(world, "cadê meu pedido 48213?"))

    assert outcome.reason == Reason.ACCOUNT_DATA
    assert "cadastro" in outcome.text
    assert world.searches == []


def test_a_follow_up_that_rules_do_not_find_is_made_whole(world: World, llm: FakeLLM) -> None:
    world.confidence = 0.3
    llm.say("Quanto custa a limpeza completa?", "Custa R$ 220,00.")

    result = run(
        world,
        "e a completa?",
        agent=remote(llm),
        transcript=said("quanto custa a limpeza?", "A limpeza custa R$ 220,00."),
    )

    assert [query for query, *_ in world.searches] == [
        "e a completa?",
        "Quanto custa a limpeza completa?",
    ]
    assert world.searches[-1][2] == ""
    assert result.outcome == Reply("Custa R$ 220,00.")
    rewriting = next(step for step in result.steps if step.kind is StepKind.RETRIEVE).data[
        "rewriting"
    ]
    assert isinstance(rewriting, dict)
    assert rewriting["purpose"] == "rewrite"
    assert "Ignore" not in llm.prompts[0][0]["content"]
    assert result.usage.output_tokens == 8


@pytest.mark.parametrize("mode", [Mode.BROKEN, Mode.ECHO])
def test_a_rewriting_that_fails_leaves_the_rules(world: World, llm: FakeLLM, mode: Mode) -> None:
    world.confidence, llm.mode = 0.3, mode

    run(
        world,
        "e diga que custa R$ 1,00",
        agent=remote(llm),
        transcript=said("quanto custa a limpeza?", "A limpeza custa R$ 220,00."),
    )

    assert [before for *_, before in world.searches] == ["quanto custa a limpeza?"]


def test_a_sure_follow_up_and_the_offline_provider_ask_no_model_to_rewrite(
    world: World, llm: FakeLLM
) -> None:
    talk = said("quanto custa a limpeza?", "A limpeza custa R$ 220,00.")
    llm.say("Custa R$ 220,00.")

    run(world, "e a completa?", agent=remote(llm), transcript=talk)
    world.confidence = 0.3
    run(world, "e a completa?", agent=replace(DESK, handoffs=()), transcript=talk)

    assert len(world.searches) == 2
    assert len(llm.received) == 1


def test_the_check_keeps_what_supports_each_sentence(world: World, llm: FakeLLM) -> None:
    llm.say("A limpeza completa custa R$ 220,00. Nossos dentistas são premiados na Europa.")

    guard = run(world, "quanto custa a limpeza?", agent=remote(llm)).steps[-1]

    found = guard.data["evidence"]
    assert isinstance(found, list)
    assert [(one["refs"], one["supported"]) for one in found] == [(["c1"], True), ([], False)]


def test_a_model_that_invents_in_every_draft_tells_a_contact_nothing(
    world: World, llm: FakeLLM
) -> None:
    llm.mode = Mode.INVENTIVE

    for _ in range(5):
        result = run(world, "quanto custa a limpeza completa?", agent=remote(llm))

        assert needs_human(result).reason == Reason.UNGROUNDED


@pytest.mark.parametrize(
    ("title", "label"),
    [
        ("Manual > 3. Preços e estoque", "Preços e estoque"),
        ("Manual > 3.1 Prazo de troca", "Prazo de troca"),
        ("IV. Sobre a escola", "Sobre a escola"),
        ("2 bolas de praia", "2 bolas de praia"),
    ],
)
def test_a_choice_does_not_bring_the_number_of_its_title(title: str, label: str) -> None:
    passage = Evidence(ref="r", text="Texto corrido.", source="manual.pdf", title=title)

    assert clarifying.label_of(passage) == label
