"""What asks for the login before a form is sent sends it in the end, and once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route

pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

SCRIPT = Path("templates/static/prosa/session.js").read_text()
PAGE = f"""
<div data-session-url="/session" hidden></div>
<main>
  <form method="post" action="/sent"><button name="what" value="this">Send</button></form>
</main>
<script>{SCRIPT}</script>
"""
HOST = "http://panel.example"
CLICK = "document.querySelector('button').click()"


@pytest.fixture
def held(page: Page) -> dict[str, list[Route]]:
    """What the page asks for, by method; whether the login lasts is not answered."""
    asked: dict[str, list[Route]] = {"HEAD": [], "POST": []}

    def take(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(body=PAGE, content_type="text/html")
            return
        asked[route.request.method].append(route)
        if route.request.method == "POST":
            route.fulfill(status=204)  # the page stays, as where a file is taken away

    page.route("**/*", take)
    page.goto(HOST)
    return asked


def of(method: str) -> Callable[[Request], bool]:
    return lambda request: request.method == method


def first(page: Page, held: list[Route]) -> Route:
    """Return what was asked for first, once it was."""
    while not held:
        page.evaluate("new Promise(requestAnimationFrame)")  # meanwhile what was asked is taken
    return held[0]


def test_a_form_that_was_made_anew_meanwhile_is_sent(
    page: Page, held: dict[str, list[Route]]
) -> None:
    page.evaluate(CLICK)
    asked = first(page, held["HEAD"])
    page.evaluate("document.querySelector('main').innerHTML += ''")

    with page.expect_request(of("POST"), timeout=10_000) as sent:
        asked.fulfill()

    assert sent.value.post_data == "what=this"


def test_a_click_while_it_is_being_sent_sends_nothing(
    page: Page, held: dict[str, list[Route]]
) -> None:
    again = f"setTimeout(() => {{ {CLICK}; window.isClicked = true; }})"
    page.evaluate(f"addEventListener('submit', (one) => one.defaultPrevented || {again})")
    page.evaluate(CLICK)
    asked = first(page, held["HEAD"])

    with page.expect_request(of("POST"), timeout=10_000):
        asked.fulfill()
    page.wait_for_function("window.isClicked")

    assert (len(held["HEAD"]), len(held["POST"])) == (1, 1)


def test_a_server_that_hangs_is_left_to_the_browser(
    page: Page, held: dict[str, list[Route]]
) -> None:
    page.evaluate(CLICK)

    with page.expect_request(of("POST"), timeout=15_000):
        first(page, held["HEAD"])


@pytest.mark.parametrize(
    "there_is_none", ["HTMLFormElement.prototype.requestSubmit", "AbortSignal.timeout"]
)
def test_a_browser_that_cannot_ask_sends_as_ever(
    page: Page, held: dict[str, list[Route]], there_is_none: str
) -> None:
    page.add_init_script(f"delete {there_is_none}")
    page.reload()

    with page.expect_request(of("POST"), timeout=10_000):
        page.evaluate(CLICK)

    assert not held["HEAD"]
