"""How conversations end by themselves, what is told of them, and how they go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from conversations.models import (
    ArchiveText,
    Conversation,
    ConversationSettings,
    InboundMessage,
    OutboundMessage,
    Turn,
)
from conversations.services import archive, contacts, lifecycle, orchestrator, queue, takeover
from tenants import timers
from tests.factories import (
    learn,
    make_agent,
    make_device,
    message_body,
    receive,
    ring_endings,
    work,
)
from tests.fakes.bridge import FakeBridge
from tests.fakes.http import Answer, Received, wait_until
from tests.fakes.llm import FakeLLM, Mode
from tests.workers import at_once


def age(hours: float = 25) -> None:
    """Let everything of the current tenant have happened so long ago."""
    span = timedelta(hours=hours)
    for model, names in (
        (Conversation, ("last_message_at", "opened_at", "closed_at", "summarised_until")),
        (InboundMessage, ("received_at", "sent_at")),
        (OutboundMessage, ("created_at",)),
    ):
        for row in model.objects.all():
            for name in names:
                if getattr(row, name) is not None:
                    setattr(row, name, getattr(row, name) - span)
            row.save(update_fields=list(names))


def begin(bridge, text: str = "quanto custa a limpeza?", **values):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url, **values)
    receive(device, message_body(text))
    work()
    return device


def sweep_and_ring() -> list[str]:
    lifecycle.sweep()
    return ring_endings()


def test_a_silent_conversation_ends_with_summary_outcome_and_topics(alpha, bridge):
    begin(bridge)
    assert sweep_and_ring() == []
    age()

    assert sweep_and_ring() == ["close:done", "memory:done"]

    conversation = Conversation.objects.get()
    assert (conversation.status, conversation.closed_by) == ("archived", "")
    assert conversation.outcome == "resolved"
    assert "limpeza" in conversation.topics
    assert "quanto custa a limpeza?" in conversation.summary
    assert "220,00" in conversation.summary
    assert sweep_and_ring() == []


def test_a_model_tells_outcome_and_topics_and_code_what_it_knows(alpha, bridge):
    learn()
    with FakeLLM() as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        llm.say("A limpeza completa custa R$ 220,00.")
        receive(device, message_body("quanto custa a limpeza?"))
        work()
        age()
        told = {
            "summary": "Ana perguntou o preço da limpeza: R$ 220,00. Pagou R$ 5,00.",
            "outcome": "unresolved",
            "topics": ["Limpeza", "Preços"],
        }
        llm.say(f"```json\n{json.dumps(told)}\n```")
        sweep_and_ring()

    conversation = Conversation.objects.get()
    assert conversation.summary == "Ana perguntou o preço da limpeza: R$ 220,00."
    assert (conversation.outcome, conversation.topics) == ("unresolved", ["limpeza", "preços"])


@pytest.mark.parametrize("answer", ["not json", '{"summary": ""}', '{"outcome": "bought"}', "[]"])
def test_a_model_that_answers_nonsense_leaves_it_to_rules(alpha, bridge, answer):
    learn()
    with FakeLLM() as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        llm.say("A limpeza completa custa R$ 220,00.")
        receive(device, message_body("quanto custa a limpeza?"))
        work()
        age()
        llm.say(answer)
        sweep_and_ring()

    conversation = Conversation.objects.get()
    assert conversation.outcome == "resolved"
    assert "limpeza" in conversation.summary


def test_people_keep_their_conversations_unless_the_business_wants_otherwise(alpha, bridge):
    begin(bridge, text="quero falar com um atendente")
    age()
    assert sweep_and_ring() == []
    assert Conversation.objects.get().status == "open"

    lifecycle.save(wanted={"close_with_people": True})
    assert sweep_and_ring() == ["close:done", "memory:done"]
    conversation = Conversation.objects.get()
    assert conversation.status == "archived"
    assert conversation.outcome in ("unresolved", "resolved")


def test_a_tenant_says_after_how_long_and_zero_is_never(alpha, bridge):
    begin(bridge)
    age(3)
    lifecycle.save(wanted={"close_after_h": 0})
    assert sweep_and_ring() == []
    lifecycle.save(wanted={"close_after_h": 2})
    assert sweep_and_ring() == ["close:done", "memory:done"]
    assert ConversationSettings.objects.count() == 1


def test_what_is_not_silent_any_more_stays_open(alpha, bridge):
    device = begin(bridge)
    age()
    lifecycle.sweep()
    receive(device, message_body("e o estacionamento?"))

    assert ring_endings() == ["close:not_due"]
    assert Conversation.objects.get().status == "open"


def test_who_writes_soon_after_goes_on_in_the_same_conversation(alpha, bridge):
    device = begin(bridge)
    age()
    sweep_and_ring()
    first = Conversation.objects.get()
    age(1)
    receive(device, message_body("tem estacionamento?"))
    work()

    conversation = Conversation.objects.get()
    assert conversation.pk == first.pk
    assert (conversation.status, conversation.mode, conversation.outcome) == ("open", "ai", "")
    assert conversation.summary == first.summary
    assert "gratuito" in bridge.sent[-1].body
    assert Turn.objects.filter(status="done").count() == 2


def test_who_writes_much_later_or_after_a_person_has_archived_begins_anew(alpha, bridge):
    device = begin(bridge)
    age()
    sweep_and_ring()
    age(80)
    receive(device, message_body("tem estacionamento?"))
    assert Conversation.objects.count() == 2
    open_one = Conversation.objects.get(status="open")
    takeover.archive(conversation_uuid=open_one.uuid, actor="rosa", now=timezone.now())
    receive(device, message_body("e agora?"))

    assert Conversation.objects.count() == 3
    assert ring_endings() == ["memory:done"]


def test_staff_opens_again_what_is_archived_and_answers_itself(alpha, bridge):
    device = begin(bridge)
    conversation = Conversation.objects.get()
    now = timezone.now()
    takeover.archive(conversation_uuid=conversation.uuid, actor="rosa", now=now)
    lifecycle.reopen(conversation_uuid=conversation.uuid, actor="rosa", now=now)

    conversation.refresh_from_db()
    assert (conversation.status, conversation.mode) == ("open", "human")
    assert conversation.claimed_by == "rosa"

    takeover.archive(conversation_uuid=conversation.uuid, actor="rosa", now=now)
    receive(device, message_body("oi"))
    with pytest.raises(lifecycle.StillOpen):
        lifecycle.reopen(conversation_uuid=conversation.uuid, actor="rosa", now=now)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("limpeza", True),
        ("LIMPEZAS", True),
        ("limpesa", True),
        ("linpeza", True),
        ("limp", True),
        ("estacionamento", False),
        ("limpeza estacionamento", False),
        ("preco limpeza", True),
        ("988887777", True),
        ("000011112222", False),
        ("!!!", True),  # nothing that could be looked for
        ("' | 'x':* & (", True),
    ],
)
def test_the_archive_is_searched_whatever_accents_and_typos(alpha, bridge, typed, found):
    begin(bridge, text="qual o preço da limpeza?")
    conversation = Conversation.objects.get()
    takeover.archive(conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now())
    ring_endings()

    rows = archive.search(Conversation.objects.all(), typed)

    expected = [conversation] if found and typed != "' | 'x':* & (" else []
    assert list(rows) == expected


def test_what_is_noted_or_renamed_after_the_end_is_found_and_a_removed_note_is_not(alpha, bridge):
    begin(bridge)
    found, now = Conversation.objects.get(), timezone.now()
    takeover.archive(conversation_uuid=found.uuid, actor="rosa", now=now)
    ring_endings()
    note = queue.add_note(
        conversation_uuid=found.uuid, text="Pediu a geladeira.", actor="rosa", now=now
    )
    contacts.rename(contact=found.contact, name="Fulgêncio", actor="rosa")

    for typed in ("geladeira", "fulgencio", "fulgensio", "limpeza"):
        assert list(archive.search(Conversation.objects.all(), typed)) == [found]

    queue.remove_note(conversation_uuid=found.uuid, note_id=note.pk, actor="rosa")
    assert not archive.search(Conversation.objects.all(), "geladeira").exists()
    assert archive.search(Conversation.objects.all(), "fulgencio").exists()


def test_the_same_word_as_it_is_typed_comes_first(alpha, bridge):
    learn()
    device = make_device(make_agent(), bridge_url=bridge.url)
    for n, text in enumerate(("tem polimemto de pele?", "tem polimento de pele?")):
        receive(device, message_body(text, phone=f"551190000111{n}"))
    work()
    for one in Conversation.objects.order_by("-pk"):
        takeover.archive(conversation_uuid=one.uuid, actor="rosa", now=timezone.now())
    ring_endings()

    rows = archive.search(Conversation.objects.all(), "polimento pele")

    assert [one.inbound.get().text[4:13] for one in rows] == ["polimento", "polimemto"]


def test_the_archives_of_two_tenants_are_apart(alpha, beta, bridge):
    for tenant, word in ((alpha, "polimento"), (beta, "clareamento")):
        with tenant_context(tenant):
            begin(bridge, text=f"tem {word}?")
            one = Conversation.objects.get()
            takeover.archive(conversation_uuid=one.uuid, actor="rosa", now=timezone.now())
    ring_endings()

    for tenant, mine, others in (
        (alpha, "polimento", "clareamento"),
        (beta, "clareamento", "polimento"),
    ):
        with tenant_context(tenant):
            assert archive.search(Conversation.objects.all(), mine).count() == 1
            assert archive.search(Conversation.objects.all(), others).count() == 0
            assert ArchiveText.objects.count() == 1


def test_a_message_that_races_with_the_end_is_never_lost(committed_alpha):
    """Whoever is first, the message is in an open conversation and gets its answer."""
    learn()
    with FakeBridge() as bridge:
        device = make_device(make_agent(), bridge_url=bridge.url)
        phones = [f"5511900{number:06d}" for number in range(20)]
        receive(device, *(message_body("quanto custa a limpeza?", phone=one) for one in phones))
        work()
        age()
        lifecycle.sweep()
        bells = timers.claim_due(kind="close", max_running=100, limit=100)
        assert len(bells) == len(phones)
        barrier = threading.Barrier(3)

        def close(part) -> None:
            try:
                with schema_context("t_alpha"):
                    barrier.wait()
                    for bell in part:
                        lifecycle.close_due(timer_id=bell.timer_id, token=bell.token)
            finally:
                connection.close()

        workers = [
            threading.Thread(target=close, args=(part,)) for part in (bells[:10], bells[10:])
        ]
        for worker in workers:
            worker.start()
        barrier.wait()
        for phone in phones:
            receive(device, message_body("tem estacionamento?", phone=phone))
        for worker in workers:
            worker.join(60)
        work()

        for phone in phones:
            sent = [one.body for one in bridge.sent_to(phone)]
            assert len(sent) == 2, sent
            assert "gratuito" in sent[1]
    assert Conversation.objects.count() == len(phones)
    assert set(Conversation.objects.values_list("status", flat=True)) == {"open"}


class ClosingLLM(FakeLLM):
    """Has every fourth conversation closed while it is asked, and another as its answer leaves."""

    def __init__(self, bridge: FakeBridge) -> None:
        super().__init__(Mode.EVIDENCE)
        self.bridge, self.pool = bridge, ThreadPoolExecutor(12)

    def answer(self, request: Received) -> Answer | None:
        number = int(request.body.decode().rpartition("#")[2][:2])
        phone = f"55119000000{number:02d}"
        if number % 4 == 1:
            self.pool.submit(close_as_person, phone)
        elif number % 4 == 3:
            self.pool.submit(close_as_person, phone, once=lambda: self.bridge.sent_to(phone))
        return super().answer(request)


def close_as_person(phone: str, *, once: Callable[[], object] = lambda: True) -> None:
    wait_until(once)
    try:
        with schema_context("t_alpha"):
            found = Conversation.objects.get(contact__addresses__value=phone)
            now = timezone.now()
            takeover.archive(conversation_uuid=found.uuid, actor="rosa", now=now)
    finally:
        connection.close()


def test_an_answer_that_races_with_a_persons_end_left_before_it_or_not_at_all(committed_alpha):
    learn()
    phones = [f"55119000000{number:02d}" for number in range(24)]
    with FakeBridge() as bridge, ClosingLLM(bridge) as llm:
        device = make_device(make_agent(base_url=llm.base_url), bridge_url=bridge.url)
        for phone in phones:
            receive(device, message_body(f"quanto custa a limpeza? #{phone[-2:]}", phone=phone))
        bells = [
            (bell.timer_id, bell.token)
            for bell in timers.claim_due(kind="turn", max_running=100, limit=100)
        ]
        at_once(*(partial(orchestrator.run_turns, part) for part in (bells[::2], bells[1::2])))
        llm.pool.shutdown(wait=True)
        work()
        sent = {phone: len(bridge.sent_to(phone)) for phone in phones}

    closed = Conversation.objects.filter(status="archived")
    assert closed.count() == len(phones) // 2
    for one in InboundMessage.objects.select_related("turn", "conversation"):
        is_set_aside = one.silence_reason == "archived"
        assert is_set_aside == (one.turn is None)
        assert sent[one.conversation.contact.addresses.get().value] == (0 if is_set_aside else 1)
    # Both sides won some, or there was no race.
    of_closed = InboundMessage.objects.filter(conversation__in=closed)
    assert of_closed.filter(silence_reason="archived").exists()
    assert of_closed.filter(silence_reason="").exists()
    # What was set aside is left to nobody, and a turn that lost says why.
    lost = Turn.objects.filter(conversation__inbound__silence_reason="archived")
    assert set(lost.values_list("status", "reason")) == {("superseded", "archived")}


def test_two_workers_with_one_doorbell_close_once(committed_alpha):
    learn()
    with FakeBridge() as bridge:
        begin(bridge)
    age()
    lifecycle.sweep()
    bell = timers.claim_due(kind="close", max_running=10, limit=10)[0]

    outcomes = at_once(*[lambda: lifecycle.close_due(timer_id=bell.timer_id, token=bell.token)] * 2)

    assert sorted(outcomes) == ["done", "not_ours"]
