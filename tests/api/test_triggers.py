"""Programs have agents answer: on the path of a contact's message, and once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import tenant_context

from conversations.models import (
    Contact,
    Conversation,
    InboundMessage,
    OutboundMessage,
    Thread,
    Turn,
)
from conversations.services import triggering
from integrations.models import Event
from integrations.services import endpoints
from tenants.models import Tenant
from tests.api.conftest import Program, key_of, n_waiting_for_locks, person, program
from tests.factories import due_now, learn, make_agent, make_queue, work
from tests.fakes.http import wait_until


def test_a_trigger_is_answered_in_its_thread_and_told(alpha: Tenant, beta: Tenant) -> None:
    learn()
    agent = make_agent()
    endpoints.ensure_endpoint(
        name="crm", url="https://crm.example/h", types=["message.sent"], now=timezone.now()
    )
    api = program()
    with tenant_context(beta):
        make_agent()
        other = program()
    path = f"agents/{agent.uuid}/trigger/"
    body = {"text": "qual o preço da limpeza?", "thread": "pedido-7", "name": "Rita", "ttl_s": 3600}

    first = api.post(path, body, idempotency_key="a")
    again = api.post(path, body, idempotency_key="a")

    assert first.status_code == again.status_code == 202, first.content
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    made = first.json()
    turn = f"turns/{made['turn']}/"
    assert (made["thread"], api.get(turn).json()["status"]) == ("pedido-7", "queued")
    assert other.get(turn).status_code == 404
    assert work(rounds=2) == ["turn:answered"]
    done = api.get(turn).json()
    assert (done["status"], done["outcome"]) == ("done", "reply")
    assert "220,00" in done["replies"][0]
    assert {"route", "retrieve"} <= {one["kind"] for one in done["steps"]}
    assert OutboundMessage.objects.get().status == "acked"
    assert made["turn"] in Event.objects.get(type="message.sent").body
    assert api.get("conversations/?thread=pedido-7").json()["results"][0]["channel"] == "api"
    # The same thread goes on, the same name elsewhere is another one.
    later = api.post(path, {"text": "e tem estacionamento?", "thread": "pedido-7"}).json()
    assert later["conversation"] == made["conversation"]
    assert later["turn"] != made["turn"]
    work(rounds=2)
    assert Turn.objects.filter(status="done").count() == 2
    with tenant_context(beta):
        assert Thread.objects.count() == 0
    # Who is forgotten leaves nothing.
    n = triggering.clear_expired(now=timezone.now() + timedelta(days=8))
    assert (n, Contact.objects.count(), InboundMessage.objects.count()) == (1, 0, 0)


def test_what_was_said_before_a_turn_began_is_one_burst(alpha: Tenant) -> None:
    learn()
    path, api = f"agents/{make_agent().uuid}/trigger/", program()
    made = [api.post(path, {"text": text, "thread": "t"}).json() for text in ("oi", "o preço?")]

    assert made[0]["turn"] == made[1]["turn"]
    work(rounds=1)
    assert Turn.objects.get().n_messages == 2
    assert str(Turn.objects.get().uuid) == made[0]["turn"]
    # Of a turn that a newer message threw away the one is shown that went on.
    third = api.post(path, {"text": "e o horário?", "thread": "t"}).json()
    Turn.objects.create(
        uuid=third["turn"],
        conversation=Conversation.objects.get(),
        status="superseded",
        covered_upto=InboundMessage.objects.order_by("pk").last().pk,  # type: ignore[union-attr]
        n_messages=1,
        burst_started_at=timezone.now(),
        started_at=timezone.now(),
    )
    Conversation.objects.update(next_turn_uuid=None)
    due_now()
    work(rounds=1)
    shown = api.get(f"turns/{third['turn']}/").json()
    newest = Turn.objects.order_by("-pk")[0]
    assert (shown["status"], shown["continued_by"]) == ("superseded", str(newest.uuid))


def test_what_nobody_would_answer_is_refused_and_leaves_nothing(alpha: Tenant) -> None:
    api, agent = program(), make_agent()
    human, draft = make_queue(), make_agent("Rascunho")
    draft.published_version = None
    draft.save()
    blocked = Contact.objects.create(name="Ana", is_blocked=True)
    known = Contact.objects.create(name="Bia")

    def refused(wanted: object, **body: object) -> tuple[int, str]:
        answer = api.post(f"agents/{wanted}/trigger/", {"text": "oi", **body})
        return answer.status_code, answer.json().get("code", "")

    assert refused(human.uuid) == (422, "cannot_trigger")
    assert refused(draft.uuid) == (409, "agent_not_published")
    assert refused(uuid.uuid4()) == (404, "not_found")
    assert refused(agent.uuid, contact=str(blocked.uuid)) == (409, "not_answered")
    assert refused(agent.uuid, contact=str(known.uuid), thread="x") == (422, "invalid")
    assert refused(agent.uuid, text="") == (422, "invalid")
    assert InboundMessage.objects.count() == 0
    assert refused(agent.uuid, contact=str(known.uuid)) == (202, "")
    # Somebody's own conversation takes more than a thread of the program's.
    text = key_of(person(), scopes=["agents:run"])
    runs, path = Program(text, api.host), f"agents/{agent.uuid}/trigger/"
    refusal = runs.post(path, {"text": "oi", "contact": str(known.uuid)})
    assert (refusal.status_code, refusal.json()["code"]) == (403, "out_of_scope")
    assert runs.post(path, {"text": "oi"}).status_code == 202
    Conversation.objects.update(mode="human")
    assert refused(agent.uuid, contact=str(known.uuid)) == (409, "with_people")


def test_of_repeats_at_once_one_does_the_work(committed_alpha: Tenant) -> None:
    path, api = f"agents/{make_agent().uuid}/trigger/", program()
    together = threading.Barrier(4)

    def call() -> tuple[int, str]:
        try:
            together.wait(timeout=30)
            answer = Program(api.credential, api.host).post(
                path, {"text": "oi", "thread": "one"}, idempotency_key="same"
            )
            return answer.status_code, answer.json()["turn"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as executor:
        found = {one.result(timeout=60) for one in [executor.submit(call) for _ in range(4)]}

    assert len(found) == 1
    assert next(iter(found))[0] == 202
    assert InboundMessage.objects.count() == 1
    assert Thread.objects.count() == 1


def test_what_is_said_while_its_thread_is_forgotten_is_answered_in_some_thread(
    committed_alpha: Tenant,
) -> None:
    agent, now = make_agent(), timezone.now()

    def say() -> int:
        ttl = timedelta(days=2)
        triggering.trigger(agent=agent, text="oi", thread_ref="one", now=now, ttl=ttl)
        return 0

    def clear() -> int:
        return triggering.clear_expired(now=now + timedelta(days=1))

    def begin(work: Callable[[], int]) -> int:
        with tenant_context(committed_alpha):
            try:
                return work()
            finally:
                connection.close()

    # Who holds the conversation lets both come, then the first of them goes on before the other.
    for order, n_forgotten, n_messages in (((clear, say), 1, 1), ((say, clear), 0, 2)):
        Contact.objects.all().delete()
        say()
        Thread.objects.update(expires_at=now + timedelta(hours=1))
        with ThreadPoolExecutor(2) as executor:
            running = []
            with transaction.atomic():
                Conversation.objects.hold_of(Contact.objects.values_list("pk", flat=True))
                for n, work in enumerate(order):
                    running.append(executor.submit(begin, work))
                    wait_until(lambda n=n: n_waiting_for_locks() == n + 1, seconds=20)
            assert sum(one.result(timeout=60) for one in running) == n_forgotten
        assert Thread.objects.get().expires_at == now + timedelta(days=2)
        assert InboundMessage.objects.count() == n_messages
    # All that are over are forgotten in one go, however many.
    contacts = Contact.objects.bulk_create([Contact(name=str(n)) for n in range(401)])
    Thread.objects.bulk_create(
        Thread(ref=one.name, contact=one, expires_at=now, created_at=now) for one in contacts
    )
    assert clear() == 401
