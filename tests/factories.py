"""Valid rows with boring defaults, and the steps that a dispatcher and its workers would take."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from django_tenants.utils import schema_context

from agents.models import Agent
from agents.services import publishing
from channels_whatsapp.models import Device
from channels_whatsapp.services import devices
from conversations.models import NumberTrouble, PeopleQueue
from conversations.services import (
    approvals,
    file_work,
    follow_ups,
    lifecycle,
    memory,
    orchestrator,
    outbox,
    queue,
    takeover,
    telling,
)
from integrations.services.credentials import ensure_credential
from knowledge.services import documents, ingesting
from tenants import inbox, receiving, timers
from tenants.context import database_now
from tenants.models import InboundRoute, InboxEntry, Timer

HMAC_KEY = "an-hmac-key-of-32-characters-or-more"
FAQ = (
    "# Perguntas\n\n**Vocês têm estacionamento?**\n"
    "Sim, o estacionamento é gratuito para clientes.\n\n"
    "**Qual o preço da limpeza?**\nA limpeza completa custa R$ 220,00.\n"
).encode()


def learn(name: str = "faq.md", content: bytes = FAQ) -> None:
    """Store a document and read it at once."""
    category = documents.ensure_category(name="geral")
    stored = documents.store_document(
        category=category, name=name, content=content, now=timezone.now()
    )
    ingesting.ingest_document(document_id=stored.document.pk, now=timezone.now())


def make_agent(
    name: str = "Recepção",
    *,
    kind: str = "general",
    base_url: str = "",
    handoffs: Sequence[Agent] = (),
) -> Agent:
    """Publish an agent; with `base_url` it asks that OpenAI-compatible server."""
    agent = Agent(name=name, kind=kind, instructions="Seja breve.")
    if base_url:
        agent.chat_credential = ensure_credential(
            name="local", provider="openai_compatible", base_url=base_url, api_key="none"
        ).credential
        agent.chat_model = "fake-1"
    agent.save()
    agent.categories.set([documents.ensure_category(name="geral")])
    agent.handoffs.set(handoffs)
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    return agent


def make_device(
    agent: Agent | None = None, *, bridge_url: str = "http://127.0.0.1:9", **values: object
) -> Device:
    """Make a device that gathers a burst for no time at all."""
    values = {"quiet_s": 0.0, "max_wait_s": 60.0, **values}
    device, _ = devices.ensure_device(
        name=str(values.pop("name", "principal")),
        entry_agent=agent,
        bridge_base_url=bridge_url,
        bridge_token="token",
        hmac_key=HMAC_KEY,
        now=timezone.now(),
        **values,  # type: ignore[arg-type]
    )
    return device


def message_body(
    text: str = "oi",
    *,
    ref: str | None = None,
    phone: str = "5511988887777",
    lid: str = "",
    at: datetime | None = None,
    **info: object,
) -> bytes:
    """Return a contact's text in the bridge's JSON mode."""
    jid = f"{phone}@s.whatsapp.net" if phone else f"{lid}@lid"
    event = {
        "Info": {
            "ID": ref or uuid.uuid4().hex.upper(),
            "Chat": jid,
            "Sender": jid,
            "SenderAlt": f"{lid}@lid" if phone and lid else "",
            "IsFromMe": False,
            "IsGroup": False,
            "PushName": "Ana",
            "Timestamp": (at or datetime.now(UTC)).isoformat(),
            **info,
        },
        "Message": {"conversation": text},
    }
    return json.dumps({"type": "Message", "event": event}).encode()


def receive(device: Device, *bodies: bytes) -> None:
    """Bring webhooks in as the door and a worker do."""
    route = InboundRoute.objects.get(device_ref=device.uuid)
    for body in bodies:
        InboxEntry.objects.create(
            route=route,
            schema_name=route.schema_name,
            dedup_key=uuid.uuid4().hex,
            encoding="json",
            body=body,
        )
    for batch in inbox.claim_batches(limit=500, per_batch=100):
        with schema_context(batch.schema_name):
            receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)


def phone_body(
    text: str,
    *,
    ref: str | None = None,
    phone: str = "5511988887777",
    at: datetime | None = None,
) -> bytes:
    """Return what the bridge posts when the phone's owner types in the chat with a contact."""
    return message_body(
        text,
        ref=ref,
        phone=phone,
        at=at,
        IsFromMe=True,
        Sender="5511900000000@s.whatsapp.net",
        Chat=f"{phone}@s.whatsapp.net",
    )


PEOPLE_TIMERS = {
    "return": takeover.return_due,
    "escalate": queue.escalate_due,
    "draft": approvals.decide_due,
    "tell": telling.send,
}


ENDINGS = {"close": lifecycle.close_due, "memory": memory.remember}


def ring_endings() -> list[str]:
    """Close what is silent and sum up what asks for it, as dispatcher and workers would."""
    outcomes = []
    for kind, run in ENDINGS.items():
        for bell in timers.claim_due(kind=kind, max_running=1000, limit=1000):
            with schema_context(bell.schema_name):
                outcomes.append(f"{kind}:{run(timer_id=bell.timer_id, token=bell.token).value}")
    return outcomes


def ring_people(*kinds: str) -> list[str]:
    """Do what is due for people in every tenant, as dispatcher and workers would."""
    outcomes = []
    for kind in kinds or PEOPLE_TIMERS:
        for bell in timers.claim_due(kind=kind, max_running=1000, limit=1000):
            with schema_context(bell.schema_name):
                outcome = PEOPLE_TIMERS[kind](timer_id=bell.timer_id, token=bell.token)
            outcomes.append(f"{kind}:{outcome.value}")
    return outcomes


def make_queue(name: str = "Atendimento", **values: object) -> Agent:
    """Publish an agent of kind `human` with the settings of its queue."""
    agent = Agent.objects.create(name=name, kind="human")
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    PeopleQueue.objects.create(agent=agent, **values)
    return agent


def due_now() -> None:
    """Let every timer be due, and the pause of every number whose bridge failed be over."""
    Timer.objects.update(due_at=database_now() - timedelta(seconds=1))
    NumberTrouble.objects.update(next_try_at=database_now() - timedelta(minutes=1))


def work(*, rounds: int = 3) -> list[str]:
    """Do what is due in every tenant, as dispatcher and workers would; return the outcomes."""
    outcomes = []
    for _ in range(rounds):
        for kind, run in (
            ("media", file_work.work_on),
            ("turn", orchestrator.run_turn),
            ("follow_up", follow_ups.send_due),
            ("send", outbox.send_next),
        ):
            for bell in timers.claim_due(kind=kind, max_running=1000, limit=1000):
                with schema_context(bell.schema_name):
                    outcome = run(timer_id=bell.timer_id, token=bell.token)
                outcomes.append(f"{kind}:{outcome.value}")
    return outcomes
