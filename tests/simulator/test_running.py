"""The process: what a restart keeps, the page behind the proxy, and the stream of news."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn

from channels_whatsapp.simulator import server
from config.simulator_proxy import SimulatorProxy
from tests.simulator.conftest import Running, Start, wait_until

PHONE = "447700900123"
ROOT = Path(__file__).parents[2]


def begin(state: Path) -> tuple[subprocess.Popen[str], httpx2.Client]:
    """Start the real command on a free port and return it with a client."""
    command = [sys.executable, "-m", "channels_whatsapp.simulator", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--state", str(state), "--no-seed"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[1].removesuffix("/simulator/")
    client = httpx2.Client(base_url=address, trust_env=False)

    def answers() -> bool:
        try:
            return client.get("/health").status_code == 200
        except httpx2.HTTPError:
            return False

    wait_until(answers, "the process answers")
    return process, client


def end(process: subprocess.Popen[str], client: httpx2.Client, how: int) -> None:
    client.close()
    process.send_signal(how)
    process.wait(timeout=60)
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_simulator_finds_users_chats_and_messages_again(tmp_path: Path) -> None:
    state = tmp_path / "state" / "simulator.db"
    process, client = begin(state)
    client.post("/sim/users", json={"name": "clinic-main", "token": "t1"})
    client.post("/sim/contacts", json={"name": "Maya", "phone": PHONE})
    sends = {"user": "t1", "contact": PHONE, "kind": "image", "text": "oi", "id": "AC1"}
    client.post("/sim/contact-sends", json=sends)
    body = {"Phone": PHONE, "Body": "Bom dia", "Id": "3EB0A1"}
    client.post("/chat/send/text", json=body, headers={"token": "t1"})
    before = client.get(f"/sim/messages?user=t1&contact={PHONE}").json()
    end(process, client, signal.SIGKILL)

    process, client = begin(state)

    status = client.get("/session/status", headers={"token": "t1"}).json()["data"]
    assert (status["connected"], status["loggedIn"]) == (True, True)
    after = client.get(f"/sim/messages?user=t1&contact={PHONE}").json()
    assert [m["id"] for m in after["messages"]] == ["AC1", "3EB0A1"]
    assert after["messages"][0]["media"] == before["messages"][0]["media"]
    picture = client.get(f"/sim/{after['messages'][0]['media']['url']}")
    assert picture.content.startswith(b"\x89PNG")
    # An id that was sent before the kill is known after it.
    client.post("/chat/send/text", json=body, headers={"token": "t1"})
    again = client.get(f"/sim/messages?user=t1&contact={PHONE}").json()["messages"]
    assert [m["repeats"] for m in again] == [0, 1]
    assert len(client.get("/sim/sends").json()["sends"]) == 2
    end(process, client, signal.SIGTERM)
    assert process.returncode in (0, -signal.SIGTERM, os.EX_OK)


def test_a_reset_forgets_messages_and_keeps_people(simulator: Running) -> None:
    simulator.clinic("")
    simulator.sim("contact-sends", user="t1", contact=PHONE, text="oi")
    simulator.sim("faults", fail_next=-1)

    simulator.sim("reset")

    assert simulator.look(f"messages?user=t1&contact={PHONE}") == []
    assert len(simulator.look("users")) == len(simulator.look("contacts")) == 1
    answer = simulator.api("POST", "/chat/send/text", {"Phone": PHONE, "Body": "a"})
    assert answer.status_code == 200
    simulator.sim("reset", keep_users=False)
    assert simulator.look("users") == simulator.look("contacts") == []


def test_a_fresh_demo_starts_with_two_people(start: Start) -> None:
    names = [row["name"] for row in start(seed=True).look("contacts")]

    assert names == ["Maria Souza", "João Lima"]


@pytest.fixture
def proxied(simulator: Running) -> Iterator[httpx2.Client]:
    """Return a client of a web server that forwards to the simulator."""
    proxy = SimulatorProxy(simulator.base_url)

    class Web(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await super().shutdown(sockets)
            await proxy.aclose()

    web = Web(uvicorn.Config(proxy, lifespan="off", ws="none", log_config=None))
    listener = server.bind("127.0.0.1", 0)
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listener]})
    thread.start()
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with httpx2.Client(base_url=base_url, trust_env=False, timeout=60) as client:
        wait_until(lambda: web.started, "the web server starts")
        yield client
    web.should_exit = True
    thread.join()


def test_page_and_api_work_behind_the_proxy(simulator: Running, proxied: httpx2.Client) -> None:
    page = proxied.get("/simulator/")
    script = proxied.get("/simulator/static/app.js")
    created = proxied.post("/simulator/api/users", json={"name": "clinic", "token": "t1"})

    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert 'data-testid="composer"' in page.text
    assert script.headers["content-type"].startswith("text/javascript")
    assert created.json()["user"]["state"] == "online"
    assert proxied.get("/simulator").headers["location"] == "/simulator/"
    assert proxied.get("/simulator/api/messages?user=t1&contact=1").json() == {"messages": []}
    # Only the page's part of the simulator is reachable from outside.
    assert proxied.get("/admin/users").status_code == 404


def test_news_stream_through_the_proxy(simulator: Running, proxied: httpx2.Client) -> None:
    simulator.clinic("")

    with proxied.stream("GET", "/simulator/api/events") as response:
        assert response.headers["content-type"] == "text/event-stream"
        lines = response.iter_lines()
        assert "event: hello" in [next(lines), next(lines)]
        body = {"Phone": PHONE, "State": "composing"}
        simulator.api("POST", "/chat/presence", body)
        kinds = (line.removeprefix("event: ") for line in lines if line.startswith("event: "))
        assert "typing" in kinds


def test_a_stopped_simulator_is_explained_in_plain_words() -> None:
    free = server.bind("127.0.0.1", 0)
    address = f"http://127.0.0.1:{free.getsockname()[1]}"
    free.close()
    answers: list[dict[str, object]] = []

    async def ask() -> None:
        proxy = SimulatorProxy(address)
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/simulator/",
            "raw_path": b"/simulator/",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event: object) -> None:
            assert isinstance(event, dict)
            answers.append(event)

        await proxy(scope, receive, send)
        await proxy.aclose()

    asyncio.run(ask())

    assert answers[0]["status"] == 502
    assert "não está em execução" in str(answers[1]["body"], "utf-8")  # type: ignore[call-overload]
