"""Several bridges: devices are spread over them, and the admin token stays with the platform's."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from channels_whatsapp.sender import WhatsAppAccount, WhatsAppSender
from channels_whatsapp.servers.models import BridgeServer
from channels_whatsapp.services import editing, provisioning, servers
from integrations import http
from integrations.egress import Egress
from tenants.models import InboundRoute
from tests.admin import conftest as admin
from tests.channels_whatsapp.conftest import make_server
from tests.factories import make_agent, make_device
from tests.fakes.http import Answer, ScriptedServer, json_answer
from tests.simulator.conftest import ADMIN_TOKEN, Running
from tests.workers import at_once

owner = admin.owner


def add_device(name: str, **values: Any) -> Device:
    given: dict[str, Any] = {
        "entry_agent": None,
        "quiet_s": 5,
        "max_wait_s": 60,
        "max_messages": 20,
        "freshness_s": 900,
        "is_enabled": True,
        "bridge_base_url": "",
        **values,
    }
    edit = editing.DeviceEdit(name=name, **given)
    return editing.save_device(edit=edit, actor="ana", now=timezone.now())


def test_devices_of_all_tenants_go_where_there_is_most_room(alpha: object, beta: object) -> None:
    make_server("http://one:8080", name="one", max_devices=3)
    make_server("http://two:8080", name="two", max_devices=2)
    make_server("http://shut:8080", name="shut")
    BridgeServer.objects.filter(name="shut").update(is_open=False)
    where = [add_device("a").bridge_base_url, add_device("b").bridge_base_url]
    with tenant_context(beta):
        where += [add_device(name).bridge_base_url for name in ("a", "b", "c")]
        with pytest.raises(servers.NoRoom):
            add_device("d")

    assert sorted(where) == ["http://one:8080"] * 3 + ["http://two:8080"] * 2
    tokens = {device.bridge_token() for device in Device.objects.all()}
    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


def test_a_token_that_is_typed_does_not_count_on_a_bridge_of_the_platform(alpha: object) -> None:
    make_server("http://one:8080")

    made = add_device("loja", bridge_token="of-somebody-else")
    token = made.bridge_token()
    kept = add_device("loja", bridge_token="of-somebody-else", bridge_base_url="http://one:8080")
    own = add_device("casa", bridge_token="my-own", bridge_base_url="http://mine:8080")

    assert made.bridge_base_url == "http://one:8080"
    assert len(token) >= 32
    assert (kept.pk, kept.bridge_token()) == (made.pk, token)
    assert own.bridge_token() == "my-own"


def test_the_last_place_is_given_once(committed_alpha: object) -> None:
    with transaction.atomic():
        make_server("http://one:8080", max_devices=1)
    found = at_once(*[partial(add_device, f"aparelho {number}") for number in range(3)])

    assert sorted(type(one).__name__ for one in found) == ["Device", "NoRoom", "NoRoom"]
    assert InboundRoute.objects.count() == 1


def test_the_admin_token_goes_to_the_platforms_bridges_only(
    alpha: object, bridge: Running, settings: Any
) -> None:
    settings.BRIDGE_ADMIN_TOKEN = ADMIN_TOKEN
    device = add_device(
        "própria", bridge_base_url=bridge.base_url, bridge_token=secrets.token_hex(9)
    )

    refused = provisioning.provision_device(device_id=device.pk, now=timezone.now())
    assert refused.problem == "the bridge does not know this device's token"
    assert bridge.admin("GET", "/admin/users").json()["data"] == []

    servers.ensure_server(base_url=bridge.base_url)  # what the operator's own settings name
    assert servers.admin_token(bridge.base_url + "/") == ADMIN_TOKEN
    taken = provisioning.provision_device(device_id=device.pk, now=timezone.now())
    assert taken.problem == ""


@pytest.mark.parametrize("is_on_platform", [True, False])
def test_a_copy_at_a_private_address_is_fetched_for_the_platforms_bridges_only(
    alpha: object, settings: Any, is_on_platform: bool
) -> None:
    settings.EGRESS_ALLOWED_PRIVATE = ["127.0.0.1"]
    download = json_answer({"code": 200, "data": {"Data": "data:a/b;base64,YnJpZGdl"}})
    with ScriptedServer() as ponte, ScriptedServer() as inside:
        if is_on_platform:
            make_server(ponte.url)
        device = make_device(make_agent(), bridge_url=ponte.url)
        account = WhatsAppSender().open_account(device.uuid)
        assert isinstance(account, WhatsAppAccount)
        inside.script(Answer())
        http.request(
            "GET", inside.url, egress=Egress.PLATFORM
        )  # it is kept, and may be taken again
        if is_on_platform:
            inside.script(Answer(body=b"kept"))
        else:
            ponte.script(download, path="/chat/downloadimage")
        source = {"url": f"{inside.url}/secret", "route": "image", "message": {}}

        found = account.fetch_file(source=source)

        assert found == (b"kept" if is_on_platform else b"bridge")
        assert len(inside.received) == (2 if is_on_platform else 1)


@pytest.mark.parametrize(
    "typed",
    ["http://ponte.example:8080", "http://PONTE.example.:8080/", "http://ponte.example:8080/x/.."],
)
def test_a_tenant_takes_no_place_of_the_platform_by_typing_its_address(
    owner: Client, typed: str
) -> None:
    make_server("http://ponte.example:8080", max_devices=0)
    with pytest.raises(servers.PlatformBridge):
        add_device("balcão", bridge_base_url=typed)
    page = "/admin/channels_whatsapp/device/"
    waits = {"quiet_s": "5", "max_wait_s": "60", "max_messages": "20", "freshness_s": "900"}
    given = {"name": "balcão", "bridge_base_url": typed, "bridge_token": "t" * 24, **waits}

    with override("pt-br"):
        html = owner.post(f"{page}add/", given).content.decode()
        assert str(servers.PlatformBridge()) in html

    assert not Device.objects.exists()
    # What is there already keeps its place, and another port is another bridge.
    there = make_device(make_agent(), name="antigo", bridge_url="http://ponte.example:8080")
    add_device("antigo", bridge_base_url=there.bridge_base_url, quiet_s=6)
    add_device("própria", bridge_base_url="http://ponte.example:8081", bridge_token="t" * 24)


def test_a_server_is_made_once_and_keeps_its_name(alpha: object, settings: Any) -> None:
    settings.BRIDGE_ADMIN_TOKEN = ""
    servers.ensure_server(base_url="http://one:8080")
    assert not BridgeServer.objects.exists()
    settings.BRIDGE_ADMIN_TOKEN = "admin"
    for address in ("http://one:8080/", "http://one:8080", "http://two:8080"):
        servers.ensure_server(base_url=address, name="ponte")

    assert sorted(BridgeServer.objects.values_list("name", "base_url")) == [
        ("ponte", "http://one:8080"),
        ("ponte 2", "http://two:8080"),
    ]
    assert "admin" not in BridgeServer.objects.first().admin_token_encrypted  # type: ignore[union-attr]


def test_the_platform_asks_a_server_how_it_is(alpha: object, bridge: Running) -> None:
    health, problem = servers.ask(make_server(bridge.base_url))
    assert problem == ""
    assert health is not None
    assert health.version == "1.0.7"
    assert servers.ask(make_server("http://127.0.0.1:9", name="away"))[0] is None
