"""Real processes are killed at every named place, and their servers restarted: nothing is lost,
nothing is answered twice.

One installation serves the whole file, because its start is the expensive part; each test writes
from phones of its own. A burst is one greeting here, so that the number of replies is exactly known
(`bench/chaos.py` does the same to long bursts and a model); what dies is what matters.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import redis

from config import embedded
from tenants.dispatching import TICK_S
from tenants.failpoints import EXIT_CODE, NAMES
from tests.fakes.bridge import FakeBridge, post_webhook, text_webhook
from tests.fakes.http import wait_until
from tests.stack import Stack, blueprint

pytestmark = pytest.mark.timeout(300)

KEY, TOKEN = "test-only-hmac-key-0123456789abcdefgh", "token-of-the-device"
QUIET_S = 0.3
SOON_S = 90
"""How long an answer is waited for after a death: a lease takes eight, on an idle machine."""

# From 1: 0 is the number of the paired phone itself.
PHONES = {name: f"55119000000{number:02d}" for number, name in enumerate(NAMES, start=1)}


@dataclass
class Site:
    """The installation and what surrounds it."""

    stack: Stack
    bridge: FakeBridge
    url: str
    written: list[str] = field(default_factory=list)
    """The phones that wrote, in order."""

    def write(self, phone: str, *, ref: str) -> None:
        """Let a contact write; like a bridge, insist until the webhook is acknowledged."""
        body = text_webhook(phone=phone, ref=ref, text="bom dia", at=time.time(), token=TOKEN)
        self.written.append(phone)
        wait_until(lambda: post_webhook(self.url, body, key=KEY) == 200, seconds=SOON_S)

    def wait_for_replies(self, *phones: str) -> None:
        """Wait until every phone has a reply and no work is left that could send another."""
        wait_until(lambda: all(map(self.bridge.sent_to, phones)), seconds=SOON_S)
        left = "select 1 from tenants_timer where kind in ('turn', 'send')"
        wait_until(lambda: not self.stack.rows(left), seconds=SOON_S)

    def refs_to(self, phone: str) -> set[str]:
        """Return the message ids under which something was sent to a phone."""
        return {one.ref for one in self.bridge.sent_to(phone)}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with FakeBridge() as bridge, Stack() as stack:
        tenant = blueprint(
            slug="kill", bridge_url=bridge.url, token=TOKEN, hmac_key=KEY, quiet_s=QUIET_S
        )
        applied = stack.apply_blueprint(tenant, {})
        yield Site(stack, bridge, applied["devices"][0]["webhook_url"])


@pytest.fixture(scope="module")
def deaths(site: Site) -> dict[str, int]:
    """Let a worker die at each place in the middle of real work, then a healthy one take over.

    All are started together, because starting is what takes long. Whichever gets a contact's
    message, turn or reply first dies of it; what it leaves behind kills the next. Returns the exit
    codes of those that died.
    """
    doomed = site.stack.start_doomed("worker1", failpoints=NAMES)
    try:
        site.stack.start("dispatcher", "web")
        wait_until(lambda: n_listening(site.stack) == len(NAMES), seconds=120)
        for name in NAMES:
            site.write(PHONES[name], ref=f"KILL-{name}")
            time.sleep(2 * TICK_S)  # else one doorbell would announce all
        until = time.monotonic() + SOON_S
        while time.monotonic() < until and len(doomed.ended()) < len(NAMES):
            # Some are served all that there is without passing the place of their death.
            site.write(phone := f"551190001{len(site.written):04d}", ref=f"KILL-{phone}")
            time.sleep(5 * TICK_S)
        return doomed.ended()
    finally:
        doomed.kill()
        site.stack.start("worker1")
        site.wait_for_replies(*site.written)


def n_listening(stack: Stack) -> int:
    """Return how many workers wait at the broker for something to do."""
    with redis.Redis.from_url(stack.servers.redis_url) as broker:
        return sum(client["cmd"] == "brpop" for client in broker.client_list())


@pytest.mark.parametrize("name", NAMES)
def test_a_worker_that_dies_loses_nothing_and_repeats_nothing(
    name: str, site: Site, deaths: dict[str, int]
) -> None:
    assert deaths.get(name) == EXIT_CODE
    assert len(site.refs_to(PHONES[name])) == 1


def test_every_message_was_answered_by_one_turn(site: Site, deaths: dict[str, int]) -> None:
    messages = site.stack.rows(
        "select m.provider_ref, count(t.id), count(distinct o.provider_ref)"
        " from t_kill.conversations_inboundmessage m"
        " left join t_kill.conversations_turn t on t.id = m.turn_id and t.status = 'done'"
        " left join t_kill.conversations_outboundmessage o on o.turn_id = t.id"
        " where m.provider_ref like 'KILL-%%' group by 1"
    )

    assert len(messages) >= len(NAMES)
    assert [message for message in messages if message[1:] != (1, 1)] == []
    assert [phone for phone in site.written if len(site.refs_to(phone)) != 1] == []
    assert site.stack.rows("select 1 from tenants_inboxentry where parked_reason <> ''") == []


def test_a_flushed_broker_loses_no_message(site: Site, deaths: dict[str, int]) -> None:
    phones = [f"55119100000{number:02d}" for number in range(10)]
    broker = redis.Redis.from_url(site.stack.servers.redis_url)

    for phone in phones:
        site.write(phone, ref=f"FLUSH-{phone}")
        broker.flushall()
    time.sleep(QUIET_S)
    for _ in range(20):  # while the turns are rung
        broker.flushall()
        time.sleep(0.02)
    broker.close()
    site.wait_for_replies(*phones)

    assert [len(site.refs_to(phone)) for phone in phones] == [1] * len(phones)


@pytest.mark.parametrize("server", ["valkey", "postgres"])
def test_a_server_that_is_killed_and_restarted_loses_no_message(
    server: str, site: Site, deaths: dict[str, int]
) -> None:
    phones = [f"55119{len(server)}00000{number:02d}" for number in range(10)]
    running = embedded.status(site.stack.data_dir)
    pid = running.valkey_pid if server == "valkey" else running.postgres_pid
    assert pid is not None

    for phone in phones[:5]:
        site.write(phone, ref=f"{server}-{phone}")
    time.sleep(QUIET_S)  # turns are being rung, answered and sent
    os.kill(pid, signal.SIGKILL)
    embedded.start(site.stack.data_dir)
    for phone in phones[5:]:
        site.write(phone, ref=f"{server}-{phone}")
    site.wait_for_replies(*phones)

    assert [len(site.refs_to(phone)) for phone in phones] == [1] * len(phones)
