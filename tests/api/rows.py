"""One row of everything that the API shows, in the current tenant, under UUIDs of our choice."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.utils import timezone

from agents.models import Agent
from conversations.models import (
    Contact,
    Conversation,
    InboundMessage,
    Label,
    Lead,
    LeadValue,
    Note,
    OutboundMessage,
    Turn,
)
from conversations.services import lead_stages
from integrations.models import Event, WebhookEndpoint
from knowledge.models import Category, Document
from tests.admin import rows

IDS = {
    name: uuid.uuid5(uuid.NAMESPACE_OID, name)
    for name in (
        "agent",
        "category",
        "contact",
        "conversation",
        "delivery",
        "document",
        "endpoint",
        "inbound",
        "lead",
        "message",
        "turn",
    )
}
"""The same in each tenant that is filled. A device's stands in its public route: it has its own."""


def fill(*, text: str) -> None:
    """Put one row of everything into the current tenant, with `text` in all its texts.

    The conversation is in people's hands, the device is switched on, the agent is published.
    """
    agent = rows.make_agent(name=text)
    device = rows.make_device(agent=agent)
    now = timezone.now() - timedelta(hours=1)
    conversation = rows.make_conversation(
        name=text, text=text, reply=text, agent=agent, mode="human", at=now
    )
    Conversation.objects.update(channel_account_ref=device.uuid, summary=text)
    for model in (InboundMessage, OutboundMessage):
        model.objects.update(channel_account_ref=device.uuid)
    Note.objects.create(conversation=conversation, author="ana", text=text, created_at=now)
    label = Label.objects.create(name=text[:40])
    conversation.labels.add(label)
    document = rows.make_document(name=f"{text}.md", text=text)
    Category.objects.filter(pk=document.category_id).update(name=text)
    delivery = rows.make_told(text=text)
    stage = lead_stages.first()
    lead = Lead.objects.create(
        contact=conversation.contact,
        conversation=conversation,
        stage=stage,
        score=40,
        source=text,
        created_at=now,
        updated_at=now,
    )
    LeadValue.objects.create(
        lead=lead,
        key="need",
        value=text,
        words=text,
        confidence=80,
        origin="contact",
        message=InboundMessage.objects.filter(conversation=conversation).first(),
        learnt_at=now,
        is_current=True,
    )
    rows.make_call(model=text, agent_name=text, cost_usd="0.01")
    name_rows(
        {
            "agent": (Agent, agent.pk),
            "category": (Category, document.category_id),
            "contact": (Contact, conversation.contact_id),
            "conversation": (Conversation, conversation.pk),
            "delivery": (Event, delivery.event_id),
            "document": (Document, document.pk),
            "endpoint": (WebhookEndpoint, delivery.endpoint_id),
            "inbound": (InboundMessage, conversation.inbound.order_by("pk")[0].pk),
            "lead": (Lead, lead.pk),
            "message": (OutboundMessage, conversation.outbound.order_by("pk")[0].pk),
            "turn": (Turn, conversation.turns.order_by("pk")[0].pk),
        }
    )


def name_rows(found: dict[str, tuple[type, int]]) -> None:
    """Give rows the UUIDs of `IDS`; secrets that are bound to an endpoint's are written anew."""
    for name, (model, pk) in found.items():
        model.objects.filter(pk=pk).update(uuid=IDS[name])  # type: ignore[attr-defined]
    endpoint = WebhookEndpoint.objects.get(uuid=IDS["endpoint"])
    endpoint.set_secret("whsec_c2VjcmV0")
    endpoint.set_headers({"X-Key": "never shown"})
    endpoint.save()
