"""Hostile addresses through every door by which one comes in, judged at the socket."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx2
import pytest

from channels_chatwoot.client import Chatwoot
from channels_whatsapp.bridge.client import Bridge
from channels_whatsapp.models import Device
from channels_whatsapp.sender import WhatsAppSender
from channels_whatsapp.services import devices
from integrations import http, mcp
from integrations.egress import is_public
from integrations.llm import factory, transcription
from integrations.llm.types import ChatConfig, ChatMessage, ChatRequest, EmbedConfig, Sound
from integrations.models import Delivery, DeliveryAttempt, WebhookEndpoint
from integrations.services import http_tools, probing
from integrations.services.tool_requests import Definition
from knowledge.web_pages import CannotRead, Site
from tenants.errors import Permanent, Temporary
from tests.factories import make_device
from tests.fakes.http import Answer, Received, ScriptedServer
from tests.integrations.events import deliver, happen, make_endpoint, pass_time

ROOT = Path(__file__).parents[2]
MOST_TRIES = 8
"""Connections that one address may cost: a page has its rules and up to five redirects."""


@dataclass(frozen=True)
class Line:
    """One address, as `tests/fixtures/ssrf_open.jsonl` has it."""

    id: str
    url: str
    must: str = "block"
    fake_dns: Mapping[str, Any] = field(default_factory=dict)
    fake_server: Mapping[str, Any] = field(default_factory=dict)


def file_lines() -> list[Line]:
    text = (ROOT / "tests/fixtures/ssrf_open.jsonl").read_text()
    rows = [json.loads(one) for one in text.splitlines()]
    return [
        Line(**{name: row[name] for name in Line.__dataclass_fields__ if name in row})
        for row in rows
    ]


PUBLIC = "93.184.216.34"
OF_OUR_OWN = [
    *(
        Line(url, url)
        for url in (
            "http://0/",
            "http://127.0.0.1./",
            "http://LOCALHOST../",
            "http://0x7f.1/",
            "http://0xA9FEA9FE/latest/meta-data/",
            "http://025177524776/",
            "http://①②⑦.⓪.⓪.①/",
            "http://127。0。0。1/",
            "http://ｌｏｃａｌｈｏｓｔ/",
            "http://%31%32%37.0.0.1/",
            "http://127.0.0.1%00.example/",
            "http://localhost%2f@public.example/",
            "http://public.example@localhost/",
            "http://public.example:80@127.0.0.1/",
            "http://[::127.0.0.1]/",
            "http://[::ffff:0:127.0.0.1]/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[64:ff9b:1::7f00:1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001:0:7f00:1::]/",
            "http://[fec0::1]/",
            "http://[ff02::1]/",
            "http://[::1%25lo]/",
            "http://255.255.255.255/",
            "http://192.0.0.192/",
            "http://198.18.0.1/",
            f"http://{PUBLIC}:6379/",
            f"https://{PUBLIC}:22/",
            "http://public.example:99999/",
            "HTTP://127.0.0.1/",
            " http://127.0.0.1/",
            "http://127.0.0.1\t/",
            "http:///127.0.0.1/",
            "http:127.0.0.1/",
        )
    ),
    Line("mixed 6", "http://a.example/", fake_dns={"a.example": ["2606:2800:220:1::1", "::1"]}),
    Line("wrapped", "http://a.example/", fake_dns={"a.example": [PUBLIC, "::ffff:10.0.0.1"]}),
    Line("dot", "http://a.example./", fake_dns={"a.example": ["192.168.0.7"]}),
    Line("idn", "http://bücher.example/", fake_dns={"xn--bcher-kva.example": ["10.0.0.9"]}),
    Line("rebind 6", "http://a.example/", fake_dns={"a.example": [[PUBLIC], ["fd00::1"]]}),
    Line("idn control", "https://bücher.example/", "allow", {"xn--bcher-kva.example": [PUBLIC]}),
    Line("dot control", "https://a.example./", "allow", {"a.example": [PUBLIC]}),
]


class Playing(ScriptedServer):
    """Plays whatever public address is reached over plain HTTP."""

    line = Line("", "")

    def answer(self, request: Received) -> Answer:
        """Answer as the line says, also below its paths, for clients that add to an address."""
        for path, (status, location) in self.line.fake_server.items():
            if request.path.startswith(path):
                return Answer(status, {"location": location, "connection": "close"})
        return Answer(404, {"connection": "close"})


class Wire:
    """Stands where packets leave: answers look-ups of one line and notes each connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, server: Playing) -> None:
        self.reached: list[tuple[str, int]] = []
        self._answers: dict[str, list[list[str]]] = {}
        self._server = server
        self._resolve, self._connect = socket.getaddrinfo, socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", lambda *given: self.connect(*given))

    def begin(self, line: Line) -> None:
        self.reached, self._server.line = [], line
        self._answers = {
            name: list(found) if isinstance(found[0], list) else [list(found)]
            for name, found in line.fake_dns.items()
        }

    def getaddrinfo(self, host: Any, port: Any, *_args: Any, **_named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name == "localhost":
            found = ["127.0.0.1", "::1"]
        elif name in self._answers:
            answers = self._answers[name]
            found = answers.pop(0) if len(answers) > 1 else answers[0]
        else:  # a number in one of its spellings; no name leaves this machine
            kind = socket.SOCK_STREAM
            return self._resolve(name, port, type=kind, flags=socket.AI_NUMERICHOST)
        family = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [
            (family[ip_address(one).version], socket.SOCK_STREAM, 6, "", (one, port))
            for one in found
        ]

    def connect(self, own: socket.socket, address: Any) -> None:
        if own.family not in (socket.AF_INET, socket.AF_INET6):
            self._connect(own, address)
            return
        self.reached.append(address[:2])
        if (
            own.family != socket.AF_INET
            or address[1] != 80
            or not is_public(ip_address(address[0]))
        ):
            raise ConnectionRefusedError
        self._connect(own, ("127.0.0.1", self._server.port))


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Wire]:
    """Nothing is open to tenants, and everything to the platform: they must not share."""
    settings.EGRESS_ALLOWED_TENANTS = []
    settings.EGRESS_ALLOWED_PRIVATE = ["0.0.0.0/0", "::/0", "localhost"]
    # Gemini's SDK reads all certificates anew for each client, which takes a fifth of a second.
    monkeypatch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
    with Playing() as server:
        yield Wire(monkeypatch, server)


def chat(provider: str, url: str) -> None:
    config = ChatConfig(provider, "m", "key", url, timeout_s=5)
    request = ChatRequest((ChatMessage("user", "oi"),), timeout_s=5)
    factory.single.__wrapped__(config).chat(request)


def embed(provider: str, url: str) -> None:
    config = EmbedConfig(provider, "m", "key", url, timeout_s=5)
    factory._remote.__wrapped__(config).embed_query("oi")


def transcribe(url: str) -> None:
    config = ChatConfig("openai_compatible", "m", "key", url, timeout_s=5)
    transcription.transcribe(config, Sound("audio/ogg", b"x", 1.0), language="pt-br")


def probe(url: str) -> None:
    probing.try_key(provider="openai_compatible", api_key="key", base_url=url)


def post_webhook(url: str) -> None:
    """Deliver what waits, whatever the form and the service would have said of the address."""
    WebhookEndpoint.objects.update(url=url, is_active=True, failing_since=None)
    Delivery.objects.update(n_attempts=0, status="pending")
    pass_time()
    before = DeliveryAttempt.objects.count()
    deliver()
    assert DeliveryAttempt.objects.count() == before + 1


TOOL = Definition(
    ref=uuid.uuid4(), name="t", description="", method="GET", url="", parameters=(), headers={},
    auth_kind="none", auth_name="", secret="", shows=(), risk="read", repeats_safely=False,
    timeout_s=5, max_kb=64, max_calls=1,
)  # fmt: skip


def call_tool(url: str) -> None:
    http_tools.send(replace(TOOL, url=url), {}, key="k")


def read_page(url: str) -> None:
    with suppress(ValueError):  # a port that is none: the door before this one refuses it
        Site(url, wait=lambda _seconds: None).fetch(url)


def fetch_copy(url: str) -> None:
    Bridge("http://127.0.0.1:9", "token").fetch_file({"url": url}, max_bytes=1_000)


def ask_chatwoot(url: str) -> None:
    Chatwoot(url, 1, "token").inbox(1)


def fetch_file(url: str) -> None:
    Chatwoot("http://127.0.0.1:9", 1, "token").fetch_file(url, max_bytes=1_000)


def ask_mcp(url: str) -> None:
    mcp.look(mcp.Place(url), timeout_s=20)


def ask_bridge(opened: Callable[[Device], Bridge], url: str) -> None:
    Device.objects.update(bridge_base_url=url)
    opened(Device.objects.get()).status()


def of_sender(device: Device) -> Bridge:
    account: Any = WhatsAppSender().open_account(device.uuid)
    bridge: Bridge = account.bridge
    return bridge


OF_SDKS: dict[str, Callable[[str], None]] = {
    "integrations/llm/openai_sdk.py": partial(chat, "openai_compatible"),
    "integrations/llm/openai_sdk.py, vectors": partial(embed, "openai_compatible"),
    "integrations/llm/anthropic.py": partial(chat, "anthropic"),
    "integrations/llm/gemini_sdk.py": partial(chat, "gemini"),
    "integrations/llm/gemini_sdk.py, vectors": partial(embed, "gemini"),
    "integrations/mcp.py": ask_mcp,
}
"""These are slow, and all that they have of their own is how they take the client."""

FOR_SDKS = ("ssrf-o-001", "ssrf-o-012", "ssrf-o-035", "ssrf-o-036", "ssrf-o-037", "ssrf-o-040")
"""A number, a wrapped one, a name with a private address, one that changes, a redirect, and one
that is allowed."""

DOORS: dict[str, Callable[[str], None]] = {
    "integrations/services/deliveries.py": post_webhook,
    "integrations/services/http_tools.py": call_tool,
    "integrations/services/probing.py": probe,
    "integrations/llm/openai_sdk.py, sound": transcribe,
    "knowledge/web_pages.py": read_page,
    "channels_chatwoot/client.py": ask_chatwoot,
    "channels_chatwoot/client.py, files": fetch_file,
    "channels_whatsapp/bridge/client.py": partial(ask_bridge, devices.bridge_of),
    "channels_whatsapp/bridge/client.py, sender": partial(ask_bridge, of_sender),
    "channels_whatsapp/bridge/client.py, copies": fetch_copy,
    **OF_SDKS,
}


def test_every_caller_of_the_client_is_a_door_below() -> None:
    called = re.compile(r"\bhttp\.(request|client)\(|(?<!class )\bAsyncGuardedTransport\(")
    callers = {
        str(path.relative_to(ROOT))
        for app in ROOT.glob("*/apps.py")
        for path in app.parent.rglob("*.py")
        if called.search(path.read_text())
    }

    assert callers == {name.partition(",")[0] for name in DOORS}


def test_geminis_sdk_has_no_way_out_but_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from integrations.llm import gemini_sdk  # the SDK takes a second

    def read_authorities(*_: object, **__: object) -> ssl.SSLContext:
        raise AssertionError("the SDK has made a context of its own")

    http.client()  # ours has its own, made once
    monkeypatch.setattr(ssl, "create_default_context", read_authorities)
    monkeypatch.setattr(httpx2, "create_ssl_context", read_authorities)

    with ScriptedServer() as server:
        client = gemini_sdk.client(api_key="key", base_url=server.url)
        asking = client.aio.models.generate_content(model="gemini", contents="oi")
        with pytest.raises(httpx2.ConnectError, match="only synchronous"):
            asyncio.run(asking)
        assert server.received == []


@pytest.mark.usefixtures("alpha")
@pytest.mark.parametrize("door", DOORS)
def test_no_packet_goes_to_an_address_that_is_not_public(door: str, wire: Wire) -> None:
    make_device()
    make_endpoint("https://crm.example/")
    happen()
    wrong: list[str] = []

    is_slow = door.endswith("deliveries.py")  # rows around each call
    lines = [*file_lines(), *([] if is_slow else OF_OUR_OWN)]
    if door in OF_SDKS:
        lines = [line for line in lines if line.id in FOR_SDKS]
    for line in lines:
        wire.begin(line)
        with suppress(Temporary, Permanent, CannotRead, mcp.NotCalled):
            DOORS[door](line.url)
        allowed = line.must == "allow"
        if not is_as_expected(wire.reached, allowed=allowed, may_connect=bool(line.fake_dns)):
            wrong.append(f"{line.id} {line.url}: {wire.reached}")

    assert wrong == []


def is_as_expected(reached: Sequence[tuple[str, int]], *, allowed: bool, may_connect: bool) -> bool:
    """Judge the connections of one line; names that redirect or change are public at first."""
    if not all(is_public(ip_address(address)) for address, _port in reached):
        return False
    if allowed:
        return bool(reached) and {port for _address, port in reached} <= {443, 8443}
    return len(reached) <= (MOST_TRIES if may_connect else 0)
