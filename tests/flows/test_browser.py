"""A person types a burst on the simulated phone and reads one answer: the whole product."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from config.processes import BASE_DIR
from tests.flows.conftest import PHONE, log_in
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PRICES = (BASE_DIR / "examples" / "clinica" / "docs" / "tabela_precos_2026.csv").read_text()
SHOP = (BASE_DIR / "examples" / "loja" / "docs" / "trocas_devolucoes.md").read_text()


def blueprint(slug: str, name: str, document: str, bridge_url: str) -> dict[str, Any]:
    return {
        "blueprint": 1,
        "tenant": {"slug": slug, "name": name, "domains": [f"{slug}.localhost"]},
        "users": [
            {"username": "ana", "email": "a@a.example", "role": "owner", "password": "prosa-demo"}
        ],
        "llm": {
            "credentials": [{"name": "offline", "provider": "offline", "api_key": "none"}],
            "chat": {"credential": "offline", "model": ""},
        },
        "knowledge": {"categories": [{"name": "geral", "documents": [document]}]},
        "agents": [
            {
                "name": "Recepção",
                "kind": "general",
                "instructions": "Seja breve.",
                "categories": ["geral"],
            }
        ],
        "devices": [
            {
                "name": "principal",
                "entry_agent": "Recepção",
                "quiet_s": 2,
                "bridge": {
                    "kind": "wuzapi",
                    "base_url": bridge_url,
                    "token": f"demo-{slug}",
                    "hmac_key": "an-hmac-key-of-32-characters-or-more",
                },
            }
        ],
    }


@pytest.fixture(scope="module")
def page(stack: Stack, context: BrowserContext) -> Page:
    simulator_url = stack.env["SIMULATOR_URL"]
    stack.apply_blueprint(
        blueprint("clinica", "Clínica Sorriso", "precos.csv", simulator_url),
        {"precos.csv": PRICES},
    )
    stack.apply_blueprint(
        blueprint("loja", "Maré Alta", "trocas.md", simulator_url), {"trocas.md": SHOP}
    )
    page = context.new_page()
    page.set_viewport_size(PHONE)
    return page


def write(page: Page, stack: Stack, number: str, phone: str, *texts: str) -> None:
    person = {"name": f"Contato {phone}", "phone": phone}
    httpx2.post(f"{stack.env['SIMULATOR_URL']}/sim/contacts", json=person)
    page.goto(f"{stack.base_url}/simulator/?numero={number}&contato={phone}")
    page.wait_for_selector('#app[data-ready="true"]')
    composer = page.get_by_test_id("composer")
    expect(composer).to_be_visible()
    for text in texts:
        composer.press_sequentially(text)
        composer.press("Enter")


def test_a_burst_gets_one_answer_with_its_source(stack: Stack, page: Page) -> None:
    phone = "5511987650009"
    write(page, stack, "demo-clinica", phone, "oi", "bom dia", "quanto ta a limpeza?")

    answer = page.get_by_test_id("bubble-in")
    expect(answer.first).to_be_visible(timeout=90_000)
    expect(answer.first).to_contain_text("R$ 220,00")
    expect(answer.first).to_contain_text("precos.csv")
    page.wait_for_timeout(4_000)  # a second answer would come within the next quiet window
    expect(answer).to_have_count(1)
    sends = httpx2.get(f"{stack.env['SIMULATOR_URL']}/sim/sends?user=demo-clinica").json()
    assert len([one for one in sends["sends"] if one["phone"] == phone]) == 1


def test_the_shop_knows_no_price_of_the_clinic(stack: Stack, page: Page) -> None:
    write(page, stack, "demo-loja", "5511987650002", "quanto ta a limpeza?")

    answer = page.get_by_test_id("bubble-in")
    expect(answer.first).to_be_visible(timeout=90_000)
    expect(answer.first).not_to_contain_text("220")


def test_a_contact_that_nobody_knows_shows_nobody_elses_chat(stack: Stack, page: Page) -> None:
    write(page, stack, "demo-loja", "5511987650020", "oi")
    page.goto(f"{stack.base_url}/simulator/?numero=demo-loja&contato=5511999990000")
    page.wait_for_selector('#app[data-ready="true"]')

    expect(page.get_by_test_id("stranger")).to_contain_text("5511999990000")
    expect(page.get_by_test_id("bubble-out")).to_have_count(0)
    page.get_by_role("button", name="Escolher uma pessoa").click()
    page.get_by_role("dialog").get_by_text("Contato 5511987650020").first.click()
    expect(page.get_by_test_id("stranger")).to_be_hidden()


def test_the_owner_reads_why_it_was_answered_so(stack: Stack, page: Page) -> None:
    write(page, stack, "demo-clinica", "5511987650003", "quanto ta a limpeza?")
    expect(page.get_by_test_id("bubble-in").first).to_be_visible(timeout=90_000)
    panel = log_in(page, stack, "clinica", username="ana", password="prosa-demo")
    page.goto(f"{panel}/conversations/conversation/")
    page.locator("#result_list tbody tr a").first.click()

    expect(page.get_by_text("quanto ta a limpeza?").first).to_be_visible()
    expect(page.get_by_text("R$ 220,00").first).to_be_visible()
