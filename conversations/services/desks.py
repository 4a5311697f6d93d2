"""The queues of people: which one a conversation comes to, until when, and with what words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from agents.models import Agent
from agents.types_hours import HoursState
from conversations.models import Conversation, PeopleQueue
from conversations.services import hours
from tenants import timers
from tenants.errors import DomainError
from tenants.services.staff import Role

ESCALATE = "escalate"
"""The kind of timer that asks whether somebody has answered; its ref is the conversation."""


_WORKING = (Role.OWNER.value, Role.MANAGER.value, Role.ATTENDANT.value)


class NotOfThisQueue(DomainError):
    """Only the people of this queue may do that; ask one of them, or an owner."""

    code = "not_of_this_queue"
    http_status = 403


@dataclass(frozen=True)
class Desk:
    """A queue as its settings say, or as it is without any.

    Attributes:
        queue_id: the agent of kind `human`; None where the business has none.
        text_open: what a contact is told within hours; empty for our own words.
        text_closed: the same outside them.
        promise_text: what a contact is told when nobody came in time; empty for our own words.
    """

    queue_id: int | None = None
    name: str = ""
    answer_within: timedelta = timedelta(minutes=15)
    escalate_to_id: int | None = None
    tells_owners: bool = True
    staff_phones: tuple[str, ...] = ()
    text_open: str = ""
    text_closed: str = ""
    promise_text: str = ""

    def due_at(self, now: datetime) -> datetime:
        """Return until when a contact who waits from now on must have an answer."""
        state = hours.state_at(now=now)
        start = now if state.is_open else max(now, state.opens_at or now)
        return start + self.answer_within

    def words(self, state: HoursState) -> str:
        """Return what a contact is told when the conversation comes here; empty for our words."""
        return self.text_open if state.is_open else self.text_closed or self.text_open


def desks() -> dict[int, Desk]:
    """Return all queues that are in use by the id of their agent, the oldest first; one query."""
    humans = Agent.objects.filter(kind=Agent.Kind.HUMAN, is_active=True)
    return {one.pk: _desk(one) for one in humans.select_related("people_queue").order_by("pk")}


def desk_of(conversation: Conversation) -> Desk:
    """Return the queue that a conversation is in."""
    return desks().get(conversation.queue_id or 0, Desk())


def desks_for(wanted: Sequence[tuple[Conversation, int | None]]) -> dict[int, Desk]:
    """Return by conversation the queue that each comes to; two queries at most.

    Args:
        wanted: conversations, each with the agent that was chosen for it; None for the first that
            the conversation's agent may hand to, or of all.
    """
    known = desks()
    asking = {one.agent_id for one, agent_id in wanted if agent_id not in known and one.agent_id}
    near: dict[int, int] = {}
    if len(known) > 1 and asking:
        links = Agent.objects.filter(pk__in=asking, handoffs__in=list(known))
        near = dict(links.order_by("-handoffs").values_list("pk", "handoffs"))
    first = next(iter(known.values()), Desk())
    found = {}
    for conversation, agent_id in wanted:
        nearest = near.get(conversation.agent_id or 0)
        found[conversation.pk] = known.get(agent_id or 0) or known.get(nearest or 0) or first
    return found


def farewells(desk_of: Mapping[int, Desk], *, now: datetime) -> dict[int, str]:
    """Return what the contacts of some conversations are told, each as its queue has it."""
    if not any(one.text_open or one.text_closed for one in desk_of.values()):
        return {}
    state = hours.state_at(now=now)
    return {ref: desk.words(state) for ref, desk in desk_of.items()}


def await_answer(conversation: Conversation, desk: Desk, *, now: datetime) -> None:
    """Let the contact's wait begin now; the row is not saved. Joins the caller's transaction."""
    conversation.waiting_since = now
    conversation.answer_due_at = desk.due_at(now)
    timers.arm(kind=ESCALATE, ref=conversation.pk, due_at=conversation.answer_due_at)


def is_outside(holder: str) -> bool:
    """Test whether who has a conversation answers elsewhere: on the paired phone, or in a system.

    No user name has a space, and what stands for those has one.
    """
    return " " in holder


def note_contact_wrote(conversation: Conversation, *, now: datetime) -> None:
    """Note that a contact who is in people's hands waits for an answer from now on.

    Joins the caller's transaction, which holds the conversation's lock. Where the assistant comes
    back by itself it will answer, and who answers elsewhere has been told there.
    """
    if conversation.waiting_since is not None:
        return
    if conversation.returns_at is None and not is_outside(conversation.claimed_by):
        await_answer(conversation, desk_of(conversation), now=now)
    else:
        conversation.waiting_since = now
    conversation.save(update_fields=["waiting_since", "answer_due_at"])


def require_member(*, queue_id: int | None, username: str) -> None:
    """Refuse who does not work in a queue; owners and managers work in all.

    Raises:
        NotOfThisQueue: the queue names its people, and this is none of them.
    """
    if queue_id not in queues_closed_to(username):
        return
    raise NotOfThisQueue


def workers() -> QuerySet[User]:
    """Return who may answer contacts: the staff, but those who only look on."""
    staff = User.objects.filter(is_active=True, is_staff=True)
    return staff.filter(Q(is_superuser=True) | Q(groups__name__in=_WORKING)).distinct()


def queues_closed_to(username: str) -> set[int | None]:
    """Return the queues (agents' ids) in which a person does not work; three queries at most."""
    named = {
        one.agent_id: one
        for one in PeopleQueue.objects.prefetch_related("members", "groups")
        if one.members.all() or one.groups.all()
    }
    if not named:
        return set()
    user = User.objects.prefetch_related("groups").filter(username=username).first()
    if user is None:
        return set(named)
    roles = {group.name for group in user.groups.all()}
    if user.is_superuser or roles & {Role.OWNER.value, Role.MANAGER.value}:
        return set()
    return {
        agent_id
        for agent_id, one in named.items()
        if user not in one.members.all() and not roles & {group.name for group in one.groups.all()}
    }


def _desk(agent: Agent) -> Desk:
    kept: PeopleQueue | None = getattr(agent, "people_queue", None)
    if kept is None:
        return Desk(agent.pk, agent.name)
    return Desk(
        queue_id=agent.pk,
        name=agent.name,
        answer_within=timedelta(minutes=kept.answer_within_min),
        escalate_to_id=kept.escalate_to_id,
        tells_owners=kept.tells_owners,
        staff_phones=tuple(kept.staff_phones),
        text_open=kept.text_open,
        text_closed=kept.text_closed,
        promise_text=kept.promise_text,
    )
