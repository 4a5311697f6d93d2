"""The pages of those who answer: the queue, claims, drafts, notes, and who may do what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from conversations.models import Conversation, Draft, Note, OutboundMessage, PeopleQueue, Turn
from conversations.services import worklist
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent, make_conversation, make_queue

QUEUE = "/admin/conversations/conversation/queue/"


def page_of(conversation: Conversation) -> str:
    return f"/admin/conversations/conversation/{conversation.pk}/"


def make_waiting(
    name: str = "Marina", *, minutes_left: float = 10, **values: object
) -> Conversation:
    conversation = make_conversation(name=name, mode="human")
    now = timezone.now()
    Conversation.objects.filter(pk=conversation.pk).update(
        waiting_since=now - timedelta(minutes=3),
        answer_due_at=now + timedelta(minutes=minutes_left),
        mode_reason="person_requested",
        **values,
    )
    conversation.refresh_from_db()
    return conversation


def make_draft(conversation: Conversation) -> Draft:
    OutboundMessage.objects.filter(conversation=conversation).delete()
    Conversation.objects.filter(pk=conversation.pk).update(has_draft=True)
    now = timezone.now()
    return Draft.objects.create(
        conversation=conversation,
        turn=Turn.objects.get(conversation=conversation),
        text="Custa R$ 220,00.",
        then="people",
        due_at=now + timedelta(minutes=5),
        created_at=now,
    )


def names(client: Client, query: str = "") -> list[str]:
    return [row.name for row in client.get(f"{QUEUE}{query}").context["found"].rows]


def test_the_most_urgent_stands_first_and_each_view_shows_its_own(attendant: Client) -> None:
    make_waiting("later", minutes_left=30)
    make_waiting("late", minutes_left=-4)
    make_waiting("soon", minutes_left=2)
    make_waiting("mine", claimed_by="attendant")
    make_waiting("of bia", claimed_by="bia")
    make_conversation(name="with the assistant")

    assert names(attendant) == ["late", "soon", "later"]
    assert names(attendant, "?view=mine") == ["mine"]
    assert len(names(attendant, "?view=all")) == 5
    rows = attendant.get(QUEUE).context["found"].rows
    assert [row.tone for row in rows] == ["bad", "warn", "good"]


def test_one_queue_can_be_looked_at(attendant: Client) -> None:
    first, second = make_queue(name="Um").agent, make_queue(name="Dois").agent
    make_waiting("of one", queue=first)
    make_waiting("of two", queue=second)

    assert names(attendant, f"?queue={first.pk}") == ["of one"]


def test_nobody_waiting_is_said_in_words(attendant: Client) -> None:
    for query in ("", "?view=mine", "?view=drafts", "?view=nonsense&queue=x"):
        assert "pz-nobody" in attendant.get(f"{QUEUE}{query}").content.decode()


def test_the_part_that_changes_is_sent_only_when_it_has_changed(attendant: Client) -> None:
    make_waiting()
    first = attendant.get(f"{QUEUE}rows/")
    tag = {"if-none-match": first.headers["etag"]}

    same = attendant.get(f"{QUEUE}rows/", headers=tag)
    make_waiting("João")
    news = attendant.get(f"{QUEUE}rows/", headers=tag)

    assert (same.status_code, news.status_code) == (304, 200)
    assert "João" in news.content.decode()
    assert "<html" not in news.content.decode()


def test_a_claim_from_the_list_opens_the_conversation(attendant: Client) -> None:
    conversation = make_waiting()

    answer = attendant.post(f"{page_of(conversation)}take-over/")

    assert answer.headers["location"] == f"{page_of(conversation)}change/#end"
    conversation.refresh_from_db()
    assert conversation.claimed_by == "attendant"
    other = as_role("attendant", username="bia")
    told = other.post(f"{page_of(conversation)}take-over/", follow=True).content.decode()
    assert "attendant" in told
    conversation.refresh_from_db()
    assert conversation.claimed_by == "attendant"


def test_who_is_not_of_the_queue_gets_no_button_and_no_conversation(attendant: Client) -> None:
    kept = make_queue(name="Fechada")
    as_role("attendant", username="bia")
    kept.members.set(PeopleQueue.members.rel.model.objects.filter(username="bia"))
    conversation = make_waiting(queue=kept.agent)

    assert "take-over" not in attendant.get(QUEUE).content.decode()
    attendant.post(f"{page_of(conversation)}take-over/")
    conversation.refresh_from_db()
    assert conversation.claimed_by == ""


def test_giving_back_to_the_queue_and_passing_on(attendant: Client) -> None:
    conversation = make_waiting(claimed_by="attendant")
    other = make_queue(name="Gerência").agent
    as_role("attendant", username="bia")

    attendant.post(f"{page_of(conversation)}release/")
    conversation.refresh_from_db()
    assert conversation.claimed_by == ""
    attendant.post(f"{page_of(conversation)}reassign/", {"to": "person:bia"})
    conversation.refresh_from_db()
    assert conversation.claimed_by == "bia"
    attendant.post(f"{page_of(conversation)}reassign/", {"to": f"queue:{other.pk}"})
    conversation.refresh_from_db()
    assert (conversation.claimed_by, conversation.queue) == ("", other)
    for wrong in ("person:nobody", "queue:99999", "nonsense", ""):
        answer = attendant.post(f"{page_of(conversation)}reassign/", {"to": wrong}, follow=True)
        assert answer.status_code == 200
    conversation.refresh_from_db()
    assert conversation.queue == other


def test_a_draft_is_approved_with_other_words(attendant: Client) -> None:
    conversation = make_conversation()
    draft = make_draft(conversation)
    assert "Custa R$ 220,00." in attendant.get(f"{page_of(conversation)}change/").content.decode()
    assert names(attendant, "?view=drafts") == ["Marina"]

    attendant.post(
        f"{page_of(conversation)}approve/", {"draft": str(draft.uuid), "text": "Só R$ 200!"}
    )

    message = OutboundMessage.objects.get()
    assert (message.text, message.written_by) == ("Só R$ 200!", "attendant")
    again = attendant.post(
        f"{page_of(conversation)}approve/", {"draft": str(draft.uuid)}, follow=True
    )
    assert again.status_code == 200
    assert OutboundMessage.objects.count() == 1


def test_a_draft_of_another_conversation_is_not_decided_here(attendant: Client) -> None:
    ours, theirs = make_conversation(), make_conversation()
    draft = make_draft(theirs)

    attendant.post(f"{page_of(ours)}reject/", {"draft": str(draft.uuid)})

    draft.refresh_from_db()
    assert draft.status == "waiting"
    assert attendant.post(f"{page_of(ours)}reject/", {"draft": "x"}).status_code == 404


def test_a_note_stands_in_the_transcript_and_only_its_author_removes_it(attendant: Client) -> None:
    conversation = make_waiting()
    attendant.post(f"{page_of(conversation)}note/", {"text": "<b>cuidado</b>"})
    note = Note.objects.get()

    html = attendant.get(f"{page_of(conversation)}change/").content.decode()
    assert "&lt;b&gt;cuidado&lt;/b&gt;" in html
    as_role("attendant", username="bia").post(
        f"{page_of(conversation)}note-remove/", {"note": note.pk}
    )
    assert Note.objects.exists()
    attendant.post(f"{page_of(conversation)}note-remove/", {"note": note.pk})
    assert not Note.objects.exists()
    assert AuditEntry.objects.filter(action="conversation.noted", actor="attendant").exists()


def test_a_reply_says_how_long_it_can_be_taken_back(attendant: Client) -> None:
    conversation = make_waiting()
    sent = attendant.post(f"{page_of(conversation)}reply/?fetch", {"text": "oi"}).json()

    back = attendant.post(
        f"{page_of(conversation)}take-back/?fetch", {"message": sent["message"]}
    ).json()

    assert back == {"is_back": True, "text": "oi"}
    assert OutboundMessage.objects.get(origin="person").status == "cancelled"
    refused = attendant.post(f"{page_of(conversation)}reply/?fetch", {"text": ""}).json()
    assert "4096" in refused["refused"]


def test_the_assistant_waits_when_it_is_told_to(attendant: Client) -> None:
    conversation = make_waiting(returns_at=timezone.now() + timedelta(minutes=20))

    attendant.post(f"{page_of(conversation)}stay/")

    conversation.refresh_from_db()
    assert conversation.returns_at is None


VERBS = """
    take-over give-back archive reply release reassign stay note note-remove approve reject
    take-back
"""


@pytest.mark.parametrize("verb", VERBS.split())
def test_an_auditor_reads_and_does_nothing(verb: str, alpha: Tenant) -> None:
    auditor = as_role("auditor")
    conversation = make_waiting()

    assert auditor.post(f"{page_of(conversation)}{verb}/").status_code == 403
    assert auditor.get(f"{page_of(conversation)}{verb}/").status_code == 405
    html = auditor.get(f"{page_of(conversation)}change/").content.decode()
    assert "quanto ta a limpeza?" in html
    assert "<textarea" not in html
    assert "take-over" not in auditor.get(QUEUE).content.decode()


def test_who_has_no_role_sees_no_queue(alpha: Tenant) -> None:
    nobody = as_role("auditor", username="nobody")
    nobody_user = PeopleQueue.members.rel.model.objects.get(username="nobody")
    nobody_user.groups.clear()

    assert nobody.get(QUEUE).status_code == 403
    assert nobody.get(f"{QUEUE}rows/").status_code == 403


def test_the_same_id_in_two_tenants(attendant: Client, alpha: Tenant, beta: Tenant) -> None:
    ours = make_waiting("of alpha")
    with tenant_context(beta):
        theirs = make_waiting("of beta")
        Conversation.objects.filter(pk=theirs.pk).delete()
        theirs.pk = ours.pk
        theirs.save(force_insert=True)

    assert names(attendant) == ["of alpha"]
    attendant.post(f"{page_of(ours)}take-over/")
    with tenant_context(beta):
        assert Conversation.objects.get(contact__name="of beta").claimed_by == ""


def test_the_list_costs_the_same_however_long_it_is(
    attendant: Client, django_assert_max_num_queries
) -> None:
    for number in range(12):
        make_waiting(f"n {number}")

    with django_assert_max_num_queries(6):
        found = worklist.worklist(username="attendant", view=worklist.View.FREE, now=timezone.now())
        assert len(found.rows) == 12


def test_settings_of_a_queue(owner: Client) -> None:
    agent = make_agent()
    agent.kind = "human"
    agent.save()
    form = {
        "agent": agent.pk,
        "answer_within_min": 20,
        "tells_owners": "on",
        "staff_phones": "+55 (11) 98888-7777\n5511988887777, 5511977776666",
    }

    owner.post("/admin/conversations/peoplequeue/add/", form)

    kept = PeopleQueue.objects.get()
    assert kept.staff_phones == ["5511988887777", "5511977776666"]
    assert (kept.answer_within_min, kept.tells_owners) == (20, True)
    form |= {"staff_phones": "hello", "escalate_to": agent.pk}
    html = owner.post(f"/admin/conversations/peoplequeue/{kept.pk}/change/", form).content.decode()
    assert "hello" in html
    kept.refresh_from_db()
    assert kept.staff_phones == ["5511988887777", "5511977776666"]
