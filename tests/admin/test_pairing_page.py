"""The page of a device's link: who may do what, and what it shows in each state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from channels_whatsapp.models import Device
from channels_whatsapp.servers.models import BridgeServer
from tenants.audit.models import AuditEntry
from tenants.models import InboundRoute
from tenants.services import routes
from tests.admin.conftest import as_role, published
from tests.admin.rows import make_agent, make_device

LIST = "/admin/channels_whatsapp/device/"
GONE = "Este aparelho não está aqui."
QR = "data:image/png;base64,aGk="


def url(device: Device, tail: str = "") -> str:
    return f"/admin/channels_whatsapp/device/{device.pk}/pairing/{tail}"


def shown(client: Client, device: Device) -> str:
    return str(client.get(url(device, "state/")).json()["html"])


@pytest.mark.parametrize(
    ("values", "phase"),
    [
        ({}, "idle"),
        ({"pairing": 0}, "starting"),
        ({"pairing": 0, "state": "qr", "qr_code": QR}, "qr"),
        ({"pairing": 0, "state": "qr", "qr_code": QR, "pairing_phone": "5511911112222"}, "code"),
        ({"pairing": 0, "state": "paired"}, "accepted"),
        ({"pairing": 200, "state": "absent"}, "run_out"),
        ({"state": "connected", "phone": "5511911112222"}, "connected"),
        ({"state": "stalled", "phone": "5511911112222"}, "connected"),
        ({"state": "banned", "phone": "5511911112222"}, "waiting"),
        ({"state": "logged_out", "phone": "5511911112222"}, "idle"),
        ({"is_enabled": False}, "off"),
        ({"removing_at": timezone.now()}, "removing"),
    ],
)
def test_each_state_has_its_face(owner: Client, values: dict[str, Any], phase: str) -> None:
    device = make_device(agent=make_agent())
    given = dict(values)
    if "pairing" in given:
        given["pairing_at"] = timezone.now() - timedelta(seconds=given.pop("pairing"))
    Device.objects.filter(pk=device.pk).update(**given)

    assert f'data-phase="{phase}"' in shown(owner, device)
    assert owner.get(url(device)).status_code == 200


def test_pairing_is_asked_for_by_owners_and_kept_in_the_trail(owner: Client) -> None:
    device = make_device()
    answer = owner.post(url(device, "do/"), {"what": "start"})

    assert answer.headers["location"] == url(device)
    device.refresh_from_db()
    assert device.is_pairing(timezone.now())
    assert published() == ["channels_whatsapp.tasks.pair_device"]
    assert AuditEntry.objects.get(action="device.pairing").actor == "owner"


def test_a_number_in_use_needs_a_second_word(owner: Client) -> None:
    device, other = make_device(), make_device()
    owner.post(url(other, "do/"), {"what": "start"})  # nothing is known of it yet
    digest = routes.number_digest("5511911112222")
    InboundRoute.objects.filter(device_ref=other.uuid).update(number_digest=digest)

    owner.post(url(device, "do/"), {"what": "start", "phone": "+55 11 91111-2222"})
    device.refresh_from_db()
    assert device.pairing_at is None
    assert other.name in owner.get(url(device)).content.decode()
    assert 'name="is_sure"' in shown(owner, device)

    given = {"what": "start", "phone": "+55 11 91111-2222", "is_sure": "1"}
    owner.post(url(device, "do/"), given)
    device.refresh_from_db()
    assert device.pairing_phone == "5511911112222"


def test_who_may_only_look_changes_nothing(owner: Client) -> None:
    device = make_device()
    auditor, attendant = as_role("auditor"), as_role("attendant")

    assert auditor.get(url(device)).status_code == 200
    assert "start-qr" not in shown(auditor, device)
    for what in ("start", "cancel", "test", "remove"):
        assert auditor.post(url(device, "do/"), {"what": what}).status_code == 403
    assert attendant.get(url(device)).status_code == 403
    assert attendant.get(url(device, "state/")).status_code == 403
    assert owner.get(url(device, "do/")).status_code == 405


def test_who_may_only_look_gets_no_code_to_link_a_phone_of_their_own(owner: Client) -> None:
    device, now = make_device(agent=make_agent()), timezone.now()
    Device.objects.filter(pk=device.pk).update(pairing_at=now, state="qr", qr_code=QR)

    assert QR in shown(owner, device)
    assert QR not in shown(as_role("auditor"), device)
    Device.objects.filter(pk=device.pk).update(pairing_phone="551191111", pairing_code="AB12-CD34")
    assert "AB12-CD34" in shown(owner, device)
    assert "AB12-CD34" not in shown(as_role("auditor"), device)


def test_a_device_of_another_tenant_leads_to_ones_own_list(
    owner: Client, in_beta: Callable[[Callable[[], object]], object]
) -> None:
    theirs = in_beta(make_device)
    assert isinstance(theirs, Device)
    Device.objects.all().delete()

    asked = [owner.get(url(theirs)), owner.post(url(theirs, "do/"), {"what": "remove"})]
    assert [(answer.status_code, answer["Location"]) for answer in asked] == [(302, LIST)] * 2
    in_beta(theirs.refresh_from_db)
    assert theirs.removing_at is None


def test_a_removed_device_sends_the_page_to_the_list(owner: Client) -> None:
    device = make_device()
    owner.post(url(device, "do/"), {"what": "remove"})
    device.refresh_from_db()
    assert device.removing_at is not None
    assert InboundRoute.objects.get(device_ref=device.uuid).is_enabled is False
    Device.objects.all().delete()

    assert owner.get(url(device, "state/")).json()["gone"] == LIST
    assert GONE in owner.get(LIST).content.decode()
    # As where the worker was quicker than the way back from the button.
    page = owner.get(url(device), follow=True)
    assert page.redirect_chain == [(LIST, 302)]
    assert GONE in page.content.decode()


def test_a_new_device_needs_no_more_than_a_name_where_the_platform_has_a_bridge(
    owner: Client,
) -> None:
    add = "/admin/channels_whatsapp/device/add/"
    waits = {"quiet_s": "5", "max_wait_s": "60", "max_messages": "20", "freshness_s": "900"}
    refused = owner.post(add, {"name": "balcão", **waits})
    assert refused.status_code == 200  # no bridge was named, and the platform has none
    server = BridgeServer(name="ponte", base_url="http://bridge:8080")
    server.set_admin_token("a-token-that-nobody-sees")
    server.save()

    answer = owner.post(add, {"name": "balcão", **waits})

    device = Device.objects.get()
    assert answer.headers["location"] == url(device)
    assert device.bridge_base_url == "http://bridge:8080"


def test_what_a_service_refuses_stands_on_the_form_with_all_that_was_typed(owner: Client) -> None:
    add = "/admin/channels_whatsapp/device/add/"
    server = BridgeServer(name="ponte", base_url="http://bridge:8080", max_devices=1)
    server.set_admin_token("a-token-that-nobody-sees")
    server.save()
    waits = {"quiet_s": "7", "max_wait_s": "61", "max_messages": "19", "freshness_s": "901"}
    owner.post(add, {"name": "balcão", **waits})

    answer = owner.post(add, {"name": "oficina", **waits})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "Nenhuma ponte da plataforma tem lugar" in page
    for name, value in {"name": "oficina", **waits}.items():
        assert answer.context["adminform"].form[name].value() == value
    assert Device.objects.get().name == "balcão"


def test_operators_keep_bridges_and_never_see_their_tokens(operator: Client) -> None:
    page = "/admin/servers/bridgeserver/"
    given = {
        "name": "ponte",
        "base_url": "http://bridge:8080/",
        "max_devices": "3",
        "is_open": "on",
    }
    token = "a-token-that-nobody-sees"
    assert operator.post(f"{page}add/", {**given, "admin_token": token}).status_code == 302

    server = BridgeServer.objects.get()
    assert (server.base_url, server.admin_token()) == ("http://bridge:8080", token)
    for address in (page, f"{page}{server.pk}/change/"):
        assert token not in operator.get(address).content.decode()
    operator.post(f"{page}{server.pk}/change/", {**given, "admin_token": ""})
    assert BridgeServer.objects.get().admin_token() == token
    asked = {"action": "ask_selected", "_selected_action": str(server.pk)}
    assert operator.post(page, asked, follow=True).status_code == 200
