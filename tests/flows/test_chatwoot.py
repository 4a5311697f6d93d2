"""From door to door: Chatwoot posts its webhooks, and the product calls its API."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.factories import FAQ
from tests.fakes import chatwoot
from tests.fakes.chatwoot import FakeChatwoot, signed
from tests.fakes.http import wait_until
from tests.stack import Stack

pytestmark = pytest.mark.timeout(120)
SOON_S = 40.0


class Courier:
    """Posts a Chatwoot's webhooks as they come up, and once more each."""

    def __init__(self, server: FakeChatwoot, url: str) -> None:
        self.server, self.url = server, urlsplit(url)
        self.statuses: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Courier:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def _run(self) -> None:
        waiting: list[bytes] = []
        while not self._over.wait(0.05):
            waiting += [body for body in self.server.webhooks() for _ in range(2)]
            while waiting and self._post(waiting[0]):
                del waiting[0]

    def _post(self, body: bytes) -> bool:
        """Post a webhook; False where nobody answered, and it is to be tried again."""
        assert self.url.hostname is not None
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        try:
            connection.request("POST", self.url.path, body, signed(body))
            self.statuses.append(connection.getresponse().status)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return True


@pytest.fixture
def server() -> Iterator[FakeChatwoot]:
    with FakeChatwoot() as server:
        yield server


def test_bot_people_and_bot_again(stack: Stack, server: FakeChatwoot) -> None:
    printed = stack.apply_blueprint(
        {
            "blueprint": 1,
            "tenant": {"slug": "sorrindo", "name": "Sorrindo", "domains": ["sorrindo.localhost"]},
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
            "chatwoot": [
                {
                    "name": "Site",
                    "base_url": server.url,
                    "account_id": chatwoot.ACCOUNT,
                    "inbox_id": chatwoot.INBOX,
                    "entry_agent": "Recepção",
                    "token": chatwoot.BOT_TOKEN,
                    "secret": chatwoot.SECRET,
                    "quiet_s": 0,
                }
            ],
        },
        {"faq.md": FAQ.decode()},
    )
    with Courier(server, printed["chatwoot"][0]["webhook_url"]) as courier:
        server.contact_writes("Qual o preço da limpeza?")
        talk = server.talks[118]
        wait_until(lambda: any("220,00" in one for one in talk.texts()), seconds=SOON_S)

        server.contact_writes("quero falar com um atendente sobre o pedido 48213")
        wait_until(lambda: talk.status == "open" and talk.texts(private=True), seconds=SOON_S)
        assert "48213" in talk.texts(private=True)[0]

        server.person_writes("Oi, aqui é a Ana.")
        server.contact_writes("Vocês têm estacionamento?")
        said = stack.rows
        silent = "select count(*) from t_sorrindo.conversations_inboundmessage where silence_reason"
        wait_until(lambda: said(f"{silent} = 'human_mode'")[0][0] == 1, seconds=SOON_S)
        n_said = len(talk.texts())

        server.person_sets("pending")
        server.contact_writes("e então?")
        wait_until(lambda: any("gratuito" in one for one in talk.texts()[n_said:]), seconds=SOON_S)
        assert len(talk.texts(private=True)) == 1
    assert set(courier.statuses) == {200}
