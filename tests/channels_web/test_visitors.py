"""Visitors of a site: who may ask for what, each message once, and what of it is seen."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from channels_web.api import seen
from channels_web.models import WebChat
from channels_web.services import chats
from channels_web.types import NoOrigin, origin_of
from conversations.models import (
    Contact,
    Conversation,
    InboundMessage,
    Note,
    OutboundMessage,
    Turn,
)
from tenants import inbox, receiving, remembering
from tenants.api import throttling
from tenants.models import InboxEntry, Tenant
from tenants.services import routes
from tests.factories import due_now, learn, make_agent, work
from tests.workers import at_once

SITE = "https://site.example"
ASKS = "Qual o preço da limpeza?"


def make_chat(name: str = "Site", **values: Any) -> WebChat:
    """Make a chat that gathers a burst for no time at all."""
    values = {"title": "Oi", "allowed_origins": (SITE,), "entry_agent": None, **values}
    edit = chats.ChatEdit(name=name, **{"quiet_s": 0.0, **values})
    return chats.save_chat(edit=edit, actor="test", now=timezone.now())[0]


class Page:
    """A page of a site, as its browser asks."""

    def __init__(self, chat: WebChat, *, origin: str = SITE, host: str = "") -> None:
        self.key, self.origin, self.token = chats.key_of(chat), origin, ""
        self.host = host or f"{connection.schema_name.removeprefix('t_')}.localhost"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        sent = {"host": self.host}
        if self.origin:
            sent["origin"] = self.origin
        if self.token:
            sent["authorization"] = f"Bearer {self.token}"
        data = b"" if body is None else json.dumps(body).encode()
        client = Client(headers={**sent, **headers})
        return client.generic(
            method, f"/chat/{self.key}{path}", data, content_type="application/json"
        )

    def come(self) -> Page:
        """Be a new visitor."""
        self.token = self.ask("POST", "/visits/").json()["token"]
        return self

    def write(self, text: object, ref: str = "") -> Any:
        return self.ask("POST", "/messages/", {"id": ref or uuid.uuid4().hex, "text": text})

    def thread(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", "/messages/").json()
        return found

    def events(self, last: str | None = None) -> list[dict[str, Any]]:
        headers = {"last-event-id": last} if last else {}
        answer = self.ask("GET", "/events/", **headers)
        assert answer.status_code == 200, answer.content
        found = []
        for part in answer.content.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in part.split("\n") if ": " in line)
            if "event" in lines:
                found.append({"event": lines["event"], **json.loads(lines["data"])})
        return found


def arrive() -> None:
    """Write what waits in the inbox, as the dispatcher and a worker would."""
    for batch in inbox.claim_batches(limit=500, per_batch=100):
        with schema_context(batch.schema_name):
            receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)


def test_what_is_an_origin() -> None:
    for given, meant in (
        ("https://Site.example/", "https://site.example"),
        ("https://site.example:443", "https://site.example"),
        (" https://site.example:8443", "https://site.example:8443"),
        ("https://pão.example", "https://xn--po-sia.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("https://[::1]:8000", "https://[::1]:8000"),
    ):
        assert origin_of(given) == meant
    for given, why in (
        ("https://*.site.example", "wildcard"),
        ("http://site.example", "plain"),
        ("https://site.example/loja", "path"),
        ("https://site.example?x=1", "path"),
        ("https://ana@site.example", "shape"),
        ("https://site..example", "shape"),
        ("https://straße.example", "shape"),  # browsers don't mean strasse.example
        ("https://site.example:0", "shape"),
        ("https://site.example:99999", "shape"),
        ("javascript:alert(1)", "shape"),
        ("null", "shape"),
        ("site.example", "shape"),
        ("", "shape"),
    ):
        with pytest.raises(NoOrigin, match=why):
            origin_of(given)


def test_only_allowed_pages_of_the_right_tenant_are_answered(alpha: Tenant, beta: Tenant) -> None:
    mine, other = make_chat(), make_chat("Loja")
    with tenant_context(beta):
        theirs = make_chat()
        WebChat.objects.filter(pk=theirs.pk).update(id=mine.pk)
        foreign = Page(theirs).come()
    page, elsewhere = Page(mine).come(), Page(other).come()
    old = signing.TimestampSigner(salt="t_alpha:web:visitor")
    old.timestamp = lambda: "1aaaaa"  # type: ignore[method-assign]
    too_old = old.sign_object([mine.uuid.hex, "0" * 24])
    ways = (
        ("POST", "/visits/"),
        ("GET", "/messages/"),
        ("POST", "/messages/"),
        ("GET", "/events/"),
    )
    # Origin, host and token: what each of the addresses answers.
    for origin, host, token, expected in (
        (SITE, "alpha", page.token, (201, 200, 422, 404)),
        (SITE, "alpha", "", (201, 401, 401, 401)),
        (SITE, "alpha", page.token[:-1] + "~", (201, 401, 401, 401)),
        (SITE, "alpha", too_old, (201, 401, 401, 401)),
        (SITE, "alpha", elsewhere.token, (201, 401, 401, 401)),
        (SITE, "alpha", foreign.token, (201, 401, 401, 401)),
        (SITE, "beta", page.token, (404, 404, 404, 404)),
        ("https://evil.example", "alpha", page.token, (403, 403, 403, 403)),
        ("https://site.example.evil.example", "alpha", page.token, (403, 403, 403, 403)),
        ("null", "alpha", page.token, (403, 403, 403, 403)),
        ("", "alpha", page.token, (403, 403, 403, 403)),
        ("http://alpha.localhost", "alpha", page.token, (201, 200, 422, 404)),
        ("http://beta.localhost", "alpha", page.token, (403, 403, 403, 403)),
    ):
        asking = Page(mine, origin=origin, host=f"{host}.localhost")
        asking.token = token
        for (method, path), status in zip(ways, expected, strict=True):
            answer = asking.ask(method, path, {} if method == "POST" else None)
            assert answer.status_code == status, (origin, host, token, method, path)
            allowed = answer.headers.get("access-control-allow-origin")
            assert allowed == (None if status == 403 or host == "beta" else origin)
            assert "access-control-allow-credentials" not in answer.headers
            assert not answer.cookies
            if host == "alpha":
                assert "Origin" in answer.headers["vary"]
    before = page.ask("OPTIONS", "/messages/", **{"access-control-request-method": "POST"})
    assert before.status_code == 204
    assert before.headers["access-control-allow-methods"] == "GET, POST, OPTIONS"
    assert Page(mine, origin="https://evil.example").ask("OPTIONS", "/messages/").status_code == 403
    # Where a page of our own host only reads, its browser names no origin.
    trying = Page(mine, origin="")
    trying.token = page.token
    home = {"referer": "http://alpha.localhost/admin/"}
    assert trying.ask("GET", "/messages/", **home).status_code == 200
    for elsewhere_from in ("https://evil.example/x", "http://[", SITE):
        assert trying.ask("GET", "/messages/", referer=elsewhere_from).status_code == 403

    make_chat(is_active=False)  # switched off
    assert page.ask("GET", "/messages/").status_code == 410
    assert page.ask("POST", "/visits/").status_code == 410
    assert page.ask("GET", ".js").status_code == 404
    assert elsewhere.ask("GET", ".js").status_code == 200
    Tenant.objects.filter(pk=alpha.pk).update(status=Tenant.Status.SUSPENDED)
    remembering.forget_all()
    assert elsewhere.ask("GET", ".js").status_code == 404
    assert elsewhere.write("oi").status_code == 404
    assert not InboxEntry.objects.exists()


def test_who_listens_may_go_on_as_long_as_the_page_may_show_the_chat(
    alpha: Tenant, beta: Tenant
) -> None:
    chat = make_chat(allowed_origins=(SITE, "https://other.example"))
    sites = (SITE, "https://other.example", "")

    def heard() -> list[str]:
        ones = [seen.Listener(chat.uuid, site) for site in sites]
        return [one.site for one in seen.Listener.good(ones, now=timezone.now())]

    assert heard() == [*sites]
    with tenant_context(beta):
        assert heard() == []
    make_chat(chat.name, allowed_origins=(SITE,))
    assert heard() == [SITE, ""]
    Tenant.objects.filter(pk=alpha.pk).update(status=Tenant.Status.SUSPENDED)
    assert heard() == []
    Tenant.objects.filter(pk=alpha.pk).update(status=Tenant.Status.READY)
    make_chat(chat.name, is_active=False)
    assert heard() == []


def test_what_cannot_be_taken_is_refused_and_who_writes_too_much_waits(
    alpha: Tenant, settings: Any
) -> None:
    chat = make_chat()
    page = Page(chat).come()
    for text, ref, status in (
        ("", "", 422),
        (" \n\x00", "", 422),
        (7, "", 422),
        ("a" * 4097, "", 422),
        ("\ud800", "", 422),
        ("oi", "short", 422),
        ("oi", "a/b" * 8, 422),
        ("a" * 40_000, "", 413),
        ("a" * 4096, "", 200),
    ):
        assert page.write(text, ref).status_code == status, (text, ref)
    answer = Client(headers={"host": page.host, "origin": SITE}).post(
        f"/chat/{page.key}/messages/",
        {"id": "x"},
        headers={"authorization": f"Bearer {page.token}"},
    )
    assert answer.status_code == 415
    settings.WEB_CHAT_PER_MINUTE = {
        **settings.WEB_CHAT_PER_MINUTE,
        "visit": {"address": 1, "chat": 100},
        "write": {"visitor": 1, "address": 100, "chat": 100},
    }
    # Of three at least two are in one minute.
    visits = [Page(chat).ask("POST", "/visits/") for _ in range(3)]
    refused = next(one for one in visits if one.status_code == 429)
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["access-control-allow-origin"] == SITE
    assert 429 in [page.write("oi").status_code for _ in range(3)]
    # Who has a network of addresses counts as one.
    mine = {throttling.network_of(f"2001:db8:1:2::{one}") for one in ("1", "f:1", "9:9:9")}
    assert mine == {"2001:db8:1:2::/64"}
    for given, counted in (("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("", "")):
        assert throttling.network_of(given) == counted


def test_a_burst_gets_one_answer_that_only_its_visitor_sees(alpha: Tenant, beta: Tenant) -> None:
    learn()
    agent = make_agent(handoffs=[])
    chat = make_chat(entry_agent=agent)
    with tenant_context(beta):
        learn()
        theirs = Page(make_chat(entry_agent=make_agent())).come()
        theirs.write("segredo de beta")
    page, other = Page(chat).come(), Page(chat).come()
    assert page.thread() == {
        "results": [],
        "next_cursor": None,
        "last_event_id": None,
        "state": {"with": "assistant", "is_over": False},
    }
    refs = [uuid.uuid4().hex for _ in range(3)]
    for ref, text in zip(refs, ("oi", "tudo bem?", ASKS), strict=True):
        assert page.write(text, ref).json() == {"status": "accepted"}
    arrive()
    begun = page.thread()
    other.write("outra pessoa")
    arrive()
    due_now()
    work()

    conversation = Conversation.objects.get(inbound__text=ASKS)
    assert Turn.objects.filter(conversation=conversation).count() == 1
    contact = conversation.contact
    assert contact.addresses.get().value.startswith("web:")
    assert conversation.channel_kind == "web"
    Note.objects.create(
        conversation=conversation, author="paula", text="nota interna", created_at=timezone.now()
    )
    held = OutboundMessage.objects.filter(conversation=conversation).first()
    assert held is not None
    held.pk, held.uuid, held.turn, held.provider_ref = None, uuid.uuid4(), None, "web-held"
    held.status, held.text = "created", "ainda não saiu"
    held.save(force_insert=True)

    thread = page.thread()
    shown = list(reversed(thread["results"]))
    assert [one["id"] for one in shown[:3]] == refs
    assert shown[3]["from"] == "assistant"
    assert "220,00" in shown[3]["text"]
    told = page.events(begun["last_event_id"])
    conversation.refresh_from_db()
    # Nobody hears steps, so they cost the turns nothing.
    assert (conversation.followed_until is None, conversation.steps_followed_until) == (False, None)
    assert [one["event"] for one in told] == ["ready", "typing", "message", "typing"]
    assert told[2]["text"] == shown[3]["text"]
    everything = json.dumps([thread, told])
    for hidden in (agent.name, "nota interna", "ainda não saiu", "paula", "outra pessoa"):
        assert hidden not in everything
    assert set(told[2]) == {"event", "id", "from", "text", "at"}
    # Of another conversation, or of another tenant's with the same ids, nothing.
    assert (
        other.ask("GET", "/events/", **{"last-event-id": begun["last_event_id"]}).status_code == 400
    )
    with tenant_context(beta):
        assert "tudo bem?" not in json.dumps(theirs.thread())
        assert Contact.objects.count() == 1

    # A person takes over, writes, and takes back what was written.
    Conversation.objects.filter(pk=conversation.pk).update(mode="human", claimed_by="paula")
    held.status, held.origin, held.written_by = "acked", "person", "paula"
    held.text, held.acked_at, held.deleted_at = "desculpe", timezone.now(), timezone.now()
    held.save()
    thread = page.thread()
    assert thread["state"] == {"with": "person", "is_over": False}
    (back,) = [one for one in thread["results"] if one["from"] == "person"]
    assert (back["text"], back["is_deleted"]) == ("", True)
    assert "paula" not in json.dumps([thread, page.events(begun["last_event_id"])])


def test_one_message_however_often_and_by_however_many_it_comes(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    ref = uuid.uuid4().hex
    page = Page(make_chat(entry_agent=make_agent())).come()

    answers = at_once(*[lambda: page.write("oi", ref).json()["status"]] * 4)
    assert sorted(answers) == ["accepted", "duplicate", "duplicate", "duplicate"]
    (entry,) = InboxEntry.objects.all()
    at_once(arrive, arrive)
    assert InboundMessage.objects.count() == 1
    InboxEntry.objects.all().delete()  # as long afterwards
    assert page.write("oi outra vez", ref).json() == {"status": "accepted"}
    at_once(arrive, arrive)
    assert InboundMessage.objects.get().text == "oi"
    assert entry.schema_name == "t_alpha"
    with tenant_context(committed_beta):
        assert not InboundMessage.objects.exists()
    with pytest.raises(routes.BadRoute):
        make_chat("Outro", route_key="short-key")


def test_the_script_holds_the_settings_and_nothing_that_could_run_a_text(alpha: Tenant) -> None:
    hostile = '</script><script>alert(1)</script>"\u2028'
    chat = make_chat(title="Olá", greeting=hostile, colour="#FFEE00", language="en")
    page = Page(chat)
    page.origin = ""

    answer = page.ask("GET", ".js")
    text = answer.content.decode()
    assert answer.headers["content-type"] == "text/javascript"
    assert "max-age=300" in answer.headers["cache-control"]
    assert "cookie" not in answer.headers.get("vary", "").lower()
    assert page.ask("GET", ".js", **{"if-none-match": answer.headers["etag"]}).status_code == 304
    settings = json.JSONDecoder().raw_decode(text[text.rindex('})({"key"') + 3 :])[0]
    assert (settings["greeting"], settings["origins"]) == (hostile, [SITE])
    assert settings["ink"] == "#000000"
    assert "\u2028" not in text
    for risky in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "eval(",
        "document.write",
        "Function(",
    ):
        assert risky not in text
    make_chat(greeting="outra")
    assert page.ask("GET", ".js").headers["etag"] != answer.headers["etag"]
