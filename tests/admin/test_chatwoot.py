"""The page of a Chatwoot inbox: tokens go in and never come out, and saving tests it."""

from __future__ import annotations

from django.contrib.messages import get_messages
from django.test import Client
from django_tenants.utils import tenant_context

from channels_chatwoot.models import Inbox
from channels_chatwoot.services import inboxes
from tenants.audit.models import AuditEntry
from tenants.models import InboundRoute, Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent
from tests.fakes.chatwoot import ACCOUNT, AGENT_TOKEN, BOT_TOKEN, INBOX, FakeChatwoot

LIST = "/admin/channels_chatwoot/inbox/"


def test_made_tested_changed_and_removed(committed_alpha: Tenant, committed_beta: Tenant) -> None:
    owner = as_role("owner")
    agent = make_agent()
    with FakeChatwoot() as server:
        form = {
            "name": "Site",
            "base_url": f"{server.url}/",
            "account_id": ACCOUNT,
            "inbox_id": INBOX,
            "entry_agent": agent.pk,
            "quiet_s": "5",
            "max_wait_s": "60",
            "max_messages": "20",
            "freshness_s": "900",
            "is_enabled": "on",
        }
        assert "obrigat" in str(owner.post(f"{LIST}add/", {**form, "name": ""}).content.decode())
        secrets = {"token": BOT_TOKEN, "secret": "s3cret-of-bot", "reader_token": AGENT_TOKEN}

        answer = owner.post(f"{LIST}add/", {**form, **secrets}, follow=True)
        inbox = Inbox.objects.get()
        page = f"{LIST}{inbox.pk}/change/"
        html = answer.content.decode()

        assert answer.redirect_chain[-1][0] == page
        assert inbox.state == "ready"
        assert inboxes.webhook_url(inbox) in html
        for secret in secrets.values():
            assert secret not in html + owner.get(LIST).content.decode()
        assert inboxes.secret_of(inbox) == "s3cret-of-bot"

        answer = owner.post(page, {**form, "inbox_id": INBOX + 1})
        assert Inbox.objects.get().state == "no_inbox"
        assert Inbox.objects.get().token() == BOT_TOKEN  # kept, for it was left empty
        assert any(
            "number" in str(m) or "número" in str(m) for m in get_messages(answer.wsgi_request)
        )

        evil = {**form, "base_url": "https://evil.example"}
        assert owner.post(page, evil).status_code == 200  # refused in the form
        assert Inbox.objects.get().base_url == server.url

        owner.post(page, {**form, "forget_secret": "on", "forget_reader_token": "on"})
        assert (inboxes.secret_of(inbox), Inbox.objects.get().reader_token()) == ("", "")

        auditor = as_role("auditor")
        assert inboxes.webhook_url(inbox) not in auditor.get(page).content.decode()
        assert as_role("attendant").get(page).status_code == 403
        with tenant_context(committed_beta):
            foreign: Client = as_role("owner")
            assert foreign.get(page).status_code == 302  # there is no such row
            assert not Inbox.objects.exists()

        owner.post(f"{LIST}{inbox.pk}/delete/", {"post": "yes"})
    assert not Inbox.objects.exists()
    assert not InboundRoute.objects.filter(device_ref=inbox.uuid).exists()
    trail = AuditEntry.objects.filter(action__startswith="chatwoot_inbox").order_by("pk")
    assert [one.action.partition(".")[2] for one in trail] == ["changed"] * 3 + ["removed"]
    assert BOT_TOKEN not in str([one.data for one in trail])
