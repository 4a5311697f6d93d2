"""The one veto point: whatever is sent, from wherever, asks here whether it may leave, and when.

The answer is that it may (with the `Leave` that a channel asks for), that it waits until an
instant, or that it is refused; with a reason that `words.reason` says in the reader's language.
Nobody else can make a `Leave`, so there is no way around; a test walks the code for it.

Courtesy keeps nobody from being banned. These rules keep a business from annoying people, and from
sending what WhatsApp takes for spam; no page may promise more.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from conversations.channels import Accounts, ChannelAccount
from conversations.models import (
    Contact,
    Conversation,
    FollowUp,
    InboundMessage,
    NumberPace,
    OutboundMessage,
)
from conversations.services import hours, troubles, veto_counts
from conversations.services.troubles import Watch
from conversations.types_sending import Leave, NumberRules
from integrations.services import budget_use
from tenants.context import current_schema
from tenants.errors import Permanent
from tenants.models import Tenant
from tenants.remembering import Remembered

STALE_AFTER = timedelta(minutes=15)
"""An answer older than this goes to a person instead of the contact, who has moved on by then."""

ASK_AGAIN = timedelta(seconds=30)
"""How soon it is looked again whether WhatsApp takes anything from a number, or whether a business
is suspended: bounds the wait once it is back, and one look costs a query for each waiting
conversation."""

LATE_SLOT = timedelta(seconds=10)
"""How late a place in a number's pace may be taken. After a longer outage all places lie in the
past, and would be taken at once."""

WEAK, SICK = 60, 30
"""Health below which a number slows down, and below which it writes to nobody unasked."""

WEAK_GAP_S = 3.0
"""Least pause of a number in weak health, in seconds."""

WARM_UP = ((4, 20), (8, 50), (15, 100), (31, 200))
"""Age of a number in days -> planned messages of a day while it is younger. Numbers that write to
strangers in their first days are those that WhatsApp bans; source: peers.md A, reports 8."""

DAY_FROM, DAY_UNTIL = time(8), time(20)
"""When planned messages are sent where a business has set no hours, on its own clock."""

EXEMPT: Mapping[str, str] = {
    "self_test": "A message to the number itself: nobody else is written to, and it is the test of"
    " whether anything can be sent at all.",
    "typing": "It says nothing and is shown only in a chat whose contact has just written.",
    "read": "It says nothing and is shown only to a contact who has just written.",
}
"""What leaves without being judged, and why."""


class Rule(StrEnum):
    """What keeps a message back."""

    BLOCKED = "blocked"
    OPTED_OUT = "opted_out"
    TAKEN_OVER = "taken_over"
    TOO_OLD = "too_old"
    REPLIED = "replied"
    SUSPENDED = "suspended"
    CUT_OFF = "cut_off"
    BRIDGE = OutboundMessage.HELD_BY_BRIDGE
    HOURS = "hours"
    BUDGET = "budget"
    HEALTH = "health"
    UNASKED_CAP = "unasked_cap"
    DAY_CAP = "day_cap"
    PACE = "pace"


REASONS: Mapping[Rule, str] = {
    Rule.BLOCKED: "the contact is blocked",
    Rule.OPTED_OUT: "the contact asked not to be written to",
    Rule.TAKEN_OVER: "a person has taken the conversation over",
    Rule.TOO_OLD: "it became too old to be sent",
    Rule.REPLIED: "the contact has written since",
    Rule.SUSPENDED: "the business is suspended",
    Rule.CUT_OFF: "WhatsApp takes nothing from this number now",
    Rule.BRIDGE: "the bridge of this number fails, and one message at a time is tried",
    Rule.HOURS: "planned messages wait for the opening hours",
    Rule.BUDGET: "the budget for models is used up, so nobody would answer",
    Rule.HEALTH: "the number's health is bad",
    Rule.UNASKED_CAP: "the day's planned messages are used up",
    Rule.DAY_CAP: "the day's messages of this number are used up",
    Rule.PACE: "the number keeps its pace",
}
"""What is stored with a message; `words.reason` translates it."""


LEFT_TO_PEOPLE = frozenset(
    {Rule.TOO_OLD, Rule.SUSPENDED, Rule.CUT_OFF, Rule.BRIDGE, Rule.DAY_CAP, Rule.PACE}
)
"""Rules that keep back an answer for which the contact still waits: a person has to know."""


class Purpose(StrEnum):
    """What is to be sent."""

    ANSWER = "answer"  # of the assistant, or a notice of ours
    PERSON = "person"
    UNASKED = "unasked"
    STAFF = "staff"  # to the business's own people
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True)
class Allow:
    """It may leave now."""

    leave: Leave


@dataclass(frozen=True)
class Wait:
    """It may leave later; it is asked again then."""

    until: datetime
    rule: Rule


@dataclass(frozen=True)
class Refuse:
    """It may not leave."""

    rule: Rule


Verdict = Allow | Wait | Refuse


def exempt(purpose: str) -> Leave:
    """Return the leave of what is not judged.

    Raises:
        KeyError: `EXEMPT` does not name it.
    """
    EXEMPT[purpose]
    return Leave(purpose)


def purpose_of(message: OutboundMessage) -> Purpose:
    """Say what a message of a conversation is for."""
    if message.is_unasked:
        return Purpose.UNASKED
    is_of_person = message.origin == OutboundMessage.Origin.PERSON
    return Purpose.PERSON if is_of_person else Purpose.ANSWER


_zone = Remembered(
    lambda: ZoneInfo(
        Tenant.objects.values_list("timezone", flat=True).get(schema_name=current_schema())
    )
)

_is_suspended = Remembered(
    lambda: not Tenant.objects.ready().filter(schema_name=current_schema()).exists()
)


class Judge:
    """Judges messages within one transaction, whose accounts and counts it reads once.

    Args:
        now: the database's clock.
        troubles: what is known of the numbers' bridges, where lines are sent.
    """

    def __init__(self, *, now: datetime, troubles: Watch | None = None) -> None:
        self.now = now
        self._troubles = troubles or Watch(now=now)
        self._accounts = Accounts()
        self._opened: dict[uuid.UUID, ChannelAccount | Permanent] = {}
        self._paces: dict[uuid.UUID, NumberPace] = {}
        self._counted: dict[tuple[uuid.UUID, str, bool], int] = {}

    def meet(self, messages: Sequence[tuple[OutboundMessage, Conversation]]) -> None:
        """Open the accounts of some messages, and lock the paces that they will need.

        All of them at once and in one order: two transactions that locked one after the other
        would wait for each other.
        """
        wanted: set[uuid.UUID] = set()
        for message, conversation in messages:
            account = self.account(conversation)
            if isinstance(account, Permanent):
                continue
            if message.is_unasked or _keeps_pace(_slowed(account.number)):
                wanted.add(conversation.channel_account_ref)
        self._lock(wanted - set(self._paces))

    def account(self, conversation: Conversation) -> ChannelAccount | Permanent:
        """Return a conversation's account, or why it cannot be used."""
        return self.account_of(conversation.channel_kind, conversation.channel_account_ref)

    def account_of(self, channel_kind: str, ref: uuid.UUID) -> ChannelAccount | Permanent:
        """Return an account, or why it cannot be used."""
        if ref not in self._opened:
            try:
                self._opened[ref] = self._accounts.open(channel_kind, ref)
            except Permanent as error:
                self._opened[ref] = error
        return self._opened[ref]

    def verdict(self, message: OutboundMessage, conversation: Conversation) -> Verdict:
        """Judge the head of a line; its conversation and its pace are locked."""
        purpose = purpose_of(message)
        found: Wait | Refuse | None = self._of_contact(message, conversation, purpose)
        account = self.account(conversation)
        if found is None and not isinstance(account, Permanent):
            # Nobody waits a day for an answer: people are told instead.
            latest = message.created_at + STALE_AFTER if purpose is Purpose.ANSWER else None
            found = self._of_number(message, account.number, latest)
            if isinstance(found, Wait) and latest is not None and found.until > latest:
                found = Refuse(found.rule)
        if found is None:
            return Allow(Leave(purpose))
        if isinstance(found, Refuse) or message.held_by != found.rule:
            self.count(conversation.channel_account_ref, found)
        return found

    def planned(self, conversation: Conversation, *, written_at: datetime) -> Wait | Refuse | None:
        """Judge a planned message before it stands in the line, where it would hold others up."""
        found: Wait | Refuse | None = _never(conversation.contact)
        if found is None and _wrote_since(conversation, written_at):
            found = Refuse(Rule.REPLIED)
        account = self.account(conversation)
        ref = conversation.channel_account_ref
        found = found or self._of_bridge(ref)
        if found is None and not isinstance(account, Permanent):
            self._lock({ref} - set(self._paces))
            found = self._unasked(account.number, self._today(ref))
        if found is not None:
            self.count(ref, found)
        return found

    def staff(self, *, channel_kind: str, ref: uuid.UUID, contact: Contact | None) -> Verdict:
        """Judge a message to the business's own people, whom it may not disturb as contacts.

        Joins no lock but that of the pace.
        """
        account = self.account_of(channel_kind, ref)
        found: Wait | Refuse | None = _never(contact) if contact is not None else None
        if found is None and not isinstance(account, Permanent):
            rules = _slowed(account.number)
            found = self._closed(rules) or self._of_bridge(ref)
            if found is None and _keeps_pace(rules):
                self._lock({ref} - set(self._paces))
                found = self._paced(rules, self._today(ref))
                # It is counted, and the next message waits for it: these are few and urgent.
                found = None if found is not None and found.rule is Rule.PACE else found
        if found is not None:
            self.count(ref, found)
        return found or Allow(Leave(Purpose.STAFF))

    def change(
        self, message: OutboundMessage, conversation: Conversation, *, purpose: Purpose
    ) -> Verdict:
        """Judge the edit or the deletion of a message that was sent.

        To take back what was said is never refused: it is what who is left alone would want.
        """
        account = self.account(conversation)
        found: Wait | Refuse | None = None
        if purpose is Purpose.EDIT:
            found = _never(conversation.contact)
        if found is None and not isinstance(account, Permanent):
            found = self._closed(account.number) or self._of_bridge(message.channel_account_ref)
        if found is not None:
            self.count(message.channel_account_ref, found)
        return found or Allow(Leave(purpose))

    def count(self, ref: uuid.UUID, found: Wait | Refuse) -> None:
        """Count what a rule has done; written by `close`."""
        key = (ref, found.rule, isinstance(found, Refuse))
        self._counted[key] = self._counted.get(key, 0) + 1

    def _closed(self, rules: NumberRules) -> Wait | None:
        """Return why nothing at all leaves a number now."""
        if _is_suspended.get():
            return Wait(self.now + ASK_AGAIN, Rule.SUSPENDED)
        return _cut_off(rules, self.now)

    def _of_bridge(self, ref: uuid.UUID) -> Wait | None:
        until = troubles.wait(ref, now=self.now)
        return None if until is None else Wait(until, Rule.BRIDGE)

    def close(self) -> None:
        """Write the paces and counts; in the same transaction."""
        for pace in self._paces.values():
            pace.save(update_fields=["next_at", "day", "n_sent", "n_unasked"])
        if self._counted:
            veto_counts.write(self._counted, day=self._day())
        self._counted = {}

    def _of_contact(
        self, message: OutboundMessage, conversation: Conversation, purpose: Purpose
    ) -> Refuse | None:
        contact = conversation.contact
        if contact.is_blocked:
            return Refuse(Rule.BLOCKED)
        # What confirms the opting out bears its instant, and is the last that goes.
        if contact.opted_out_at is not None and message.created_at != contact.opted_out_at:
            return Refuse(Rule.OPTED_OUT)
        is_unsent = message.status == OutboundMessage.Status.CREATED
        is_of_agent = message.origin == OutboundMessage.Origin.AGENT
        # One that may have been sent is not repeated either, once a person is writing.
        is_with_people = conversation.mode == Conversation.Mode.HUMAN
        if is_of_agent and is_with_people and (is_unsent or conversation.claimed_by):
            return Refuse(Rule.TAKEN_OVER)
        if purpose is Purpose.ANSWER and self.now - message.created_at > STALE_AFTER:
            return Refuse(Rule.TOO_OLD)
        if purpose is Purpose.UNASKED and _wrote_since(conversation, _planned_at(message)):
            return Refuse(Rule.REPLIED)
        return None

    def _of_number(
        self, message: OutboundMessage, rules: NumberRules, latest: datetime | None
    ) -> Wait | None:
        if (found := self._closed(rules)) is not None:
            return found
        if (until := self._troubles.until(message)) is not None:
            return Wait(until, Rule.BRIDGE)
        if message.status != OutboundMessage.Status.CREATED:
            return None  # a repeat: it has been counted
        rules = _slowed(rules)
        purpose = purpose_of(message)
        if purpose is not Purpose.UNASKED and not _keeps_pace(rules):
            return None
        pace = self._today(message.channel_account_ref)
        if purpose is Purpose.UNASKED and (late := self._unasked(rules, pace)) is not None:
            return late
        found = self._paced(rules, pace, message, latest=latest)
        if found is None and purpose is Purpose.UNASKED:
            pace.n_unasked += 1
        if found is not None and found.rule is Rule.DAY_CAP and purpose is Purpose.PERSON:
            # What a person wrote by day does not wake a contact at midnight.
            opens_at = _opens_at(found.until, _zone.get())
            return Wait(opens_at + _spread(), Rule.DAY_CAP) if opens_at else found
        return found

    def _unasked(self, rules: NumberRules, pace: NumberPace) -> Wait | None:
        """Return why a message that nobody asked for is not sent now."""
        if (closed := self._closed(rules)) is not None:
            return closed
        if (opens_at := _opens_at(self.now, _zone.get())) is not None:
            return Wait(opens_at, Rule.HOURS)
        if rules.health < SICK:
            return Wait(self._tomorrow(), Rule.HEALTH)
        if _is_budget_used(now=self.now):
            return Wait(self._tomorrow(), Rule.BUDGET)
        if pace.n_unasked >= unasked_cap(rules, now=self.now):
            return Wait(self._tomorrow(), Rule.UNASKED_CAP)
        return None

    def _paced(
        self,
        rules: NumberRules,
        pace: NumberPace,
        message: OutboundMessage | None = None,
        *,
        latest: datetime | None = None,
    ) -> Wait | None:
        """Return when the number may send again; None for now. Keeps that place up to `latest`."""
        slot = message.next_attempt_at if message and message.held_by == Rule.PACE else None
        if slot is not None and self.now - slot <= LATE_SLOT:
            return None  # its place was kept, and counted
        if rules.day_cap and pace.n_sent >= rules.day_cap:
            return Wait(self._tomorrow(), Rule.DAY_CAP)
        at = max(self.now, pace.next_at or self.now) if rules.gap_s else self.now
        if latest is not None and at > latest:
            return Wait(at, Rule.PACE)  # nobody will come for that place
        pace.n_sent += 1
        if rules.gap_s:
            gap_s = rules.gap_s * random.uniform(1.0, 5 / 3)  # noqa: S311 - jitter
            pace.next_at = at + timedelta(seconds=gap_s)
        return Wait(at, Rule.PACE) if at > self.now else None

    def _lock(self, refs: set[uuid.UUID]) -> None:
        if not refs:
            return
        NumberPace.objects.bulk_create(
            [NumberPace(channel_account_ref=ref) for ref in sorted(refs)], ignore_conflicts=True
        )
        rows = NumberPace.objects.select_for_update().filter(channel_account_ref__in=refs)
        for pace in rows.order_by("channel_account_ref"):
            self._paces[pace.channel_account_ref] = pace

    def _today(self, ref: uuid.UUID) -> NumberPace:
        pace = self._paces[ref]
        if pace.day != self._day():
            pace.day, pace.n_sent, pace.n_unasked = self._day(), 0, 0
        return pace

    def _day(self) -> date:
        return self.now.astimezone(_zone.get()).date()

    def _tomorrow(self) -> datetime:
        """Return when the next day begins, and some minutes so that not all leave at once."""
        day = self._day() + timedelta(days=1)
        return datetime.combine(day, time.min, tzinfo=_zone.get()) + _spread()


def _spread() -> timedelta:
    return timedelta(seconds=random.uniform(0, 300))  # noqa: S311 - jitter


def reason_of(code: str) -> str:
    """Return a rule's reason as it is stored with messages; an unknown code as it is."""
    return REASONS[Rule(code)] if code in set(Rule) else code


def unasked_cap(rules: NumberRules, *, now: datetime) -> int:
    """Return how many planned messages a number may send on this day."""
    if not rules.warms_up or rules.since is None:
        return rules.unasked_cap
    age = (now - rules.since).days
    warm = next((cap for days, cap in WARM_UP if age < days), rules.unasked_cap)
    return min(rules.unasked_cap, warm)


def _never(contact: Contact) -> Refuse | None:
    if contact.is_blocked:
        return Refuse(Rule.BLOCKED)
    return Refuse(Rule.OPTED_OUT) if contact.opted_out_at is not None else None


def _cut_off(rules: NumberRules, now: datetime) -> Wait | None:
    if not rules.is_cut_off:
        return None
    until = now + ASK_AGAIN
    return Wait(max(until, rules.cut_off_until or until), Rule.CUT_OFF)


def _slowed(rules: NumberRules) -> NumberRules:
    return replace(rules, gap_s=max(rules.gap_s, WEAK_GAP_S)) if rules.health < WEAK else rules


def _keeps_pace(rules: NumberRules) -> bool:
    return bool(rules.gap_s or rules.day_cap)


def _planned_at(message: OutboundMessage) -> datetime:
    """Return when a planned message was written. It stands in the line later than that, and later
    than what the contact may have written in the moment before.
    """
    planned = FollowUp.objects.filter(message=message).values_list("created_at", flat=True)
    return planned.first() or message.created_at


def _wrote_since(conversation: Conversation, instant: datetime) -> bool:
    """Test whether the contact has written on this account since, in whatever conversation."""
    return InboundMessage.objects.filter(
        conversation__contact=conversation.contact_id,
        channel_account_ref=conversation.channel_account_ref,
        received_at__gt=instant,
    ).exists()


def _opens_at(now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when planned messages may be sent again; None for now."""
    state = hours.state_at(now=now, zone=zone.key)
    if state.is_configured:
        return None if state.is_open else (state.opens_at or now + timedelta(days=1))
    local = now.astimezone(zone)
    if DAY_FROM <= local.time() < DAY_UNTIL:
        return None
    day = local.date() + timedelta(days=local.time() >= DAY_UNTIL)
    return datetime.combine(day, DAY_FROM, tzinfo=zone)


def _is_budget_used(*, now: datetime) -> bool:
    used = budget_use.nearly_used(now=now, timezone=_zone.get().key)
    return any(use.percent >= 100 and use.budget.level == "tenant" for use in used)
