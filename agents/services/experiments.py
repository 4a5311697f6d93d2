"""Starting and ending experiments: versions of one agent that answer side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from agents.models import Agent, AgentVersion, Experiment, Variant
from agents.models_experiments import MAX_WEIGHT
from agents.services import publishing, variants
from integrations.services import notices
from tenants.audit.record import record
from tenants.errors import DomainError

MOST_VARIANTS = 4
"""Versions in one experiment. Each further one needs as many conversations again."""

FEWEST_CONVERSATIONS = 20
MOST_CONVERSATIONS = 100_000


class CannotStart(DomainError):
    """This experiment cannot be started; `code` says why."""

    http_status = 422

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class NothingToPublish(DomainError):
    """This experiment has no winner."""

    code = "no_winner"


@dataclass(frozen=True, slots=True)
class Plan:
    """How an experiment ends by itself.

    Args:
        max_conversations: of all variants together.
        stops_when_clear: ends before that when the difference is beyond doubt.
        publishes_winner: without anybody's click.
    """

    max_conversations: int = 400
    stops_when_clear: bool = True
    publishes_winner: bool = False


def start(
    *,
    agent: Agent,
    arms: Sequence[tuple[AgentVersion, int]],
    plan: Plan,
    actor: str,
    now: datetime,
) -> Experiment:
    """Let versions of an agent answer side by side from now on.

    Args:
        arms: versions with their weights from 1 to 100; the published one is among them, and the
            others are compared with it.

    Raises:
        CannotStart: one is running, or these versions cannot be compared.
    """
    with transaction.atomic():
        locked = (
            Agent.objects.select_for_update(of=("self",))
            .select_related("published_version")
            .get(pk=agent.pk)
        )
        ordered = sorted(arms, key=lambda one: one[0].pk != locked.published_version_id)
        _check(locked, ordered, plan)
        experiment = Experiment.objects.create(
            agent=locked,
            max_conversations=plan.max_conversations,
            stops_when_clear=plan.stops_when_clear,
            publishes_winner=plan.publishes_winner,
            started_at=now,
            started_by=actor,
        )
        Variant.objects.bulk_create(
            Variant(experiment=experiment, version=version, position=place, weight=weight)
            for place, (version, weight) in enumerate(ordered)
        )
        numbers = {str(version.number): weight for version, weight in ordered}
        _record("experiment.started", experiment, actor, {"versions": numbers})
    variants.forget()
    return experiment


def _check(agent: Agent, arms: Sequence[tuple[AgentVersion, int]], plan: Plan) -> None:
    published = agent.published_version
    if published is None or not agent.is_active:
        raise CannotStart("not_published")
    if not 2 <= len({version.pk for version, _weight in arms}) == len(arms) <= MOST_VARIANTS:
        raise CannotStart("number_of_versions")
    if arms[0][0] != published or any(version.agent_id != agent.pk for version, _weight in arms):
        raise CannotStart("without_published")
    if not all(1 <= weight <= MAX_WEIGHT for _version, weight in arms):
        raise CannotStart("weight")
    if not FEWEST_CONVERSATIONS <= plan.max_conversations <= MOST_CONVERSATIONS:
        raise CannotStart("number_of_conversations")
    # Whom an agent serves is decided before its version is: a trial must not move that line.
    if published.snapshot["kind"] in (Agent.Kind.HUMAN, Agent.Kind.PERSONAL):
        raise CannotStart("kind")
    if any(version.snapshot["kind"] != published.snapshot["kind"] for version, _weight in arms):
        raise CannotStart("kind")
    if agent.experiments.filter(status=Experiment.Status.RUNNING).exists():
        raise CannotStart("running")


def stop(
    *,
    experiment: Experiment,
    actor: str,
    now: datetime,
    ending: Experiment.Ending = Experiment.Ending.PERSON,
    winner: AgentVersion | None = None,
) -> bool:
    """End an experiment: everybody meets the published version again.

    The winner is published where the experiment says so; else it waits for a click.

    Returns:
        False where it had ended already.
    """
    with transaction.atomic():
        locked = Agent.objects.select_for_update(of=("self",)).get(pk=experiment.agent_id)
        present = Experiment.objects.get(pk=experiment.pk)
        if present.status != Experiment.Status.RUNNING:
            return False
        winner_id = None if winner is None else winner.pk
        variants.end(agent_id=locked.pk, ending=ending, by=actor, now=now, winner_id=winner_id)
        _record("experiment.stopped", experiment, actor, {"ending": ending.value})
        is_news = winner is not None and winner_id != locked.published_version_id
        if winner is not None and is_news and present.publishes_winner:
            publishing.answer_with(version=winner, actor=actor, now=now)
        if ending != Experiment.Ending.PERSON:
            _tell(present, locked, winner=winner, is_news=is_news, now=now)
    return True


def _tell(
    experiment: Experiment,
    agent: Agent,
    *,
    winner: AgentVersion | None,
    is_news: bool,
    now: datetime,
) -> None:
    """Tell the owners how an experiment ended that nobody stopped."""
    if winner is None:
        text = _("No version was clearly better. What was published answers everybody.")
    elif not is_news:
        text = _(
            "Version %(number)s, which was published before, is the best. It answers everybody."
        )
    elif experiment.publishes_winner:
        text = _("Version %(number)s needs people less often. It answers everybody now.")
    else:
        text = _("Version %(number)s needs people less often. Publish it if you agree.")
    waits = is_news and not experiment.publishes_winner
    notices.tell(
        kind="experiment.ended",
        subject=str(experiment.uuid),
        title=_("The comparison of %(agent)s has ended"),
        text=text,
        values={"agent": agent.name, "number": winner.number if winner else 0},
        page="agents_experiment_changelist",
        level=notices.Level.WARNING if waits else notices.Level.INFO,
        now=now,
    )


def publish_winner(*, experiment: Experiment, actor: str, now: datetime) -> AgentVersion:
    """Let the winner of an ended experiment answer everybody.

    Raises:
        NothingToPublish: nobody won, or it still runs.
    """
    with transaction.atomic():
        Agent.objects.select_for_update(of=("self",)).get(pk=experiment.agent_id)
        ended = Experiment.objects.select_related("winner").get(pk=experiment.pk)
        if ended.status == Experiment.Status.RUNNING or ended.winner is None:
            raise NothingToPublish
        publishing.answer_with(version=ended.winner, actor=actor, now=now)
        return ended.winner


def _record(action: str, experiment: Experiment, actor: str, data: dict[str, object]) -> None:
    record(action=action, actor=actor, target=f"experiment {experiment.uuid}", data=data)
