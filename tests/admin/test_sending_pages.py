"""Pages about sending: a number's rules and results, and what people do with messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from conversations.models import (
    Conversation,
    DeliveryDay,
    FollowUp,
    InboundMessage,
    OutboundFile,
    OutboundMessage,
    VetoCount,
)
from conversations.services import changing, replying, takeover
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent, make_conversation
from tests.conversations.test_writing_out import PNG
from tests.factories import make_device


def url_of(conversation: Conversation, verb: str) -> str:
    return f"/admin/conversations/conversation/{conversation.pk}/{verb}/"


def taken() -> Conversation:
    conversation = make_conversation(agent=make_agent(name="Orçamentos"))
    takeover.take_over(conversation_uuid=conversation.uuid, actor="owner", now=timezone.now())
    return conversation


def make_inbound(conversation: Conversation, text: str, **more: object) -> InboundMessage:
    return InboundMessage.objects.create(
        conversation=conversation,
        channel_account_ref=conversation.channel_account_ref,
        provider_ref=f"Q{InboundMessage.objects.count()}",
        text=text,
        sent_at=timezone.now(),
        received_at=timezone.now(),
        **more,
    )


def sent(conversation: Conversation) -> OutboundMessage:
    message = replying.reply_as_person(
        conversation_uuid=conversation.uuid, text="R$ 220", actor="owner", now=timezone.now()
    )
    OutboundMessage.objects.filter(pk=message.pk).update(status="acked", acked_at=timezone.now())
    message.refresh_from_db()
    return message


def test_the_page_of_a_number_shows_health_rules_and_results(owner: Client) -> None:
    device = make_device(make_agent(name="Recepção"))
    Device.objects.update(health=55, health_causes=[["failed", 35, 22], ["new", 10, 0]])
    today = timezone.localdate()
    VetoCount.objects.create(
        channel_account_ref=device.uuid, day=today, reason="pace", n_waited=7, n_refused=3
    )
    DeliveryDay.objects.create(
        channel_account_ref=device.uuid,
        day=today,
        n_created=41,
        n_acked=40,
        n_delivered=39,
        n_lost=1,
        counted_at=timezone.now(),
    )

    html = owner.get(f"/admin/channels_whatsapp/sending/{device.pk}/change/").content.decode()

    for text in (">55<", "22%", "−35", ">7<", ">3<", ">41<", ">39<"):
        assert text in html, text
    assert "55/100" in owner.get("/admin/channels_whatsapp/sending/").content.decode()


def test_the_first_page_says_how_many_were_lost(owner: Client) -> None:
    DeliveryDay.objects.create(
        channel_account_ref="00000000-0000-0000-0000-000000000001",
        day=timezone.localdate(),
        n_acked=40,
        n_delivered=39,
        n_lost=2,
        counted_at=timezone.now(),
    )

    tiles = owner.get("/admin/").context["tiles"]

    (tile,) = [one for one in tiles if "sending" in one.url]
    assert (tile.value, tile.tone) == ("2", "bad")
    assert "40" in tile.detail
    assert "39" in tile.detail


def test_a_numbers_rules_are_changed_through_the_service(owner: Client) -> None:
    device = make_device(make_agent(name="Recepção"))
    url = f"/admin/channels_whatsapp/sending/{device.pk}/change/"
    data = {
        "gap_s": "2",
        "day_cap": "300",
        "unasked_cap": "10",
        "bubble_chars": "400",
        "quotes": "always",
        "reads": "answer",
    }

    owner.post(url, data)

    device.refresh_from_db()
    assert (device.gap_s, device.day_cap, device.warms_up) == (2.0, 300, False)
    assert (device.quotes, device.reads) == ("always", "answer")
    assert AuditEntry.objects.filter(action="device.sending_changed").count() == 1
    assert "errorlist" in owner.post(url, data | {"unasked_cap": "9999"}).content.decode()


def test_a_person_sends_a_file_and_reads_it_again(owner: Client) -> None:
    conversation = taken()

    answer = owner.post(
        f"{url_of(conversation, 'reply')}?fetch",
        {"text": "a fachada", "place": "", "file": SimpleUploadedFile("casa.png", PNG)},
    ).json()

    assert (answer["held_s"], answer["undo_s"]) == (replying.UNDO_S, changing.UNDO_S)
    file = OutboundFile.objects.get()
    assert (file.message.kind, bytes(file.data)) == ("image", PNG)
    page = url_of(conversation, f"files/{file.uuid}")
    assert page in owner.get(url_of(conversation, "change")).content.decode()
    response = owner.get(page)
    assert (response.content, response["Content-Type"]) == (PNG, "image/png")
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_an_answer_quotes_what_the_contact_wrote(owner: Client, beta: Tenant) -> None:
    conversation = taken()
    asked = make_inbound(conversation, "quanto custa?")
    gone = make_inbound(conversation, "esquece", deleted_at=timezone.now())
    page = f"/admin/conversations/conversation/{conversation.pk}/change/"

    shown = owner.get(page).content.decode()
    assert f'href="?quoted={asked.uuid}#pz-text"' in shown  # also without a script
    assert str(gone.uuid) not in shown
    quoting = owner.get(f"{page}?quoted={asked.uuid}").content.decode()
    assert f'name="quoted" value="{asked.uuid}"' in quoting
    assert owner.get(f"{page}?quoted=x").status_code == 200

    for quoted in (str(asked.uuid), str(gone.uuid), "x"):
        owner.post(url_of(conversation, "reply"), {"text": "R$ 220", "quoted": quoted})
    ours = OutboundMessage.objects.filter(text="R$ 220").order_by("pk")
    refs = list(ours.values_list("quoted_ref", flat=True))
    assert refs == [asked.provider_ref, "", ""]
    with tenant_context(beta):
        theirs = make_inbound(make_conversation(), "de outra empresa")
        theirs.provider_ref = "OF-BETA"
        theirs.save()
    owner.post(url_of(conversation, "reply"), {"text": "oi", "quoted": str(theirs.uuid)})
    assert OutboundMessage.objects.order_by("pk").last().quoted_ref == ""  # type: ignore[union-attr]


def test_what_a_browser_might_run_is_a_download(owner: Client) -> None:
    conversation = taken()
    page = SimpleUploadedFile("x.html", b"<script>alert(1)</script>", content_type="text/html")
    owner.post(f"{url_of(conversation, 'reply')}?fetch", {"file": page})

    response = owner.get(url_of(conversation, f"files/{OutboundFile.objects.get().uuid}"))

    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("place", ["longe", "1,2,3", "91, 10", "nan, 1"])
def test_a_place_that_is_none_is_refused(owner: Client, place: str) -> None:
    conversation = taken()

    answer = owner.post(f"{url_of(conversation, 'reply')}?fetch", {"place": place}).json()

    assert answer["refused"]
    assert not OutboundMessage.objects.filter(kind="location").exists()


def test_a_message_is_edited_and_taken_back_from_the_page(owner: Client) -> None:
    conversation = taken()
    message = sent(conversation)
    html = owner.get(url_of(conversation, "change")).content.decode()
    assert url_of(conversation, "message-edit") in html
    assert url_of(conversation, "message-delete") in html

    data = {"message": message.uuid}
    owner.post(url_of(conversation, "message-edit"), {**data, "text": "R$ 200"})
    message.refresh_from_db()
    assert (message.change, message.changed_text) == ("edit", "R$ 200")

    owner.post(url_of(conversation, "message-delete"), data)
    message.refresh_from_db()
    assert message.change == "delete"
    assert (
        url_of(conversation, "message-edit")
        not in owner.get(url_of(conversation, "change"))
        .content.decode()
        .partition(f"o{message.pk}")[2]
    )


def test_a_message_of_another_conversation_is_not_found(owner: Client) -> None:
    conversation = taken()
    message = sent(conversation)
    other = Conversation.objects.create(
        contact=conversation.contact,
        channel_kind="whatsapp",
        channel_account_ref="00000000-0000-0000-0000-000000000009",
        opened_at=timezone.now(),
        last_message_at=timezone.now(),
    )

    for verb in ("message-edit", "message-delete", "take-back"):
        response = owner.post(url_of(other, verb), {"message": message.uuid, "text": "x"})
        assert response.status_code == 404, verb


def test_a_message_is_planned_and_called_off(owner: Client) -> None:
    conversation = taken()
    at = timezone.localtime() + timedelta(days=3)

    owner.post(
        url_of(conversation, "plan"), {"text": "Conseguiu ver?", "at": f"{at:%Y-%m-%dT%H:%M}"}
    )
    planned = FollowUp.objects.get()
    assert abs(planned.due_at - at) < timedelta(minutes=1)
    assert "Conseguiu ver?" in owner.get(url_of(conversation, "change")).content.decode()

    owner.post(url_of(conversation, "plan-off"), {"plan": planned.uuid})
    planned.refresh_from_db()
    assert planned.status == "cancelled"


@pytest.mark.parametrize("at", ["", "amanhã", "2026-13-45T99:99", "2099-01-01T10:00"])
def test_an_instant_that_is_none_is_refused(owner: Client, at: str) -> None:
    conversation = taken()

    owner.post(url_of(conversation, "plan"), {"text": "oi", "at": at})

    assert not FollowUp.objects.exists()


def test_who_may_only_look_changes_nothing(alpha: Tenant) -> None:
    conversation = taken()
    message = sent(conversation)
    auditor = as_role("auditor")

    for verb in ("plan", "plan-off", "message-edit", "message-delete", "take-back"):
        data = {"message": message.uuid, "plan": message.uuid, "text": "x"}
        assert auditor.post(url_of(conversation, verb), data).status_code == 403, verb


def test_another_tenants_files_and_messages_are_out_of_reach(owner: Client, beta: Tenant) -> None:
    ours = taken()
    with tenant_context(beta):
        theirs = make_conversation(agent=make_agent(name="Deles"))
        takeover.take_over(conversation_uuid=theirs.uuid, actor="x", now=timezone.now())
        message = replying.reply_as_person(
            conversation_uuid=theirs.uuid,
            text="deles",
            actor="x",
            now=timezone.now(),
            file=("a.png", PNG),
        )
        file = OutboundFile.objects.get()

    assert owner.get(url_of(ours, f"files/{file.uuid}")).status_code == 404
    data = {"message": message.uuid, "text": "x"}
    assert owner.post(url_of(ours, "message-delete"), data).status_code == 404
