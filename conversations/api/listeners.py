"""Who follows a conversation: what it hears of what happens, and for how long.

A program of the business hears all; a channel whose contacts read live brings a listener of its
own, which hears what the contact may know. Everything else of a stream is the same for all of them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from conversations.services import feed
from conversations.services.cursors import Cursor
from tenants.api import lasting
from tenants.api.callers import Caller
from tenants.api.refusals import Forbidden, OutOfScope
from tenants.api.resources import Need

PLACE = "prosa.follow"
"""Where in a request's scope `streaming` wants what is to be followed."""

EVENT_STREAM = "text/event-stream"


class Listener(Protocol):
    """Who follows; to be compared and hashed by its values."""

    @property
    def leaves_free(self) -> int:
        """Places of a process, and of a tenant in it, that listeners of this kind never take."""
        ...

    @property
    def most_alike(self) -> int | None:
        """Streams of one conversation that listeners equal to it may have; None for any number."""
        ...

    @property
    def hears_steps(self) -> bool:
        """Whether it hears steps of turns, which are written one by one only for who does."""
        ...

    def hears(self, event: feed.Told) -> feed.Told | None:
        """Return an event as this listener is told it; None where it is not."""
        ...

    @classmethod
    def good(cls, ones: Collection[Any], *, now: datetime) -> Collection[Any]:
        """Return those of some listeners of the current tenant that may still listen."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """A program of the business.

    Args:
        key_id: of the API key that it came with; None for a login.
        login_id: of the login; None for a key.
        need: what the call takes, as long as it lasts.
    """

    key_id: int | None
    login_id: int | None
    need: Need

    leaves_free = 0
    most_alike = None
    hears_steps = True

    def hears(self, event: feed.Told) -> feed.Told | None:
        """Return the event as it is."""
        return event

    @classmethod
    def good(cls, ones: Collection[Program], *, now: datetime) -> Collection[Program]:
        """Return those whose key or login has not ended, and who may still do what they do."""
        keys = {one.key_id for one in ones if one.key_id is not None}
        logins = {one.login_id for one in ones if one.login_id is not None}
        of_key = lasting.callers_of_keys(keys, now=now)
        of_login = lasting.callers_of_logins(logins, now=now)
        callers = {
            one: of_key.get(one.key_id or 0) or of_login.get(one.login_id or 0) for one in ones
        }
        return [one for one, caller in callers.items() if caller and _is_allowed(caller, one.need)]


def _is_allowed(caller: Caller, need: Need) -> bool:
    try:
        caller.require(scope=need.scope, permission=need.permission)
    except (OutOfScope, Forbidden):
        return False
    return True


@dataclass(frozen=True)
class Follow:
    """What a listener waits for.

    Args:
        ready: of the stream's first event; of `execute` what the turn was promised with.
        ready_id: of that event; made here, because it is the tenant's.
        deadline_s: of `execute`; None for a stream.
    """

    schema: str
    language: str
    ask: feed.Ask
    ready: Mapping[str, Any]
    ready_id: str
    listener: Listener
    deadline_s: float | None = None

    def beginning(self) -> list[bytes]:
        """Return how a stream begins: how soon to come back, and the event to come back with."""
        return [b"retry: 1000\n\n", _written(feed.Told(self.ready_id, "ready", self.ready))]

    def written(self, events: Iterable[feed.Told]) -> list[bytes]:
        """Return what the listener hears of some events, as it is sent."""
        heard = (self.listener.hears(one) for one in events)
        return [_written(one) for one in heard if one is not None]


def _written(event: feed.Told) -> bytes:
    data = json.dumps(event.data, cls=DjangoJSONEncoder, ensure_ascii=False)
    return f"id: {event.id}\nevent: {event.type}\ndata: {data}\n\n".encode()


def known(request: HttpRequest | Request, conversation_uuid: uuid.UUID) -> Cursor | None:
    """Return up to where a listener has heard, by its header; None where it begins.

    Raises:
        BadEventId: the header is of another conversation.
    """
    text = request.headers.get("Last-Event-ID", "").strip()
    return Cursor.read(text, conversation_uuid) if text else None


def left_to_server(request: HttpRequest, follow: Follow) -> bool:
    """Hand a call over to the server that waits; False where there is none."""
    place: list[Follow] | None = getattr(request, "scope", {}).get(PLACE)
    if place is not None:
        place.append(follow)
    return place is not None


def streamed(request: HttpRequest, follow: Follow) -> HttpResponse:
    """Answer with a stream; where no server waits, with what there is by now."""
    parts = []
    if not left_to_server(request, follow):
        parts = [*follow.beginning(), *follow.written(feed.look([follow.ask])[0].events)]
    response = HttpResponse(b"".join(parts), content_type=f"{EVENT_STREAM}; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx would keep events until it has a page of them
    return response
