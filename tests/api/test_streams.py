"""Programs watch agents answer, wait for them, and follow conversations: live, whole, and once."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
import uvicorn
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from channels_web.api import seen
from config import asgi
from conversations.api import listeners, streaming, waiting
from conversations.api.conversations import READS
from conversations.api.listeners import Follow
from conversations.models import Conversation, InboundMessage, Turn, TurnStep
from conversations.services import feed, following, orchestrator
from conversations.services.cursors import Cursor
from tenants import timers
from tenants.api import keys, tokens
from tenants.api.models import ApiKey
from tenants.models import Tenant
from tests.admin.rows import make_conversation
from tests.api.conftest import Program, host_of_here, key_of, login_of, person, program
from tests.factories import learn, make_agent, work
from tests.fakes.http import Answer, Received, wait_until
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once

PRICE = {"text": "qual o preço da limpeza?", "thread": "pedido-7"}
ANSWERED = [
    "ready",
    "gathering",
    "started",
    "guarded",
    "routed",
    "retrieved",
    "generated",
    "guarded",
    "token",
    "sent",
    "finished",
]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The real web process's application, served from a thread."""
    config = uvicorn.Config(asgi.application, port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started, seconds=30)
    asgi._django.slow_s = 2.0
    yield server.servers[0].sockets[0].getsockname()[1]
    asgi._django.close()
    asgi._django.slow_s = streaming.SLOW_S
    server.should_exit = True
    thread.join(60)


@dataclass
class Call:
    """A call that stays open."""

    program: Program
    port: int
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    is_begun: bool = True

    def __enter__(self) -> Self:
        if self.is_begun:
            self.begin()
        return self

    def begin(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {
            "Host": self.program.host,
            "Authorization": f"Bearer {self.program.credential}",
            "Accept": "text/event-stream",
            "Content-Type": "application/json",
            **self.headers,
        }
        body = None if self.body is None else json.dumps(self.body)
        self.connection.request(self.method, f"/api/v1/{self.path}", body, headers)
        self.answer = self.connection.getresponse()

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def json(self) -> Any:
        return json.loads(self.answer.read())

    def events(self) -> Iterator[dict[str, Any]]:
        yield from parsed(iter(self.answer.readline, b""))

    def until(self, kind: str) -> list[dict[str, Any]]:
        found = []
        for one in self.events():
            found.append(one)
            if one["event"] == kind:
                return found
        raise AssertionError(f"ended without {kind}: {kinds(found)}")


def parsed(lines: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "" and event:
            yield event
            event = {}
        elif name in ("id", "event"):
            event[name] = value
        elif name == "data":
            event[name] = json.loads(value)


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [one["event"] for one in events]


def again(api: Program, conversation: str, last: str) -> list[dict[str, Any]]:
    """Return what follows an event, without what opens the stream."""
    answer = api.get(f"conversations/{conversation}/events/", last_event_id=last)
    assert answer.status_code == 200, answer.content
    return list(parsed(iter(answer.content.splitlines(keepends=True))))[1:]


def test_a_turn_is_streamed_whole_to_both_who_asked_and_resumed_without_hole_or_double(
    committed_alpha: Tenant, committed_beta: Tenant, port: int
) -> None:
    def world() -> tuple[str, Program]:
        learn()
        return str(make_agent().uuid), program()

    agent, api = world()
    with tenant_context(committed_beta):
        other_agent, other = world()
    once = {"Idempotency-Key": "a"}
    run = {"method": "POST", "path": f"agents/{agent}/stream/", "body": PRICE, "headers": once}
    with Call(api, port, **run) as first, Call(api, port, **run) as second:  # type: ignore[arg-type]
        made = first.until("gathering")[0]["data"]
        assert first.answer.getheader("Content-Type") == "text/event-stream; charset=utf-8"
        assert first.answer.getheader("RateLimit-Remaining")
        # B's conversation bears the same integer id, and hears nothing of A's.
        _number_next(committed_beta, _conversation(committed_alpha).pk)
        theirs = other.post(f"agents/{other_agent}/trigger/", PRICE).json()["conversation"]
        with tenant_context(committed_beta):
            assert Conversation.objects.get().pk == _conversation(committed_alpha).pk
        path = f"conversations/{theirs}/events/"
        with Call(other, port, "GET", path) as foreign, tenant_context(committed_alpha):
            foreign.until("ready")
            assert _race() == {"answered": 2, "not_ours": 2}
            got = [first.until("finished"), second.until("finished")]
            assert [one.answer.read() for one in (first, second)] == [b"", b""]  # both have ended
            theirs_told = foreign.until("finished")

    assert Turn.objects.count() == 1
    shown = [json.dumps([one["data"] for one in part][-9:]) for part in got]
    assert shown[0] == shown[1]
    whole = [{"event": "ready", "data": made}, *got[1]] if kinds(got[1])[0] != "ready" else got[1]
    assert kinds(whole) == ANSWERED
    token, sent, finished = (one["data"] for one in whole[-3:])
    assert "220,00" in token["text"] == sent["text"]
    assert (finished["turn"], finished["status"]) == (made["turn"], "done")
    texts = json.dumps([one["data"] for one in theirs_told])
    assert made["turn"] not in texts
    assert kinds(theirs_told)[-3:] == ["token", "sent", "finished"]
    # From each of its events on: nothing is left out, nothing comes twice.
    for place, one in enumerate(whole):
        rest = again(api, made["conversation"], one["id"])
        assert [(o["event"], o["data"]) for o in rest] == [
            (o["event"], o["data"]) for o in whole[place + 1 :]
        ]
    path = f"conversations/{theirs}/events/"
    assert other.get(path, last_event_id=whole[0]["id"]).json()["code"] == "bad_event_id"
    assert api.get(path).status_code == 404
    wait_until(lambda: len(asgi._django) == 0, seconds=30)


def _conversation(tenant: Tenant) -> Conversation:
    with tenant_context(tenant):
        return Conversation.objects.get()


def _number_next(tenant: Tenant, pk: int) -> None:
    """Let the tenant's next conversation bear this id; it has none yet."""
    with tenant_context(tenant), connection.cursor() as cursor:
        table = "conversations_conversation"
        cursor.execute("select setval(pg_get_serial_sequence(%s, 'id'), %s, false)", [table, pk])


def _race() -> Counter[str]:
    """Let two workers begin each turn that is due, at once; return what became of them."""
    found: Counter[str] = Counter()
    for bell in timers.claim_due(kind="turn", max_running=1000, limit=1000):

        def run(bell: timers.Doorbell = bell) -> str:
            return orchestrator.run_turn(timer_id=bell.timer_id, token=bell.token).value

        with schema_context(bell.schema_name):
            found.update(at_once(run, run))
    return found


class PensiveLLM(FakeLLM):
    """Thinks until it may answer."""

    def __init__(self, mode: Mode) -> None:
        super().__init__(mode)
        self.may_answer = threading.Event()

    def answer(self, request: Received) -> Answer | None:
        self.may_answer.wait(30)
        return super().answer(request)


def test_steps_are_told_while_the_model_thinks_and_nothing_that_a_check_held_back(
    committed_alpha: Tenant, port: int
) -> None:
    learn()
    with PensiveLLM(Mode.SCRIPTED) as llm:
        llm.say("A limpeza custa R$ 9.999,00.", "A limpeza custa R$ 7.777,00.")
        agent, api = make_agent(base_url=llm.base_url), program()
        path = f"agents/{agent.uuid}/stream/"
        with Call(api, port, "POST", path, PRICE) as call, ThreadPoolExecutor(1) as worker:
            working = worker.submit(_work_in, committed_alpha)
            early = call.until("retrieved")
            # The model has not answered: the turn runs, and holds nothing while it does.
            assert Turn.objects.get().status == "running"
            llm.may_answer.set()
            working.result(60)
            late = call.until("finished")

    made = early[0]["data"]
    whole = [*early, *late]
    assert kinds(whole)[:2] == ["ready", "gathering"]
    assert [one["data"]["passed"] for one in whole if one["event"] == "guarded"] == [
        True,
        False,
        False,
    ]
    assert "9.999" not in json.dumps(whole)
    assert "7.777" not in json.dumps(whole)
    assert whole[-1]["data"]["outcome"] == "needs_human"
    steps = TurnStep.objects.order_by("position").values_list("position", flat=True)
    assert list(steps) == list(range(len(steps)))
    # A turn that nobody followed tells the same steps.
    assert [k for k in kinds(again(api, made["conversation"], early[0]["id"])) if k != "state"] == [
        k for k in kinds(whole[1:]) if k != "state"
    ]


def _work_in(tenant: Tenant) -> None:
    try:
        with tenant_context(tenant):
            work(rounds=2)
    finally:
        connection.close()


def test_who_waits_gets_the_result_or_the_turn_that_goes_on(
    committed_alpha: Tenant, port: int
) -> None:
    learn()
    api, path = program(), f"agents/{make_agent().uuid}/execute/"
    once = {"Idempotency-Key": "k"}

    with Call(api, port, "POST", f"{path}?deadline_s=0.2", PRICE, once) as call:
        late = call.json()
        assert (call.answer.status, late["code"]) == (504, "still_working")
    with (
        Call(api, port, "POST", path, PRICE, once, is_begun=False) as call,
        ThreadPoolExecutor(1) as threads,
    ):
        waiting = threads.submit(call.begin)
        wait_until(lambda: len(asgi._django) == 1, seconds=30)
        work(rounds=2)
        waiting.result(60)
        done = call.json()
        assert call.answer.status == 200
        assert call.answer.getheader("Idempotent-Replayed") == "true"
    assert done["turn"] == late["turn"] == done["result"]["uuid"]
    assert "220,00" in done["result"]["replies"][0]
    # Whom people have answered meanwhile gets no answer, and is told so.
    with Call(api, port, "POST", path.replace("execute", "stream"), PRICE) as call:
        call.until("gathering")
        Conversation.objects.update(mode="human")
        following.ring_for([Conversation.objects.get().pk])
        told = call.until("finished")
        assert told[-1]["data"]["status"] == "cancelled"
        assert call.answer.read() == b""
    # Who goes away, or whose key ends, leaves nothing behind.
    conversation = f"conversations/{done['conversation']}/events/"
    with (
        Call(api, port, "GET", conversation) as gone,
        Call(api, port, "GET", conversation) as ended,
    ):
        for one in (gone, ended):
            one.until("ready")
        gone.connection.sock.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: len(asgi._django) == 1, seconds=30)
        ApiKey.objects.update(revoked_at=timezone.now())
        asgi._django.renew()
        assert b"event" not in ended.answer.read()
    wait_until(lambda: len(asgi._django) == 0, seconds=30)


def test_a_stream_ends_with_its_login_and_with_what_its_person_may(
    committed_alpha: Tenant, port: int
) -> None:
    conversation = make_conversation(agent=make_agent())
    path = f"conversations/{conversation.uuid}/events/"

    def follows(credential: str, end: Callable[[], object]) -> None:
        with Call(Program(credential, host_of_here()), port, "GET", path) as call:
            call.until("ready")
            end()
            asgi._django.renew()
            assert b"event: state" not in call.answer.read()

    ana, bia = person("attendant", username="ana"), person("attendant", username="bia")
    login, again = login_of(ana), login_of(ana)
    follows(login.access, lambda: tokens.log_out(token=login.refresh, now=timezone.now()))
    follows(again.access, lambda: set_password(ana, "another one that is long"))
    of_role = key_of(ana)
    follows(of_role, lambda: ana.groups.clear())
    of_scope = key_of(bia)

    def cut_down() -> None:
        key = ApiKey.objects.get(user=bia)
        keys.change_key(key=key, name="less", scopes=["agents:read"], networks=[], actor="test")

    follows(of_scope, cut_down)
    wait_until(lambda: len(asgi._django) == 0, seconds=30)


def set_password(user: User, password: str) -> None:
    user.set_password(password)
    user.save()


def test_who_takes_nothing_is_cut_off_and_the_others_go_on(
    committed_alpha: Tenant, port: int
) -> None:
    api = program()
    agent = make_agent()
    made = api.post(f"agents/{agent.uuid}/trigger/", PRICE).json()
    message = InboundMessage.objects.get()
    long = "x" * 4096
    InboundMessage.objects.bulk_create(
        InboundMessage(
            conversation_id=message.conversation_id,
            channel_account_ref=message.channel_account_ref,
            provider_ref=f"m-{number}",
            text=long,
            sent_at=message.sent_at,
            received_at=message.received_at,
        )
        for number in range(3000)
    )
    path = f"conversations/{made['conversation']}/events/"
    begin = {"Last-Event-ID": Cursor().text(uuid.UUID(made["conversation"]))}
    with Call(api, port, "GET", path, headers=begin) as slow, Call(api, port, "GET", path) as other:
        slow.until("gathering")
        other.until("ready")
        wait_until(lambda: len(asgi._django) == 1, seconds=30)
        api.post(f"agents/{agent.uuid}/trigger/", {**PRICE, "text": "e o estacionamento?"})
        assert other.until("gathering")[-1]["data"]["text"] == "e o estacionamento?"
    # Whoever has the time gets it all.
    with Call(api, port, "GET", path, headers=begin) as patient:
        events = patient.events()
        n_said = 0
        while n_said < 3002:
            n_said += next(events)["event"] == "gathering"
    wait_until(lambda: len(asgi._django) == 0, seconds=30)


def test_a_stream_ends_where_another_conversation_has_its_id(alpha: Tenant, beta: Tenant) -> None:
    mine = make_conversation()
    ask = feed.Ask(mine.pk, mine.uuid, feed.from_now(mine.pk))
    (before,) = feed.look([ask])
    with tenant_context(beta):  # as in a schema that was dropped and made anew
        assert make_conversation().pk == mine.pk
        (after,) = feed.look([ask])

    assert (before.is_over, after.is_over, after.events) == (False, True, [])


def test_without_the_broker_all_look_by_themselves(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    async def look() -> bool:
        hub = waiting.Hub()
        ask = feed.Ask(1, uuid.uuid4(), Cursor())
        nobody = listeners.Program(1, None, READS)
        follow = Follow("t_alpha", "en", ask, ready={}, ready_id="", listener=nobody)
        place = waiting.Place(follow)
        hub.enter(place)
        for _ in range(2):
            async with asyncio.timeout(30):
                await place.woken.wait()
            place.woken.clear()
        hub.close()
        return hub.is_closing

    assert asyncio.run(look())


def test_one_visitor_takes_few_of_the_places(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    of_chat = seen.Listener(uuid.uuid4())

    def place(listener: listeners.Listener, conversation_id: int = 1) -> waiting.Place:
        ask = feed.Ask(conversation_id, uuid.uuid4(), Cursor())
        return waiting.Place(Follow("t_alpha", "en", ask, {}, "", listener))

    async def enter() -> None:
        hub = waiting.Hub()
        tabs = [place(of_chat) for _ in range(of_chat.most_alike)]
        assert all(hub.enter(one) for one in tabs)
        assert not hub.enter(place(of_chat))
        assert hub.enter(place(of_chat, conversation_id=2))
        assert hub.enter(place(listeners.Program(1, None, READS)))
        hub.leave(tabs[0])
        assert hub.enter(place(of_chat))
        hub.close()

    asyncio.run(enter())


def test_a_body_that_never_comes_is_not_waited_for() -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    async def tell(message: dict[str, Any]) -> None:
        told.append(message)

    told: list[dict[str, Any]] = []
    streams = streaming.Streams(never, others=re.compile("/stream"))
    streams.body_s = 0.01
    asyncio.run(streams({"type": "http", "path": "/stream"}, never, tell))

    assert told[0]["status"] == 408
