"""The page of a web chat: sites are named exactly, the line for them is shown, off is off."""

from __future__ import annotations

from channels_web.models import WebChat
from channels_web.services import chats
from tenants import inbox
from tenants.audit.models import AuditEntry
from tenants.models import InboundRoute, InboxEntry, Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent

LIST = "/admin/channels_web/webchat/"


def test_made_tried_changed_switched_off_and_removed(alpha: Tenant) -> None:
    owner, agent = as_role("owner"), make_agent()
    form = {
        "name": "Site",
        "entry_agent": agent.pk,
        "allowed_origins": "https://www.Loja.example/\nhttp://localhost:3000",
        "title": "Fale conosco",
        "greeting": "Olá!",
        "colour": "#0f766e",
        "language": "pt-br",
        "quiet_s": "4",
        "max_wait_s": "30",
        "max_messages": "20",
        "is_active": "on",
    }
    for wrong in ("https://*.loja.example", "http://loja.example", "loja.example", "https://a.b/c"):
        html = owner.post(f"{LIST}add/", {**form, "allowed_origins": wrong}).content.decode()
        assert f"“{wrong}”" in html
    assert not WebChat.objects.exists()

    answer = owner.post(f"{LIST}add/", form, follow=True)
    chat = WebChat.objects.get()
    page, key = f"{LIST}{chat.pk}/change/", chats.key_of(chat)
    html = answer.content.decode()
    assert answer.redirect_chain[-1][0] == page
    assert chat.allowed_origins == ["https://www.loja.example", "http://localhost:3000"]
    assert f"http://alpha.localhost/chat/{key}.js" in html
    assert "https://www.loja.example\nhttp://localhost:3000" in html
    assert f"/chat/{key}.js" in owner.get(f"{LIST}{chat.pk}/try/").content.decode()
    assert owner.get(f"/chat/{key}.js").status_code == 200

    owner.post(page, {**form, "is_active": ""})
    assert owner.get(f"/chat/{key}.js").status_code == 404
    assert owner.get(f"{LIST}{chat.pk}/try/").status_code == 404
    assert not InboundRoute.objects.get(device_ref=chat.uuid).is_enabled
    assert as_role("auditor").post(page, form).status_code == 403
    assert as_role("attendant").get(page).status_code == 403
    # While something is arriving it stays, from its own page and from the list.
    inbox.put(device_ref=chat.uuid, entries=[("v:1", "v", b"{}")])
    chosen = {"action": "delete_selected", "_selected_action": chat.pk, "post": "yes"}
    for address, given in ((f"{LIST}{chat.pk}/delete/", {"post": "yes"}), (LIST, chosen)):
        refused = owner.post(address, given, follow=True)
        assert refused.redirect_chain == [(address, 302)]
        assert WebChat.objects.exists()
    InboxEntry.objects.all().delete()
    owner.post(f"{LIST}{chat.pk}/delete/", {"post": "yes"})
    assert not WebChat.objects.exists()
    assert not InboundRoute.objects.filter(device_ref=chat.uuid).exists()
    trail = AuditEntry.objects.filter(action__startswith="web_chat").order_by("pk")
    assert [one.action for one in trail] == ["web_chat.changed"] * 2 + ["web_chat.removed"]
