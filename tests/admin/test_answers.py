"""The page of a turn, the marks of WhatsApp, and who has a conversation now."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import translation

from conversations.models import Contact, Conversation, Turn, TurnStep
from conversations.services import takeover, words
from tests.admin.rows import NOW, make_agent, make_conversation


def page_of(turn: Turn) -> str:
    return f"/admin/conversations/turn/{turn.pk}/change/"


def test_a_turn_tells_what_happened(owner: Client) -> None:
    conversation = make_conversation(agent=make_agent(name="Orçamentos"))
    turn = Turn.objects.get()

    html = owner.get(page_of(turn)).content.decode()

    for text in (
        f"/admin/conversations/conversation/{conversation.pk}/change/#turn-{turn.pk}",
        f"Rodada {turn.pk}",
        "respondeu",
        "Orçamentos v1",
        "offline",
        "quote-1",
        "44\u00a0ms",
        "97%",
        "Tokens de entrada",
        "Buscar",
        "precos.csv",
    ):
        assert text in html, text


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "running", "outcome": "", "finished_at": None},
        {"status": "superseded", "outcome": "", "reason": "a newer message arrived"},
        {"status": "failed", "outcome": "", "reason": "its worker was lost"},
        {"outcome": "needs_human", "reason": "not_in_knowledge", "confidence": None},
        {"outcome": "handoff", "provider": "", "model": "", "model_ms": None},
    ],
    ids=lambda changes: changes.get("status") or changes["outcome"],
)
def test_every_end_of_a_turn_is_explained(changes: dict[str, object], owner: Client) -> None:
    make_conversation(agent=make_agent())
    Turn.objects.update(**{"agent": None, **changes})
    TurnStep.objects.filter(kind="tool").update(data=["not", "an", "object"])

    html = owner.get(page_of(Turn.objects.get())).content.decode()

    assert "pz-stages" in html
    assert "agente removido" in html


def test_a_reply_that_was_superseded_is_not_called_one(owner: Client) -> None:
    make_conversation(agent=make_agent())
    Turn.objects.update(status="superseded", outcome="reply", reason="a newer message arrived")

    html = owner.get("/admin/conversations/turn/").content.decode()

    assert "chegou uma mensagem mais nova" in html
    assert "respondeu: " not in html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*Limpeza completa*: R$ 220", "<strong>Limpeza completa</strong>: R$ 220"),
        ("_sem_ ~R$ 250~", "<em>sem</em> <s>R$ 250</s>"),
        ("*_tudo_*", "<strong><em>tudo</em></strong>"),
        ("2*3*4 e snake_case_name", "2*3*4 e snake_case_name"),
        ("* item\n* outro", "* item\n* outro"),
        ("*<script>*", "<strong>&lt;script&gt;</strong>"),
        ("'*a*' & <b>", "&#x27;<strong>a</strong>&#x27; &amp; &lt;b&gt;"),
    ],
)
def test_marks_are_shown_as_whatsapp_does(text: str, html: str) -> None:
    assert words.formatted(text) == html


def test_who_took_over_is_named(owner: Client) -> None:
    conversation = make_conversation()
    takeover.take_over(conversation_uuid=conversation.uuid, actor="bia", now=NOW)

    for path in ("", f"{conversation.pk}/change/"):
        html = owner.get(f"/admin/conversations/conversation/{path}").content.decode()
        assert "com uma pessoa: bia" in html
        assert "pz-warn" not in html

    takeover.give_back(conversation_uuid=conversation.uuid, actor="bia", now=NOW)
    takeover.leave_to_people(
        conversation=Conversation.objects.get(), reason="not_in_knowledge", now=NOW
    )
    answer = owner.get(f"/admin/conversations/conversation/{conversation.pk}/change/")
    assert "à espera de uma pessoa" in answer.content.decode()


def test_a_moment_is_not_zero_minutes() -> None:
    with translation.override("pt-br"):
        assert words.since(NOW, now=NOW + timedelta(seconds=59)) == "menos de um minuto"
        assert words.since(NOW, now=NOW + timedelta(minutes=2)) == "2\u00a0minutos"
        assert words.since(None, now=NOW) == ""


def test_only_a_blocked_contact_is_marked(owner: Client) -> None:
    make_conversation()
    page = "/admin/conversations/contact/"
    assert '<span class="pz-muted">não</span>' in owner.get(page).content.decode()

    Contact.objects.update(is_blocked=True)

    assert '<span class="pz-badge pz-bad">bloqueado</span>' in owner.get(page).content.decode()
