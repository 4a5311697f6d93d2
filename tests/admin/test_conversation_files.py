"""Files of a conversation: shown to who may see it, and to nobody else, and nothing runs."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from conversations.models import Attachment, AttachmentContent, Conversation, InboundMessage
from tenants.models import Tenant, Timer
from tests.admin.conftest import as_role
from tests.admin.rows import NOW, make_conversation

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


def make_file(
    conversation: Conversation,
    *,
    kind: str = "image",
    media_type: str = "image/png",
    **more: object,
) -> Attachment:
    message = InboundMessage.objects.create(
        conversation=conversation,
        channel_account_ref=conversation.channel_account_ref,
        provider_ref=f"F{InboundMessage.objects.count()}",
        kind=kind,
        sent_at=NOW,
        received_at=NOW,
    )
    values = {"status": "stored", "media_type": media_type, "created_at": NOW, **more}
    found = Attachment.objects.create(message=message, **values)
    if found.status == "stored":
        AttachmentContent.objects.create(attachment=found, data=PNG)
    return found


def url_of(found: Attachment, end: str = "") -> str:
    pk = found.message.conversation_id
    return f"/admin/conversations/conversation/{pk}/files/{found.uuid}/{end}"


def test_an_image_is_shown_and_can_run_nothing(attendant: Client) -> None:
    found = make_file(make_conversation())

    answer = attendant.get(url_of(found))

    assert answer.content == PNG
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize("name", ["conta.pdf", "página.html", "../../x.svg", ""])
def test_what_is_no_picture_or_sound_is_a_download(attendant: Client, name: str) -> None:
    found = make_file(
        make_conversation(), kind="document", media_type="application/octet-stream", name=name
    )

    answer = attendant.get(url_of(found))

    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"].startswith("attachment")
    assert ".." not in answer["Content-Disposition"]


def test_a_player_gets_the_part_it_asks_for(attendant: Client) -> None:
    found = make_file(make_conversation(), kind="audio", media_type="audio/ogg")

    part = attendant.get(url_of(found), headers={"range": "bytes=2-5"})
    beyond = attendant.get(url_of(found), headers={"range": "bytes=900-"})

    assert (part.status_code, part.content) == (206, PNG[2:6])
    assert part["Content-Range"] == f"bytes 2-5/{len(PNG)}"
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-", 206, 0, 47),
        ("bytes=40-999", 206, 40, 47),
        ("bytes=47-47", 206, 47, 47),
        ("bytes=5-4", 416, 0, 0),
        ("bytes=999999999999999-", 416, 0, 0),
        ("bytes=0-999999999999999", 206, 0, 47),
        ("bytes=-5", 200, 0, 47),
        ("lines=0-1", 200, 0, 47),
    ],
)
def test_a_part_is_what_was_asked_for_and_no_more_is_read(
    attendant: Client, asked: str, status: int, first: int, last: int
) -> None:
    found = make_file(make_conversation(), kind="audio", media_type="audio/ogg")

    with CaptureQueriesContext(connection) as captured:
        part = attendant.get(url_of(found), headers={"range": asked})

    reads = [one["sql"] for one in captured if "attachmentcontent" in one["sql"]]
    assert len(reads) == 1
    assert ("substring(" in reads[0]) is (status != 200)
    assert part.status_code == status
    if status != 416:
        assert part.content == PNG[first : last + 1]
    if status == 206:
        assert part["Content-Range"] == f"bytes {first}-{last}/48"


def test_nobody_else_gets_a_file(alpha: Tenant, beta: Tenant) -> None:
    mine = make_file(make_conversation())
    other_conversation = make_conversation(name="Outra")
    anonymous = Client(headers={"host": "alpha.localhost"})
    with tenant_context(beta):
        theirs = make_file(make_conversation())
        foreign = as_role("owner")
    owner = as_role("owner")

    assert anonymous.get(url_of(mine)).status_code == 302
    assert foreign.get(url_of(mine)).status_code == 404
    assert owner.get(url_of(theirs)).status_code == 404
    wrong = f"/admin/conversations/conversation/{other_conversation.pk}/files/{mine.uuid}/"
    assert owner.get(wrong).status_code == 404
    assert owner.get(url_of(mine)).status_code == 200
    # A session of the one on the other's host is nobody there.
    owner.defaults["HTTP_HOST"] = "beta.localhost"
    assert owner.get(url_of(theirs), headers={"host": "beta.localhost"}).status_code == 302


def test_a_file_that_failed_is_shown_and_tried_again(attendant: Client) -> None:
    found = make_file(
        make_conversation(),
        media_type="",
        status="failed",
        problem="away",
        source={"route": "image"},
    )
    conversation = found.message.conversation
    page = f"/admin/conversations/conversation/{conversation.pk}"

    for part in ("change", "live"):
        assert url_of(found, "again/") in attendant.get(f"{page}/{part}/").content.decode()
    attendant.post(url_of(found, "again/"))

    assert Attachment.objects.get().status == "waiting"
    assert Timer.objects.get(kind="media").ref == found.pk
    assert attendant.get(url_of(found)).status_code == 404


def test_an_auditor_looks_and_asks_for_nothing(alpha: Tenant) -> None:
    auditor = as_role("auditor")
    found = make_file(
        make_conversation(), status="failed", media_type="", source={"route": "image"}
    )

    assert auditor.post(url_of(found, "again/")).status_code == 403
    assert Attachment.objects.get().status == "failed"


def test_bubbles_show_what_was_sent(attendant: Client) -> None:
    conversation = make_conversation()
    target = InboundMessage.objects.filter(conversation=conversation).earliest("pk")
    make_file(conversation, reading="done", words="um <b>encaminhamento</b>")
    for n, (kind, text, media) in enumerate(
        [
            ("location", "Sé", {"latitude": -23.55, "longitude": -46.63}),
            ("contact_card", "Tom", {"people": [{"name": "Tom", "phones": ["+5511"]}]}),
            ("reaction", "👍", {"target": target.provider_ref}),
            ("text", "o segundo", {"quoted": "Temos às 10h", "forwarded": True}),
            ("text", "quero saber mais", {"ad": "Clareamento <b>hoje</b>"}),
        ]
    ):
        InboundMessage.objects.create(
            conversation=conversation,
            channel_account_ref=conversation.channel_account_ref,
            provider_ref=f"K{n}",
            kind=kind,
            text=text,
            media=media,
            sent_at=NOW,
            received_at=NOW,
        )

    html = attendant.get(
        f"/admin/conversations/conversation/{conversation.pk}/change/"
    ).content.decode()

    assert "um &lt;b&gt;encaminhamento&lt;/b&gt;" in html
    assert "query=-23.55,-46.63" in html
    assert "+5511" in html
    assert html.count("👍") == 1
    assert 'class="pz-reactions"' in html
    assert "Temos às 10h" in html
    assert "anúncio: Clareamento &lt;b&gt;hoje&lt;/b&gt;" in html
