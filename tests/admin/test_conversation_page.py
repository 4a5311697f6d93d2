"""The page of a conversation: what was said, why, and what a person can do about it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django_tenants.utils import tenant_context

from conversations.models import Conversation, InboundMessage, OutboundMessage, Turn, TurnStep
from conversations.services import replying, takeover, transcripts
from tenants.audit.models import AuditEntry
from tenants.models import Tenant, Timer
from tests.admin.conftest import as_role
from tests.admin.rows import NOW, make_agent, make_conversation


def page_of(conversation: Conversation) -> str:
    return f"/admin/conversations/conversation/{conversation.pk}/"


def test_the_page_tells_what_was_said_and_why(owner: Client) -> None:
    conversation = make_conversation(agent=make_agent(name="Orçamentos"))

    html = owner.get(f"{page_of(conversation)}change/").content.decode()

    for text in (
        "quanto ta a limpeza?",
        "R$ 220,00",
        "2 mensagens reunidas, esperou 6,2\u00a0s",
        "Orçamentos v1",
        "1 fonte",
        "precos.csv",
        "4,92",
        "97%",
        "quote-1",
        "44\u00a0ms",
        "não medido",
        "lida",
        "sábado, 21/11/2026".capitalize(),
    ):
        assert text in html, text


def test_people_read_what_the_contact_gave_and_need_not_ask_again(owner: Client) -> None:
    conversation = make_conversation(agent=make_agent(name="Orçamentos"))
    step = TurnStep.objects.get(kind="handoff")
    step.data |= {
        "from_agent": "Recepção",
        "brief": {
            "goal": "trocar o pedido",
            "facts": [
                {"text": "48213", "kind": "number", "source": "m1", "words": "é o pedido 48213"}
            ],
        },
    }
    step.save()

    html = owner.get(f"{page_of(conversation)}change/").content.decode()

    for text in ("Recepção → ", "trocar o pedido", "48213", "“é o pedido 48213”", "0,31"):
        assert text in html, text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("too_old", "a mensagem já chegou antiga"),
        ("human_mode", "Deixada para a pessoa que estava atendendo"),
        ("opted_out", "pediu para não receber mensagens"),
        ("blocked", "o contato está bloqueado"),
        ("reaction", "Uma reação não pede resposta"),
        ("no_agent", "este aparelho não tem agente"),
        ("clock_ahead", "muito adiantado"),
    ],
)
def test_a_silence_is_explained(code: str, words: str, owner: Client) -> None:
    conversation = make_conversation()
    InboundMessage.objects.filter(conversation=conversation).update(silence_reason=code)

    assert words in owner.get(f"{page_of(conversation)}change/").content.decode()


def test_a_draft_that_was_thrown_away_has_its_own_line(owner: Client) -> None:
    conversation = make_conversation()
    OutboundMessage.objects.all().delete()
    Turn.objects.update(status="superseded", reason="a newer message arrived")

    html = owner.get(f"{page_of(conversation)}change/").content.decode()

    assert "Rascunho descartado: chegou uma mensagem mais nova" in html


def test_a_long_conversation_has_pages(alpha: Tenant) -> None:
    conversation = make_conversation(n_turns=6)  # three lines each

    last = transcripts.transcript(conversation=conversation, limit=9)
    before = transcripts.transcript(conversation=conversation, before=last.earlier_than, limit=9)

    assert last.earlier_than is not None
    assert len(last.lines) == len(before.lines) == 9
    assert max(line.at for line in before.lines) < min(line.at for line in last.lines)
    assert before.earlier_than is None


def test_taking_over_stops_what_the_assistant_was_about_to_send(attendant: Client) -> None:
    conversation = make_conversation()
    OutboundMessage.objects.update(status="created")

    answer = attendant.post(f"{page_of(conversation)}take-over/")

    conversation.refresh_from_db()
    assert answer.status_code == 302
    assert conversation.mode == "human"
    assert OutboundMessage.objects.get().status == "cancelled"
    entry = AuditEntry.objects.get(action="conversation.taken_over")
    assert entry.actor == "attendant"


def test_a_person_replies_and_gives_back(attendant: Client) -> None:
    conversation = make_conversation(mode="human")

    attendant.post(f"{page_of(conversation)}reply/", {"text": "Oi!\r\nAqui é a Ana."})
    attendant.post(f"{page_of(conversation)}give-back/")

    conversation.refresh_from_db()
    message = OutboundMessage.objects.get(origin="person")
    assert message.text == "Oi!\nAqui é a Ana."
    assert message.status == "created"
    assert Timer.objects.filter(schema_name="t_alpha", kind="send", ref=conversation.pk).exists()
    assert conversation.mode == "ai"
    assert {"conversation.replied", "conversation.returned"} <= set(
        AuditEntry.objects.values_list("action", flat=True)
    )


@pytest.mark.parametrize("text", ["", "   ", "x" * 4097], ids=["empty", "blank", "too long"])
def test_a_reply_without_a_usable_text_is_refused(text: str, attendant: Client) -> None:
    conversation = make_conversation(mode="human")

    answer = attendant.post(f"{page_of(conversation)}reply/", {"text": text}, follow=True)

    assert "Escreva até 4096 caracteres." in answer.content.decode()
    assert not OutboundMessage.objects.filter(origin="person").exists()


def test_nobody_writes_while_the_assistant_answers(attendant: Client) -> None:
    conversation = make_conversation()

    answer = attendant.post(f"{page_of(conversation)}reply/", {"text": "oi"}, follow=True)

    assert "Assuma a conversa primeiro." in answer.content.decode()
    assert not OutboundMessage.objects.filter(origin="person").exists()


def test_an_archived_conversation_takes_no_reply(alpha: Tenant) -> None:
    conversation = make_conversation(mode="human")
    takeover.archive(conversation_uuid=conversation.uuid, actor="ana", now=NOW)

    with pytest.raises(replying.NotInPeoplesHands):
        replying.reply_as_person(
            conversation_uuid=conversation.uuid, text="oi", actor="ana", now=NOW
        )


def test_archiving(attendant: Client) -> None:
    conversation = make_conversation()

    attendant.post(f"{page_of(conversation)}archive/")

    conversation.refresh_from_db()
    assert conversation.status == "archived"
    assert "Esta conversa está arquivada." in (
        attendant.get(f"{page_of(conversation)}change/").content.decode()
    )


@pytest.mark.parametrize("verb", ["take-over", "give-back", "archive", "reply"])
def test_a_link_alone_changes_nothing(verb: str, attendant: Client) -> None:
    conversation = make_conversation()

    assert attendant.get(f"{page_of(conversation)}{verb}/").status_code == 405


def test_a_form_of_another_site_changes_nothing(attendant: Client, alpha: Tenant) -> None:
    conversation = make_conversation()
    strict = Client(enforce_csrf_checks=True, headers={"host": "alpha.localhost"})
    strict.cookies = attendant.cookies

    assert strict.post(f"{page_of(conversation)}take-over/").status_code == 403


def test_the_page_learns_of_news(owner: Client) -> None:
    conversation = make_conversation()
    live = f"{page_of(conversation)}live/"
    first = owner.get(live)
    same = owner.get(live, headers={"if-none-match": first.headers["etag"]})

    OutboundMessage.objects.update(status="failed")
    news = owner.get(live, headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, same.status_code, news.status_code) == (200, 304, 200)
    assert "quanto ta a limpeza?" in first.content.decode()


def test_who_waits_for_a_person_comes_first(owner: Client) -> None:
    make_conversation(name="newest", at=NOW + timedelta(hours=1))
    make_conversation(name="waits", mode="human", at=NOW - timedelta(days=1))
    make_conversation(name="older", at=NOW)

    listed = owner.get("/admin/conversations/conversation/").context["cl"].result_list
    waiting = owner.get("/admin/conversations/conversation/?who=waiting").context["cl"].result_list

    assert [one.contact.name for one in listed] == ["waits", "newest", "older"]
    assert [one.contact.name for one in waiting] == ["waits"]


def test_the_same_id_shows_each_tenant_its_own(owner: Client, alpha: Tenant, beta: Tenant) -> None:
    ours = make_conversation(name="of alpha")
    with tenant_context(beta):
        theirs = make_conversation(name="of beta")
        Conversation.objects.filter(pk=theirs.pk).delete()
        theirs.pk = ours.pk
        theirs.save(force_insert=True)
        owner_of_beta = as_role("owner")

    assert "of alpha" in owner.get(f"{page_of(ours)}change/").content.decode()
    assert "of beta" not in owner.get(f"{page_of(ours)}change/").content.decode()
    with tenant_context(beta):
        assert "of beta" in owner_of_beta.get(f"{page_of(ours)}change/").content.decode()


def test_a_conversation_that_is_not_there_is_not_found(owner: Client) -> None:
    assert owner.get("/admin/conversations/conversation/999999/change/").status_code == 404
    assert owner.get("/admin/conversations/conversation/abc/change/").status_code == 404
