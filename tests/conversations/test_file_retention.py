"""Files are deleted when they are older than the business keeps them, and the page says so."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from django.apps import apps
from django_tenants.utils import tenant_context

from config.blueprints import conversations
from conversations.models import (
    Attachment,
    AttachmentContent,
    ConversationSettings,
    InboundMessage,
    OutboundFile,
    OutboundMessage,
)
from conversations.services import attaching, file_retention, lifecycle
from conversations.services.pieces import outbound_pieces, pieces
from tenants.context import database_now
from tests.admin.conftest import as_role
from tests.admin.rows import make_conversation
from tests.admin.test_conversation_files import make_file, url_of
from tests.conversations.test_outbox import put
from tests.workers import at_once


def keep_for(days: int) -> None:
    ConversationSettings.objects.update_or_create(pk=1, defaults={"keep_files_days": days})


def make_sent(conversation, *, age: timedelta) -> OutboundFile:
    (message,) = put(conversation, "segue", origin="person")
    at = database_now() - age
    OutboundMessage.objects.filter(pk=message.pk).update(
        kind="image", status="acked", created_at=at
    )
    message.refresh_from_db()
    return OutboundFile.objects.create(
        message=message, media_type="image/png", name="a.png", n_bytes=3, data=b"png"
    )


def delete() -> int:
    return file_retention.delete_old_files(now=database_now())


def test_what_is_older_than_is_kept_goes_and_the_page_says_when(alpha, beta):
    now, owner = database_now(), as_role("owner")
    keep_for(30)
    conversation = make_conversation()
    old = make_file(
        conversation, created_at=now - timedelta(days=31), words="uma fachada", name="f.png"
    )
    young = make_file(conversation, created_at=now - timedelta(days=29))
    being_read = make_file(
        conversation, created_at=now - timedelta(days=31), reading="waiting", kind="audio"
    )
    sent = make_sent(conversation, age=timedelta(days=31))
    fresh = make_sent(conversation, age=timedelta(days=29))
    with tenant_context(beta):  # the same ids, and kept for as long as ever
        keep_for(0)
        theirs = make_file(make_conversation(), created_at=now - timedelta(days=4_000))
        assert theirs.pk == old.pk
        assert delete() == 0

    assert delete() == 2
    assert delete() == 0

    assert set(AttachmentContent.objects.values_list("pk", flat=True)) == {young.pk, being_read.pk}
    assert [bytes(one.data) for one in OutboundFile.objects.order_by("pk")] == [b"", b"png"]
    message = InboundMessage.objects.get(pk=old.message_id)
    shown = pieces(message).file
    assert shown is not None
    assert shown.shown_as == ""
    assert "apagado em" in shown.state
    assert shown.words == "uma fachada"  # what was seen on it stays
    assert not attaching.can_try_again(Attachment.objects.get(pk=old.pk))
    for file, status in ((old, 404), (young, 200)):
        assert owner.get(url_of(file)).status_code == status
    for file, has_gone in ((sent, True), (fresh, False)):
        row = OutboundMessage.objects.select_related("file").get(pk=file.message_id)
        view = outbound_pieces(row).file
        assert view is not None
        assert ("apagado em" in view.state) is has_gone
    with tenant_context(beta):
        assert AttachmentContent.objects.count() == 1


def test_who_had_files_before_keeps_them_until_somebody_says_otherwise(alpha, beta):
    migration = import_module("conversations.migrations.0018_files_that_are_there")
    for tenant, is_kept in ((alpha, True), (beta, False)):
        with tenant_context(tenant):
            make_file(make_conversation(), created_at=database_now() - timedelta(days=4_000))
            if not is_kept:
                AttachmentContent.objects.all().delete()
                Attachment.objects.all().delete()
            migration.keep_what_is_there(apps, None)
            assert lifecycle.settings().keep_files_days == (0 if is_kept else 180)
    assert delete() == 0
    # A blueprint that speaks of conversations and not of their files does not begin it either.
    conversations.apply(conversations.ConversationsSection(), note=lambda *_: None)
    assert lifecycle.settings().keep_files_days == 0


def test_two_sweeps_at_once_delete_each_file_once(committed_alpha):
    keep_for(1)
    conversation = make_conversation()
    for _ in range(6):
        make_file(conversation, created_at=database_now() - timedelta(days=2))

    assert sum(at_once(delete, delete)) == 6
    assert not AttachmentContent.objects.exists()
