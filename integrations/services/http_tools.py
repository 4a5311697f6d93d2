"""Calling other systems on an agent's behalf: claim, call, commit, and never a change twice.

A change is named by the messages it was asked for on and by its arguments. Its row is written
before the call, and the row's UUID is sent as the key: a model that asks twice, a turn that is made
again after a crash, and a second worker all meet that row.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from integrations import http
from integrations.egress import NotReached
from integrations.llm import pii, words
from integrations.models import HttpTool, HttpToolCall
from integrations.models.tools import MAX_TIMEOUT_S
from integrations.services import breakers, mcp_calls, mcp_found, notices, tool_requests
from integrations.services.mcp_definitions import Unusable
from integrations.services.tool_outcomes import Called, Sent, State
from integrations.services.tool_requests import Definition
from integrations.services.tool_values import BadArguments, Source, Value
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError, Permanent, Temporary
from tenants.remembering import Remembered

logger = logging.getLogger(__name__)

Status = HttpToolCall.Status

LOST_AFTER_S = 30.0
"""Seconds after its time limit at which a call that has no outcome is taken for lost."""

LOST = "its process stopped"
"""The reason of a call that was lost."""

WAITS = "tool.waiting"
"""The kind of notice that a change waits for a person; who decides it settles the notice."""

_COUNTED = (Status.STARTED, Status.DONE, Status.UNKNOWN)
"""What counts as made: the other side may have done it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """On whose behalf a tool is called.

    Args:
        burst: names the messages that are answered, the same when the turn is made again; of no
            other messages of the tenant.
    """

    burst: str = ""
    agent_name: str = ""
    conversation_uuid: UUID | None = None
    turn_uuid: UUID | None = None


@dataclass(frozen=True, slots=True)
class _Circuit:
    """A tool, or the MCP server behind it, as the breakers know it."""

    model: str
    credential: str
    provider: str = breakers.TOOL


class NotWaiting(DomainError):
    """Somebody has decided this already."""

    code = "not_waiting"


class NoLongerFits(DomainError):
    """The tool was changed since, so that what was asked for cannot be sent any more."""

    code = "no_longer_fits"


def _circuit(tool: Definition) -> _Circuit:
    if tool.served is not None:
        return _Circuit(tool.served.server, str(tool.served.server_ref))
    return _Circuit(tool.name, str(tool.ref))


def definition(tool: HttpTool) -> Definition:
    """Return a tool as it is called.

    Raises:
        CannotDecrypt: its secrets cannot be read.
        Unusable: its MCP server describes a parameter at too great length.
    """
    parameters = tuple(map(tool_requests.parameter, tool.parameters))
    served = None
    if tool.mcp is not None:
        served = mcp_calls.served(tool.mcp)
        parameters = mcp_calls.with_shapes(parameters, tool.mcp)
    return Definition(
        ref=tool.uuid,
        name=tool.name,
        description=tool.description,
        method=tool.method,
        url=tool.url,
        parameters=parameters,
        headers=tool.headers(),
        auth_kind=tool.auth_kind,
        auth_name=tool.auth_name,
        secret=tool.secret(),
        shows=tuple((one["path"], one.get("name", "")) for one in tool.shows),
        risk=tool.risk,
        repeats_safely=tool.repeats_safely,
        timeout_s=tool.timeout_s,
        max_kb=tool.max_kb,
        max_calls=tool.max_calls or (3 if tool.risk == HttpTool.Risk.READ else 1),
        pk=tool.pk,
        served=served,
    )


def _load() -> dict[str, Definition]:
    found = {}
    for tool in HttpTool.objects.filter(is_active=True).select_related("mcp__server"):
        if not tool.is_usable:
            continue
        try:
            found[str(tool.uuid)] = definition(tool)
        except (CannotDecrypt, Unusable):
            logger.warning("tool cannot be read", extra={"tool": str(tool.uuid)})
    return found


_active: Remembered[dict[str, Definition]] = Remembered(_load)


def active() -> dict[str, Definition]:
    """Return the tools of the current schema that may be called, by UUID; a moment late."""
    return _active.get()


def forget() -> None:
    """Drop what this process remembers of the current schema's tools."""
    _active.forget()


def call(tool: Definition, values: Mapping[str, Value], *, asking: Asking) -> Called:
    """Call another system; a change that was asked for before is not made again.

    Raises:
        BadArguments: a value would lead to another address.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    tool_requests.request(tool, values, key="")  # refused before anything is kept
    circuit = _circuit(tool)
    verdict = breakers.may_ask(circuit)
    if not verdict.allowed:
        return Called(State.REFUSED, reason="it is paused after failures")
    row = _claim(tool, values, asking=asking)
    if isinstance(row, Called):
        return row
    return _made(tool, values, row, circuit=circuit, is_probe=verdict.is_probe)


def propose(tool: Definition, values: Mapping[str, Value], *, asking: Asking) -> None:
    """Keep a change that a person has to say yes to; the same one is kept once."""
    tool_requests.request(tool, values, key="")
    row = _new_row(tool, values, asking=asking, status=Status.WAITING)
    row.set_plain_arguments(dict(values))
    row.fitting_hash = fingerprint(tool)
    with transaction.atomic():
        kept, is_new = HttpToolCall.objects.get_or_create(
            dedup_key=row.dedup_key, defaults=_fields(row)
        )
        if not is_new:
            return
        notices.tell(
            kind=WAITS,
            subject=str(kept.uuid),
            title=_("%(name)s waits for your yes"),
            text=_("%(agent)s asks for it in a conversation. Look at it, and do or decline it."),
            values={"name": tool.name, "agent": asking.agent_name},
            page="integrations_httptoolcall_changelist",
            now=row.started_at,
        )


def decide(*, call_id: int, is_yes: bool, actor: str) -> Called:
    """Make a change that waits, or decline it; of two people one decides.

    Raises:
        NotWaiting: somebody has decided already, or the tool is gone or switched off.
        NoLongerFits: it cannot be sent, or its tool is another by now; it goes on waiting.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    row = HttpToolCall.objects.select_related("tool__mcp__server").get(pk=call_id)
    if row.status != Status.WAITING:
        raise NotWaiting
    if is_yes and (row.tool is None or not row.tool.is_active):
        raise NotWaiting
    # Read first: what cannot be read goes on waiting.
    tool, values = _waiting(row) if is_yes else (None, {})
    now = timezone.now()
    won = HttpToolCall.objects.filter(pk=call_id, status=Status.WAITING).update(
        status=Status.STARTED if is_yes else Status.DECLINED,
        decided_by=actor[:150],
        started_at=now,
    )
    if not won:
        raise NotWaiting
    notices.settle(kind=WAITS, subject=str(row.uuid), actor=actor, now=now)
    if tool is None:
        return Called(State.REFUSED)
    return _made(tool, values, row, circuit=_circuit(tool), is_probe=False)


def _waiting(row: HttpToolCall) -> tuple[Definition | None, Mapping[str, Any]]:
    """Return the tool of a call that waits, and what it is to be called with.

    Raises:
        NoLongerFits: it cannot be sent as it was asked for.
    """
    if row.tool is None:
        return None, {}
    if not row.tool.is_usable:
        raise NoLongerFits
    values: Mapping[str, Any] = row.plain_arguments()
    try:
        tool = definition(row.tool)
        tool_requests.request(tool, values, key="")
    except (BadArguments, Unusable) as error:
        raise NoLongerFits from error
    if not hmac.compare_digest(row.fitting_hash, fingerprint(tool)):
        raise NoLongerFits
    return tool, values


def fingerprint(tool: Definition) -> str:
    """Return what tells a tool from another to which the same values would mean something else.

    Keyed, because headers may hold a key of the business. The token or password of its own is left
    out: it says who asks, and is renewed.
    """
    parameters = [
        (
            *(one.name, one.kind, one.source, one.description, one.is_required),
            *(one.choices, one.minimum, one.maximum, one.shape),
            one.value if one.source is Source.FIXED else "",
        )
        for one in tool.parameters
    ]
    served = tool.served and (
        *(str(tool.served.server_ref), tool.served.place.url, tool.served.place.command),
        *(tool.served.tool, tool.served.pinned),
    )
    said = (
        *(str(tool.ref), tool.description, tool.method, tool.url, served, parameters),
        *(dict(tool.headers), tool.auth_kind, tool.auth_name, tool.changes),
    )
    plain = json.dumps(said, sort_keys=True)
    return salted_hmac("integrations.http_tools", plain, algorithm="sha256").hexdigest()


def settle_lost(*, now: datetime) -> int:
    """Give up calls whose process died before it had an outcome; return how many.

    The owners are told of each change: nobody else may ever ask for it again.
    """
    before = now - timedelta(seconds=MAX_TIMEOUT_S + LOST_AFTER_S)
    with transaction.atomic():
        started = HttpToolCall.objects.filter(status=Status.STARTED, started_at__lt=before)
        lost = list(started.select_for_update(skip_locked=True).order_by("pk")[:100])
        HttpToolCall.objects.filter(pk__in=[one.pk for one in lost]).update(
            status=Status.UNKNOWN, reason=LOST, arguments_encrypted=""
        )
        for one in lost:
            if one.dedup_key:
                notices.tell(
                    kind="tool.lost",
                    subject=str(one.uuid),
                    title=_("%(name)s: nobody knows whether it was done"),
                    text=_(
                        "The call was cut off before its answer came. Look into the other system,"
                        " and do it by hand where it is missing."
                    ),
                    values={"name": one.tool_name},
                    page="integrations_httptoolcall_changelist",
                    now=now,
                )
    return len(lost)


def clear_old(*, now: datetime) -> int:
    """Forget calls after `EVENT_RETENTION_DAYS`; return how many."""
    before = now - timedelta(days=settings.EVENT_RETENTION_DAYS)
    return HttpToolCall.objects.filter(started_at__lt=before).delete()[0]


def _claim(
    tool: Definition, values: Mapping[str, Value], *, asking: Asking
) -> HttpToolCall | Called:
    """Write the row of a call; what was found where there is to be no other call."""
    row = _new_row(tool, values, asking=asking, status=Status.STARTED)
    if not tool.changes:
        row.save()
        return row
    n_made = (
        HttpToolCall.objects.filter(burst_key=row.burst_key, status__in=_COUNTED)
        .exclude(dedup_key=row.dedup_key)
        .count()
    )
    if n_made >= tool.max_calls:
        return Called(State.REFUSED, reason="it was done already for these messages")
    kept, is_new = HttpToolCall.objects.get_or_create(
        dedup_key=row.dedup_key, defaults=_fields(row)
    )
    if is_new or _taken_again(tool, kept, now=row.started_at):
        return kept
    if kept.status == Status.DONE:
        return Called(State.BEFORE, kept.result)
    HttpToolCall.objects.filter(
        pk=kept.pk, status=Status.STARTED, started_at__lt=_lost(tool, now=row.started_at)
    ).update(status=Status.UNKNOWN, reason=LOST)
    return Called(State.UNKNOWN, reason=kept.reason or "it is under way")


def _taken_again(tool: Definition, kept: HttpToolCall, *, now: datetime) -> bool:
    """Take a call that was not done, or that may be repeated; of two workers one does."""
    may = kept.status == Status.FAILED
    if tool.repeats_safely:
        may |= kept.status == Status.UNKNOWN
        may |= kept.status == Status.STARTED and kept.started_at < _lost(tool, now=now)
    if not may:
        return False
    same = HttpToolCall.objects.filter(pk=kept.pk, status=kept.status, started_at=kept.started_at)
    return bool(same.update(status=Status.STARTED, started_at=now, reason=""))


def _lost(tool: Definition, *, now: datetime) -> datetime:
    """Return the instant before which a call that has no outcome was lost with its process."""
    return now - timedelta(seconds=tool.timeout_s + LOST_AFTER_S)


def _new_row(
    tool: Definition, values: Mapping[str, Value], *, asking: Asking, status: str
) -> HttpToolCall:
    row = HttpToolCall(
        tool_id=tool.pk,
        tool_name=tool.name,
        status=status,
        agent_name=asking.agent_name[:80],
        conversation_uuid=asking.conversation_uuid,
        turn_uuid=asking.turn_uuid,
        arguments=pii.bare(json.dumps(dict(values), ensure_ascii=False)),
        started_at=timezone.now(),
    )
    if tool.changes:
        # Without the conversation: the messages move to another where two contacts are one person.
        row.burst_key = _digest([str(tool.ref), asking.burst])
        plain = sorted((name, _alike(value)) for name, value in values.items())
        row.dedup_key = _digest([row.burst_key, json.dumps(plain)])
    return row


def _alike(value: Value) -> str:
    """Return a value so that the same meant is the same text."""
    text = json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else str(value)
    return " ".join(words.fold(text).split())


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def _fields(row: HttpToolCall) -> dict[str, object]:
    names = [one.attname for one in row._meta.concrete_fields if one.attname != "id"]
    return {name: getattr(row, name) for name in names if name != "dedup_key"}


def _made(
    tool: Definition,
    values: Mapping[str, Value],
    row: HttpToolCall,
    *,
    circuit: _Circuit,
    is_probe: bool,
) -> Called:
    """Make a call and keep how it went."""
    began = time.monotonic()
    sent = send(tool, values, key=str(row.uuid))
    if sent.is_changed and tool.served is not None:
        mcp_found.note_changed(tool.served.pk, sent.found, now=timezone.now())
        forget()
    if sent.is_trouble:
        breakers.failed(circuit, reason=sent.reason, is_probe=is_probe)
    else:
        breakers.succeeded(circuit)
    status = {State.DONE: Status.DONE, State.UNKNOWN: Status.UNKNOWN}.get(
        sent.called.state, Status.FAILED
    )
    HttpToolCall.objects.filter(pk=row.pk).update(
        status=status,
        result=pii.bare(sent.called.text),
        reason=sent.reason[:200],
        status_code=sent.status,
        duration_ms=round(1000 * (time.monotonic() - began)),
        arguments_encrypted="",
    )
    logger.info("tool called", extra={"tool": tool.name, "outcome": status, "status": sent.status})
    return sent.called


def send(tool: Definition, values: Mapping[str, Value], *, key: str) -> Sent:
    """Send one request and judge the answer; keeps nothing.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    if tool.served is not None:
        return mcp_calls.send(tool, tool.served, values, key=key)
    wanted = tool_requests.request(tool, values, key=key)
    unsure = State.UNKNOWN if tool.changes else State.REFUSED
    try:
        answer = http.request(
            tool.method,
            wanted.url,
            headers=wanted.headers,
            json=wanted.json,
            timeout_s=tool.timeout_s,
            max_bytes=tool.max_kb * 1024,
            # A change is done even where its answer is too long to be read.
            is_cut=tool.changes,
        )
    except NotReached as error:
        return Sent(Called(State.REFUSED, reason=error.reason), is_trouble=True)
    except Temporary as error:
        return Sent(Called(unsure, reason=error.reason), is_trouble=True)
    except Permanent as error:
        return Sent(Called(_after(error, unsure), reason=error.reason), is_trouble=True)
    text, status = tool_requests.shown(tool, answer), answer.status
    if 200 <= status < 300:
        return Sent(Called(State.DONE, text), status)
    reason = f"HTTP {status}"
    if status >= 500:
        return Sent(Called(unsure, text, reason), status, is_trouble=True)
    is_trouble = status in (401, 403, 407, 429) or status < 400
    return Sent(Called(State.REFUSED, text, reason), status, is_trouble)


def _after(error: Permanent, unsure: State) -> State:
    """Return what is known after a refusal of our own client: before or after it connected."""
    is_before = error.reason.startswith(("refused", "the request cannot be sent"))
    return State.REFUSED if is_before else unsure
