"""The page in a real browser, as a person uses it."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.simulator.conftest import Receiver, Running, wait_until

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # 5 s of its own, which a busy machine may take for a page

PHONE = "5511987650001"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    # One process for all pages of a context: each takes a third of a second to start.
    "--disable-features=SpareRendererForSitePerProcess,IsolateOrigins,site-per-process",
    "--disable-site-isolation-trials",
    "--renderer-process-limit=1",
]
# The names under which distributions install it; without one, playwright's own is taken.
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


def open_page(browser: Browser, simulator: Running, *, width: int) -> tuple[Page, list[str]]:
    """Open the page; the list collects what the browser complains about."""
    page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
    page.set_default_timeout(60_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None,
    )
    page.goto(f"{simulator.base_url}/simulator/")
    page.wait_for_selector('#app[data-ready="true"]')
    return page, complaints


def test_a_burst_is_typed_and_answered_on_a_small_phone(
    browser: Browser, simulator: Running, receiver: Receiver
) -> None:
    page, complaints = open_page(browser, simulator, width=360)
    expect(page.get_by_text("Nenhum número conectado ainda")).to_be_visible()
    simulator.clinic(receiver.url, events=["All"])
    page.get_by_test_id("me").click()
    page.get_by_test_id("contact-name").fill("Maria <b>Souza</b>")
    page.get_by_test_id("contact-phone").fill("+55 11 98765-0001")
    page.get_by_test_id("contact-save").click()
    page.get_by_test_id("chat-clinic-main").click()

    composer = page.get_by_test_id("composer")
    expect(composer).to_be_visible()
    for text in ("oi", "bom dia", "quanto ta a limpeza? <img src=x onerror=alert(1)>"):
        composer.press_sequentially(text)
        composer.press("Enter")

    mine = page.get_by_test_id("bubble-out")
    expect(mine).to_have_count(3)
    expect(mine.last).to_contain_text("<img src=x")
    ticks = mine.last.get_by_test_id("tick")
    expect(ticks).to_have_attribute("data-state", "delivered")
    ids = [row["id"] for row in simulator.look(f"messages?user=t1&contact={PHONE}")]
    texts = [row["text"] for row in simulator.look(f"messages?user=t1&contact={PHONE}")]
    assert texts[:2] == ["oi", "bom dia"]

    simulator.api("POST", "/chat/markread", {"Id": ids, "ChatPhone": PHONE})
    expect(ticks).to_have_attribute("data-state", "read")
    simulator.api("POST", "/chat/presence", {"Phone": PHONE, "State": "composing"})
    expect(page.get_by_test_id("typing")).to_be_visible()
    answer = {"Phone": PHONE, "Body": "A limpeza custa *R$ 220,00*.", "Id": "3EB0A1"}
    simulator.api("POST", "/chat/send/text", answer)
    expect(page.get_by_test_id("bubble-in")).to_contain_text("A limpeza custa R$ 220,00.")
    expect(page.get_by_test_id("typing")).to_have_count(0)
    simulator.api("POST", "/chat/send/text", answer)
    expect(page.get_by_test_id("repeats")).to_have_text("recebida 2 vezes")
    expect(page.get_by_test_id("bubble-in")).to_have_count(1)

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    wanted = {"ChatPresence", "Message", "ReadReceipt"}
    wait_until(
        lambda: wanted <= {row["type"] for row in simulator.look("webhooks")}, "all are posted"
    )
    page.get_by_test_id("back").click()
    expect(page.get_by_test_id("chat-list")).to_contain_text("A limpeza custa")
    assert complaints == []


def test_media_menu_and_faults_work_on_a_desktop(
    browser: Browser, simulator: Running, receiver: Receiver
) -> None:
    simulator.clinic(receiver.url, events=["Message"])
    simulator.sim("contacts", name="Maria", phone=PHONE)
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="segunda", id="AC1")
    page, complaints = open_page(browser, simulator, width=1366)
    page.get_by_test_id("chat-clinic-main").click()
    mine = page.get_by_test_id("bubble-out")

    for kind in ("image", "audio", "location"):
        page.get_by_test_id("attach").click()
        page.get_by_test_id(f"attach-{kind}").click()
        if kind == "location":
            page.get_by_test_id("location-send").click()
        expect(mine).to_have_count({"image": 2, "audio": 3, "location": 4}[kind])
    kinds = [row["kind"] for row in simulator.look(f"messages?user=t1&contact={PHONE}")]
    assert kinds == ["text", "image", "audio", "location"]

    mine.first.click(button="right")
    page.get_by_test_id("menu-edit").click()
    page.get_by_test_id("composer").fill("terça")
    page.get_by_test_id("send").click()
    expect(mine.first).to_contain_text("terça")
    expect(mine.first).to_contain_text("Editada")
    mine.first.click(button="right")
    page.get_by_label("Reagir com 👍").click()
    expect(mine.first.get_by_test_id("reaction")).to_have_text("👍")
    mine.first.click(button="right")
    page.get_by_test_id("menu-delete").click()
    expect(mine.first).to_contain_text("Mensagem apagada")

    page.get_by_test_id("faults-open").click()
    page.get_by_test_id("fault-error").check()
    expect(page.get_by_test_id("notice")).to_contain_text("erro 500")
    refused = simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a"})
    assert refused.status_code == 500
    page.get_by_test_id("device-drop").click()
    expect(page.get_by_test_id("chat-state")).to_have_text(re.compile("sem conexão"))
    page.get_by_test_id("device-resume").click()
    page.get_by_test_id("owner-text").fill("Oi, aqui é a Ana")
    page.get_by_test_id("owner-send").click()
    expect(page.get_by_test_id("bubble-in")).to_contain_text("pelo celular da empresa")
    assert complaints == []
