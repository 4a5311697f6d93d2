"""A business's file over the API: shown, tried without a trace, applied, and never a way out."""

from __future__ import annotations

import pytest
import yaml
from django_tenants.utils import tenant_context

from agents.models import Agent
from channels_whatsapp.servers.models import BridgeServer
from integrations.services.credentials import ensure_credential
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.api.conftest import program
from tests.factories import make_agent, make_device


def test_a_file_is_tried_without_a_trace_and_then_applied(
    alpha: Tenant, beta: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_credential(name="principal", provider="openai", api_key="sk-old")
    make_device(make_agent(), bridge_url="http://bridge.example:8080")
    with tenant_context(beta):
        make_agent()
        before = list(Agent.objects.values())
    api = program()
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
    assert AuditEntry.objects.get(action="blueprint.applied").actor == "owner"
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
    servers = list(BridgeServer.objects.values())
    for wrong in (other, moved, bridged):
        refused = api.post("blueprint/", {"blueprint": yaml.safe_dump(wrong), "secrets": secrets})
        assert refused.json()["code"] == "bad_blueprint"
    assert list(BridgeServer.objects.values()) == servers
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
