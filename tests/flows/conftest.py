"""One installation with a simulator, and one browser, for all the stories that kill nothing.

Starting them is what costs; each story has tenants and phones of its own.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from config.processes import Program, wait_for
from tests.simulator.test_page import ARGUMENTS, CHROMIUMS
from tests.stack import Stack, free_port

PHONE: ViewportSize = {"width": 390, "height": 844}

expect.set_options(timeout=60_000)  # 5 s of its own, which a busy machine may take for a page


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    port = free_port()
    simulator_url = f"http://127.0.0.1:{port}"
    with Stack(env={"SIMULATOR_URL": simulator_url}) as stack:
        command = [sys.executable, "-m", "channels_whatsapp.simulator", "--port", str(port)]
        command += ["--admin-token", "admin", "--auto-pair", "--time-scale", "0.1"]
        stack.keep(Program("simulator", command))
        stack.start("web", "dispatcher", "knowledge", "worker1")
        assert wait_for(f"{simulator_url}/health", timeout_s=90)
        yield stack


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with each file: while it is open, the tests' process may not use the database."""
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        chromium = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> BrowserContext:
    """One for all pages of a file, which share a process and what they are made of."""
    return browser.new_context(viewport={"width": 1366, "height": 900})


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Closed with each test: one that is open goes on listening for news."""
    page = context.new_page()
    yield page
    page.close()


def log_in(page: Page, stack: Stack, slug: str, *, username: str, password: str) -> str:
    """Open a business's panel; return its address, without a slash.

    Who has logged in on another page of the file stays logged in.
    """
    panel = f"http://{slug}.localhost:{stack.port}/admin"
    page.goto(f"{panel}/login/")
    if page.locator("input[name=username]").is_visible():
        page.fill("input[name=username]", username)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
    page.wait_for_url(f"{panel}/")
    return panel
