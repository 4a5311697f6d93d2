"""A running simulator, its HTTP clients and a webhook receiver, all on loopback."""

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from channels_whatsapp.simulator import server
from channels_whatsapp.simulator.core import Options

ADMIN_TOKEN = "admin-for-tests"
HMAC_KEY = "a-signing-key-of-at-least-32-bytes!!"
# Generous for a busy machine; a passing test never waits it out.
DEADLINE_S = 60.0
TIME_SCALE = 0.001


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for a state, polling; fail with words when it doesn't come."""
    ends_at = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < ends_at, f"never happened: {what}"
        time.sleep(0.01)


@dataclass
class Delivery:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Records webhook deliveries; answers the statuses in `script`, then 200."""

    url: str
    deliveries: list[Delivery] = field(default_factory=list)
    script: list[int] = field(default_factory=list)

    def wait_for(self, n: int) -> list[Delivery]:
        wait_until(lambda: len(self.deliveries) >= n, f"{n} deliveries")
        return list(self.deliveries)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = found.script.pop(0) if found.script else 200
            found.deliveries.append(Delivery(self.path, headers, body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    found = Receiver(url=f"http://127.0.0.1:{listener.server_port}/hooks/whatsapp/abc/")
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    listener.shutdown()
    thread.join()
    listener.server_close()


class Running:
    """A simulator in a thread, with clients for its three APIs."""

    def __init__(self, options: Options) -> None:
        self._listener = server.bind("127.0.0.1", 0)
        self._server = server.build(options, self._listener)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listener]}
        )
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.http = httpx2.Client(base_url=self.base_url, trust_env=False, timeout=DEADLINE_S)
        wait_until(lambda: self._server.started, "the simulator starts")

    def admin(self, method: str, path: str, body: object = None) -> httpx2.Response:
        headers = {"Authorization": ADMIN_TOKEN}
        return self.http.request(method, path, json=body, headers=headers)

    def api(
        self, method: str, path: str, body: object = None, *, token: str = "t1"
    ) -> httpx2.Response:
        return self.http.request(method, path, json=body, headers={"token": token})

    def sim(self, path: str, **body: object) -> dict[str, object]:
        response = self.http.post(f"/sim/{path}", json=body)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def look(self, path: str) -> list[dict[str, object]]:
        """Return the one list that a GET of the test API answers."""
        (rows,) = self.http.get(f"/sim/{path}").json().values()
        return list(rows)

    def clinic(self, url: str, **more: object) -> dict[str, object]:
        """Create a connected business number with the token t1."""
        body = {"name": "clinic-main", "token": "t1", "webhook": url, "hmac_key": HMAC_KEY}
        return dict(self.sim("users", **{**body, **more})["user"])  # type: ignore[call-overload]

    def stop(self) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def begin(**options: object) -> Running:
        chosen = {"admin_token": ADMIN_TOKEN, "time_scale": TIME_SCALE, **options}
        found = Running(Options(**chosen))  # type: ignore[arg-type]
        running.append(found)
        return found

    yield begin
    for one in running:
        one.stop()


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    found = Running(Options(admin_token=ADMIN_TOKEN, time_scale=TIME_SCALE))
    yield found
    found.stop()


@pytest.fixture
def simulator(running: Running) -> Running:
    """Return the session's simulator as if newly started."""
    running.sim("reset", keep_users=False)
    return running
