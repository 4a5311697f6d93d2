"""Endpoints, deliveries and notices as owners meet them: secrets once, answers, sending again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from integrations.models import Delivery, HttpToolCall, Notice, WebhookEndpoint
from integrations.services import endpoints, notices
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_told
from tests.integrations.events import SECRET, happen, make_endpoint

ENDPOINTS = "/admin/integrations/webhookendpoint/"
DELIVERIES = "/admin/integrations/delivery/"
NOTICES = "/admin/integrations/notice/"


def form(**changes: Any) -> dict[str, Any]:
    return {
        "name": "crm",
        "url": "https://crm.example/",
        "events": ["message.sent"],
        "new_headers": "",
        "is_active": "on",
        **changes,
    }


def test_a_secret_is_shown_once(owner: Client) -> None:
    added = owner.post(f"{ENDPOINTS}add/", form(new_headers="X-Key: k-123"), follow=True)

    endpoint = WebhookEndpoint.objects.get()
    html = added.content.decode()
    assert endpoint.secret() in html
    assert endpoint.headers() == {"X-Key": "k-123"}
    assert endpoint.events == ["message.sent"]
    page = owner.get(f"{ENDPOINTS}{endpoint.pk}/change/").content.decode()
    assert endpoint.secret() not in page
    assert "X-Key" in page
    assert "k-123" not in page


def test_an_address_is_refused_in_the_owners_language(owner: Client) -> None:
    refused = owner.post(f"{ENDPOINTS}add/", form(url="https://[::1")).content.decode()

    assert "Este endereço não pode ser usado: não pode ser lido" in refused
    assert "unreadable" not in refused
    assert not WebhookEndpoint.objects.exists()


def test_headers_are_not_taken_to_another_system(owner: Client) -> None:
    endpoint = make_endpoint("https://crm.example/", "message.sent", headers={"X-Key": "k-123"})
    page = f"{ENDPOINTS}{endpoint.pk}/change/"

    refused = owner.post(page, form(url="https://thief.example/"))
    assert 'value="https://thief.example/"' in refused.content.decode()  # what was typed is there
    endpoint.refresh_from_db()
    assert endpoint.url == "https://crm.example/"
    owner.post(page, form(url="https://crm.example/other"))
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.headers()) == ("https://crm.example/other", {"X-Key": "k-123"})
    owner.post(page, form(url="https://new.example/", new_headers="X-Key: k-456"))
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.headers()) == ("https://new.example/", {"X-Key": "k-456"})
    owner.post(page, form(url="https://newer.example/", forget_headers="on"))
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.headers()) == ("https://newer.example/", {})


def test_switching_it_on_again_settles_the_notice(owner: Client) -> None:
    endpoint = make_endpoint("https://crm.example/", "message.sent")
    with transaction.atomic():
        endpoints.disable(
            endpoint=endpoint, reason=WebhookEndpoint.Disabled.GONE, now=timezone.now()
        )
    page = f"{ENDPOINTS}{endpoint.pk}/change/"

    owner.post(page, form(name=endpoint.name, is_active=""))
    assert [one.kind for one in notices.unseen()] == [endpoints.DISABLED]
    owner.post(page, form(name=endpoint.name))

    assert (notices.unseen(), Notice.objects.get().seen_by) == ([], "owner")


def test_a_new_secret_is_made_and_shown_once(owner: Client) -> None:
    endpoint = make_endpoint("https://crm.example/", "message.sent")
    page = f"{ENDPOINTS}{endpoint.pk}/change/"

    html = owner.post(
        page, form(integrations_webhookendpoint_new_secret="1"), follow=True
    ).content.decode()

    endpoint.refresh_from_db()
    assert endpoint.secret() != SECRET
    assert endpoint.secret() in html
    assert endpoint.secrets(now=timezone.now()) == [endpoint.secret(), SECRET]
    assert AuditEntry.objects.filter(action="webhookendpoint.secret_changed").count() == 1
    assert endpoint.secret() not in owner.get(page).content.decode()


def test_a_test_event_is_sent_by_a_button(owner: Client) -> None:
    endpoint = make_endpoint("https://crm.example/", "message.sent")

    html = owner.post(
        f"{ENDPOINTS}{endpoint.pk}/change/",
        form(integrations_webhookendpoint_save_and_test="1"),
        follow=True,
    ).content.decode()

    delivery = Delivery.objects.get()
    assert delivery.event.type == "endpoint.test"
    assert f"{DELIVERIES}{delivery.pk}/change/" in html


def test_what_cannot_work_is_told(owner: Client) -> None:
    html = owner.post(f"{ENDPOINTS}add/", form(new_headers="Host: a"), follow=True).content.decode()

    assert not WebhookEndpoint.objects.exists()
    assert "Host" in html


def test_deliveries_are_sent_again(owner: Client) -> None:
    one, two = make_told(), make_told()

    owner.post(DELIVERIES, {"action": "replay_selected", "_selected_action": [one.pk, two.pk]})
    assert set(Delivery.objects.values_list("status", "n_attempts")) == {("pending", 0)}

    Delivery.objects.update(status="failed")
    owner.post(f"{DELIVERIES}{one.pk}/replay/")
    assert Delivery.objects.get(pk=one.pk).status == "pending"
    assert Delivery.objects.get(pk=two.pk).status == "failed"
    assert AuditEntry.objects.filter(action="delivery.replayed").count() == 2


def test_the_lists_show_how_calls_went_over_time(owner: Client) -> None:
    lists = (DELIVERIES, "/admin/integrations/httptoolcall/")
    for page in lists:
        html = owner.get(page).content.decode()
        assert "Nothing was called" in html or "Nada foi chamado" in html
    make_endpoint("https://crm.example/", "conversation.opened")
    happen()
    delivery = Delivery.objects.get()
    for status in (200, 200, 503):
        delivery.attempts.create(attempted_at=timezone.now(), status_code=status, duration_ms=1500)
    HttpToolCall.objects.create(
        tool_name="book", status="done", started_at=timezone.now(), duration_ms=30
    )

    for page in lists:
        answer = owner.get(f"{page}?span=week&status__exact=pending")
        html = answer.content.decode()
        assert answer.status_code == 200
        assert html.count('class="pz-money-day"') == 2 * 28
        assert "?span=month&amp;status__exact=pending" in html  # the filter stays
        assert html.count('role="img"') >= 2
    page = f"{DELIVERIES}?span=never&endpoint__id__exact={delivery.endpoint_id}"
    html = owner.get(page).content.decode()
    assert "1,5 s" in html


def test_a_span_of_time_is_sent_again(owner: Client) -> None:
    endpoint = make_endpoint("https://crm.example/", "conversation.opened")
    happen(n=2)
    Delivery.objects.update(status="failed")
    page = owner.get(f"{DELIVERIES}replay/").content.decode()
    [since] = re.findall(r'name="since" value="([^"]+)"', page)
    [until] = re.findall(r'name="until" value="([^"]+)"', page)

    span = {"endpoint": endpoint.pk, "since": since, "until": until, "what": "failed"}
    owner.post(f"{DELIVERIES}replay/", span)

    assert set(Delivery.objects.values_list("status", flat=True)) == {"pending"}


def test_what_is_switched_off_is_sent_nothing_again(owner: Client) -> None:
    endpoint = make_endpoint("https://crm.example/", "message.sent")
    make_endpoint("https://other.example/", "conversation.opened", name="other")
    happen()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(
        is_active=False, events=["conversation.opened"]
    )
    now = timezone.localtime()
    span = {
        "endpoint": endpoint.pk,
        "since": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "until": f"{now + timedelta(minutes=2):%Y-%m-%dT%H:%M}",
        "what": "all",
    }

    answer = owner.post(f"{DELIVERIES}replay/", span)

    assert "Ligue o destino antes." in answer.content.decode()
    assert not Delivery.objects.filter(endpoint=endpoint).exists()
    assert not AuditEntry.objects.filter(action="delivery.replayed").exists()


def test_who_may_not_change_anything_sends_nothing_again(alpha: Tenant) -> None:
    delivery = make_told()
    auditor = as_role("auditor")

    assert auditor.get(f"{DELIVERIES}{delivery.pk}/change/").status_code == 200
    assert auditor.post(f"{DELIVERIES}{delivery.pk}/replay/").status_code == 403
    assert auditor.get(f"{DELIVERIES}replay/").status_code == 403
    assert as_role("attendant").get(DELIVERIES).status_code == 403
    assert Delivery.objects.get().status == "failed"


def test_another_tenants_deliveries_are_not_there(
    owner: Client, alpha: Tenant, beta: Tenant
) -> None:
    with tenant_context(beta):
        make_told(text="of beta")
        theirs = make_told(text="of beta")

    assert "of beta" not in owner.get(ENDPOINTS).content.decode()
    owner.post(f"{DELIVERIES}{theirs.pk}/replay/")
    assert owner.get(f"{DELIVERIES}{theirs.pk}/change/").status_code == 302

    with tenant_context(beta):
        assert Delivery.objects.get(pk=theirs.pk).status == "failed"


def test_a_notice_stands_above_every_page_until_it_was_seen(owner: Client) -> None:
    make_told(text="o aparelho caiu")
    assert "o aparelho caiu" in owner.get("/admin/").content.decode()
    notice = Notice.objects.get()

    owner.post(NOTICES, {"action": "mark_seen", "_selected_action": [notice.pk]})

    assert "o aparelho caiu" not in owner.get("/admin/").content.decode()
    assert Notice.objects.get().seen_by == "owner"
