"""What happened in conversations since programs looked last, from the rows and nothing else.

Asked for many streams at once: a statement costs little more for a hundred than for one. Texts of
answers appear only once they have left: after every check, the commit of the turn, and the veto
point. Of a step no more is told than is named here; what a check found stays inside.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from conversations.models import Conversation, OutboundMessage, Turn
from conversations.services.cursors import BEGUN, OVER, Cursor

TURNS, MESSAGES, STEPS = 100, 100, 400
"""Rows of one look at most, of each kind; what lies beyond is seen by the next look. A turn has
some ten steps and a few replies."""

SENT = frozenset({"acked", "delivered", "read"})
_NOT_SENT = frozenset({"failed", "cancelled"})


@dataclass(frozen=True)
class Ask:
    """What one program wants to know.

    Args:
        cursor: what it knows; not changed.
        message_id: what it waits for is the answer to this message; None to follow for ever.
        promised: the id of that answer's turn as the program was told it.
    """

    conversation_id: int
    conversation_uuid: uuid.UUID
    cursor: Cursor
    message_id: int | None = None
    promised: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One event; `id` continues after it.

    Args:
        ref: of a contact's message, the channel's id of it.
    """

    id: str
    type: str
    data: Mapping[str, Any]
    ref: str = ""


@dataclass(frozen=True)
class Page:
    """What one look found.

    Args:
        is_over: the message was answered, or nobody will; or the conversation is gone.
        has_more: rows were left out; look again at once.
    """

    events: Sequence[Told]
    cursor: Cursor
    is_over: bool
    has_more: bool


_ASKED = "from unnest(%(ids)s::bigint[], %(marks)s::bigint[]) with ordinality as a(id, mark, place)"

_INBOUND = f"""
select a.place, m.* {_ASKED} cross join lateral (
    select id, uuid, provider_ref, kind, text, received_at, silence_reason, deleted_at
    from conversations_inboundmessage where conversation_id = a.id and id > a.mark
    order by id limit {MESSAGES}
) m order by a.place, m.id
"""  # noqa: S608 - our own text

_TURNS = f"""
select a.place, t.*, g.uuid as agent,
    exists (select from conversations_draft d where d.turn_id = t.id and d.status = 'waiting')
        as is_held
{_ASKED} cross join lateral (
    select id, uuid, status, outcome, reason, agent_id, n_messages, started_at
    from conversations_turn where conversation_id = a.id and id > a.mark
    order by id limit {TURNS}
) t left join agents_agent g on g.id = t.agent_id order by a.place, t.id
"""  # noqa: S608 - our own text

_STEPS = f"""
select a.place, s.* {_ASKED} cross join lateral (
    select s.id, t.id as turn_id, s.kind, s.data, s.duration_ms
    from conversations_turn t join conversations_turnstep s on s.turn_id = t.id
    where t.conversation_id = a.id and t.id > a.mark and s.id > (%(steps)s::bigint[])[a.place]
    order by s.id limit {STEPS}
) s order by a.place, s.id
"""  # noqa: S608 - our own text

_OUTBOUND = f"""
select a.place, o.* {_ASKED} cross join lateral (
    select o.id, o.uuid, o.turn_id, t.uuid as turn, o.origin, o.kind, o.text, o.status,
        o.failure_reason, o.created_at, o.acked_at, o.deleted_at
    from conversations_outboundmessage o left join conversations_turn t on t.id = o.turn_id
    where o.conversation_id = a.id and o.id > a.mark
    order by o.id limit {MESSAGES}
) o order by a.place, o.id
"""  # noqa: S608 - our own text

_STATES = f"""
select a.place, c.status, c.mode, c.mode_reason, c.claimed_by, c.handled_upto,
    k.is_blocked or k.opted_out_at is not null as is_left_alone,
    m.id as message_id, m.turn_id, m.silence_reason, m.deleted_at
{_ASKED} join conversations_conversation c
    on c.id = a.id and c.uuid = (%(uuids)s::uuid[])[a.place]  -- or it is of a tenant made since
join conversations_contact k on k.id = c.contact_id
left join conversations_inboundmessage m on m.id = a.mark
"""

_NOW = """
select (select max(id) from conversations_inboundmessage where conversation_id = c.id),
    (select max(id) from conversations_turn
        where conversation_id = c.id and status <> 'running'),
    coalesce(
        (select min(id) - 1 from conversations_outboundmessage
            where conversation_id = c.id and status in ('created', 'handed')),
        (select max(id) from conversations_outboundmessage where conversation_id = c.id)
    ),
    c.status || ' ' || c.mode || ' ' || c.claimed_by
from conversations_conversation c where c.id = %(id)s
"""

_BEFORE = """
with known as (
    select coalesce(max(id), 0) as turn from conversations_turn
    where conversation_id = %(id)s and covered_upto < %(message)s
)
select %(message)s - 1, known.turn,
    coalesce(
        (select min(id) - 1 from conversations_outboundmessage
            where conversation_id = %(id)s and turn_id > known.turn),
        (select max(id) from conversations_outboundmessage where conversation_id = %(id)s)
    ),
    c.status || ' ' || c.mode || ' ' || c.claimed_by
from conversations_conversation c, known where c.id = %(id)s
"""

_Row = Mapping[str, Any]


def from_now(conversation_id: int) -> Cursor:
    """Return the cursor of a program that follows from now on; what still runs is told of."""
    return _cursor(_NOW, id=conversation_id)


def from_message(conversation_id: int, message_id: int) -> Cursor:
    """Return the cursor of a program that follows the answer to a message of the contact."""
    return _cursor(_BEFORE, id=conversation_id, message=message_id)


def _cursor(statement: str, **values: int) -> Cursor:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        inbound, turn, outbound, state = cursor.fetchone()
    return Cursor(inbound=inbound or 0, turn=turn or 0, outbound=outbound or 0, state=state)


def look(asks: Sequence[Ask]) -> list[Page]:
    """Return what is new for each; by five statements for all of them."""
    ids = [one.conversation_id for one in asks]
    cursors = [one.cursor for one in asks]
    after_turns = [one.turn for one in cursors]
    # In this order: of a turn that is seen to be over the steps and replies were committed with it.
    inbound = _rows(_INBOUND, ids, [one.inbound for one in cursors])
    turns = _rows(_TURNS, ids, after_turns)
    steps = _rows(_STEPS, ids, after_turns, steps=[one.step for one in cursors])
    outbound = _rows(_OUTBOUND, ids, [one.outbound for one in cursors])
    uuids = [one.conversation_uuid for one in asks]
    states = _rows(_STATES, ids, [one.message_id for one in asks], uuids=uuids)
    return [
        _Look(
            ask,
            inbound=inbound.get(place, ()),
            turns=turns.get(place, ()),
            steps=steps.get(place, ()),
            outbound=outbound.get(place, ()),
            state=next(iter(states.get(place, ())), None),
        ).page()
        for place, ask in enumerate(asks, 1)
    ]


def _rows(
    statement: str, ids: Sequence[int], marks: Sequence[int | None], **more: Any
) -> dict[int, list[_Row]]:
    found: dict[int, list[_Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": list(ids), "marks": list(marks), **more})
        names = [one.name for one in cursor.description or ()]
        for row in cursor:
            found.setdefault(row[0], []).append(dict(zip(names, row, strict=True)))
    return found


@dataclass(order=True)
class _Entry:
    """An event to be, with its place among the others."""

    place: tuple[Any, ...]
    type: str = field(compare=False)
    data: Mapping[str, Any] = field(compare=False)
    kind: str = field(compare=False)
    pk: int = field(compare=False, default=0)
    stage: int = field(compare=False, default=0)
    ref: str = field(compare=False, default="")


@dataclass
class _Look:
    """What one look found for one program."""

    ask: Ask
    inbound: Sequence[_Row]
    turns: Sequence[_Row]
    steps: Sequence[_Row]
    outbound: Sequence[_Row]
    state: _Row | None

    def page(self) -> Page:
        state, ask = self.state, self.ask
        if state is None:
            return Page([], ask.cursor, is_over=True, has_more=False)
        self.cursor = Cursor(
            ask.cursor.inbound,
            ask.cursor.step,
            ask.cursor.turn,
            ask.cursor.outbound,
            dict(ask.cursor.turns),
            dict(ask.cursor.messages),
            ask.cursor.state,
        )
        self.of_turn = {one["id"]: one for one in self.turns}
        entries = sorted([*self._said(), *self._steps(), *self._messages(), *self._turns()])
        events = [self._tell(one) for one in entries]
        if (now := f"{state['status']} {state['mode']} {state['claimed_by']}") != self.cursor.state:
            self.cursor.state = now
            events.append(self._event("state", _state(state)))
        is_over = self._is_over(state)
        if is_over and state["turn_id"] is None:
            events.append(self._event("finished", _never_answered(ask)))
        # Rows whose stage did not change are seen again by each look: they are no reason for one.
        has_more = bool(events) and (
            len(self.inbound) == MESSAGES
            or len(self.outbound) == MESSAGES
            or len(self.turns) == TURNS
            or len(self.steps) == STEPS
        )
        return Page(events, self.cursor, is_over, has_more)

    def _tell(self, entry: _Entry) -> Told:
        match entry.kind:
            case "inbound":
                self.cursor.inbound = entry.pk
            case "step":
                self.cursor.step = entry.pk
            case "turn":
                self.cursor.turns[entry.pk] = entry.stage
            case _:
                self.cursor.messages[entry.pk] = entry.stage
        self.cursor.tidy(
            turns=[one["id"] for one in self.turns if one["id"] > self.cursor.turn],
            messages=[one["id"] for one in self.outbound if one["id"] > self.cursor.outbound],
        )
        return self._event(entry.type, entry.data, ref=entry.ref)

    def _event(self, kind: str, data: Mapping[str, Any], *, ref: str = "") -> Told:
        return Told(self.cursor.text(self.ask.conversation_uuid), kind, data, ref)

    # Where an event stands: the instant at which its turn began, or its own; then the turn; then
    # its part in it. Ids rise in each table, whatever a clock says.

    def _said(self) -> Iterator[_Entry]:
        at: datetime | None = None
        for one in self.inbound:
            at = max(at or one["received_at"], one["received_at"])
            data = {
                "message": one["uuid"],
                "kind": one["kind"],
                "text": "" if one["deleted_at"] else one["text"],
                "at": one["received_at"],
                "silence_reason": one["silence_reason"],
            }
            place, ref = (at, 0, 0, one["id"]), one["provider_ref"]
            yield _Entry(place, "gathering", data, "inbound", one["id"], ref=ref)

    def _at(self, turn_id: int) -> datetime:
        """Return when a turn began, but not before the one before it."""
        instants: Iterator[datetime] = (
            one["started_at"] for one in self.turns if one["id"] <= turn_id
        )
        return max(instants)

    def _steps(self) -> Iterator[_Entry]:
        for one in self.steps:
            turn_id = one["turn_id"]
            if turn_id not in self.of_turn or one["kind"] not in _STEP:
                continue
            kind, told = _STEP[one["kind"]]
            kept = json.loads(one["data"]) if isinstance(one["data"], str) else one["data"]
            turn = self.of_turn[turn_id]["uuid"]
            data = {"turn": turn, "ms": one["duration_ms"], **told(kept)}
            yield _Entry((self._at(turn_id), turn_id, 1, one["id"]), kind, data, "step", one["id"])

    def _messages(self) -> Iterator[_Entry]:
        for one in self.outbound:
            known, pk, turn_id = self.ask.cursor.stage_of_message(one["id"]), one["id"], None
            if one["turn_id"] in self.of_turn:
                turn_id = one["turn_id"]
            at = self._at(turn_id) if turn_id else one["acked_at"] or one["created_at"]
            place = (at, turn_id or 0, 2, pk)
            names = {"turn": one["turn"], "message": one["uuid"]}
            text = "" if one["deleted_at"] else one["text"]
            has_left = one["status"] in SENT
            if has_left and known < BEGUN and one["turn_id"]:
                data = {**names, "text": text}
                yield _Entry((*place, BEGUN), "token", data, "message", pk, BEGUN)
            if has_left and known < OVER:
                data = {**names, "origin": one["origin"], "kind": one["kind"], "text": text}
                data["at"] = one["acked_at"]
                yield _Entry((*place, OVER), "sent", data, "message", pk, OVER)
            elif one["status"] in _NOT_SENT and known < OVER:
                data = {**names, "status": one["status"], "reason": one["failure_reason"]}
                yield _Entry((*place, OVER), "not_sent", data, "message", pk, OVER)

    def _turns(self) -> Iterator[_Entry]:
        for one in self.turns:
            known, pk = self.ask.cursor.stage_of_turn(one["id"]), one["id"]
            at, name = self._at(pk), {"turn": one["uuid"]}
            if known < BEGUN:
                data = {**name, "agent": one["agent"], "n_messages": one["n_messages"]}
                yield _Entry((at, pk, 0), "started", data, "turn", pk, BEGUN)
            if known == OVER or not self._is_closed(one):
                continue
            data = {**name, "status": one["status"], "reason": one["reason"]}
            if one["status"] == Turn.Status.DONE:
                data |= {"outcome": one["outcome"], "is_held": one["is_held"]}
            kind = "finished" if one["status"] == Turn.Status.DONE else "discarded"
            yield _Entry((at, pk, 3), kind, data, "turn", pk, OVER)

    def _is_closed(self, turn: _Row) -> bool:
        """Test whether a turn is over, and with it all that it has said."""
        if turn["status"] == Turn.Status.RUNNING or len(self.steps) == STEPS:
            return False
        if turn["status"] != Turn.Status.DONE:
            return True
        waiting = (
            one["turn_id"] == turn["id"] and one["status"] in OutboundMessage.OPEN
            for one in self.outbound
        )
        return len(self.outbound) < MESSAGES and not any(waiting)

    def _is_over(self, state: _Row) -> bool:
        if self.ask.message_id is None:
            return False
        if state["turn_id"] is not None:
            return self.cursor.stage_of_turn(state["turn_id"]) == OVER
        running = any(one["status"] == Turn.Status.RUNNING for one in self.turns)
        return not running and (
            state["message_id"] is None
            or bool(state["silence_reason"])
            or state["deleted_at"] is not None
            or state["is_left_alone"]
            or state["mode"] != Conversation.Mode.AI
            or state["status"] != Conversation.Status.OPEN
            or state["handled_upto"] >= state["message_id"]
        )


def _state(row: _Row) -> Mapping[str, Any]:
    return {
        "status": row["status"],
        "mode": row["mode"],
        "mode_reason": row["mode_reason"],
        "claimed_by": row["claimed_by"],
    }


def _never_answered(ask: Ask) -> Mapping[str, Any]:
    return {
        "turn": ask.promised,
        "status": "cancelled",
        "reason": "",
        "outcome": "",
        "is_held": False,
    }


def _routed(data: _Row) -> Mapping[str, Any]:
    return {"agent": data.get("agent", ""), "reason": data.get("reason", "")}


def _retrieved(data: _Row) -> Mapping[str, Any]:
    titles = [one.get("title", "") for one in data.get("passages", ())]
    return {
        "decision": data.get("decision", ""),
        "confidence": data.get("confidence", 0.0),
        "documents": list(dict.fromkeys(titles)),
    }


def _generated(data: _Row) -> Mapping[str, Any]:
    return {
        "draft": data.get("draft", 1),
        "provider": data.get("provider", ""),
        "model": data.get("model", ""),
        "failed": "failed" in data or "limit" in data,
    }


def _tool(data: _Row) -> Mapping[str, Any]:
    return {"tool": data.get("tool", ""), "refused": data.get("refused", "")}


def _handed(data: _Row) -> Mapping[str, Any]:
    names = ("from_agent", "to_agent", "cause")
    return {name: data.get(name, "") for name in names}


def _guarded(data: _Row) -> Mapping[str, Any]:
    failed = [one["check"] for one in data.get("verdicts", ()) if not one["passed"]]
    return {"stage": data.get("stage", ""), "passed": not failed, "failed": failed}


_STEP = {
    "route": ("routed", _routed),
    "retrieve": ("retrieved", _retrieved),
    "generate": ("generated", _generated),
    "tool": ("tool", _tool),
    "handoff": ("handed_off", _handed),
    "guard": ("guarded", _guarded),
}
"""Each kind of step: the event's type, and what is told of it."""
