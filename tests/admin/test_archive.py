"""The archive, its files, labels and facts, and the page on when conversations end."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tenants.utils import tenant_context

from conversations.models import (
    ContactFact,
    Conversation,
    ConversationSettings,
    InboundMessage,
    Label,
    Note,
    OutboundMessage,
)
from conversations.services import exporting, takeover
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent, make_conversation
from tests.factories import ring_endings

ARCHIVE = "/admin/conversations/archivedconversation/"


def make_archived(**values: object) -> Conversation:
    conversation = make_conversation(**values)
    takeover.archive(
        conversation_uuid=conversation.uuid, actor="rosa", now=timezone.now() - timedelta(hours=1)
    )
    ring_endings()
    conversation.refresh_from_db()
    return conversation


def names(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{ARCHIVE}{query}")
    assert answer.status_code == 200
    return sorted(row.contact.name for row in answer.context["cl"].result_list)


def test_only_what_is_over_is_listed_and_nothing_is_said_in_words(owner: Client) -> None:
    assert names(owner) == []
    make_conversation(name="open")
    make_archived(name="over")

    assert names(owner) == ["over"]
    page = owner.get(ARCHIVE).content.decode()
    assert "24" in page
    assert "export/pdf/" in page


def test_it_is_searched_and_filtered(owner: Client) -> None:
    agent = make_agent(name="Recepção")
    first = make_archived(name="Marina", text="quanto ta a limpeza?", agent=agent)
    second = make_archived(name="João", text="tem clareamento?")
    OutboundMessage.objects.filter(conversation=second).update(origin="person", written_by="rosa")
    label = Label.objects.create(name="orçamento")
    first.labels.add(label)
    Conversation.objects.filter(pk=second.pk).update(outcome="unresolved")
    as_role("attendant", username="rosa")

    for query, found in {
        "?q=linpeza": ["Marina"],
        "?q=joao": ["João"],
        "?q=nada+disso": [],
        "?outcome__exact=unresolved": ["João"],
        f"?agent__id__exact={agent.pk}": ["Marina"],
        "?label=or%C3%A7amento": ["Marina"],
        "?by=assistant": ["Marina"],
        "?by=people": ["João"],
        "?by=user%3Arosa": ["João"],
        "?by=phone": [],
        f"?closed_at__year={timezone.now().year + 1}": [],
    }.items():
        assert names(owner, query) == found, query


def test_a_row_leads_to_the_conversation(owner: Client) -> None:
    conversation = make_archived()

    answer = owner.get(f"{ARCHIVE}{conversation.pk}/change/", follow=True)

    page = answer.content.decode()
    assert "limpeza" in conversation.summary
    assert conversation.summary.splitlines()[0] in page
    assert "reopen" in page


def test_who_may_change_opens_it_again(owner: Client) -> None:
    conversation = make_archived()
    url = f"/admin/conversations/conversation/{conversation.pk}/reopen/"

    assert as_role("auditor").post(url).status_code == 403
    owner.post(url)

    conversation.refresh_from_db()
    assert (conversation.status, conversation.claimed_by) == ("open", "owner")


def test_labels_are_typed_and_found(owner: Client) -> None:
    conversation = make_archived(name="Marina")
    url = f"/admin/conversations/conversation/{conversation.pk}/label/"

    owner.post(url, {"labels": " Orçamento , VIP,orçamento"})
    assert sorted(Label.objects.values_list("name", flat=True)) == ["VIP", "orçamento"]
    assert names(owner, "?q=vip") == ["Marina"]
    told = owner.post(url, {"labels": "x" * 41}, follow=True).content.decode()

    assert "40" in told
    assert conversation.labels.count() == 2
    owner.post(url, {"labels": ""})
    assert conversation.labels.count() == 0


def test_a_table_holds_no_formula(owner: Client) -> None:
    make_archived(name="=HYPERLINK(1)", text="+1+1")
    make_archived(name="  @x")

    answer = owner.get(f"{ARCHIVE}export/csv/")

    assert answer["Content-Disposition"].endswith('.csv"')
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert len(rows) == 3
    assert {row[2] for row in rows[1:]} == {"'=HYPERLINK(1)", "'  @x"}
    assert not [
        cell for row in rows for cell in row if cell.lstrip()[:1] in "=+-@" and cell.strip()
    ]
    assert AuditEntry.objects.get(action="archive.exported").data == {
        "kind": "csv",
        "n_conversations": 2,
    }


def test_a_file_holds_what_the_filter_shows(owner: Client) -> None:
    first = make_archived(name="Marina", text="quanto ta a limpeza?")
    make_archived(name="João", text="tem clareamento?")
    Note.objects.create(
        conversation=first, author="rosa", text="cliente antiga", created_at=timezone.now()
    )

    answer = owner.get(f"{ARCHIVE}export/jsonl/?q=limpeza")

    rows = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
    assert [row["contact_name"] for row in rows] == ["Marina"]
    assert [line["who"] for line in rows[0]["lines"]] == ["contact", "contact", "agent", "note"]


def test_a_file_is_made_while_it_is_sent_and_in_order(alpha: Tenant) -> None:
    for _ in range(2 * exporting.BATCH + 1):
        make_conversation(n_turns=0)
    rows = Conversation.objects.order_by("-pk")

    made = exporting.export(rows, kind="csv")
    with CaptureQueriesContext(connection) as first:
        parts = [next(made.parts), next(made.parts)]
    parts += made.parts

    assert made.n_conversations == 2 * exporting.BATCH + 1
    assert len(parts) == 4
    assert [part.count(b"\r\n") for part in parts] == [1, exporting.BATCH, exporting.BATCH, 1]
    assert len(first) == 3  # the conversations of one batch, their addresses and labels


def test_pages_are_printed_with_any_letters(owner: Client) -> None:
    make_archived(
        name="Zoë 👍🏽 “ok”", text="ação – R$ 1,00 € 漢字 Ω 👩‍🔧\nlinha " + "palavra" * 400
    )

    answer = owner.get(f"{ARCHIVE}export/pdf/")

    assert answer.getvalue().startswith(b"%PDF-")
    assert answer["Content-Type"] == "application/pdf"
    assert exporting.printable("oi 👍 – ação") == "oi [thumbs up sign] - ação"


def test_too_many_for_a_file_is_said(owner: Client) -> None:
    for _ in range(exporting.MOST["pdf"] + 1):
        make_conversation()
    Conversation.objects.update(status="archived", closed_at=timezone.now())

    told = owner.get(f"{ARCHIVE}export/pdf/", follow=True)

    assert str(exporting.MOST["pdf"]) in told.content.decode()
    assert told.redirect_chain


def test_who_only_looks_takes_nothing_away(attendant: Client) -> None:
    make_archived()

    assert "export/csv/" not in attendant.get(ARCHIVE).content.decode()
    assert attendant.get(f"{ARCHIVE}export/csv/").status_code == 403


def test_what_is_known_of_a_contact_is_corrected_by_hand(owner: Client) -> None:
    conversation = make_conversation()
    contact = conversation.contact
    fact = ContactFact.objects.create(
        contact=contact,
        kind="name",
        value="Ana",
        source=InboundMessage.objects.first(),
        learnt_at=timezone.now(),
    )
    page = f"/admin/conversations/contact/{contact.pk}/change/"
    assert "Ana" in owner.get(page).content.decode()
    form = {
        "name": contact.name,
        "facts-TOTAL_FORMS": "2",
        "facts-INITIAL_FORMS": "1",
        "facts-0-id": str(fact.pk),
        "facts-0-contact": str(contact.pk),
        "facts-0-kind": "name",
        "facts-0-value": "Ana Souza",
        "facts-1-contact": str(contact.pk),
        "facts-1-kind": "email",
        "facts-1-value": "not an address",
        "addresses-TOTAL_FORMS": "0",
        "addresses-INITIAL_FORMS": "0",
    }

    assert owner.post(page, form).status_code == 200  # the address is refused
    form["facts-1-value"] = "ana@example.com"
    assert owner.post(page, form).status_code == 302

    known = {one.kind: (one.value, one.set_by) for one in ContactFact.objects.all()}
    assert known == {"name": ("Ana Souza", "owner"), "email": ("ana@example.com", "owner")}


def test_the_end_of_conversations_is_set_on_one_page(owner: Client) -> None:
    page = "/admin/conversations/conversationsettings/"
    assert owner.get(page).status_code == 200
    form = {"close_after_h": "48", "close_with_people": "on", "reopen_within_h": "0"}
    owner.post(page, {**form, "keep_files_days": "30"})

    row = ConversationSettings.objects.get()
    assert (row.close_after_h, row.close_with_people, row.reopen_within_h) == (48, True, 0)
    assert row.keep_files_days == 30


def test_the_archive_of_another_tenant_is_not_shown(
    owner: Client, alpha: Tenant, beta: Tenant
) -> None:
    make_archived(name="of alpha")
    with tenant_context(beta):
        other = make_archived(name="of beta")
        there = as_role("owner")
        assert names(there) == ["of beta"]

    assert names(owner) == ["of alpha"]
    assert owner.get(f"{ARCHIVE}{other.pk + 1000}/change/", follow=True).status_code == 404
