"""A business's file over the API: shown, tried without a trace, applied, and never a way out."""

from __future__ import annotations

import pytest
import yaml
from django.contrib.auth.models import User
from django_tenants.utils import tenant_context

from agents.models import Agent
from channels_whatsapp.models import Device
from channels_whatsapp.servers.models import BridgeServer
from integrations.services.credentials import ensure_credential
from tenants.api.models import ApiKey
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.api.conftest import PASSWORD, Program, login_of, person, program
from tests.factories import make_agent, make_device


def test_a_file_is_tried_without_a_trace_and_then_applied(
    alpha: Tenant, beta: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_credential(name="principal", provider="openai", api_key="sk-old")
    phone = make_device(make_agent(), bridge_url="http://bridge.example:8080")
    with tenant_context(beta):
        make_agent()
        before = list(Agent.objects.values())
    owner = person()
    api = Program(login_of(owner).access, "alpha.localhost")
    exported = api.get("blueprint/").json()["blueprint"]
    data = yaml.safe_load(exported)
    [key] = [one["api_key_env"] for one in data["llm"]["credentials"]]
    password = data["users"][0]["password_env"]
    data["agents"][0]["instructions"] = "Responda em verso."
    text = yaml.safe_dump(data, allow_unicode=True)
    # What this server knows under those names is nobody's business.
    monkeypatch.setenv(key, "sk-of-the-server")
    monkeypatch.setenv(password, "password of the server")

    assert "sk-old" not in exported
    lacking = api.post("blueprint/", {"blueprint": text, "dry_run": True})
    assert (lacking.status_code, lacking.json()["code"]) == (422, "bad_blueprint")
    assert key in lacking.json()["message"]
    secrets = {key: "sk-new", password: "correct horse battery staple"}
    tried = api.post("blueprint/", {"blueprint": text, "secrets": secrets, "dry_run": True}).json()
    assert tried["is_dry_run"] is True
    assert "agent Recepção: changed instructions" in tried["changes"]
    assert "+    instructions: Responda em verso." in tried["diff"]
    assert "sk-new" not in tried["diff"]
    assert Agent.objects.get().instructions == "Seja breve."
    done = api.post("blueprint/", {"blueprint": text, "secrets": secrets}).json()
    assert done["changes"] == tried["changes"]
    told = AuditEntry.objects.get(action="blueprint.applied")
    assert (told.actor, told.data["changes"]) == ("owner", done["changes"])
    assert Agent.objects.get().instructions == "Responda em verso."
    assert api.post("blueprint/", {"blueprint": text, "secrets": secrets}).json()["changes"] == []

    # Another business's file, its addresses, files of this disk.
    other = {**data, "tenant": {**data["tenant"], "slug": "beta"}}
    moved = {**data, "tenant": {**data["tenant"], "domains": ["beta.localhost"]}}
    [device] = data["devices"]
    mine = {
        **device["bridge"],
        "base_url": "http://mine.example",
        "token": "x",
        "hmac_key": "k" * 32,
    }
    bridged = {**data, "devices": [{**device, "name": "novo", "bridge": mine}]}
    taken = {**data, "devices": [{**device, "bridge": mine}]}
    servers, token = list(BridgeServer.objects.values()), phone.bridge_token()
    for wrong in (other, moved, bridged, taken):
        refused = api.post("blueprint/", {"blueprint": yaml.safe_dump(wrong), "secrets": secrets})
        assert refused.json()["code"] == "bad_blueprint"
    # Also where the file names the bridge that the device has, the typed token binds nothing.
    bound = {**mine, "base_url": device["bridge"]["base_url"]}
    named = {**data, "devices": [{**device, "bridge": bound}]}
    same = api.post("blueprint/", {"blueprint": yaml.safe_dump(named), "secrets": secrets})
    assert same.json()["changes"] == [], same.content
    assert list(BridgeServer.objects.values()) == servers
    kept = Device.objects.get()
    assert (kept.bridge_base_url, kept.bridge_token()) == ("http://bridge.example:8080", token)
    read = {
        **data,
        "devices": [],
        "knowledge": {"categories": [{"name": "x", "documents": ["/etc/passwd"]}]},
    }
    read["agents"] = [{"name": "Recepção", "kind": "general", "categories": []}]
    listed = api.post("blueprint/", {"blueprint": yaml.safe_dump(read), "secrets": secrets})
    assert listed.status_code == 200, listed.content
    assert api.get("documents/").json()["results"] == []
    with tenant_context(beta):
        assert list(Agent.objects.values()) == before
    manager = program("manager")
    assert manager.get("blueprint/").status_code == 403


def test_a_key_changes_nobody_who_works_there(alpha: Tenant) -> None:
    api = program()
    exported = api.get("blueprint/").json()["blueprint"]
    data = yaml.safe_load(exported)
    assert "users" not in data
    mine = {"username": "mallory", "role": "owner", "password": "correct horse battery"}
    for one in (mine, {**mine, "username": "owner"}):
        refused = api.post("blueprint/", {"blueprint": yaml.safe_dump({**data, "users": [one]})})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad_blueprint")
    assert [user.check_password(PASSWORD) for user in User.objects.all()] == [True]
    # What it was given it may give back, also where that names who works there.
    data["agents"] = [{"name": "Fila", "kind": "human", "queue": {"members": ["owner"]}}]
    done = api.post("blueprint/", {"blueprint": yaml.safe_dump(data)})
    assert "agent Fila: created" in done.json()["changes"], done.content
    told = AuditEntry.objects.get(action="blueprint.applied").data
    assert told["key"] == str(ApiKey.objects.get().uuid)


def test_a_file_that_means_harm_is_refused_in_words(alpha: Tenant) -> None:
    api = program()
    layers = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    harmful = {
        "bomb": "\n".join(["a0: &a0 [x, x]", *layers]),
        "ring": "a: &a [*a]",
        "depth": "[" * 3000,
        "day": "a: 2026-13-45",
        "number": f"a: {'1' * 10_000}",
        "sixties": f"a: 1{':1' * 400_000}",
        "float": f"a: 1{':1' * 1000}.0",
        "tag": "a: !!timestamp x",
        "map": "a: !!map [x]",
        "sign": 'blueprint: "\\0"',
        "list": "[]",
    }
    for is_tried in (True, False):
        for name, text in harmful.items():
            refused = api.post("blueprint/", {"blueprint": text, "dry_run": is_tried})
            assert (refused.status_code, refused.json()["code"]) == (422, "bad_blueprint"), name
