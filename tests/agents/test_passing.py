"""From one agent to the next within a run: why, how often, and with what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from agents.runtime import handing
from agents.types import (
    AgentKind,
    AgentProfile,
    AgentRef,
    Brief,
    BriefFact,
    Business,
    HandoffCause,
    Hop,
    Persona,
    Reason,
    Reply,
    StepKind,
)
from integrations.llm.types import Purpose
from tests.agents.worlds import (
    DESK,
    NOW,
    OFFLINE,
    PRICES,
    World,
    needs_human,
    remote,
    run,
    step,
)
from tests.fakes.http import Answer
from tests.fakes.llm import FakeLLM

BOOKING = AgentRef(3, "Agenda", AgentKind.SPECIALIST, (), "marca consultas", ("quero marcar",))
MONEY = AgentRef(2, "Orçamentos", AgentKind.SPECIALIST, (), "diz preços", ("quanto fica?",))
OWNERS = frozenset({"551188887777"})
SECRETARY = AgentRef(5, "Secretária da Dona Rosa", AgentKind.PERSONAL, ("agenda pessoal",),
                     "assiste a dona", ("meus compromissos",), OWNERS)  # fmt: skip


def agent(
    llm: FakeLLM | None, agent_id: int, *handoffs: AgentRef, **fields: object
) -> AgentProfile:
    chat = remote(llm).chat if llm else OFFLINE
    return replace(
        PRICES, agent_id=agent_id, name=f"Agente {agent_id}", chat=chat, handoffs=handoffs, **fields
    )


def ref(profile: AgentProfile) -> AgentRef:
    return AgentRef(profile.agent_id, profile.name, profile.kind, ())


def desk(*handoffs: AgentRef, **fields: object) -> AgentProfile:
    return replace(DESK, handoffs=handoffs, **fields)


def test_a_burst_like_the_examples_goes_to_their_agent(world: World) -> None:
    world.likeness = {2: 0.42, 3: 0.12}

    result = run(world, "me passa um orçamento da limpeza", agent=desk(MONEY, BOOKING))

    assert result.agent_id == 2
    route = step(result, StepKind.ROUTE)
    assert (route["reason"], route["score"]) == ("embedding", 0.42)
    assert route["likeness"] == {"Orçamentos": 0.42, "Agenda": 0.12}
    assert world.likened == [world.searches[0][0]]
    handed = result.handoffs[0]
    assert (handed.cause, handed.from_agent_id, handed.to_agent_id) == (
        HandoffCause.EMBEDDING,
        1,
        2,
    )
    assert handed.score == 0.42


@pytest.mark.parametrize(
    "likeness",
    [{2: 0.25, 3: 0.1}, {2: 0.40, 3: 0.36}, {2: 0.40, 1: 0.38}, {}],
    ids=["weak", "two alike", "its own as well", "no vectors yet"],
)
def test_a_conversation_stays_where_nothing_says_otherwise(
    world: World, likeness: dict[int, float]
) -> None:
    world.likeness = likeness

    result = run(world, "quanto é a limpeza completa?", agent=desk(MONEY, BOOKING))

    assert result.agent_id == 1
    assert result.handoffs == ()


def test_without_examples_nothing_is_compared(world: World) -> None:
    run(world, "tem vaga?", agent=desk(replace(MONEY, examples=())))

    assert world.likened == []


def test_the_agents_own_keywords_keep_the_conversation(world: World) -> None:
    own = desk(replace(MONEY, keywords=("limpeza",)), keywords=("limpeza",))

    assert run(world, "e a limpeza?", agent=own).agent_id == 1


def test_a_model_is_asked_only_where_the_cheap_ways_are_unsure(world: World, llm: FakeLLM) -> None:
    world.likeness = {2: 0.27, 3: 0.26}
    world.profiles[2] = replace(PRICES, chat=OFFLINE)
    chooser = desk(MONEY, BOOKING, models={Purpose.CLASSIFY: remote(llm).chat})
    llm.say('{"agent": "Orçamentos", "reason": "asks for a price"}')

    result = run(world, "qto é a limpeza completa", agent=chooser)

    assert result.agent_id == 2
    assert (result.handoffs[0].cause, result.handoffs[0].reason) == (
        HandoffCause.LLM,
        "asks for a price",
    )
    assert "marca consultas" in str(llm.prompts[0])
    world.likeness = {2: 0.05, 3: 0.04}
    run(world, "e aquela coisa lá?", agent=chooser)
    assert len(llm.prompts) == 1


@pytest.mark.parametrize(
    "said",
    [
        '{"agent": "Diretoria", "reason": "x"}',
        "Orçamentos",
        '{"agent": "stay", "reason": ""}',
        "{",
        '{"agent": ' * 50_000 + "}" * 50_000,
    ],
)
def test_a_model_that_names_nobody_changes_nothing(world: World, llm: FakeLLM, said: str) -> None:
    world.likeness = {2: 0.27}
    llm.say(said)

    result = run(
        world,
        "quanto é a limpeza completa?",
        agent=desk(MONEY, models={Purpose.CLASSIFY: remote(llm).chat}),
    )

    assert result.agent_id == 1


def test_half_a_character_in_a_models_reason_is_left_out(world: World, llm: FakeLLM) -> None:
    world.likeness = {2: 0.27}
    world.profiles[2] = replace(PRICES, chat=OFFLINE)
    llm.say(r'{"agent": "Orçamentos", "reason": "a price \ud83d"}')
    chooser = desk(MONEY, models={Purpose.CLASSIFY: remote(llm).chat})

    result = run(world, "quanto é a limpeza completa?", agent=chooser)

    assert result.handoffs[0].reason == "a price"


def test_a_transfer_goes_on_within_the_turn_and_the_next_one_knows(
    world: World, llm: FakeLLM
) -> None:
    world.profiles[2] = agent(llm, 2)
    llm.call(
        "transfer", agent="orçamentos", reason="price", goal="Preço da limpeza", done=["saudou"]
    )
    llm.say("A limpeza custa R$ 220,00.")

    result = run(
        world,
        "meu nome é Ana Souza e meu fone é 11 98888-7777",
        "vocês fazem limpeza?",
        agent=replace(remote(llm), handoffs=(MONEY,)),
        burst_refs=("m1", "m2"),
    )

    assert isinstance(result.outcome, Reply)
    assert result.agent_id == 2
    handed = result.handoffs[0]
    assert (handed.cause, handed.brief.goal) == (HandoffCause.TOOL, "Preço da limpeza")
    assert ("Ana Souza", "m1") in [(fact.text, fact.source) for fact in handed.brief.facts]
    prompt = llm.prompts[1][1]["content"]
    assert "<goal>Preço da limpeza</goal>" in prompt
    assert 'value="[TELEFONE_1]"' in prompt
    assert world.searches[-1][1] == (20,)


def test_the_contact_is_not_asked_again_in_the_next_turn(world: World, llm: FakeLLM) -> None:
    brief = Brief("trocar", (BriefFact("48213", "number", "m1", "é o pedido 48213"),))
    llm.say("O pedido 48213 custa R$ 220,00.")

    result = run(world, "e quanto fica?", agent=remote(llm), brief=brief)

    assert 'value="48213"' in llm.prompts[0][1]["content"]
    assert "Never ask for what stands in <brief>" in llm.prompts[0][0]["content"]
    assert isinstance(result.outcome, Reply)


@pytest.mark.parametrize("name", ["Diretoria", "Agente 9", "../2", "<agent>"])
def test_a_name_that_is_not_allowed_leads_nowhere(world: World, llm: FakeLLM, name: str) -> None:
    world.profiles[9] = agent(llm, 9)
    llm.call("transfer", agent=name, reason="x", goal="y")
    llm.say("A limpeza custa R$ 220,00.")

    result = run(world, "e a limpeza?", agent=replace(remote(llm), handoffs=(MONEY,)))

    assert result.agent_id == 1
    assert result.handoffs == ()
    assert "There is no such colleague; there are: Orçamentos" in str(llm.prompts[1][-1])


def test_two_agents_that_want_to_pass_for_ever_end_at_a_person(world: World, llm: FakeLLM) -> None:
    one, two = agent(llm, 1), agent(llm, 2)
    one, two = replace(one, handoffs=(ref(two),)), replace(two, handoffs=(ref(one),))
    world.profiles = {1: one, 2: two}
    for to in (2, 1, 2, 2):
        llm.call("transfer", agent=f"Agente {to}", reason=f"not mine {to}", goal="limpeza")

    result = run(world, "e a limpeza?", agent=one)

    assert needs_human(result).reason == Reason.HANDOFF_LOOP
    hops = [(one.from_agent_id, one.to_agent_id) for one in result.handoffs]
    assert hops == [(1, 2), (2, 1), (1, None)]
    assert result.handoffs[-1].reason == Reason.HANDOFF_LOOP


def test_a_chain_of_agents_ends_at_the_limit(world: World, llm: FakeLLM) -> None:
    chain = [agent(llm, pk) for pk in range(1, 7)]
    chain = [replace(a, handoffs=(ref(b),)) for a, b in pairwise(chain)]
    world.profiles = {one.agent_id: one for one in chain}
    for to in range(2, 3 + handing.MAX_HOPS):
        llm.call("transfer", agent=f"Agente {to}", reason="next", goal="limpeza")

    result = run(world, "e a limpeza?", agent=chain[0])

    assert needs_human(result).reason == Reason.HANDOFF_LIMIT
    assert len(result.handoffs) == handing.MAX_HOPS + 1


def test_too_many_in_an_hour_end_at_a_person(world: World) -> None:
    hops = tuple(
        Hop(1, 7, NOW - timedelta(minutes=place + 1)) for place in range(handing.MAX_HOPS_HOUR)
    )

    result = run(world, "quanto é?", hops=hops)

    assert needs_human(result).reason == Reason.HANDOFF_LIMIT
    old = tuple(replace(hop, at=NOW - timedelta(hours=2)) for hop in hops)
    assert run(world, "quanto é a limpeza completa?", hops=old).agent_id == 2


def test_the_same_pair_cools_down_and_the_conversation_stays(world: World) -> None:
    result = run(
        world, "quanto é a limpeza completa?", hops=(Hop(1, 2, NOW - timedelta(seconds=5)),)
    )

    assert result.agent_id == 1
    assert step(result, StepKind.ROUTE)["reason"] == "cool_down"


def test_a_model_calls_a_person_with_a_brief(world: World, llm: FakeLLM) -> None:
    llm.call("need_person", reason="wants a refund", goal="Dinheiro de volta", tone="irritada")

    result = run(world, "e a limpeza?", agent=replace(remote(llm), handoffs=(MONEY,)))

    assert needs_human(result).reason == Reason.AGENT_ASKED
    brief = result.handoffs[-1].brief
    assert (brief.goal, brief.tone) == ("Dinheiro de volta", "irritada")
    assert result.handoffs[-1].to_agent_id is None


def test_a_transfer_to_people_names_their_queue(world: World, llm: FakeLLM) -> None:
    people = AgentRef(4, "Atendimento", AgentKind.HUMAN, ())
    llm.call("transfer", agent="Atendimento", reason="complaint", goal="Reclamar")

    result = run(world, "e a limpeza?", agent=replace(remote(llm), handoffs=(people,)))

    assert needs_human(result).to_agent_id == 4
    assert (result.handoffs[-1].cause, result.handoffs[-1].to_agent_id) == (HandoffCause.TOOL, 4)


def test_what_leaves_the_specialists_field_goes_back_to_the_desk() -> None:
    world = World(confidence=0.01)
    front = AgentRef(1, "Recepção", AgentKind.GENERAL, ())

    result = run(world, "vocês têm wifi?", agent=replace(PRICES, handoffs=(front,)))

    assert [search[1] for search in world.searches] == [(20,), (10,)]
    assert result.handoffs[0].cause is HandoffCause.RULE
    assert result.agent_id == 1
    assert needs_human(result).reason == Reason.NOT_IN_KNOWLEDGE


def test_a_desk_that_knows_no_more_is_not_asked() -> None:
    world = World(confidence=0.01)
    world.profiles[1] = replace(DESK, category_ids=(20,))
    front = AgentRef(1, "Recepção", AgentKind.GENERAL, ())

    result = run(world, "vocês têm wifi?", agent=replace(PRICES, handoffs=(front,)))

    assert (result.agent_id, len(world.searches)) == (2, 1)


@pytest.mark.parametrize("text", ["agenda pessoal de hoje", "meus compromissos de hoje"])
def test_a_stranger_never_meets_a_personal_agent(world: World, llm: FakeLLM, text: str) -> None:
    secretary = agent(llm, 5, kind=AgentKind.PERSONAL, owners=OWNERS)
    world.profiles[5] = secretary
    world.likeness = {5: 0.9, 2: 0.27}
    llm.say('{"agent": "Secretária da Dona Rosa", "reason": "x"}')
    llm.call("transfer", agent="Secretária da Dona Rosa", reason="sou a dona", goal="ver agenda")
    llm.say("A limpeza custa R$ 220,00.")

    result = run(
        world,
        text,
        agent=replace(remote(llm), handoffs=(SECRETARY, MONEY)),
        contact_ids=frozenset({"551177776666"}),
    )

    assert result.agent_id == 1
    assert result.handoffs == ()
    assert llm.offered[1] == ["need_person", "transfer", "search_knowledge"]
    before_it_was_named = [one.body.decode() for one in llm.received[:2]]
    assert not any("Rosa" in body for body in before_it_was_named)


def test_the_owner_meets_their_personal_agent(world: World) -> None:
    world.profiles[5] = agent(None, 5, kind=AgentKind.PERSONAL, owners=OWNERS)

    result = run(
        world, "agenda pessoal: quanto é a limpeza?", agent=desk(SECRETARY), contact_ids=OWNERS
    )

    assert result.agent_id == 5


def test_a_personal_agent_that_changed_its_owner_meanwhile_is_closed(world: World) -> None:
    world.profiles[5] = agent(None, 5, kind=AgentKind.PERSONAL, owners=frozenset({"1"}))

    result = run(world, "agenda pessoal", agent=desk(SECRETARY), contact_ids=OWNERS)

    assert result.agent_id == 1


def test_a_model_that_knows_no_tools_is_asked_without(world: World, llm: FakeLLM) -> None:
    llm.script(Answer(400, body=b'{"error": {"message": "does not support tools"}}'))
    llm.say("A limpeza custa R$ 220,00.")

    result = run(world, "e a limpeza?", agent=replace(remote(llm), handoffs=(MONEY,)))

    assert isinstance(result.outcome, Reply)
    assert llm.offered[1] == []


def test_a_model_may_search_again_and_quote_what_it_found(world: World, llm: FakeLLM) -> None:
    llm.call("search_knowledge", query="clareamento dental")
    llm.say("A limpeza custa R$ 220,00.")

    result = run(world, "e o clareamento?", agent=replace(remote(llm), handoffs=(MONEY,)))

    assert isinstance(result.outcome, Reply)
    assert world.searches[-1][0] == "clareamento dental"


def test_facts_about_the_business_may_be_stated(world: World, llm: FakeLLM) -> None:
    llm.say("Ficamos na Rua Barão de Jaguara, 1200. A taxa é de R$ 15,00.")
    facts = Business(
        "Sorriso", address="Rua Barão de Jaguara, 1200", facts=("A taxa de visita é de R$ 15,00.",)
    )

    result = run(world, "onde fica e qual a taxa?", agent=remote(llm), business=facts)

    assert isinstance(result.outcome, Reply)
    system = llm.prompts[0][0]["content"]
    assert "Rua Barão de Jaguara, 1200" in system
    sentences = step(result, StepKind.GUARD)["evidence"]
    assert isinstance(sentences, list)
    assert all(one["supported"] for one in sentences)


def test_a_persona_is_written_in_the_prompt_and_not_printed(world: World, llm: FakeLLM) -> None:
    persona = Persona("Diz preços", "leve", ("Agradeça",), ("Prometa",), ("Avaliação é grátis",))
    llm.say("A limpeza custa R$ 220,00.")

    run(world, "quanto custa?", agent=replace(remote(llm), persona=persona))

    system = llm.prompts[0][0]["content"]
    assert all(line in system for line in persona.lines())
    assert system.index("Diz preços") < system.index("Now it is")
