"""Experiments: who meets which version, what is counted, and when it ends."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django_tenants.utils import tenant_context

from agents import intervals
from agents.models import Agent, AgentVersion, Experiment
from agents.services import experiments, profiles, publishing, variants
from agents.services.experiments import CannotStart, Plan
from conversations.models import (
    Contact,
    Conversation,
    Handoff,
    InboundMessage,
    OutboundMessage,
    Turn,
)
from conversations.services import experiments as outcomes
from integrations.models import Notice
from integrations.services import notices
from knowledge.models import Search
from tenants.models import Tenant
from tests.factories import learn, make_device, message_body, receive, work
from tests.fakes.bridge import FakeBridge
from tests.workers import at_once

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def make_arms(agent: Agent | None = None) -> tuple[Agent, AgentVersion, AgentVersion]:
    """Return an agent with a version that answers and one that is only kept."""
    agent = agent or Agent.objects.create(name="Recepção", instructions="um")
    first = publishing.publish_agent(agent=agent, actor="ana", now=NOW)
    agent.instructions = "dois"
    agent.save()
    return agent, first, publishing.keep_version(agent=agent, actor="ana", now=NOW)


def start(
    agent: Agent, *versions: AgentVersion, plan: Plan | None = None, weight: int = 50
) -> Experiment:
    return experiments.start(
        agent=agent,
        arms=[(version, weight) for version in versions],
        plan=plan or Plan(),
        actor="ana",
        now=NOW,
    )


def talk(
    experiment: Experiment,
    place: int,
    *,
    needs_human: bool = False,
    at: datetime = NOW + timedelta(minutes=1),
    **turn: object,
) -> Turn:
    """Make a conversation of a contact who is drawn for a variant."""
    weights = list(experiment.variants.order_by("position").values_list("weight", flat=True))
    contact = Contact.objects.create(name="Ana")
    while variants.pick(experiment.uuid, weights, contact.uuid) != place:
        contact.uuid = uuid.uuid4()
    contact.save()
    conversation = Conversation.objects.create(
        contact=contact,
        channel_kind="whatsapp",
        channel_account_ref=uuid.uuid4(),
        opened_at=at,
        last_message_at=at,
    )
    return Turn.objects.create(
        conversation=conversation,
        status="done",
        outcome="needs_human" if needs_human else "reply",
        covered_upto=1,
        n_messages=1,
        burst_started_at=at,
        started_at=at,
        **{"agent": experiment.agent, **turn},
    )


def test_a_contact_keeps_their_variant_and_the_weights_hold() -> None:
    experiment = uuid.uuid4()
    contacts = [uuid.uuid4() for _ in range(4000)]

    drawn = [variants.pick(experiment, (75, 25), one) for one in contacts]

    assert drawn == [variants.pick(experiment, (75, 25), one) for one in contacts]
    assert 0.72 < drawn.count(0) / len(drawn) < 0.78
    other = [variants.pick(uuid.uuid4(), (1, 1), contacts[0]) for _ in range(50)]
    assert len(set(other)) == 2  # another experiment draws anew


def test_each_contact_is_answered_by_the_version_drawn_for_them(alpha: Tenant) -> None:
    learn()
    agent, first, second = make_arms()
    with FakeBridge() as bridge:
        device = make_device(agent, bridge_url=bridge.url)
        experiment = start(agent, first, second)
        for n in range(8):
            receive(device, message_body("bom dia", phone=f"551198888{n:04d}"))
        # Once in 128 times all eight would be drawn for the same one.
        for place, contact in enumerate(Contact.objects.order_by("pk")[:2]):
            while variants.pick(experiment.uuid, (50, 50), contact.uuid) != place:
                contact.uuid = uuid.uuid4()
            contact.save()
        work()

    assert Turn.objects.filter(status="done").count() == 8
    for turn in Turn.objects.select_related("conversation__contact"):
        drawn = variants.pick(experiment.uuid, (50, 50), turn.conversation.contact.uuid)
        assert turn.agent_version == (first, second)[drawn].number
    assert {1, 2} == set(Turn.objects.values_list("agent_version", flat=True))


def test_a_running_answer_keeps_its_version_when_the_experiment_ends(alpha: Tenant) -> None:
    agent, first, second = make_arms()
    experiment = start(agent, first, second)
    contact = uuid.uuid4()
    while variants.pick(experiment.uuid, (50, 50), contact) != 1:
        contact = uuid.uuid4()
    version_id = variants.version_for(agent_id=agent.pk, contact_uuid=contact)
    running = profiles.profile(agent_id=agent.pk, version_id=version_id)

    experiments.stop(experiment=experiment, actor="ana", now=NOW)

    assert (running.version_number, running.instructions) == (2, "dois")
    assert variants.version_for(agent_id=agent.pk, contact_uuid=contact) is None
    assert profiles.profile(agent_id=agent.pk).version_number == 1


@pytest.mark.parametrize(
    ("code", "arms"),
    [
        ("number_of_versions", lambda a, b: [(a, 1)]),
        ("number_of_versions", lambda a, b: [(a, 1), (a, 1)]),
        ("without_published", lambda a, b: [(b, 1), (_other(), 1)]),
        ("weight", lambda a, b: [(a, 0), (b, 1)]),
    ],
    ids=["one", "twice", "without the published", "no weight"],
)
def test_what_cannot_be_compared_is_refused(
    alpha: Tenant, code: str, arms: Callable[..., list[tuple[AgentVersion, int]]]
) -> None:
    agent, first, second = make_arms()

    with pytest.raises(CannotStart) as raised:
        experiments.start(agent=agent, arms=arms(first, second), plan=Plan(), actor="ana", now=NOW)

    assert raised.value.code == code


def _other() -> AgentVersion:
    agent = Agent.objects.create(name="Outra")
    return publishing.publish_agent(agent=agent, actor="ana", now=NOW)


def test_whom_an_agent_serves_is_not_tried_out(alpha: Tenant) -> None:
    agent = Agent.objects.create(name="Dona", kind="personal", owner_numbers=["5511988887777"])
    _agent, first, second = make_arms(agent)

    with pytest.raises(CannotStart) as raised:
        start(agent, first, second)

    assert raised.value.code == "kind"


def test_publishing_ends_the_experiment(alpha: Tenant) -> None:
    agent, first, second = make_arms()
    experiment = start(agent, first, second)

    publishing.publish_agent(agent=agent, actor="bia", now=NOW)

    experiment.refresh_from_db()
    assert (experiment.status, experiment.ending) == ("stopped", "published")
    assert variants.version_for(agent_id=agent.pk, contact_uuid=uuid.uuid4()) is None


def test_conversations_are_counted_with_the_variant_of_their_contact(alpha: Tenant) -> None:
    agent, first, second = make_arms()
    experiment = start(agent, first, second)
    talk(experiment, 0)
    talk(experiment, 0, needs_human=True)
    asked = talk(experiment, 1)
    Search.objects.create(
        origin="chat",
        question="?",
        turn_uuid=asked.uuid,
        confidence=0.5,
        threshold=0.6,
        duration_ms=1,
        created_at=NOW,
    )
    other = Agent.objects.create(name="Orçamentos")
    passed = talk(experiment, 1, agent=other)  # the desk passed it on in the same turn
    Handoff.objects.create(
        conversation=passed.conversation,
        turn=passed,
        cause="keyword",
        from_agent=agent,
        to_agent=other,
        created_at=NOW,
    )
    talk(experiment, 1, agent=other)  # not the agent's
    talk(experiment, 1, at=NOW - timedelta(hours=1))  # before it began
    for emoji in ("👍", "👍🏽", "👎🏿", "🐢"):
        InboundMessage.objects.create(
            conversation=asked.conversation,
            channel_account_ref=uuid.uuid4(),
            provider_ref=emoji,
            kind="reaction",
            text=emoji,
            sent_at=NOW,
            received_at=NOW + timedelta(minutes=2),
        )

    one, two = outcomes.outcome(experiment).arms

    assert (one.n, one.n_alone, one.n_left, one.n_asked) == (2, 1, 1, 0)
    assert (two.n, two.n_alone, two.n_asked, two.n_up, two.n_down) == (2, 2, 1, 2, 1)
    assert two.gain is not None
    assert not two.is_clear


def crowd(experiment: Experiment, place: int, n: int, n_needing: int) -> None:
    for number in range(n):
        talk(experiment, place, needs_human=number < n_needing)


def test_it_ends_early_only_when_the_difference_is_beyond_doubt(alpha: Tenant) -> None:
    agent, first, second = make_arms()
    experiment = start(agent, first, second)
    crowd(experiment, 0, 30, 14)
    crowd(experiment, 1, 29, 0)

    too_few = outcomes.check_running(now=NOW)
    crowd(experiment, 1, 1, 0)
    ended = outcomes.check_running(now=NOW)

    experiment.refresh_from_db()
    agent.refresh_from_db()
    assert (too_few, ended) == (0, 1)
    assert (experiment.ending, experiment.stopped_by) == ("significant", "timer")
    assert experiment.winner == second
    assert agent.published_version == first  # a winner waits for a click
    [notice] = notices.unseen()
    assert (notice.kind, notice.subject) == ("experiment.ended", str(experiment.uuid))
    assert "2" in notice.text
    experiments.publish_winner(experiment=experiment, actor="ana", now=NOW)
    agent.refresh_from_db()
    assert agent.published_version == second


def test_it_ends_with_enough_conversations_and_no_winner_where_chance_explains_it(
    alpha: Tenant,
) -> None:
    agent, first, second = make_arms()
    plan = Plan(max_conversations=40, publishes_winner=True)
    experiment = start(agent, first, second, plan=plan)
    crowd(experiment, 0, 20, 4)
    crowd(experiment, 1, 20, 3)

    assert outcomes.check_running(now=NOW) == 1

    experiment.refresh_from_db()
    agent.refresh_from_db()
    assert (experiment.ending, experiment.winner) == ("enough", None)
    assert agent.published_version == first
    assert (Notice.objects.get().kind, notices.unseen()) == ("experiment.ended", [])
    with pytest.raises(experiments.NothingToPublish):
        experiments.publish_winner(experiment=experiment, actor="ana", now=NOW)


def test_the_winner_is_published_by_itself_where_that_was_chosen(alpha: Tenant) -> None:
    agent, first, second = make_arms()
    plan = Plan(max_conversations=40, publishes_winner=True, stops_when_clear=False)
    experiment = start(agent, first, second, plan=plan)
    crowd(experiment, 0, 20, 15)
    crowd(experiment, 1, 20, 0)

    outcomes.check_running(now=NOW)

    agent.refresh_from_db()
    experiment.refresh_from_db()
    assert agent.published_version == second
    assert (experiment.ending, experiment.winner) == ("enough", second)
    assert (Notice.objects.get().level, Notice.objects.get().page) == (
        "info",
        "agents_experiment_changelist",
    )


def test_intervals_are_those_of_the_literature() -> None:
    found = intervals.wilson(81, 263)
    gap = intervals.difference((56, 48), (70, 80))

    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    # Newcombe (1998), table II, first case: 56/70 against 48/80.
    assert (round(-gap.high, 4), round(-gap.low, 4)) == (0.0524, 0.3339)
    assert intervals.wilson(0, 0) == intervals.Interval(0.0, 1.0)


def test_looking_often_does_not_find_what_is_not_there(alpha: Tenant) -> None:
    assert outcomes.ALPHA_EARLY * 20 < outcomes.ALPHA


def test_tenants_with_equal_ids_have_experiments_of_their_own(alpha: Tenant, beta: Tenant) -> None:
    agent = Agent.objects.create(id=7, name="Recepção")
    _agent, first, second = make_arms(agent)
    mine = start(agent, first, second)
    with tenant_context(beta):
        theirs_agent = Agent.objects.create(id=7, name="Recepção")
        make_arms(theirs_agent)
        unaffected = variants.version_for(agent_id=7, contact_uuid=uuid.uuid4())
        ended_there = outcomes.check_running(now=NOW)

    assert (unaffected, ended_there) == (None, 0)
    assert variants.version_for(agent_id=7, contact_uuid=uuid.uuid4()) in (first.pk, second.pk)
    assert Experiment.objects.get() == mine


def test_of_two_who_start_one_at_once_one_does(committed_alpha: Tenant) -> None:
    agent, first, second = make_arms()

    found = at_once(*[lambda: start(agent, first, second)] * 4)

    assert not Notice.objects.exists()
    assert Counter(type(one) for one in found) == {CannotStart: 3, Experiment: 1}
    assert Experiment.objects.filter(status="running").count() == 1


def test_of_two_who_end_one_at_once_one_does(committed_alpha: Tenant) -> None:
    agent, first, second = make_arms()
    plan = Plan(max_conversations=20, publishes_winner=True)
    experiment = start(agent, first, second, plan=plan)
    crowd(experiment, 0, 10, 9)
    crowd(experiment, 1, 10, 0)

    found = at_once(
        lambda: outcomes.check_running(now=NOW),
        lambda: outcomes.check_running(now=NOW),
        lambda: int(experiments.stop(experiment=experiment, actor="ana", now=NOW)),
    )

    assert sorted(map(int, found)) == [0, 0, 1]  # type: ignore[call-overload]
    experiment.refresh_from_db()
    agent.refresh_from_db()
    by_timer = experiment.stopped_by == "timer"
    assert agent.published_version == (second if by_timer else first)
    assert not OutboundMessage.objects.exists()
