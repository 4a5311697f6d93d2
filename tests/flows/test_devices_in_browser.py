"""An owner makes a device, pairs it, loses it, pairs it again and removes it, in a real browser."""

from __future__ import annotations

import sys

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from config.processes import Program, wait_for
from tests.flows.conftest import log_in
from tests.stack import Stack, free_port

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

NUMBER, OTHER = "5511911112222", "5511933334444"
PATIENCE_MS = 90_000
ROWS = """
    select count(*) from t_oficina.channels_whatsapp_device d
    join public.tenants_inboundroute r on r.device_ref = d.uuid where d.name = 'principal'
"""


@pytest.fixture(scope="module")
def bridge_url(stack: Stack) -> str:
    """The platform's bridge: a simulator of its own, on which codes have to be scanned."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "channels_whatsapp.simulator", "--port", str(port)]
    command += ["--admin-token", "admin", "--no-auto-pair", "--no-seed"]
    stack.keep(Program("bridge", command))
    assert wait_for(f"{url}/health", timeout_s=30)
    stack.rows("update public.servers_bridgeserver set base_url = %s", url)
    user = {"username": "ana", "email": "a@a.example", "role": "owner", "password": "prosa-demo"}
    stack.apply_blueprint(
        {
            "blueprint": 1,
            "tenant": {"slug": "oficina", "name": "Oficina", "domains": ["oficina.localhost"]},
            "users": [user],
            "agents": [{"name": "Recepção", "kind": "general", "instructions": "Seja breve."}],
        },
        {},
    )
    return url


@pytest.fixture(scope="module")
def page(stack: Stack, context: BrowserContext, bridge_url: str) -> Page:
    page = context.new_page()
    log_in(page, stack, "oficina", username="ana", password="prosa-demo")
    return page


def users(bridge_url: str, device: str) -> list[dict[str, str]]:
    """Return what the bridge knows of a device."""
    found = httpx2.get(f"{bridge_url}/sim/users").json()["users"]
    return [user for user in found if user["name"].endswith(f"({device})")]


def act(bridge_url: str, device: str, action: str, **body: str) -> None:
    """Let something happen on the phone."""
    (user,) = users(bridge_url, device)
    url = f"{bridge_url}/sim/users/{user['id']}/{action}"
    assert httpx2.post(url, json=body).status_code == 200


def expect_state(page: Page, state: str) -> None:
    link = page.get_by_test_id("link-state")
    expect(link).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


def test_the_life_of_a_device(stack: Stack, page: Page, bridge_url: str) -> None:
    admin = f"http://oficina.localhost:{stack.port}/admin/channels_whatsapp/device"
    page.goto(f"{admin}/add/")
    page.fill("input[name=name]", "principal")
    page.locator("button[name=_save], input[name=_save]").first.click()
    page.wait_for_url("**/pairing/")

    page.get_by_test_id("start-qr").click()
    expect(page.get_by_test_id("qr")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("[data-left]")).to_contain_text(" s", timeout=PATIENCE_MS)
    act(bridge_url, "principal", "scan", phone=NUMBER)
    expect_state(page, "connected")
    passed = page.get_by_test_id("test")
    expect(passed).to_have_attribute("data-result", "passed", timeout=PATIENCE_MS)
    expect(page.get_by_text(f"+{NUMBER}")).to_be_visible()

    act(bridge_url, "principal", "logout-from-phone")
    expect_state(page, "logged_out")
    page.get_by_test_id("start-qr").click()
    expect(page.get_by_test_id("qr")).to_be_visible(timeout=PATIENCE_MS)
    act(bridge_url, "principal", "scan", phone=OTHER)
    expect_state(page, "connected")
    expect(page.get_by_text(f"+{OTHER}")).to_be_visible(timeout=PATIENCE_MS)

    # By a code that is typed, on a link that still works.
    page.get_by_test_id("pair-again").click()
    page.get_by_test_id("pair-again-sure").click()
    expect(page.get_by_test_id("qr")).to_be_visible(timeout=PATIENCE_MS)
    act(bridge_url, "principal", "scan", phone=OTHER)
    expect_state(page, "connected")
    assert stack.rows(ROWS) == [(1,)]

    page.get_by_test_id("remove").click()
    page.get_by_test_id("remove-sure").click()
    page.wait_for_url("**/channels_whatsapp/device/", timeout=PATIENCE_MS)
    assert users(bridge_url, "principal") == []
    assert stack.rows(ROWS) == [(0,)]


def test_what_the_bridge_lost_is_brought_in_by_the_running_product(
    stack: Stack, page: Page, bridge_url: str
) -> None:
    admin = f"http://oficina.localhost:{stack.port}/admin/channels_whatsapp/device"
    page.goto(f"{admin}/add/")
    page.fill("input[name=name]", "balcão")
    page.locator("button[name=_save], input[name=_save]").first.click()
    page.wait_for_url("**/pairing/")
    page.fill("input[name=phone]", "+55 11 91111-2222")
    page.get_by_test_id("start-code").click()
    expect(page.get_by_test_id("pairing-code")).to_be_visible(timeout=PATIENCE_MS)
    act(bridge_url, "balcão", "scan", phone=NUMBER)
    expect_state(page, "connected")
    (user,) = users(bridge_url, "balcão")
    lost = {"lose_rate": 1}
    assert httpx2.post(f"{bridge_url}/sim/faults", json=lost).status_code == 200
    for number in range(5):
        sent = {"user": user["id"], "contact": f"551198000000{number}", "text": "alguém aí?"}
        assert httpx2.post(f"{bridge_url}/sim/contact-sends", json=sent).status_code == 200
    httpx2.delete(f"{bridge_url}/sim/faults")

    # The link comes back, or five minutes pass: either makes the comparison due.
    act(bridge_url, "balcão", "drop")
    act(bridge_url, "balcão", "resume")

    stored = "select count(*) from t_oficina.conversations_inboundmessage"
    for _ in range(300):
        if stack.rows(stored) == [(5,)]:
            break
        page.wait_for_timeout(100)
    assert stack.rows(stored) == [(5,)]
