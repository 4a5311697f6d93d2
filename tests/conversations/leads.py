"""Conversations that are leads, for tests."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from agents.models import Agent
from agents.services import publishing
from agents.types_leads import LeadFound
from channels_whatsapp.models import Device
from conversations.models import Conversation, InboundMessage, Lead, LeadValue
from conversations.services import leads
from tests.factories import make_agent, message_body, receive
from tests.fakes.llm import FakeLLM


def make_qualifier(llm: FakeLLM | None = None, *, mode: str = "live") -> Agent:
    """Publish an agent that fills leads."""
    agent = make_agent("Vendas", base_url=llm.base_url if llm else "")
    agent.leads = mode
    agent.save()
    publishing.publish_agent(agent=agent, actor="test", now=timezone.now())
    return agent


def write(device: Device, *texts: str, phone: str = "5511988887777") -> Conversation:
    """Let a contact write; return the conversation, with its contact."""
    receive(device, *[message_body(text, phone=phone) for text in texts])
    found = Conversation.objects.select_related("contact")
    return found.get(contact__addresses__value=phone, status="open")


def say(
    conversation: Conversation,
    key: str,
    value: str,
    *,
    confidence: int = 100,
    is_against: bool = False,
    now: datetime | None = None,
    words: str = "",
) -> Lead:
    """Fill a field with what the contact wrote last."""
    message = InboundMessage.objects.filter(conversation=conversation).latest("pk")
    found = LeadFound(key, value, confidence, words or message.text, str(message.uuid), is_against)
    with transaction.atomic():
        leads.record([(conversation, [found])], now=now or timezone.now())
    return Lead.objects.get(contact=conversation.contact, closed_at=None)


def values(lead: Lead) -> dict[str, str]:
    """Return what counts."""
    rows = LeadValue.objects.filter(lead=lead, is_current=True)
    return dict(rows.values_list("key", "value"))
