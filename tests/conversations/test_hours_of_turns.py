"""Opening hours on a message's way: from the door to what the contact reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.runtime import loop
from agents.services import assembly, publishing
from agents.types import Away, NeedsHuman
from agents.types_hours import ALWAYS_OPEN
from conversations.models import AwayNotice, Contact, Conversation, HoursSettings, Turn
from conversations.services import away, committing, hours, identity, opening, orchestrator, outbox
from tenants import timers
from tenants.context import database_now
from tenants.models import Tenant
from tests.factories import (
    due_now,
    learn,
    make_agent,
    make_device,
    make_queue,
    message_body,
    receive,
    work,
)
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import wait_until
from tests.workers import at_once

WEEK = [["08:00-12:00", "13:30-18:00"]] * 5 + [["08:00-12:00"], []]
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
FRIDAY = datetime(2026, 7, 10, 9, 0, tzinfo=SAO_PAULO)
SUNDAY = datetime(2026, 7, 12, 10, 0, tzinfo=SAO_PAULO)
LUNCH = datetime(2026, 7, 10, 12, 30, tzinfo=SAO_PAULO)
ANA = "5511988887777"


def open_hours(*, region: str = "BR-SP", week: list[list[str]] | None = None) -> None:
    hours.save_week(week=week or WEEK, actor="test")
    hours.save_region(region=region, actor="test")


def agent(outside_hours: str = "answer") -> Agent:
    made = make_agent()
    made.outside_hours = outside_hours
    made.save()
    publishing.publish_agent(agent=made, actor="test", now=FRIDAY)
    return made


def answer(now: datetime) -> list[str]:
    """Answer what waits in the current tenant as if it were `now` there; return the outcomes."""
    schema = connection.schema_name
    due_now()
    bells = [
        (bell.timer_id, bell.token)
        for bell in timers.claim_due(kind="turn", max_running=100, limit=100)
        if bell.schema_name == schema
    ]
    answered = []
    for claim, one in opening.open_turns(timers.begin(bells)).items():
        assert isinstance(one, opening.Open)
        state = hours.state_at(now=now)
        request = replace(one.request, now=now, hours=state)
        result = loop.answer(request, assembly.run_context(orchestrator.caller_of(one)))
        answered.append(committing.Answered(claim, one, result))
    committed = committing.commit_turns(answered, alone=True)
    for one in committed.values():
        if one.handed is not None:
            outbox.send_handed(one.handed)
    return [one.outcome for one in committed.values()]


def n_queries(captured: CaptureQueriesContext) -> int:
    """Return how many there were, without the choice of the schema before the first."""
    return sum(not query["sql"].startswith("SET search_path") for query in captured)


def told(bridge: FakeBridge, phone: str = ANA) -> list[str]:
    return [one.body for one in bridge.sent_to(phone)]


def again() -> None:
    """Let the assistant answer the conversations that were left to people."""
    Conversation.objects.update(mode="ai")


def test_on_a_closed_sunday_a_wish_for_a_person_is_told_when_people_are_back(alpha, bridge):
    open_hours()
    device = make_device(agent(), bridge_url=bridge.url)
    receive(device, message_body("quero falar com um atendente"))

    assert answer(SUNDAY) == ["answered"]

    assert told(bridge) == [
        "Claro! Uma pessoa da nossa equipe vai continuar com você nesta conversa.\n"
        "Agora estamos fora do horário de atendimento; voltamos amanhã, segunda-feira, 13 de julho,"
        " às 8h."
    ]
    assert Conversation.objects.get().mode == "human"


def test_in_the_lunch_break_the_assistant_answers_and_people_are_promised_for_today(alpha, bridge):
    learn()
    open_hours()
    device = make_device(agent(), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?", ref="A1"))
    answer(LUNCH)
    receive(device, message_body("quero um atendente", ref="A2"))
    answer(LUNCH)

    first, second = told(bridge)
    assert "R$ 220,00" in first
    assert second.endswith("voltamos hoje às 13h30.")


def test_a_state_holiday_closes_one_tenant_and_not_its_neighbour_in_another_zone(
    alpha, beta, bridge
):
    now = datetime(2026, 7, 9, 14, 0, tzinfo=UTC)  # in São Paulo 11 o'clock, in Manaus 10
    question = "vocês estão abertos agora?"
    open_hours(region="BR-SP")
    receive(make_device(agent(), bridge_url=bridge.url), message_body(question, phone=ANA))
    answer(now)
    with tenant_context(beta):
        beta.timezone = "America/Manaus"
        beta.save(update_fields=["timezone"])
        open_hours(region="BR-AM")
        device = make_device(agent(), bridge_url=bridge.url)
        receive(device, message_body(question, phone="5592911110000"))
        answer(now)
        assert HoursSettings.objects.get().pk == 1

    assert told(bridge) == [
        "Agora estamos fechados (feriado: Revolução Constitucionalista)."
        " Voltamos amanhã, sexta-feira, 10 de julho, às 8h."
    ]
    assert told(bridge, "5592911110000") == [
        "Sim, estamos atendendo agora, até as 12h. Depois, das 13h30 às 18h."
    ]
    assert HoursSettings.objects.get().region == "BR-SP"


def test_the_away_text_is_said_once_in_each_closed_period(alpha, bridge):
    open_hours()
    hours.save_texts(away_text="Voltamos {volta}.", note="", actor="test")
    device = make_device(agent("away"), bridge_url=bridge.url)
    for number, now in enumerate((SUNDAY, SUNDAY + timedelta(hours=1), LUNCH)):
        again()
        receive(device, message_body("oi", ref=f"A{number}"))
        answer(now)

    assert told(bridge) == [
        "Voltamos amanhã, segunda-feira, 13 de julho, às 8h.",
        "Voltamos hoje às 13h30.",
    ]
    silent = Turn.objects.order_by("pk")[1]
    assert (silent.status, silent.reason) == ("done", "out_of_hours")
    assert not silent.replies.exists()
    assert Conversation.objects.get().mode == "human"  # nothing that was written is lost


def test_who_tells_says_the_away_text_once_and_promises_shortly_afterwards(alpha, bridge):
    open_hours()
    hours.save_texts(away_text="*Fechado.* Até {volta}", note="", actor="test")
    device = make_device(agent("tell"), bridge_url=bridge.url)
    for number in range(2):
        again()
        receive(device, message_body("quero um atendente", ref=f"A{number}"))
        answer(SUNDAY)

    first, second = told(bridge)
    assert first.endswith("*Fechado.* Até amanhã, segunda-feira, 13 de julho, às 8h")
    assert "Fechado" not in second
    assert second.endswith("às 8h.")


def test_who_tells_says_the_queues_own_words_and_the_away_text_with_the_first(alpha, bridge):
    open_hours()
    hours.save_texts(away_text="*Fechado.* Até {volta}", note="", actor="test")
    make_queue(text_open="Já chamo alguém.", text_closed="A Rosa te responde quando abrirmos.")
    device = make_device(agent("tell"), bridge_url=bridge.url)
    for number, now in enumerate((SUNDAY, SUNDAY + timedelta(hours=1))):
        again()
        receive(device, message_body("quero um atendente", ref=f"A{number}"))
        answer(now)

    assert told(bridge) == [
        "A Rosa te responde quando abrirmos.\n\n"
        "*Fechado.* Até amanhã, segunda-feira, 13 de julho, às 8h",
        "A Rosa te responde quando abrirmos.",
    ]


def test_who_is_away_says_no_words_of_a_queue(alpha, bridge):
    open_hours()
    hours.save_texts(away_text="Fechado.", note="", actor="test")
    make_queue(text_closed="A Rosa te responde quando abrirmos.")
    receive(make_device(agent("away"), bridge_url=bridge.url), message_body("oi"))
    answer(SUNDAY)

    assert told(bridge) == ["Fechado."]


def test_in_hours_and_without_hours_everybody_answers(alpha, bridge):
    learn()
    device = make_device(agent("away"), bridge_url=bridge.url)
    receive(device, message_body("quanto custa a limpeza?", ref="A1"))
    answer(SUNDAY)
    open_hours()
    receive(device, message_body("quanto custa a limpeza?", ref="A2"))
    answer(FRIDAY)

    assert [("220,00" in text) for text in told(bridge)] == [True, True]


def test_the_turn_itself_reads_the_hours(alpha, bridge):
    today = database_now().astimezone(SAO_PAULO).date()
    open_hours(week=[["00:00-24:00"]] * 7)
    hours.add_special(
        given=hours.SpecialInput(
            today - timedelta(days=1), today + timedelta(days=1), "Balanço", text="Balanço. {volta}"
        ),
        actor="test",
    )
    receive(make_device(agent("away"), bridge_url=bridge.url), message_body("oi"))
    work()

    back = today + timedelta(days=2)
    (said,) = told(bridge)
    assert said.startswith("Balanço. n")
    assert f"{back.day}" in said
    assert said.endswith("à meia-noite")


def test_a_closure_holds_from_the_next_message_on(alpha):
    open_hours()
    before = hours.state_at(now=FRIDAY)
    special = hours.SpecialInput(date(2026, 7, 10), date(2026, 7, 10), "Luto")
    assert hours.add_special(given=special, actor="test")
    closed = hours.state_at(now=FRIDAY)
    assert not hours.add_special(given=special, actor="test")  # nothing new

    assert (before.is_open, closed.is_open, closed.name) == (True, False, "Luto")
    with CaptureQueriesContext(connection) as captured:
        hours.state_at(now=FRIDAY, zone="America/Sao_Paulo")
    assert n_queries(captured) == 1


def test_a_tenant_without_hours_is_asked_once_and_always_open(alpha):
    with CaptureQueriesContext(connection) as captured:
        assert hours.state_at(now=SUNDAY, zone="America/Sao_Paulo") is ALWAYS_OPEN
    assert n_queries(captured) == 1


@pytest.mark.parametrize(
    "week",
    [
        [["08:00-12:00", "11:00-13:00"], *[[]] * 6],
        [["12:00-08:00"], *[[]] * 6],
        [["08h-12h"], *[[]] * 6],
        [[]] * 6,
    ],
)
def test_hours_that_make_no_sense_are_refused(alpha, week):
    with pytest.raises(hours.BadHours):
        hours.save_week(week=week, actor="test")


def test_a_text_with_an_unknown_placeholder_is_refused(alpha):
    with pytest.raises(hours.BadHours, match=r"\{nome\}"):
        hours.save_texts(away_text="Olá {nome}", note="", actor="test")


def test_contacts_that_turn_out_to_be_one_were_told_once(alpha):
    keep, twin = Contact.objects.create(name="a"), Contact.objects.create(name="b")
    for contact, period in ((keep, "p1"), (twin, "p1"), (twin, "p2")):
        AwayNotice.objects.create(contact=contact, period=period, told_at=FRIDAY)
    with transaction.atomic():
        identity.merge_contacts(keep=keep, twin=twin, actor="test")

    assert sorted(AwayNotice.objects.values_list("contact", "period")) == [
        (keep.pk, "p1"),
        (keep.pk, "p2"),
    ]


def test_a_person_who_wrote_to_two_numbers_is_told_once_in_one_commit(alpha):
    contact = Contact.objects.create(name="a")
    outcome = NeedsHuman("out_of_hours", "", away=Away("Fechado.", "p"))

    assert away.texts([(contact.pk, outcome), (contact.pk, outcome)], now=FRIDAY) == [
        "Fechado.",
        "",
    ]


def test_of_two_workers_that_answer_one_contact_one_tells(committed_alpha: Tenant, bridge):
    open_hours()
    hours.save_texts(away_text="Fechado.", note="", actor="test")
    answering = agent("away")
    one = make_device(answering, bridge_url=bridge.url)
    two = make_device(answering, name="dois", bridge_url=bridge.url)
    for device in (one, two):
        receive(device, message_body("oi"))
    due_now()
    bells = timers.claim_due(kind="turn", max_running=100, limit=100)
    opened = [opening.open_turns(timers.begin([(bell.timer_id, bell.token)])) for bell in bells]
    answers = []
    for found in opened:
        ((claim, begun),) = found.items()
        request = replace(begun.request, now=SUNDAY, hours=hours.state_at(now=SUNDAY))
        context = assembly.run_context(orchestrator.caller_of(begun))
        answers.append(committing.Answered(claim, begun, loop.answer(request, context)))

    def commit(answered: committing.Answered) -> str:
        committed = committing.commit_turns([answered], alone=True)[answered]
        if committed.handed is not None:
            outbox.send_handed(committed.handed)
        return committed.outcome

    outcomes = at_once(*[partial(commit, one) for one in answers])

    wait_until(lambda: len(bridge.sent) == 1)
    assert outcomes == ["answered"] * 2
    assert told(bridge) == ["Fechado."]
    assert AwayNotice.objects.count() == 1
    assert Conversation.objects.filter(mode="human").count() == 2


def test_two_workers_that_set_the_hours_first_make_one_row(committed_alpha: Tenant):
    at_once(*[lambda: hours.save_week(week=WEEK, actor="test")] * 2)

    assert HoursSettings.objects.get().week == WEEK
