"""A visitor of a site writes a burst on its page and reads one answer: the whole product again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.factories import FAQ
from tests.flows.conftest import PHONE
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

SOON_MS = 40_000
HOSTILE = '<img src=x onerror="window.bad=1"> *ola* https://ok.example/"onclick="window.bad=1'


class Site(ThreadingHTTPServer):
    """The business's own site, elsewhere: each of its pages bears the line, and a strict policy."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.snippet = ""
        self.allows = ""

    def url(self, name: str) -> str:
        return f"http://{name}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        page = "<!doctype html><title>Loja</title><style>* { color: red }</style><h1>Loja</h1>"
        body = (page + self.server.snippet).encode()
        policy = (
            f"default-src 'none'; style-src 'unsafe-inline'; script-src {self.server.allows};"
            f" connect-src {self.server.allows}"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Security-Policy", policy)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()


def write(page: Page, *texts: str) -> None:
    for text in texts:
        page.locator("textarea").fill(text)
        page.keyboard.press("Enter")


def test_a_burst_on_another_sites_page_gets_one_answer_that_a_reload_keeps(
    stack: Stack, browser: Browser, site: Site
) -> None:
    printed = stack.apply_blueprint(
        {
            "blueprint": 1,
            "tenant": {"slug": "vitrine", "name": "Vitrine", "domains": ["vitrine.localhost"]},
            "llm": {
                "credentials": [{"name": "nenhuma", "provider": "offline"}],
                "chat": {"credential": "nenhuma", "model": ""},
            },
            "knowledge": {"categories": [{"name": "geral", "documents": ["faq.md"]}]},
            "agents": [
                {
                    "name": "Recepção",
                    "kind": "general",
                    "instructions": "Seja breve.",
                    "categories": ["geral"],
                }
            ],
            "web_chats": [
                {
                    "name": "Site",
                    "title": "Fale com a Vitrine",
                    "entry_agent": "Recepção",
                    "allowed_origins": [site.url("localhost")],
                    "quiet_s": 3,  # longer than a busy machine takes for three messages
                }
            ],
        },
        {"faq.md": FAQ.decode()},
    )
    site.snippet = printed["web_chats"][0]["snippet"]
    site.allows = f"http://vitrine.localhost:{stack.port}"
    page = browser.new_context(viewport=PHONE).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(site.url("localhost"))
    page.locator(".launcher").click()
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0

    other = page.context.new_page()  # open before there is a thread
    other.goto(site.url("localhost"))
    page.bring_to_front()

    write(page, "oi", HOSTILE, "Qual o preço da limpeza?")
    answers = page.locator("li.assistant")
    expect(answers.first).to_contain_text("220,00", timeout=SOON_MS)
    expect(page.locator("li.visitor.sent")).to_have_count(3)
    turns = "select count(*) from t_vitrine.conversations_turn"
    assert stack.rows(turns) == [(1,)]
    assert HOSTILE.replace("*ola*", "ola") in page.locator("li.visitor").nth(1).inner_text()
    assert page.evaluate("window.bad") is None
    n_answers = answers.count()
    other.locator(".launcher").click()
    expect(other.locator("li.visitor")).to_have_count(3, timeout=SOON_MS)
    other.close()

    page.reload()  # it was open, and is again
    expect(page.locator("li.visitor")).to_have_count(3, timeout=SOON_MS)
    expect(answers).to_have_count(n_answers)
    write(page, "Vocês têm estacionamento?")
    expect(answers.last).to_contain_text("gratuito", timeout=SOON_MS)
    # Who starts anew does so in every tab: what is written stays one thread.
    second = page.context.new_page()
    second.goto(site.url("localhost"))
    second.locator(".launcher").click()
    expect(second.locator("li.visitor")).to_have_count(4, timeout=SOON_MS)
    page.bring_to_front()
    for _ in range(2):
        page.locator(".anew").click()
    expect(page.locator("li")).to_have_count(0)
    expect(second.locator("li")).to_have_count(0)
    write(page, "oi de novo")
    expect(page.locator("li.visitor.sent")).to_have_count(1, timeout=SOON_MS)
    second.bring_to_front()
    write(second, "e daqui também")
    expect(second.locator("li.visitor.sent")).to_have_count(2, timeout=SOON_MS)
    page.bring_to_front()
    expect(page.locator("li.visitor.sent")).to_have_count(2, timeout=SOON_MS)
    second.close()
    page.keyboard.press("Escape")
    expect(page.locator("section")).to_be_hidden()
    assert said == []
    assert page.context.cookies() == []

    # The same page under a name that nobody has allowed: nothing but a line for who looks for it.
    with page.expect_console_message() as refused:
        page.goto(site.url("127.0.0.1"))
    assert "not for pages of" in refused.value.text
    expect(page.locator(".launcher")).to_have_count(0)
