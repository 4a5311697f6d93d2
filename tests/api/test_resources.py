"""What programs read and change: each resource as a program of its tenant meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation
from django_tenants.utils import tenant_context

from agents.models import Agent
from channels_web.api import views
from channels_web.services import receiving, visitors
from channels_whatsapp.models import Device
from conversations.models import Contact, ContactAddress, Conversation, LeadField, OutboundMessage
from conversations.services import lead_fields, leads
from knowledge.models import Category, Document
from tenants.api import errors
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.api.conftest import Program, program
from tests.api.rows import IDS, fill


@pytest.fixture
def api(alpha: Tenant) -> Program:
    """An owner's program of alpha, which is filled; beta holds rows of the same UUIDs."""
    fill(text="canary of alpha")
    return program()


def ok(answer: object, status: int = 200) -> dict[str, object]:
    """Return the body of an answer that went well."""
    assert answer.status_code == status, answer.content  # type: ignore[attr-defined]
    return answer.json()  # type: ignore[attr-defined,no-any-return]


def test_every_list_and_row_shows_its_own_tenant_only(
    api: Program, alpha: Tenant, beta: Tenant
) -> None:
    with tenant_context(beta):
        fill(text="canary of beta")
        other = program()
    paths = [
        "agents/",
        f"agents/{IDS['agent']}/",
        f"agents/{IDS['agent']}/draft/",
        f"agents/{IDS['agent']}/versions/",
        "categories/",
        f"categories/{IDS['category']}/",
        "documents/",
        f"documents/{IDS['document']}/",
        "contacts/",
        f"contacts/{IDS['contact']}/",
        "conversations/",
        f"conversations/{IDS['conversation']}/",
        f"conversations/{IDS['conversation']}/messages/",
        f"conversations/{IDS['conversation']}/notes/",
        f"messages/{IDS['message']}/",
        "turns/",
        f"turns/{IDS['turn']}/",
        "labels/",
        "leads/",
        f"leads/{IDS['lead']}/",
        f"leads/{IDS['lead']}/values/",
        "webhooks/",
        f"webhooks/{IDS['endpoint']}/",
        f"webhooks/{IDS['endpoint']}/deliveries/",
        f"webhooks/{IDS['endpoint']}/deliveries/{IDS['delivery']}/",
        "usage/?first=2026-11-01&last=2026-11-30",
        "blueprint/",
    ]
    silent = {"turns/", f"agents/{IDS['agent']}/draft/", f"webhooks/{IDS['endpoint']}/deliveries/"}
    for path in paths:
        ours, theirs = api.get(path), other.get(path)
        assert (ours.status_code, theirs.status_code) == (200, 200), (path, ours.content)
        for text, own, foreign in ((ours, "alpha", "beta"), (theirs, "beta", "alpha")):
            said = text.content.decode()
            assert f"canary of {foreign}" not in said, path
            assert f"canary of {own}" in said or path in silent, path
            assert "never shown" not in said, path
            assert '"id"' not in said, path
            assert '"pk"' not in said, path


def test_agents_are_drafted_published_compared_and_restored(api: Program) -> None:
    category = str(IDS["category"])
    made = ok(
        api.post(
            "agents/",
            {
                "name": "Preços",
                "kind": "specialist",
                "keywords": ["valor"],
                "categories": [category],
            },
        ),
        201,
    )
    page = f"agents/{made['uuid']}/"
    first = ok(api.post(f"{page}publish/"))
    whole = api.get(page)
    tag = whole.headers["ETag"]

    assert (first["number"], whole.json()["published_version"]) == (1, 1)
    assert ok(api.post(f"{page}publish/"))["number"] == 1
    assert api.get(page, if_none_match=tag).status_code == 304
    changed = api.patch(page, {"instructions": "Duas frases."}, if_match=tag)
    assert ok(changed)["instructions"] == "Duas frases."
    stale = api.patch(page, {"instructions": "Uma."}, if_match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    for verb, body in (("publish", {}), ("restore", {"number": 1})):
        unread = api.post(f"{page}{verb}/", body, if_match=tag)
        assert (unread.status_code, unread.json()["code"]) == (412, "changed_meanwhile")
    draft = ok(api.get(f"{page}draft/"))
    assert draft["is_published"] is False
    assert [one["field"] for one in draft["differences"]] == ["instructions"]
    assert ok(api.post(f"{page}publish/"))["number"] == 2
    assert [one["number"] for one in ok(api.get(f"{page}versions/"))["results"]] == [2, 1]
    back = ok(api.post(f"{page}restore/", {"number": 1, "publish": True}))
    assert (back["agent"]["instructions"], back["agent"]["published_version"]) == ("", 3)
    # What does not fit is refused by field, in the tenant's language or the one asked for.
    for body, field in (
        ({"name": "Preços", "kind": "specialist"}, "name"),
        ({"name": "X", "kind": "personal"}, "owner_numbers"),
        ({"name": "Y", "typo": 1}, "typo"),
        ({"name": "Z", "kind": "no"}, "kind"),
        ({"name": "W", "fallbacks": [{"credential": category, "model": "m"}]}, "fallbacks"),
    ):
        refused = api.post("agents/", body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), body
        assert list(refused.json()["fields"]) == [field], body
    assert Agent.objects.count() == 2
    assert (
        api.post("agents/", {"typo": 1}, accept_language="en").headers["Content-Language"] == "en"
    )
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"agent.created", "agent.changed", "agent.published", "agent.restored"} <= actions


def test_lists_come_in_pages_thin_and_filtered(api: Program) -> None:
    for n in range(5):
        ok(api.post("agents/", {"name": f"Agente {n}", "kind": "specialist"}), 201)
    names: list[str] = []
    cursor = ""
    while True:
        tail = f"&cursor={cursor}" if cursor else ""
        page = ok(api.get(f"agents/?kind=specialist&limit=2&fields=name{tail}"))
        assert all(set(one) == {"uuid", "name"} for one in page["results"])
        names += [one["name"] for one in page["results"]]
        cursor = page["next_cursor"]
        if not cursor:
            break

    assert names == [f"Agente {n}" for n in range(5)]
    wrong = {
        "agents/?cursor=abc": 400,
        "documents/?cursor=" + ok(api.get("agents/?limit=1"))["next_cursor"]: 400,
        "agents/?limit=0": 422,
        "agents/?kind=no": 422,
        "agents/?kinds=human": 422,
        "agents/?fields=name,secret": 422,
        "agents/1/": 404,
        "nothing/": 404,
    }
    assert {path: api.get(path).status_code for path in wrong} == wrong
    assert ok(api.get("agents"))["results"]  # the last slash may be left out


def test_who_is_looked_for_by_number_has_it(api: Program) -> None:
    numbers = {
        "phone": "5511955550123",
        "lid": "955550123000",
        "external": "web:c0955550123abcdef0123456",
    }
    for kind, value in numbers.items():
        contact = Contact.objects.create(name=kind)
        ContactAddress.objects.create(contact=contact, kind=kind, value=value)

    found = ok(api.get("contacts/?phone=955550123"))["results"]

    assert [one["name"] for one in found] == ["phone"]


def test_a_tag_stays_while_nothing_changes_that_it_names(api: Program) -> None:
    shelves = [Category.objects.create(name=f"estante {n}") for n in range(2)]
    path = f"agents/{IDS['agent']}/"
    body = {"categories": [str(one.uuid) for one in shelves]}
    before = api.patch(path, body)
    Category.objects.filter(pk=shelves[0].pk).update(name="outro nome")  # which moves its row

    after = api.patch(path, {"role": "diz preços"}, if_match=before["ETag"])

    assert ok(after)["categories"] == ok(before)["categories"]
    contact = api.get(f"contacts/{IDS['contact']}/")
    address = ContactAddress.objects.get(contact__uuid=IDS["contact"])
    ContactAddress.objects.create(contact=address.contact, kind="lid", value="1234567890")
    with_two = api.get(f"contacts/{IDS['contact']}/")
    ContactAddress.objects.filter(pk=address.pk).update(value=address.value)
    again = api.get(f"contacts/{IDS['contact']}/")
    assert contact["ETag"] != with_two["ETag"] == again["ETag"]


def test_documents_are_uploaded_searched_thrown_away_and_taken_out(api: Program) -> None:
    category = ok(api.post("categories/", {"name": "novos"}), 201)["uuid"]
    headers = {"host": api.host, "authorization": f"Bearer {api.credential}"}

    def upload(name: str, content: bytes) -> object:
        form = {"file": SimpleUploadedFile(name, content), "category": category}
        return Client().post("/api/v1/documents/", form, headers=headers)

    made = ok(upload("faq.md", b"# Horario\n\nAbrimos as 9."), 201)
    page = f"documents/{made['uuid']}/"

    assert (made["status"], made["category"], made["version"]) == ("queued", category, 1)
    assert ok(upload("faq.md", b"# Horario\n\nAbrimos as 8."), 201)["version"] == 2
    assert upload("a.exe", b"MZ").json()["code"] == "unsupported_file"  # type: ignore[attr-defined]
    tag = api.get(page).headers["ETag"]
    assert ok(api.patch(page, {"valid_from": None, "valid_until": "2030-01-01"}))["valid_until"]
    assert api.delete(page, if_match=tag).json()["code"] == "changed_meanwhile"
    assert api.delete(page).status_code == 204
    assert Document.objects.get(uuid=made["uuid"]).deleted_at is not None
    assert ok(api.get(f"documents/?category={category}"))["results"] == []
    assert ok(api.post(f"{page}take_out/"))["deleted_at"] is None
    assert ok(api.get("documents/?name=FAQ"))["results"][0]["uuid"] == made["uuid"]
    assert api.delete(f"categories/{category}/").json()["code"] == "in_use"
    found = ok(api.post("documents/search/", {"question": "quando abrem?", "category": category}))
    assert (found["decision"], found["passages"]) == ("unknown", [])


def test_people_take_over_write_once_and_give_back(api: Program) -> None:
    page = f"conversations/{IDS['conversation']}/"
    taken = ok(api.post(f"{page}take_over/"))
    sent = [
        ok(api.post(f"{page}messages/", {"text": "Olá!"}, idempotency_key="k1"), 202)
        for _ in range(3)
    ]

    assert (taken["mode"], taken["claimed_by"]) == ("human", "owner")
    assert len({one["uuid"] for one in sent}) == 1
    assert OutboundMessage.objects.filter(origin="person").count() == 1
    reused = api.post(f"{page}messages/", {"text": "Outra"}, idempotency_key="k1")
    assert (reused.status_code, reused.json()["code"]) == (422, "key_reused")
    newest = ok(api.get(f"{page}messages/?limit=2"))
    assert newest["results"][0]["text"] == "Olá!"
    older = ok(api.get(f"{page}messages/?limit=2&cursor={newest['next_cursor']}"))
    assert not {one["uuid"] for one in newest["results"]} & {
        one["uuid"] for one in older["results"]
    }
    for end in "ab":  # two keys that begin alike
        ok(api.post(f"{page}messages/", {"text": end}, idempotency_key="k" * 255 + end), 202)
    assert OutboundMessage.objects.filter(origin="person").count() == 3
    assert ok(api.get(f"{page}messages/?q=canary"))["results"]
    assert ok(api.get(f"messages/{sent[0]['uuid']}/"))["status"] == "created"
    assert ok(api.call("put", f"{page}labels/", {"labels": ["vip"]}))["labels"] == ["vip"]
    assert ok(api.post(f"{page}notes/", {"text": "liga amanhã"}), 201)["author"] == "owner"
    assert len(ok(api.get("conversations/?label=vip&q=canary&mode=human"))["results"]) == 1
    assert ok(api.get("conversations/?q=zzz"))["results"] == []
    contact = f"contacts/{IDS['contact']}/"
    assert ok(api.get(contact))["automation"]["state"] == "paused"
    assert ok(api.post(f"{contact}resume/"))["automation"]["state"] == "active"
    early = api.post(f"{page}messages/", {"text": "x"})
    assert (early.status_code, early.json()["code"]) == (409, "not_in_peoples_hands")
    until = "2036-01-01T12:00:00-03:00"
    paused = ok(api.post(f"{contact}pause/", {"until": until}))["automation"]
    assert (paused["state"], paused["until"]) == ("paused", until)
    assert ok(api.patch(contact, {"is_blocked": True}))["automation"]["reason"] == "blocked"
    assert ok(api.post(f"{page}close/"))["status"] == "archived"
    assert Conversation.objects.get().closed_by == "owner"


def test_leads_webhooks_devices_and_usage(api: Program) -> None:
    lead = f"leads/{IDS['lead']}/"
    stages = [one["name"] for one in ok(api.get("leads/stages/"))]
    assert ok(api.post(f"{lead}move/", {"stage": stages[1]}))["stage"]["name"] == stages[1]
    changed = ok(api.patch(lead, {"key": "budget", "value": "R$ 5.000"}))
    assert {one["key"]: one["value"] for one in changed["values"]}["budget"] == "R$ 5.000"
    assert api.patch(lead, {"key": "no", "value": "x"}).status_code == 422
    for name in ("\x00", "\ud800", "Nenhuma"):
        assert api.post(f"{lead}move/", {"stage": name}).json()["fields"].keys() == {"stage"}
    LeadField.objects.create(key="style", label="Estilo", choices=["novo"])
    lead_fields.changed_here()
    refused = api.patch(lead, {"key": "style", "value": "velho"})
    assert refused.json()["message"] == "Este valor não pode ser usado."

    made = ok(
        api.post(
            "webhooks/",
            {"name": "crm", "url": "https://crm.example/h", "events": ["lead.updated"]},
        ),
        201,
    )
    page = f"webhooks/{made['uuid']}/"
    assert made["secret"].startswith("whsec_")
    assert "secret" not in ok(api.get(page))
    assert ok(api.patch(page, {"events": ["message.sent"]}))["events"] == ["message.sent"]
    assert ok(api.post(f"{page}rotate_secret/"))["secret"] != made["secret"]
    delivery = f"webhooks/{IDS['endpoint']}/deliveries/{IDS['delivery']}/"
    assert ok(api.post(f"{delivery}replay/"), 202) == {"n": 1}
    assert ok(api.get(delivery))["status"] == "pending"
    assert api.delete(page).status_code == 204

    device = f"devices/{Device.objects.get().uuid}/"
    tag = api.get(device).headers["ETag"]
    # What happens to a device by itself is no change of somebody else's.
    Device.objects.update(online_at=timezone.now(), state_changed_at=timezone.now())
    assert api.get(device, if_none_match=tag).json()["online_at"]
    assert ok(api.patch(device, {"quiet_s": 3}, if_match=tag))["quiet_s"] == 3.0
    assert api.delete(device, if_match=tag).json()["code"] == "changed_meanwhile"
    assert api.patch(device, {"quiet_s": 50, "max_wait_s": 1}).status_code == 422
    pairing = ok(api.post(f"{device}pairing/", {"phone": "+55 11 98888-7777"}), 202)
    assert pairing["is_pairing"] is True
    assert api.delete(f"{device}pairing/").status_code == 204
    usage = ok(api.get("usage/?first=2026-11-21&last=2026-11-21"))
    assert usage["total"]["n_calls"] == 1
    assert ok(api.get("usage/budgets/")) == []


def test_absurd_days_depths_and_sizes_are_refused_in_our_shape(api: Program, settings: Any) -> None:
    for path in (
        "usage/?last=0001-01-10",
        "usage/?first=9999-12-30&last=9999-12-31",
        "conversations/?since=9999-12-31T23:59:59",
        "conversations/?until=0001-01-01T00:00:00%2B14:00",
        "turns/?since=9999-12-31T23:59:59-12:00",
        "leads/?updated_since=0001-01-01",
    ):
        refused = api.get(path)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid"), path
    webhook = f"webhooks/{IDS['endpoint']}/replay/"
    days = {"since": "0001-01-01T00:00:00Z", "until": "9999-12-31T23:59:59Z"}
    assert set(api.post(webhook, days).json()["fields"]) == set(days)
    for path in ("auth/login/", "agents/", "documents/search/"):
        deep = api.post(path, "[" * 100_000)
        assert (deep.status_code, deep.json()["code"]) == (400, "unreadable"), path
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    for path in ("auth/login/", "agents/"):
        large = api.post(path, {"name": "x" * 1000})
        assert (large.status_code, large.json()["code"]) == (413, "too_large"), path
    form = {"category": "x" * 2000, "file": SimpleUploadedFile("a.md", b"a")}
    headers = {"host": api.host, "authorization": f"Bearer {api.credential}"}
    assert Client().post("/api/v1/documents/", form, headers=headers).json()["code"] == "too_large"


def test_roles_and_scopes_hold_as_in_the_panel(api: Program, alpha: Tenant) -> None:
    attendant = program("attendant")
    reader = program("owner", scopes=["agents:read"])
    expected = {
        "agents/": (200, 200),
        "conversations/": (200, 403),
        "webhooks/": (403, 403),
        "usage/": (403, 403),
        "blueprint/": (403, 403),
    }

    got = {
        path: (attendant.get(path).status_code, reader.get(path).status_code) for path in expected
    }

    assert got == expected
    assert attendant.post("agents/", {"name": "X"}).json()["code"] == "forbidden"
    assert reader.post("agents/", {"name": "X"}).json()["code"] == "out_of_scope"
    assert json.loads(reader.get("usage/").content)["fields"] == {}


def test_refusals_speak_the_language_of_the_business(api: Program) -> None:
    device = f"devices/{Device.objects.get().uuid}/"
    conversation = f"conversations/{IDS['conversation']}"
    refused = [
        api.patch(device, {"quiet_s": 50, "max_wait_s": 10}),
        api.post(f"{conversation}/assign/", {"person": "ninguem"}),
    ]
    said = {one.json()["code"]: one.json()["message"] for one in refused}

    assert said == {
        "bad_device": "A espera máxima é pelo menos a janela de silêncio, e ao menos uma mensagem.",
        "no_such_person": "Ninguém com este nome trabalha aqui, ou não há esta fila.",
    }
    # So do those of a web chat, and of values that are none of a field's choices.
    others = (
        leads.BadValue,
        receiving.BadMessage,
        visitors.UnknownVisitor,
        views.NothingSaid,
        views.NotJson,
        views.OriginRefused,
        views.SwitchedOff,
        views.TooLarge,
        views.UnknownChat,
    )
    with translation.override("pt-br"):
        assert [kind for kind in others if errors.said(kind()) == kind.__doc__] == []
