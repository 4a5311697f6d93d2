"""Rows of everything, as the pages of the panel show them."""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from agents.models import Agent, BusinessFacts, Experiment, GuardSettings
from agents.services import experiments, publishing
from agents.services.experiments import Plan
from channels_chatwoot.models import Inbox
from channels_chatwoot.services import inboxes
from channels_web.models import WebChat
from channels_web.services import chats
from channels_whatsapp.models import BridgeEvent, Device
from conversations.models import (
    Contact,
    ContactAddress,
    ContactFact,
    Conversation,
    ConversationSettings,
    HolidayHours,
    HoursSettings,
    InboundMessage,
    Label,
    Lead,
    LeadField,
    LeadSettings,
    LeadSource,
    LeadStage,
    LeadValue,
    OutboundMessage,
    PeopleQueue,
    SpecialDays,
    Turn,
    TurnStep,
)
from integrations.models import (
    AnswerSaving,
    Breaker,
    Budget,
    Credential,
    Delivery,
    Event,
    HttpTool,
    HttpToolCall,
    McpServer,
    McpTool,
    ModelCall,
    ModelChoice,
    Notice,
    WebhookEndpoint,
)
from integrations.prices.models import ExchangeRate, ModelPrice
from knowledge.models import (
    Category,
    Document,
    DocumentVersion,
    EmbeddingSpace,
    EvaluationSet,
    Finding,
    KnowledgeSettings,
    Search,
    UnansweredQuestion,
    WebSource,
)
from tenants.api import keys
from tenants.api.models import ApiKey
from tenants.audit.record import record
from tenants.services import routes

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
_numbers = itertools.count(1)


def make_device(*, agent: Agent | None = None) -> Device:
    number = next(_numbers)
    device = Device(
        name=f"device {number}", entry_agent=agent, bridge_base_url="http://127.0.0.1:9"
    )
    device.set_bridge_token("a-long-bridge-token-9876")
    device.save()
    routes.ensure_route(device_ref=device.uuid, route_key=None, hmac_key="k" * 32, now=NOW)
    return device


def make_inbox(*, agent: Agent | None = None) -> Inbox:
    edit = inboxes.InboxEdit(
        name=f"inbox {next(_numbers)}",
        base_url="http://127.0.0.1:9",
        account_id=3,
        inbox_id=next(_numbers),
        entry_agent=agent,
        token="a-long-bot-token-9876",
    )
    return inboxes.save_inbox(edit=edit, actor="test", now=NOW)[0]


def make_web_chat(*, agent: Agent | None = None, **values: Any) -> WebChat:
    edit = chats.ChatEdit(
        **{
            "name": f"chat {next(_numbers)}",
            "title": "Fale conosco",
            "allowed_origins": ("https://site.example",),
            "entry_agent": agent,
            **values,
        }
    )
    return chats.save_chat(edit=edit, actor="test", now=NOW)[0]


def make_agent(*, name: str = "") -> Agent:
    agent = Agent.objects.create(name=name or f"Agent {next(_numbers)}", kind="general")
    publishing.publish_agent(agent=agent, actor="test", now=NOW)
    return agent


def make_conversation(
    *,
    name: str = "Marina",
    text: str = "quanto ta a limpeza?",
    reply: str = "R$ 220,00",
    mode: str = "ai",
    agent: Agent | None = None,
    at: datetime = NOW,
    n_turns: int = 1,
) -> Conversation:
    """A conversation with answered bursts: two messages, a reply that was read, and its steps."""
    contact = Contact.objects.create(name=name)
    ContactAddress.objects.create(contact=contact, kind="phone", value=f"55119{next(_numbers):08d}")
    account = uuid.uuid4()
    conversation = Conversation.objects.create(
        contact=contact,
        channel_kind="whatsapp",
        channel_account_ref=account,
        agent=agent,
        mode=mode,
        mode_changed_at=at if mode == "human" else None,
        opened_at=at,
        last_message_at=at,
    )
    for turn_number in range(n_turns):
        began = at + timedelta(minutes=turn_number)
        messages = [
            InboundMessage.objects.create(
                conversation=conversation,
                channel_account_ref=account,
                provider_ref=f"in-{next(_numbers)}",
                text=text,
                sent_at=began,
                received_at=began + timedelta(seconds=i),
            )
            for i in range(2)
        ]
        turn = Turn.objects.create(
            conversation=conversation,
            status="done",
            outcome="reply",
            agent=agent,
            agent_version=1,
            covered_upto=messages[-1].pk,
            n_messages=2,
            burst_started_at=began,
            started_at=began + timedelta(seconds=6.2),
            finished_at=began + timedelta(seconds=7),
            provider="offline",
            model="quote-1",
            confidence=0.97,
            model_ms=44,
        )
        InboundMessage.objects.filter(pk__in=[m.pk for m in messages]).update(turn=turn)
        make_steps(turn, text=text)
        OutboundMessage.objects.create(
            conversation=conversation,
            turn=turn,
            channel_account_ref=account,
            provider_ref=f"out-{next(_numbers)}",
            origin="agent",
            text=reply,
            status="read",
            created_at=began + timedelta(seconds=7),
            handed_at=began + timedelta(seconds=7),
            acked_at=began + timedelta(seconds=8),
            delivered_at=began + timedelta(seconds=9),
            read_at=began + timedelta(seconds=12),
        )
    return conversation


def make_steps(turn: Turn, *, text: str) -> None:
    passage = {
        "ref": "doc/1/7",
        "source": f"precos.csv {text}",
        "title": text,
        "text": f"limpeza: {text}",
        "score": 4.92,
        "cosine": 0.88,
        "lexical": 6.1,
        "grams": 13.7,
    }
    steps = (
        ("route", {"reason": "keyword", "keyword": text, "agent": text}),
        (
            "retrieve",
            {"query": text, "normalised_query": text, "confidence": 0.97, "passages": [passage]},
        ),
        (
            "generate",
            {
                "provider": "offline",
                "model": "quote-1",
                "latency_ms": 44,
                "finish_reason": "stop",
                "evidence_refs": ["doc/1/7"],
            },
        ),
        ("guard", {"verdicts": [{"check": "length", "passed": False, "found": [text]}]}),
        ("tool", {"tool": text, "arguments": text, "result": text, "refused": text}),
        (
            "handoff",
            {
                "cause": "tool",
                "reason": text,
                "from_agent": text,
                "to_agent": "",
                "score": 0.31,
                "brief": {
                    "goal": text,
                    "facts": [{"text": text, "kind": text, "source": "m1", "words": text}],
                    "done": [text],
                    "pending": [text],
                    "tone": text,
                    "deadline": text,
                },
            },
        ),
        ("send", {"anything": text}),
    )
    TurnStep.objects.bulk_create(
        TurnStep(
            turn=turn,
            position=position,
            kind=kind,
            started_at=turn.started_at,
            duration_ms=13,
            data=data,
        )
        for position, (kind, data) in enumerate(steps)
    )


def make_document(
    *, name: str = "", status: str = "ready", reason: str = "", text: str = "Precos"
) -> Document:
    category, _ = Category.objects.get_or_create(name="precos")
    document = Document.objects.create(
        category=category,
        name=name or f"document {next(_numbers)}.md",
        kind="md",
        status=status,
        failure_reason=reason,
        n_bytes=8,
        content_sha256="0" * 64,
        created_at=NOW,
        updated_at=NOW,
    )
    DocumentVersion.objects.create(
        document=document,
        number=1,
        original=b"# Precos",
        n_bytes=8,
        content_sha256="0" * 64,
        uploaded_by="test",
        text=text,
        created_at=NOW,
    )
    return document


def make_lacks(document: Document, *, text: str) -> None:
    """What is around documents: their sources, what they lack, what was asked of them."""
    number = next(_numbers)
    KnowledgeSettings.objects.get_or_create(pk=1)
    BusinessFacts.objects.get_or_create(pk=1)
    WebSource.objects.create(
        category=document.category, url=f"https://site.example/{number}", failure_reason=text
    )
    EmbeddingSpace.objects.create(
        provider="local", model=f"model {number}", dimensions=384, status="retired", created_at=NOW
    )
    question = UnansweredQuestion.objects.create(
        question=text, n_asked=3, first_asked_at=NOW, last_asked_at=NOW
    )
    for origin in Search.Origin:
        Search.objects.create(
            origin=origin,
            question=text,
            previous=text,
            normalised=text,
            decision="unknown",
            answered=False if origin == "chat" else None,
            confidence=0.05,
            threshold=0.5,
            passages=[kept_passage(document, text=text)],
            unanswered=question if origin == "chat" else None,
            created_at=NOW,
        )
    Finding.objects.create(
        kind="contradiction",
        document=document,
        other=document,
        text=text,
        other_text=text,
        subject=text[:300],
        values=["R$ 10,00"],
        other_values=["R$ 12,00"],
        fingerprint=f"{number:064d}",
        found_at=NOW,
    )
    EvaluationSet.objects.create(name=f"{text[:60]} {number}", created_at=NOW)


def kept_passage(document: Document, *, text: str) -> dict[str, object]:
    """A passage in the form that searches keep."""
    return {
        "ref": f"{document.uuid}/1/7",
        "document": document.name,
        "document_uuid": str(document.uuid),
        "version": 1,
        "category": text,
        "title": text,
        "text": text,
        "page": 3,
        "scores": {"score": 4.1, "cosine": 0.88, "lexical": 6.1, "grams": 13.7},
    }


def make_event(device: Device, *, body: bytes = b'{"type":"Message","event":{}}') -> BridgeEvent:
    return BridgeEvent.objects.create(
        device=device,
        type="Message",
        dedup_key=f"event-{next(_numbers)}",
        outcome="ignored",
        reason="group",
        body=body,
        received_at=NOW,
    )


def fill_everything(*, text: str = "oi", n: int = 1) -> None:
    """Put `n` rows of everything into the current tenant."""
    for _ in range(n):
        agent = make_agent()
        device = make_device(agent=agent)
        make_inbox(agent=agent)
        make_web_chat(agent=agent)
        make_conversation(text=text, name=text[:200], reply=text, agent=agent)
        make_lacks(make_document(text=text), text=text)
        make_event(device)
        make_queue(text=text)
        make_experiment(agent)
        make_money(text=text, agent=agent)
        make_told(text=text)
        make_tool_calls(text=text)
        make_mcp_server(text=text)
        make_hours(text=text)
        GuardSettings.objects.get_or_create(pk=1)
        make_ended(text=text, agent=agent)
        make_key(text=text)
        record(action="test.done", actor="test", target="test", data={"text": text})


def make_key(*, text: str = "oi") -> ApiKey:
    """Put an API key of somebody into the current tenant."""
    user, _ = User.objects.get_or_create(username="of-a-key", defaults={"is_staff": True})
    name = f"{text[:70]} {next(_numbers)}"
    return keys.issue_key(user=user, name=name, scopes=["agents:read"], actor="test", now=NOW)[0]


def make_experiment(agent: Agent) -> Experiment:
    """Compare the agent as it is published with another text of it."""
    agent.instructions = "another text"
    agent.save()
    other = publishing.keep_version(agent=agent, actor="test", now=NOW)
    assert agent.published_version is not None
    arms = [(agent.published_version, 50), (other, 50)]
    return experiments.start(agent=agent, arms=arms, plan=Plan(), actor="test", now=NOW)


def make_ended(*, text: str = "oi", agent: Agent | None = None) -> Conversation:
    """Put an archived conversation with a label into the current tenant, and a known fact."""
    conversation = make_conversation(name=text[:200], agent=agent, n_turns=0)
    Conversation.objects.filter(pk=conversation.pk).update(
        status="archived", closed_at=NOW, summary=text, topics=[text[:40]], outcome="resolved"
    )
    Label.objects.create(name=f"{text[:30]} {next(_numbers)}").conversations.add(conversation)
    ConversationSettings.objects.get_or_create(pk=1)
    ContactFact.objects.create(
        contact=conversation.contact, kind="name", value=text[:200], learnt_at=NOW
    )
    make_lead(conversation, text)
    return conversation


def make_lead(conversation: Conversation, text: str) -> Lead:
    """Make a lead, with what a business sets up for them."""
    LeadSettings.objects.get_or_create(pk=1)
    number = next(_numbers)
    LeadField.objects.create(key=f"own_{number}", label=text[:60])
    source = LeadSource(
        name=f"{text[:60]} {number}", account_ref=uuid.uuid4(), first_message=text[:1000]
    )
    source.set_secret("secret")
    source.save()
    lead = Lead.objects.create(
        contact=conversation.contact,
        conversation=conversation,
        stage=LeadStage.objects.get_or_create(name=text[:40])[0],
        created_at=NOW,
        updated_at=NOW,
    )
    LeadValue.objects.create(
        lead=lead,
        key="need",
        value=text[:500],
        words=text[:500],
        confidence=90,
        origin="contact",
        learnt_at=NOW,
        is_current=True,
    )
    return lead


def make_hours(*, text: str = "oi") -> None:
    """Put opening hours into the current tenant, and one more closure."""
    number = next(_numbers)
    HoursSettings.objects.get_or_create(
        pk=1,
        defaults={
            "week": [["08:00-12:00", "13:30-18:00"]] * 5 + [[], []],
            "region": "BR-SP",
            "away_text": text[:1000],
            "note": text[:300],
        },
    )
    HolidayHours.objects.create(name=f"{text[:100]} {number}", spans=["08:00-12:00"])
    SpecialDays.objects.create(
        first_day=NOW.date(), last_day=NOW.date(), reason=f"{text[:80]} {number}", text=text[:1000]
    )


def make_queue(*, text: str = "oi", name: str = "", **values: object) -> PeopleQueue:
    """An agent of kind `human` with the settings of its queue."""
    agent = Agent.objects.create(name=name or f"Fila {next(_numbers)}", kind="human")
    publishing.publish_agent(agent=agent, actor="test", now=NOW)
    return PeopleQueue.objects.create(agent=agent, text_open=text[:1000], **values)


def make_money(*, text: str = "oi", agent: Agent | None = None) -> None:
    """Put a row of everything that has to do with keys and cost into the current tenant."""
    number = next(_numbers)
    AnswerSaving.objects.get_or_create(pk=1)
    credential = Credential.objects.create(
        name=f"{text[:60]} {number}",
        provider="offline",
        tested_at=NOW,
        verdict="works",
        verdict_detail=text[:200],
        known_models=[f"{text[:100]} {number}"],
    )
    ModelChoice.objects.get_or_create(
        purpose="chat", defaults={"credential": credential, "model": text[:120]}
    )
    ModelPrice.objects.create(
        provider="openai", model=f"{text[:100]} {number}", valid_from=NOW, input_usd=1, output_usd=2
    )
    ExchangeRate.objects.create(valid_from=NOW - timedelta(days=number), usd_brl=5)
    budget = Budget.objects.create(
        level="agent",
        agent_uuid=agent.uuid if agent else uuid.uuid4(),
        limit_usd=Decimal(number),
    )
    budget.spends.create(subject=uuid.uuid4(), period_start=NOW.date(), spent_usd=1)
    Breaker.objects.create(
        provider="openai",
        credential=str(credential.uuid),
        model=f"{text[:100]} {number}",
        state="open",
        reason=text[:200],
        opened_at=NOW,
        retry_at=NOW,
        changed_at=NOW,
    )
    conversation = Conversation.objects.first()
    make_call(
        model=text[:120],
        agent_name=text[:80],
        failure=text[:200],
        conversation_uuid=conversation.uuid if conversation else None,
    )


def make_told(*, text: str = "oi") -> Delivery:
    """Put a row of everything that other systems and owners are told into the current tenant."""
    number = next(_numbers)
    endpoint = WebhookEndpoint(
        name=f"{text[:60]} {number}", url="https://crm.example/", events=["message.sent"]
    )
    endpoint.set_secret("whsec_c2VjcmV0")
    endpoint.set_headers({"X-Key": "a-key-that-is-never-shown"})
    endpoint.save()
    event = Event.objects.create(
        type="message.sent", body=json.dumps({"data": {"text": text}}), occurred_at=NOW
    )
    delivery = Delivery.objects.create(
        event=event,
        endpoint=endpoint,
        line=event.uuid,
        status="failed",
        n_attempts=10,
        created_at=NOW,
    )
    for status, error in ((500, ""), (None, text[:200])):
        delivery.attempts.create(
            attempted_at=NOW, status_code=status, error=error, duration_ms=3, reply=text
        )
    Notice.objects.create(
        kind="test.done",
        subject=str(number),
        day=NOW.date(),
        level="warning",
        title=text[:200],
        text=text[:1000],
        page="integrations_budget_changelist",
        created_at=NOW,
    )
    return delivery


def make_tool_calls(*, text: str = "oi") -> HttpTool:
    """Put a tool into the current tenant, with a call of each state."""
    number = next(_numbers)
    tool = HttpTool(
        name=f"ferramenta_{number}",
        description=text[:1000],
        url="https://erp.example/orders/{order}",
        parameters=[{"name": "order", "from": "said", "description": text[:300], "value": "A-1"}],
        shows=[{"path": "order.status", "name": "status"}],
        auth_kind="bearer",
    )
    tool.set_secret("a-key-that-is-never-shown")
    tool.set_headers({"X-Key": "a-key-that-is-never-shown"})
    tool.save()
    for status in HttpToolCall.Status:
        call = HttpToolCall(
            tool=tool,
            tool_name=tool.name,
            dedup_key=f"{number}{status}",
            status=status,
            agent_name=text[:80],
            arguments=text,
            result=text,
            reason=text[:200],
            started_at=NOW,
        )
        call.set_plain_arguments({"order": text})
        call.save()
    return tool


def make_mcp_server(*, text: str = "oi") -> McpServer:
    """Put an MCP server into the current tenant, with a tool that it has changed since."""
    number = next(_numbers)
    server = McpServer(
        name=f"mcp_{number}",
        url="https://mcp.example/mcp",
        auth_kind="bearer",
        about=text[:200],
        trouble=text[:200],
    )
    server.set_secret("a-key-that-is-never-shown")
    server.save()
    schema = {"properties": {text: {"description": text, "enum": [text]}}}
    found = McpTool.objects.create(
        server=server,
        name=text[:128],
        found={"name": text, "description": text, "inputSchema": schema},
        found_hash="new",
        found_at=NOW,
        pinned={"name": text, "description": "Books a day."},
        pinned_hash="old",
        approved_by="ana",
        approved_at=NOW,
    )
    HttpTool.objects.create(name=f"servida_{number}", description=text[:1000], mcp=found)
    return server


def make_call(**values: object) -> ModelCall:
    """Write one call into the ledger; without a cost it is one that nobody could price."""
    cost = values.get("cost_usd")
    kind = "unknown" if cost is None else "exact"
    defaults: dict[str, object] = {
        "called_at": NOW,
        "purpose": "chat",
        "origin": "customer",
        "provider": "openai",
        "model": "gpt-4o",
        "cost_kind": kind,
    }
    return ModelCall.objects.create(**{**defaults, **values})
