"""What may leave, what waits and what is refused."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django_tenants.utils import schema_context, tenant_context

from channels_whatsapp.models import Device
from conversations.models import (
    Conversation,
    HoursSettings,
    InboundMessage,
    NumberPace,
    OutboundMessage,
    StaffMessage,
    VetoCount,
)
from conversations.services import outbox, telling, veto
from conversations.services.veto import Allow, Refuse, Rule, Wait
from conversations.types_sending import NumberRules
from integrations.models import Budget, Spend
from tenants import timers
from tenants.context import database_now
from tenants.models import Tenant, Timer
from tests.conversations.test_outbox import (
    SEND,
    accept,
    keep_history,
    open_conversation,
    put,
    send,
    sends,
)
from tests.factories import make_agent, make_device, make_queue, message_body, receive
from tests.fakes.http import ScriptedServer

ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def open_all_day(alpha):
    """The rules for planned messages without the clock on the wall."""
    Tenant.objects.filter(pk=alpha.pk).update(timezone=ZONE.key)


def make_it_noon() -> None:
    """Move the tenant to where it is noon: with a new day in sight an answer waits for it."""
    hours = database_now().astimezone(UTC).hour - 12
    Tenant.objects.filter(slug="alpha").update(timezone=f"Etc/GMT{hours:+d}")


def noon(days: int = 0):
    now = database_now().astimezone(ZONE)
    return now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=days)


def make_unasked(conversation: Conversation, *, now) -> OutboundMessage:
    InboundMessage.objects.update(received_at=now - timedelta(days=2))
    message = outbox.new_message(
        conversation=conversation,
        text="Olá de novo!",
        origin=OutboundMessage.Origin.PERSON,
        now=now,
    )
    message.is_unasked = True
    message.save()
    return message


def judge(message: OutboundMessage, conversation: Conversation, *, now) -> veto.Verdict:
    with transaction.atomic():
        found = veto.Judge(now=now)
        found.meet([(message, conversation)])
        verdict = found.verdict(message, conversation)
        found.close()
    return verdict


def counted() -> dict[str, tuple[int, int]]:
    return {one.reason: (one.n_waited, one.n_refused) for one in VetoCount.objects.all()}


def set_rules(**values: object) -> None:
    Device.objects.update(**values)


def test_an_answer_leaves_at_once_and_no_row_is_kept_for_it(alpha, server):
    conversation = open_conversation(server)
    (message,) = put(conversation, "um")

    assert isinstance(judge(message, conversation, now=database_now()), Allow)
    assert not NumberPace.objects.exists()
    assert not VetoCount.objects.exists()


@pytest.mark.parametrize(
    ("rule", "contact", "chat", "origin"),
    [
        (Rule.BLOCKED, {"is_blocked": True}, {}, "agent"),
        (Rule.BLOCKED, {"is_blocked": True}, {}, "person"),
        (Rule.OPTED_OUT, {"opted_out_at": "now"}, {}, "person"),
        (Rule.TAKEN_OVER, {}, {"mode": "human"}, "agent"),
        (None, {}, {"mode": "human"}, "person"),
        (None, {}, {"mode": "human"}, "system"),
    ],
)
def test_what_the_contact_and_the_conversation_forbid(alpha, server, rule, contact, chat, origin):
    conversation = open_conversation(server)
    (message,) = put(conversation, "um", origin=origin)
    for name, value in contact.items():
        value = message.created_at + timedelta(seconds=1) if value == "now" else value
        setattr(conversation.contact, name, value)
    for name, value in chat.items():
        setattr(conversation, name, value)

    verdict = judge(message, conversation, now=database_now())

    assert verdict == (Refuse(rule) if rule else verdict)
    assert isinstance(verdict, Refuse if rule else Allow)
    assert counted() == ({rule.value: (0, 1)} if rule else {})


def test_the_confirmation_of_the_opt_out_is_the_last_that_goes(alpha, server):
    conversation = open_conversation(server)
    (message,) = put(conversation, "Tudo bem", origin="system")
    conversation.contact.opted_out_at = message.created_at

    assert isinstance(judge(message, conversation, now=database_now()), Allow)


def test_a_pace_spreads_the_messages_of_a_number(alpha, server):
    conversation = open_conversation(server)
    set_rules(gap_s=3)
    now = database_now()
    messages = put(conversation, "um", "dois", "três")

    first, second, third = (judge(one, conversation, now=now) for one in messages)

    assert isinstance(first, Allow)
    assert second.rule is third.rule is Rule.PACE
    assert 3 <= (second.until - now).total_seconds() <= 5
    assert 3 <= (third.until - second.until).total_seconds() <= 5
    assert counted() == {"pace": (2, 0)}


def test_a_place_in_the_pace_is_kept_and_one_that_was_missed_is_not(alpha, server):
    conversation = open_conversation(server)
    set_rules(gap_s=3)
    now = database_now()
    _, message = put(conversation, "um", "dois")
    judge(_, conversation, now=now)
    until = judge(message, conversation, now=now).until
    message.next_attempt_at, message.held_by = until, Rule.PACE

    assert isinstance(judge(message, conversation, now=until), Allow)
    late = until + timedelta(minutes=1)
    judge(put(conversation, "outra")[0], conversation, now=late)
    assert isinstance(judge(message, conversation, now=late), Wait)


def test_an_answer_that_would_come_too_late_takes_no_place(alpha, server):
    conversation = open_conversation(server)
    set_rules(gap_s=3)
    now = database_now()
    late = now + veto.STALE_AFTER + timedelta(seconds=1)
    NumberPace.objects.create(
        channel_account_ref=conversation.channel_account_ref,
        next_at=late,
        day=now.astimezone(ZONE).date(),
        n_sent=7,
    )
    answer, written = put(conversation, "um")[0], put(conversation, "eu", origin="person")[0]
    answer.created_at = now

    assert judge(answer, conversation, now=now) == Refuse(Rule.PACE)
    pace = NumberPace.objects.get()
    assert (pace.next_at, pace.n_sent) == (late, 7)
    assert judge(written, conversation, now=now) == Wait(late, Rule.PACE)


@pytest.mark.usefixtures("open_all_day")
def test_what_a_person_wrote_beyond_the_days_cap_waits_for_the_next_opening(alpha, server):
    conversation = open_conversation(server)
    set_rules(day_cap=1)
    now = noon()
    one, written = put(conversation, "um", "dois", origin="person")
    judge(one, conversation, now=now)

    def waits() -> datetime:
        found = judge(written, conversation, now=now)
        assert found.rule is Rule.DAY_CAP
        return found.until

    eight = noon(1).replace(hour=8)
    assert eight <= waits() <= eight + timedelta(minutes=5)
    HoursSettings.objects.create(pk=1, week=[["00:00-24:00"] for _ in range(7)])
    midnight = noon(1).replace(hour=0)
    assert midnight <= waits() <= midnight + timedelta(minutes=5)


def test_the_outbox_waits_for_its_place_and_tells_why(alpha, server):
    conversation = open_conversation(server)
    set_rules(gap_s=5)
    put(conversation, "um", "dois")
    accept(server)

    assert send() == ["waiting"]
    assert [one["Body"] for one in sends(server)] == ["um"]
    waiting = OutboundMessage.objects.get(text="dois")
    assert (waiting.status, waiting.held_by) == ("created", "pace")
    assert waiting.next_attempt_at > database_now()

    OutboundMessage.objects.update(next_attempt_at=database_now())
    accept(server)
    assert send() == ["sent"]
    assert OutboundMessage.objects.get(text="dois").held_by == ""


def test_a_days_cap_sends_answers_to_people_and_lets_people_wait(alpha, server):
    conversation = open_conversation(server)
    set_rules(day_cap=1)
    now = noon()
    first, second = put(conversation, "um", "dois")
    (written,) = put(conversation, "eu", origin="person")
    for one in (first, second, written):
        one.created_at = now

    assert isinstance(judge(first, conversation, now=now), Allow)
    assert judge(second, conversation, now=now) == Refuse(Rule.DAY_CAP)
    waits = judge(written, conversation, now=now)
    assert waits.rule is Rule.DAY_CAP
    assert waits.until.astimezone(ZONE).date() == now.date() + timedelta(days=1)
    written.created_at = noon(1)
    assert isinstance(judge(written, conversation, now=noon(1)), Allow)


def test_an_answer_beyond_the_cap_is_left_to_people(alpha, server):
    make_it_noon()
    conversation = open_conversation(server)
    set_rules(day_cap=1)
    put(conversation, "um", "dois")
    accept(server)
    send()

    conversation.refresh_from_db()
    assert conversation.mode == "human"
    kept = OutboundMessage.objects.get(text="dois")
    assert (kept.status, kept.failure_reason) == ("cancelled", veto.REASONS[Rule.DAY_CAP])


def test_a_number_that_is_cut_off_is_not_tried(alpha, server):
    conversation = open_conversation(server)
    set_rules(state="logged_out")
    put(conversation, "um")

    assert send() == ["waiting"]
    assert sends(server) == []
    assert OutboundMessage.objects.get().held_by == "cut_off"
    set_rules(state="connected")
    OutboundMessage.objects.update(next_attempt_at=None)
    accept(server)
    assert send() == ["sent"]


def test_of_a_suspended_business_nothing_leaves_until_it_is_back(alpha, beta, server):
    conversation, now = open_conversation(server), database_now()
    put(conversation, "um")
    Tenant.objects.filter(pk=alpha.pk).update(status=Tenant.Status.SUSPENDED)
    with transaction.atomic():
        planned = veto.Judge(now=now).planned(conversation, written_at=now)

    assert planned == Wait(now + veto.ASK_AGAIN, Rule.SUSPENDED)
    assert send() == ["waiting"]
    assert sends(server) == []
    assert OutboundMessage.objects.get().held_by == "suspended"
    with tenant_context(beta):
        theirs = open_conversation(server)
        assert isinstance(judge(*put(theirs, "um"), theirs, now=database_now()), Allow)
        Timer.objects.filter(schema_name=beta.schema_name).delete()

    Tenant.objects.filter(pk=alpha.pk).update(status=Tenant.Status.READY)
    OutboundMessage.objects.update(next_attempt_at=None)
    accept(server)
    assert send() == ["sent"]


def test_a_long_ban_leaves_answers_to_people_at_once(alpha, server):
    conversation = open_conversation(server)
    now = database_now()
    set_rules(state="banned", state_until=now + timedelta(hours=24))
    (message,) = put(conversation, "um")

    assert judge(message, conversation, now=now) == Refuse(Rule.CUT_OFF)


@pytest.mark.usefixtures("open_all_day")
@pytest.mark.parametrize(
    ("age_days", "cap"), [(0, 20), (3, 20), (4, 50), (8, 100), (15, 200), (31, 300)]
)
def test_a_new_number_warms_up(alpha, age_days, cap):
    now = noon()
    rules = NumberRules(unasked_cap=300, since=now - timedelta(days=age_days))

    assert veto.unasked_cap(rules, now=now) == cap
    assert veto.unasked_cap(NumberRules(unasked_cap=300, warms_up=False), now=now) == 300
    assert veto.unasked_cap(NumberRules(unasked_cap=7, since=now), now=now) == 7


@pytest.mark.usefixtures("open_all_day")
def test_planned_messages_have_a_cap_of_their_own(alpha, server):
    conversation = open_conversation(server)
    set_rules(unasked_cap=1)
    now = noon()
    one, two = make_unasked(conversation, now=now), make_unasked(conversation, now=now)

    assert isinstance(judge(one, conversation, now=now), Allow)
    assert judge(two, conversation, now=now).rule is Rule.UNASKED_CAP
    answer = put(conversation, "resposta")[0]
    assert isinstance(judge(answer, conversation, now=answer.created_at), Allow)


@pytest.mark.usefixtures("open_all_day")
def test_planned_messages_wait_for_the_day(alpha, server):
    conversation = open_conversation(server)
    night = noon().replace(hour=22)
    early = noon().replace(hour=6)

    waits = judge(make_unasked(conversation, now=night), conversation, now=night)
    assert (waits.rule, waits.until) == (Rule.HOURS, noon(1).replace(hour=8))
    waits = judge(make_unasked(conversation, now=early), conversation, now=early)
    assert waits.until == noon().replace(hour=8)


@pytest.mark.usefixtures("open_all_day")
def test_planned_messages_keep_the_hours_of_the_business(alpha, server):
    conversation = open_conversation(server)
    closed = [[] for _ in range(7)]
    closed[(noon().weekday() + 1) % 7] = ["14:00-18:00"]
    HoursSettings.objects.create(pk=1, week=closed)
    now = noon()

    waits = judge(make_unasked(conversation, now=now), conversation, now=now)

    assert (waits.rule, waits.until) == (Rule.HOURS, noon(1).replace(hour=14))


@pytest.mark.usefixtures("open_all_day")
def test_a_sick_number_writes_to_nobody_unasked_and_slows_down(alpha, server):
    conversation = open_conversation(server)
    set_rules(health=25)
    now = noon()

    assert judge(make_unasked(conversation, now=now), conversation, now=now).rule is Rule.HEALTH
    one, two = put(conversation, "um", "dois")
    at = one.created_at
    assert isinstance(judge(one, conversation, now=at), Allow)
    assert judge(two, conversation, now=at).rule is Rule.PACE


@pytest.mark.usefixtures("open_all_day")
def test_a_used_up_budget_holds_planned_messages_back(alpha, server):
    conversation = open_conversation(server)
    now = noon()
    budget = Budget.objects.create(level="tenant", period="day", limit_usd=Decimal("1.00"))
    Spend.objects.create(
        budget=budget,
        subject=uuid.UUID(int=0),
        period_start=now.date(),
        spent_usd=Decimal("2.00"),
    )

    waits = judge(make_unasked(conversation, now=now), conversation, now=now)

    assert waits.rule is Rule.BUDGET


@pytest.mark.usefixtures("open_all_day")
def test_a_planned_message_is_moot_once_the_contact_has_written(alpha, server):
    conversation = open_conversation(server)
    now = noon()
    message = make_unasked(conversation, now=now)
    InboundMessage.objects.update(received_at=now + timedelta(seconds=1))

    assert judge(message, conversation, now=now) == Refuse(Rule.REPLIED)


def test_staff_are_told_by_the_same_rules(alpha, server):
    conversation = open_conversation(server)
    queue = make_queue(staff_phones=["5511977776666"])
    message = StaffMessage.objects.create(
        conversation=conversation,
        channel_kind="whatsapp",
        channel_account_ref=conversation.channel_account_ref,
        provider_ref="STAFF1",
        queue_id=queue.pk,
        phone="5511977776666",
        text="Alguém espera",
        created_at=database_now(),
    )
    timers.arm(kind=telling.TIMER, ref=message.pk, due_at=database_now())

    def tell() -> str:
        (bell,) = timers.claim_due(kind=telling.TIMER, max_running=5, limit=5)
        return telling.send(timer_id=bell.timer_id, token=bell.token).value

    set_rules(state="logged_out")
    assert tell() == "not_due"
    assert sends(server) == []
    set_rules(state="connected")
    Timer.objects.update(due_at=database_now())
    keep_history(server)
    accept(server)
    assert tell() == "done"
    assert [one["Phone"] for one in sends(server)] == ["5511977776666"]


def test_two_tenants_with_the_same_ids_keep_their_own_pace(alpha, beta, server):
    conversation = open_conversation(server)
    set_rules(gap_s=5)
    now = database_now()
    one, two = put(conversation, "um", "dois")
    with tenant_context(beta):
        other = open_conversation(server)
        set_rules(gap_s=5)
        device = Device.objects.get()
        device.uuid = conversation.channel_account_ref
        device.set_bridge_token("token")
        device.save()
        Conversation.objects.update(channel_account_ref=conversation.channel_account_ref)
        other.refresh_from_db()
        (theirs,) = put(other, "deles")

    assert isinstance(judge(one, conversation, now=now), Allow)
    assert isinstance(judge(two, conversation, now=now), Wait)
    with tenant_context(beta):
        assert isinstance(judge(theirs, other, now=now), Allow)
        assert counted() == {}
        assert NumberPace.objects.get().n_sent == 1
    assert counted() == {"pace": (1, 0)}


def test_two_workers_never_send_more_than_the_cap(committed_alpha):
    """Each sends another conversation of the same number, at the same time."""
    make_it_noon()
    with ScriptedServer() as server:
        device = make_device(make_agent(), bridge_url=server.url)
        phones = [f"55119888800{n:02}" for n in range(8)]
        receive(device, *(message_body("oi", phone=phone) for phone in phones))
        Timer.objects.filter(kind="turn").delete()
        set_rules(day_cap=3)
        for conversation in Conversation.objects.order_by("pk"):
            put(conversation, "resposta")
        accept(server, 3)
        bells = timers.claim_due(kind="send", max_running=50, limit=50)
        start = threading.Barrier(len(bells))

        def run(bell: timers.Doorbell) -> None:
            try:
                with schema_context("t_alpha"):
                    start.wait(60)
                    outbox.send_next(timer_id=bell.timer_id, token=bell.token)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=[bell]) for bell in bells]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert len([one for one in server.received if one.path == SEND]) == 3
        assert counted() == {"day_cap": (0, 5)}
        assert OutboundMessage.objects.filter(status="acked").count() == 3
