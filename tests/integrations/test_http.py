from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from integrations import http
from integrations.egress import is_public
from tenants.errors import Permanent, Temporary
from tests.fakes.http import Answer, ScriptedServer, json_answer


class Recorder:
    """Stands where packets leave: answers look-ups from a table and notes every connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.reached: list[tuple[str, int]] = []
        self._resolve = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        monkeypatch.setattr(socket.socket, "connect", lambda _, address: self._connect(address))

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        answers = self.names.get(host)
        if answers is None:
            return self._resolve(host, port, *args, **kwargs)
        now = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in now]

    def _connect(self, address: Any) -> None:
        self.reached.append(address[:2])
        raise ConnectionRefusedError


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Recorder:
    settings.EGRESS_ALLOWED_TENANTS = []
    return Recorder(monkeypatch)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


REFUSED = {
    "loopback": "http://127.0.0.1/",
    "loopback port": "http://127.0.0.1:5432/",
    "name of loopback": "http://localhost/",
    "name with a dot": "http://localhost./",
    "unspecified": "http://0.0.0.0/",
    "short form": "http://127.1/",
    "decimal": "http://2130706433/",
    "hexadecimal": "http://0x7f000001/",
    "octal": "http://0177.0.0.1/",
    "IPv6 loopback": "http://[::1]/",
    "IPv6 unspecified": "http://[::]/",
    "IPv4 in IPv6": "http://[::ffff:127.0.0.1]/",
    "IPv4 in IPv6, long": "http://[0:0:0:0:0:ffff:7f00:1]/",
    "IPv4 compatible": "http://[::127.0.0.1]/",
    "NAT64": "http://[64:ff9b::7f00:1]/",
    "6to4": "http://[2002:7f00:1::]/",
    "Teredo": "http://[2001:0:7f00:1::]/",
    "documentation": "http://[2001:db8::1]/",
    "site local": "http://[fec0::1]/",
    "private 10": "http://10.0.0.5/",
    "private 172": "http://172.16.0.1/",
    "private 192": "http://192.168.1.1/admin",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata in IPv6": "http://[fd00:ec2::254]/",
    "carrier NAT": "http://100.64.1.1/",
    "IETF block": "http://192.0.0.192/",
    "multicast": "http://224.0.0.1/",
    "reserved": "http://240.0.0.1/",
    "link local with zone": "http://[fe80::1%25eth0]/",
    "unique local": "http://[fc00::1]/",
    "user name": "http://user:pass@127.0.0.1/",
    "user name that looks like a host": "http://allowed.example@127.0.0.1/",
    "fragment": "http://127.0.0.1#@allowed.example/",
    "backslash": "http://127.0.0.1\\@allowed.example/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp": "ftp://127.0.0.1/",
    "dict": "dict://127.0.0.1:11211/stats",
    "javascript": "javascript:alert(1)",
    "no scheme": "//127.0.0.1/",
    "blank": "http://exa mple.com/",
    "line break": "http://public.example/\r\nHost: x",
    "empty": "",
    "other port of a public host": "http://93.184.216.34:6379/",
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED.keys())
def test_an_address_that_is_not_public_is_refused_before_a_packet_leaves(
    recorder: Recorder, url: str
) -> None:
    with pytest.raises(Permanent, match="refused"):
        http.request("GET", url)

    assert recorder.reached == []


@pytest.mark.parametrize(
    "answers",
    [["10.1.2.3"], ["169.254.169.254"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]],
    ids=["private", "metadata", "public and loopback", "loopback and public"],
)
def test_a_name_is_refused_when_one_of_its_addresses_is(
    recorder: Recorder, answers: list[str]
) -> None:
    recorder.names["shop.example"] = [answers]

    with pytest.raises(Permanent, match="refused"):
        http.request("GET", "http://shop.example/")

    assert recorder.reached == []


def test_a_name_that_changes_its_answer_is_connected_at_the_address_that_was_judged(
    recorder: Recorder,
) -> None:
    recorder.names["rebind.example"] = [["93.184.216.34"], ["127.0.0.1"]]

    with pytest.raises(Temporary):
        http.request("GET", "http://rebind.example/")

    assert recorder.reached == [("93.184.216.34", 80)]


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        ("https://public.example/ok", ("93.184.216.34", 443)),
        ("http://public.example/ok", ("93.184.216.34", 80)),
        ("https://public.example:8443/ok", ("93.184.216.34", 8443)),
        ("http://[2606:2800:220:1::1]/", ("2606:2800:220:1::1", 80)),
    ],
    ids=["https", "http", "listed port", "IPv6"],
)
def test_a_public_address_is_reached(
    recorder: Recorder, url: str, reached: tuple[str, int]
) -> None:
    recorder.names["public.example"] = [["93.184.216.34"]]

    with pytest.raises(Temporary):
        http.request("GET", url)

    assert recorder.reached == [reached]


@pytest.mark.parametrize(
    ("entries", "url", "is_reached"),
    [
        (["127.0.0.1"], "http://127.0.0.1:9/", True),
        (["127.0.0.1:9"], "http://127.0.0.1:9/", True),
        (["127.0.0.1:9"], "http://127.0.0.1:10/", False),
        (["10.0.0.0/8:8090"], "http://10.2.3.4:8090/", True),
        (["10.0.0.0/8:8090"], "http://11.2.3.4:8090/", False),
        (["[::1]:9"], "http://[::1]:9/", True),
        (["::1"], "http://[::1]:9/", True),
        (["127.0.0.1"], "http://[::ffff:127.0.0.1]:9/", False),
        (["ollama:11434"], "http://ollama:11434/v1", True),
        (["OLLAMA"], "http://ollama:11434/v1", True),
        (["ollama:11434"], "http://ollama:22/v1", False),
        (["other:11434"], "http://ollama:11434/v1", False),
        (["gpu.example:8000"], "http://gpu.example:8000/v1", True),
        (["meta.example"], "http://meta.example/", False),
    ],
)
def test_the_operator_allows_hosts_and_networks_with_or_without_a_port(
    recorder: Recorder, settings: Any, entries: list[str], url: str, is_reached: bool
) -> None:
    settings.EGRESS_ALLOWED_TENANTS = entries
    recorder.names = {
        "ollama": [["172.20.0.3"]],
        "gpu.example": [["93.184.216.34"]],
        "meta.example": [["169.254.169.254"]],
    }

    with pytest.raises(Temporary if is_reached else Permanent):
        http.request("GET", url)

    assert bool(recorder.reached) is is_reached


@pytest.mark.parametrize("entry", ["host:port", ":80", "10.0.0.0/8:x"])
def test_an_unreadable_entry_of_the_operator_is_named(settings: Any, entry: str) -> None:
    settings.EGRESS_ALLOWED_TENANTS = [entry]

    with pytest.raises(ImproperlyConfigured, match="EGRESS_ALLOWED_TENANTS"):
        http.request("GET", "http://127.0.0.1/")


@given(st.ip_addresses(v=4))
def test_no_private_ipv4_address_counts_as_public(address: Any) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(address)


@given(st.ip_addresses(v=6))
def test_only_global_unicast_ipv6_counts_as_public(address: Any) -> None:
    if is_public(address):
        assert address.packed[0] >> 5 == 1
        assert address.sixtofour is None
        assert address.teredo is None
        assert address.ipv4_mapped is None


def test_an_sdk_behind_the_guard_cannot_reach_further(recorder: Recorder) -> None:
    with pytest.raises(Permanent, match="refused"):
        http.client().get("http://127.0.0.1:6379/")

    assert recorder.reached == []


def test_a_redirect_is_an_answer_and_is_not_followed(server: ScriptedServer) -> None:
    server.script(Answer(302, {"location": "http://169.254.169.254/"}))

    response = http.request("GET", f"{server.url}/a")

    assert response.status == 302
    assert len(server.received) == 1


def test_a_request_arrives_as_it_was_given(server: ScriptedServer) -> None:
    server.script(json_answer({"ok": True}, headers={"X-Ref": "7"}))

    response = http.request("POST", f"{server.url}/a?b=1", headers={"token": "t"}, json={"é": 1})

    received = server.received[0]
    assert (received.method, received.path, received.query) == ("POST", "/a", "b=1")
    assert received.headers["token"] == "t"
    assert received.headers["content-type"] == "application/json"
    assert received.json() == {"é": 1}
    assert response.json() == {"ok": True}
    assert response.headers["x-ref"] == "7"


def test_a_proxy_in_the_environment_is_not_used(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.script(Answer(body=b"direct"))

    assert http.request("GET", server.url).body == b"direct"


def test_no_cookie_of_one_answer_is_sent_with_the_next_request(server: ScriptedServer) -> None:
    server.script(Answer(headers={"set-cookie": "session=alpha; Path=/"}))
    server.script(Answer())

    http.request("GET", server.url)
    http.request("GET", server.url)

    assert "cookie" not in server.received[1].headers


def test_a_body_over_the_limit_is_refused(server: ScriptedServer) -> None:
    server.script(Answer(parts=(b"x" * 1000,) * 20))

    with pytest.raises(Permanent, match="larger"):
        http.request("GET", server.url, max_bytes=10_000)


def test_a_packed_body_is_refused(server: ScriptedServer) -> None:
    server.script(Answer(headers={"content-encoding": "gzip"}, body=b"\x1f\x8b"))

    with pytest.raises(Permanent, match="compressed"):
        http.request("GET", server.url)


@pytest.mark.parametrize(
    "answer",
    [Answer(delay_s=20), Answer(parts=(b".",) * 400, part_delay_s=0.05)],
    ids=["silent", "dripping"],
)
def test_the_time_limit_holds_for_the_whole_answer(server: ScriptedServer, answer: Answer) -> None:
    server.script(answer)

    with pytest.raises(Temporary, match="timed out"):
        http.request("GET", server.url, timeout_s=0.3)


def test_a_server_that_hangs_up_is_temporary(server: ScriptedServer) -> None:
    server.script(Answer(parts=(b"half",), cut=True))

    with pytest.raises(Temporary, match="network trouble"):
        http.request("GET", server.url)


def test_a_closed_port_is_temporary() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    with pytest.raises(Temporary):
        http.request("GET", f"http://127.0.0.1:{port}/")


def test_a_name_that_does_not_resolve_is_temporary(recorder: Recorder) -> None:
    recorder.names["gone.example"] = [[]]

    with pytest.raises(Temporary, match="resolve"):
        http.request("GET", "http://gone.example/")


@pytest.mark.usefixtures("transactional_db")
def test_nothing_is_sent_inside_an_open_transaction(server: ScriptedServer) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        http.request("GET", server.url)

    assert server.received == []


def test_nested_deadlines_keep_the_earlier_one(server: ScriptedServer) -> None:
    server.script(Answer(delay_s=20))

    with http.deadline(0.2), pytest.raises(Temporary, match="timed out"):
        http.request("GET", server.url, timeout_s=20)


def test_the_library_still_uses_the_guarded_pool() -> None:
    transport = http.GuardedTransport()

    for pool in transport._pools:
        assert isinstance(pool._pool._network_backend, http._GuardedBackend)
    assert isinstance(transport, httpx2.BaseTransport)
