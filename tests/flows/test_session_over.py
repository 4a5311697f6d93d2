"""The login is over while somebody writes: nothing that was typed is lost, and it is said why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.flows.conftest import PHONE, log_in
from tests.flows.test_knowledge import PRICES, drop, empty
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(280)]

OVER = "Sua sessão terminou. Entre em outra aba"


def look(page: Page, name: str) -> None:
    """Keep pictures of the page, where a folder for them is named."""
    if folder := os.environ.get("SCREENSHOTS"):
        for size in ({"width": 1366, "height": 900}, PHONE):
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.screenshot(path=Path(folder) / f"{name}-{size['width']}.png", full_page=True)


def test_what_was_typed_waits_for_a_login_in_another_tab(
    stack: Stack, context: BrowserContext, page: Page
) -> None:
    stack.apply_blueprint(empty("porto", "Porto Azul", stack.env["SIMULATOR_URL"]), {})
    panel = log_in(page, stack, "porto", username="ana", password="prosa-demo")
    documents = context.new_page()
    documents.goto(f"{panel}/knowledge/document/")
    tool = context.new_page()
    tool.goto(f"{panel}/integrations/httptool/add/")
    tool.fill("[name=name]", "agenda")
    page.goto(f"{panel}/knowledge/document/faqs/add/")
    page.fill("[name=question]", "Vocês abrem aos sábados?")
    page.fill("[name=answer]", "Sim, das 8h às 12h.")
    page.select_option("[name=category]", label="geral")
    context.clear_cookies(name="sessionid")

    page.get_by_role("button", name="Salvar").click()
    drop(documents, {"precos.csv": PRICES.encode()})
    tool.get_by_role("button", name="Salvar", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text(OVER)
    expect(page.locator("[name=answer]")).to_have_value("Sim, das 8h às 12h.")
    expect(documents.locator("#pz-received > li")).to_contain_text(OVER)
    expect(tool.get_by_role("alert")).to_contain_text(OVER)
    expect(tool.locator("[name=name]")).to_have_value("agenda")
    look(page, "faq")
    look(tool, "tool")
    look(documents, "documents")

    with context.expect_page() as opened:
        page.get_by_role("alert").get_by_role("link").click()
    opened.value.close()
    other = context.new_page()
    log_in(other, stack, "porto", username="ana", password="prosa-demo")
    page.get_by_role("button", name="Salvar").click()
    drop(documents, {"precos.csv": PRICES.encode()})
    tool.get_by_role("button", name="Salvar", exact=True).click()

    page.wait_for_url(f"{panel}/knowledge/document/faqs/")
    expect(page.locator(".pz-faq")).to_contain_text("Vocês abrem aos sábados?")
    expect(documents.locator("#pz-received > li").nth(1)).to_have_attribute("data-id", "1")
    expect(tool.locator(".errornote, .errorlist").first).to_be_visible()  # it arrived
    expect(tool.locator("[name=name]")).to_have_value("agenda")
    for one in (tool, other, documents):
        one.close()
