"""Too many turns of one contact, counted by code, also where two workers count at once."""

from __future__ import annotations

from django_tenants.utils import tenant_context

from agents.models import GuardSettings
from agents.services import guarding, profiles
from conversations.models import Conversation, Turn, TurnStep
from conversations.services import orchestrator
from tenants import timers
from tenants.models import Tenant
from tests.factories import learn, make_agent, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.workers import at_once


def test_the_turn_beyond_the_limit_ends_with_a_person_in_silence(
    alpha: Tenant, beta: Tenant, bridge: FakeBridge
) -> None:
    learn()
    guarding.save(checks={"flood_minute": {"limit": 2}})
    device = make_device(make_agent(), bridge_url=bridge.url)
    with tenant_context(beta):
        learn()
        theirs = make_device(make_agent(), bridge_url=bridge.url)
    for text in ("quanto custa a limpeza?", "tem estacionamento?", "a limpeza completa é quanto?"):
        receive(device, message_body(text))
        with tenant_context(beta):
            receive(theirs, message_body(text))
        work()

    conversation = Conversation.objects.get()
    assert (conversation.mode, conversation.mode_reason) == ("human", "flood")
    last = Turn.objects.order_by("-pk")[0]
    step = TurnStep.objects.get(turn=last, kind="guard")
    refused = [one for one in step.data["verdicts"] if not one["passed"]]
    assert [(one["check"], one["origin"]) for one in refused] == [("flood_minute", "tenant")]
    with tenant_context(beta):  # with its own limit
        assert Conversation.objects.get().mode == "ai"
    assert len(bridge.sent) == 5


def test_two_workers_let_no_more_turns_through_than_one(
    committed_alpha: Tenant, bridge: FakeBridge
) -> None:
    learn()
    guarding.save(checks={"flood_minute": {"limit": 2}})
    device = make_device(make_agent(), bridge_url=bridge.url)
    for n in range(2):
        receive(device, message_body(f"quanto custa a limpeza {n}?"))
        work()
    receive(device, message_body("e a limpeza de novo, quanto custa?"))
    bells = timers.claim_due(kind="turn", max_running=1000, limit=1000)

    at_once(*[lambda: orchestrator.run_turns([(bell.timer_id, bell.token) for bell in bells])] * 2)

    assert Turn.objects.filter(outcome="reply").count() == 2
    assert Turn.objects.filter(reason="flood").count() == 1
    assert len(bridge.sent) == 2


def test_what_a_business_sets_holds_at_once_and_only_for_it(alpha: Tenant, beta: Tenant) -> None:
    agent = make_agent()
    with tenant_context(beta):
        other = make_agent()

    assert guarding.save(checks={"discount": {"limit": 15}})
    assert not guarding.save(checks={"discount": {"limit": 15}})

    assert profiles.profile(agent_id=agent.pk).guards["discount"].limit == 15
    assert GuardSettings.objects.get().checks == {"discount": {"limit": 15}}
    with tenant_context(beta):
        assert profiles.profile(agent_id=other.pk).guards["discount"].limit == 70


def test_what_was_read_is_remembered_without_a_query(
    alpha: Tenant, django_assert_num_queries: object
) -> None:
    guarding.of_tenant()

    with django_assert_num_queries(0):  # type: ignore[operator]
        guarding.of_tenant()
