"""Questions of opening times, and what contacts and models are told of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from agents.runtime import evidence, hours, hours_words, loop
from agents.types import AgentProfile, NeedsHuman, OutsideHours, Reply, RunRequest, RunResult
from agents.types_hours import ALWAYS_OPEN
from conversations.hours import Rules, Special, parse_span, state_at
from integrations.llm.types import Evidence
from tests.agents.worlds import DESK, World, remote
from tests.fakes.llm import FakeLLM, Mode

ZONE = ZoneInfo("America/Sao_Paulo")
LUNCH = (parse_span("08:00-12:00"), parse_span("13:30-18:00"))
WEEK = (*(LUNCH,) * 5, (parse_span("08:00-12:00"),), ())
RULES = Rules("America/Sao_Paulo", WEEK, region="BR-SP")
FRIDAY = datetime(2026, 9, 4, 9, 5, tzinfo=ZONE)
LUNCHTIME = datetime(2026, 9, 4, 12, 30, tzinfo=ZONE)
SUNDAY = datetime(2026, 9, 6, 10, 0, tzinfo=ZONE)  # and Monday is a holiday
SIGN = Evidence("h1", "Unidade Centro: domingos, plantão das 9h às 13h.", "unidades.txt")


def request(now: datetime, *burst: str, agent: AgentProfile = DESK, rules: Rules = RULES):
    return RunRequest(
        tenant_name="Clínica",
        language="pt-br",
        timezone="America/Sao_Paulo",
        agent=agent,
        burst=burst,
        transcript=(),
        contact_name="Ana",
        now=now,
        hours=state_at(rules, now),
    )


def run(
    now: datetime, *burst: str, world: World | None = None, agent: AgentProfile = DESK
) -> RunResult:
    world = world or World(passages=(), confidence=0.0)
    return loop.answer(request(now, *burst, agent=agent), world.context())


def reply(result: RunResult) -> str:
    assert isinstance(result.outcome, Reply)
    return result.outcome.text


@pytest.mark.parametrize(
    ("now", "question", "answer"),
    [
        (
            FRIDAY,
            "vocês estão abertos agora?",
            "Sim, estamos atendendo agora, até as 12h. Depois, das 13h30 às 18h.",
        ),
        (
            LUNCHTIME,
            "Tá aberto?",
            "Agora estamos fechados (intervalo). Voltamos hoje às 13h30.",
        ),
        (
            SUNDAY,
            "já abriram?",
            "Agora estamos fechados. Voltamos na terça-feira, 8 de setembro, às 8h.",
        ),
        (
            FRIDAY,
            "bom dia! vcs abrem amanhã?",
            "Amanhã, sábado, 5 de setembro, atendemos das 8h às 12h.",
        ),
        (
            SUNDAY,
            "abre amanhã?",
            "Amanhã, segunda-feira, 7 de setembro (Independência do Brasil), não atendemos."
            " Voltamos na terça-feira, 8 de setembro, às 8h.",
        ),
        (
            FRIDAY,
            "funciona no feriado?",
            "Na segunda-feira, 7 de setembro (Independência do Brasil), não atendemos."
            " Voltamos na terça-feira, 8 de setembro, às 8h.",
        ),
        (FRIDAY, "vocês abrem no natal?", "Na sexta-feira, 25 de dezembro (Natal), não atendemos."),
        (
            FRIDAY,
            "ate que horas vcs atendem hj?",
            "Hoje, sexta-feira, 4 de setembro, atendemos das 8h às 12h e das 13h30 às 18h.",
        ),
        (
            FRIDAY,
            "abre segunda?",  # unlike other Mondays, so no document is asked
            "Na segunda-feira, 7 de setembro (Independência do Brasil), não atendemos."
            " Voltamos na terça-feira, 8 de setembro, às 8h.",
        ),
    ],
)
def test_what_depends_on_today_is_told_by_code(now: datetime, question: str, answer: str) -> None:
    world = World(passages=(SIGN,))
    told = run(now, question, world=world)

    assert reply(told) == answer
    assert world.searches == []
    assert told.steps[1].data["reason"] == "hours"


@pytest.mark.parametrize(
    "question",
    [
        "tem horário amanhã?",
        "quais horários amanhã?",
        "vocês atendem convênio amanhã?",
        "quanto custa o atendimento hoje?",
        "como funciona?",
        "onde vocês atendem?",
        "a unidade Cambuí está aberta agora?",
        "meu pedido está fechado?",
        "quero marcar horário amanhã",
        "hoje",
        "bom dia",
        "amanhã",
        "vocês abrem amanhã? e quanto custa a limpeza?",
    ],
)
def test_a_question_of_anything_else_is_not_taken_for_one_of_opening_times(question: str) -> None:
    state = request(FRIDAY).hours

    assert hours.asked([question], state, FRIDAY.date()) is None


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("que horas abrem?", "week"),
        ("qual o horário de funcionamento?", "week"),
        ("Olá, gostaria de saber o horário de atendimento", "week"),
        ("vocês abrem sábado e domingo?", "week"),
        ("abre no fim de semana?", "week"),
        ("abre domingo?", "day"),
        ("are you open now?", "now"),
        ("what are your opening hours?", "week"),
        ("are you open tomorrow?", "day"),
    ],
)
def test_questions_of_opening_times_are_known(question: str, kind: str) -> None:
    found = hours.asked([question], request(FRIDAY).hours, FRIDAY.date())

    assert found is not None
    assert found.kind == kind


def test_of_the_usual_hours_a_document_that_answers_is_asked_first() -> None:
    world = World(passages=(SIGN,), confidence=0.9)

    assert "plantão" in reply(run(FRIDAY, "abre domingo no centro? plantão?", world=world))
    assert "plantão" in reply(run(FRIDAY, "vocês abrem domingo?", world=world))
    assert reply(run(FRIDAY, "vocês abrem domingo?")) == (
        "No domingo, 6 de setembro, não atendemos. Voltamos na terça-feira, 8 de setembro, às 8h."
    )


def test_the_week_is_told_where_no_document_answers_and_nobody_is_called() -> None:
    told = run(FRIDAY, "qual o horário de vocês?")

    assert reply(told) == (
        "Nosso horário de atendimento:\n"
        "segunda a sexta: das 8h às 12h e das 13h30 às 18h\n"
        "sábado: das 8h às 12h\n"
        "domingo: fechado\n"
        "Na segunda-feira, 7 de setembro (Independência do Brasil), não atendemos."
    )
    assert not told.asked_back


def test_without_hours_a_question_of_them_goes_the_usual_way() -> None:
    world = World(passages=(), confidence=0.0)
    bare = replace(request(FRIDAY, "que horas abrem?"), hours=ALWAYS_OPEN)

    assert not bare.hours.is_configured
    assert isinstance(loop.answer(bare, world.context()).outcome, NeedsHuman)
    assert hours.facts(bare) == ()


def test_a_note_goes_with_every_answer() -> None:
    noted = replace(RULES, note="Urgências: plantão no Centro, domingos das 9h às 13h.")
    text = hours.told(request(SUNDAY, "estão abertos?", rules=noted), ("estão abertos?",))

    assert text.endswith("\n\nUrgências: plantão no Centro, domingos das 9h às 13h.")


def test_a_model_gets_the_hours_as_data_and_may_repeat_them() -> None:
    with FakeLLM(Mode.EVIDENCE) as llm:
        world = World(passages=(SIGN,), confidence=0.9)
        run(FRIDAY, "atendem de dia no centro aos domingos?", world=world, agent=remote(llm))
    prompt = str(llm.prompts[0])

    assert "<hours>" in prompt
    assert "até as 12h. Depois, das 13h30 às 18h." in prompt
    assert "segunda a sexta: das 8h às 12h" in prompt
    assert "Independência do Brasil" in prompt


def test_an_hour_of_the_configured_week_counts_as_supported() -> None:
    facts = hours.facts(request(FRIDAY))
    right = evidence.examine("Abrimos às 13h30 na terça, 8/9.", passages=(), business=facts)
    wrong = evidence.examine("Fechamos às 19h.", passages=(), business=facts)

    assert right.unsupported == ()
    assert wrong.unsupported == ("19h",)


# What is promised and said outside the hours


def desk(outside: OutsideHours) -> AgentProfile:
    return replace(DESK, outside_hours=outside)


def left(result: RunResult) -> NeedsHuman:
    assert isinstance(result.outcome, NeedsHuman)
    return result.outcome


def test_in_hours_a_promise_says_nothing_of_them() -> None:
    for outside in OutsideHours:
        outcome = left(run(FRIDAY, "quero falar com um atendente", agent=desk(outside)))
        assert outcome.text.endswith("vai continuar com você nesta conversa.")
        assert outcome.away is None


def test_out_of_hours_a_promise_says_when_people_are_back() -> None:
    outcome = left(run(SUNDAY, "quero falar com um atendente"))

    assert outcome.text.endswith("voltamos na terça-feira, 8 de setembro, às 8h.")
    assert outcome.away is None


def test_who_is_told_hears_the_away_text_once_and_the_short_promise_afterwards() -> None:
    outcome = left(run(SUNDAY, "quero falar com um atendente", agent=desk(OutsideHours.TELL)))

    assert outcome.away is not None
    assert outcome.away.text.startswith("Claro! Uma pessoa")
    assert "Voltamos na terça-feira, 8 de setembro, às 8h e respondemos" in outcome.away.text
    assert outcome.text.endswith("voltamos na terça-feira, 8 de setembro, às 8h.")


@pytest.mark.parametrize("text", ["oi", "quanto custa a limpeza?", "quero um atendente", "👍"])
def test_only_the_away_text_is_said_by_who_says_nothing_else(text: str) -> None:
    world = World()
    result = run(SUNDAY, text, world=world, agent=desk(OutsideHours.AWAY))
    outcome = left(result)

    assert (outcome.reason, outcome.text) == ("out_of_hours", "")
    assert outcome.away is not None
    assert outcome.away.text.startswith("Olá! Agora estamos fora do horário de atendimento. ")
    assert (world.searches, world.asked) == ([], [])
    assert result.steps[1].data["closed"] == "closed"


def test_an_agent_that_is_routed_to_keeps_to_its_own_rule() -> None:
    prices = World().profiles[2]
    world = World(profiles={1: DESK, 2: replace(prices, outside_hours=OutsideHours.AWAY)})

    outcome = left(run(SUNDAY, "qual o preço da limpeza?", world=world))
    assert outcome.reason == "out_of_hours"
    assert world.asked == []


def test_the_businesss_own_text_gets_its_placeholders_filled() -> None:
    rules = replace(RULES, away_text="Fechado ({motivo}). Volta {volta}.\n{horario} {outro}")
    monday = datetime(2026, 9, 7, 10, 0, tzinfo=ZONE)
    made = request(monday, rules=rules)

    assert hours.away_text(made.hours, language="pt-br", now=monday) == (
        "Fechado (feriado: Independência do Brasil). Volta amanhã, terça-feira, 8 de setembro,"
        " às 8h.\nsegunda a sexta: das 8h às 12h e das 13h30 às 18h\nsábado: das 8h às 12h\n"
        "domingo: fechado {outro}"
    )
    assert hours.unknown_placeholders("{volta} {outro} {}") == ["{outro}", "{}"]


def test_a_closures_own_text_goes_before_the_usual_one() -> None:
    closure = Special(FRIDAY.date(), FRIDAY.date(), (), "Luto", "Hoje não abrimos. Até {volta}.")
    made = request(FRIDAY, rules=replace(RULES, away_text="Fechado.", specials=(closure,)))

    text = hours.away_text(made.hours, language="pt-br", now=FRIDAY)
    assert text.startswith("Hoje não abrimos. Até amanhã, sábado")


def test_english_is_spoken_too() -> None:
    speak = hours_words.speaker("en")
    state = request(SUNDAY).hours

    assert speak.now(state, SUNDAY) == (
        "We are closed now. We are back on Tuesday, September 8 at 8:00."
    )
    assert speak.week(state).startswith("Monday to Friday: 8:00 to 12:00 and 13:30 to 18:00\n")
    assert speak.day(state.days[1], state, SUNDAY).startswith(
        "Tomorrow, Monday, September 7 (Independência do Brasil): closed."
    )


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("18:00-24:00", "das 18h à meia-noite"),
        ("00:00-06:30", "da meia-noite às 6h30"),
        ("22:00-01:00", "das 22h à 1h do dia seguinte"),
        ("00:00-24:00", "24 horas"),
    ],
)
def test_nights_are_said_as_people_say_them(span: str, said: str) -> None:
    state = state_at(Rules("America/Sao_Paulo", ((parse_span(span),),) * 7), FRIDAY)

    assert hours_words.speaker("pt-br").week(state) == f"todos os dias: {said}"


def test_closing_in_the_night_is_said_without_a_day() -> None:
    night = Rules("America/Sao_Paulo", ((parse_span("22:00-02:00"),),) * 7)
    speak = hours_words.speaker("pt-br")

    for hour in (23, 1):
        now, said = FRIDAY.replace(hour=hour), "até as 2h."
        assert speak.now(state_at(night, now), now).startswith(
            f"Sim, estamos atendendo agora, {said}"
        )


def test_a_search_that_is_unsure_does_not_ask_back_of_opening_times() -> None:
    world = World(passages=(SIGN,), confidence=0.3)
    result = run(FRIDAY, "que horas vocês abrem?", world=world)

    assert not result.asked_back
    assert "Nosso horário" in reply(result) or "plantão" in reply(result)
