"""MCP servers as owners meet them: tested, read, approved, and looked at again when they change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django_tenants.utils import tenant_context

from integrations.models import HttpTool, McpServer, McpTool
from integrations.services import breakers
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.fakes.mcp import FakeMcp
from tests.integrations.test_mcp import approve, find

SERVERS = "/admin/integrations/mcpserver/"
FOUND = "/admin/integrations/mcptool/"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeMcp]:
    with FakeMcp() as fake:
        yield fake


@pytest.fixture
def agenda(fake: FakeMcp) -> FakeMcp:
    breakers.forget()
    fake.reset()
    return fake


def form(url: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "agenda",
        "url": url,
        "auth_kind": "bearer",
        "auth_name": "",
        "secret": "tok-123",
        "is_active": "on",
        **changes,
    }


def messages_of(page: Any) -> list[str]:
    return [str(one) for one in page.context["messages"]]


def test_a_server_is_tested_as_typed_then_saved_read_and_approved(
    owner: Client, agenda: FakeMcp
) -> None:
    verdict = owner.post(f"{SERVERS}test/", form(agenda.url)).json()
    assert verdict["is_good"], verdict
    assert verdict["shown"] == "book\nfind"
    assert not McpServer.objects.exists()

    saved = owner.post(f"{SERVERS}add/", form(agenda.url), follow=True)

    server = McpServer.objects.get()
    assert server.secret() == "tok-123"
    assert "2" in messages_of(saved)[-1]  # discovered 2 tools, 2 need your approval
    page = owner.get(f"{SERVERS}{server.pk}/change/").content.decode()
    assert "tok-123" not in page
    found = McpTool.objects.get(name="book")
    assert f"{FOUND}{found.pk}/change/" in page
    assert "Books a day." in owner.get(f"{FOUND}{found.pk}/change/").content.decode()

    agenda.offer(text='Books a day.\u200b <script>alert("x")</script>')
    approved = {"seen": found.found_hash, "risk": "write"}
    assert owner.post(f"{FOUND}{found.pk}/approve/", approved).status_code == 302
    tool = HttpTool.objects.get()
    assert (tool.name, tool.risk, tool.mcp) == ("agenda_book", "write", found)

    again = form(agenda.url, secret="", integrations_mcpserver_save_and_look="1")
    told = owner.post(f"{SERVERS}{server.pk}/change/", again, follow=True)
    assert "2" in messages_of(told)[-1]  # the change, and the one that was never approved
    shown = owner.get(f"{FOUND}{found.pk}/change/").content.decode()
    assert "<ins>" in shown
    assert "⟨U+200B⟩" in shown
    assert "<script>alert" not in shown
    owner.post(f"{FOUND}{found.pk}/approve/", approved)  # of what was read before
    assert not McpTool.objects.get(pk=found.pk).is_as_approved
    assert AuditEntry.objects.filter(action="mcptool.approved").count() == 1


def test_a_tool_of_a_server_is_edited_tested_and_switched_off(
    owner: Client, agenda: FakeMcp
) -> None:
    find(agenda)
    tool = approve("find", "read")
    page = f"/admin/integrations/httptool/{tool.pk}/"
    typed = {
        "description": "Acha um pedido.",
        "risk": "read",
        "timeout_s": 20,
        "max_kb": 64,
        "is_active": "on",
        "shows": "result",
        "parameters-0-name": "order",
        "parameters-0-from": "said",
        "parameters-0-type": "string",
        "parameters-0-value": "A-1",
        "parameters-1-name": "",
    }
    assert "agenda: find" in owner.get(f"{page}change/").content.decode()

    verdict = owner.post(f"{page}test/", typed).json()
    owner.post(f"{page}change/", typed)
    wrong = owner.post(f"{page}change/", {**typed, "parameters-0-name": "other"})

    assert verdict["is_good"], verdict
    assert verdict["shown"] == '{"result": "A-1: sent"}'
    assert verdict["request"] == "agenda: find"
    tool.refresh_from_db()
    assert (tool.description, tool.parameters[0]["from"]) == ("Acha um pedido.", "said")
    assert wrong.status_code == 200
    for button, is_on in (("off", False), ("on", True)):
        owner.post(f"{FOUND}{tool.mcp_id}/{button}/")
        tool.refresh_from_db()
        assert tool.is_active is is_on
    server = McpServer.objects.get()
    owner.post(f"{SERVERS}{server.pk}/delete/", {"post": "yes"})
    assert not HttpTool.objects.exists()


def test_what_is_wrong_is_said_and_nothing_is_kept(owner: Client, agenda: FakeMcp) -> None:
    agenda.meddle = lambda _: (401, {})
    for change, said in (
        ({}, "HTTP 401"),
        ({"url": "nowhere"}, "https://"),
        ({"url": ""}, ""),
        ({"secret": ""}, ""),
        ({"url": "http://169.254.169.254/mcp"}, "EGRESS_ALLOWED_TENANTS"),
    ):
        verdict = owner.post(f"{SERVERS}test/", form(**{"url": agenda.url, **change})).json()
        assert not verdict["is_good"]
        assert said in verdict["text"]
    assert owner.get(f"{SERVERS}test/").status_code == 405
    assert not McpServer.objects.exists()


def test_only_who_may_decides_and_only_in_their_own_business(
    owner: Client, alpha: Tenant, beta: Tenant, agenda: FakeMcp
) -> None:
    find(agenda)
    mine = McpTool.objects.get(name="book")
    approved = {"seen": mine.found_hash, "risk": "write"}
    auditor = as_role("auditor", username="aud")
    assert auditor.get(f"{FOUND}{mine.pk}/change/").status_code == 200
    for button in ("approve", "on", "off"):
        assert auditor.post(f"{FOUND}{mine.pk}/{button}/", approved).status_code == 403
    assert auditor.post(f"{SERVERS}test/", form(agenda.url)).status_code == 403
    assert owner.post(f"{FOUND}{mine.pk}/approve/", {**approved, "risk": "x"}).status_code == 403
    with tenant_context(beta):
        find(agenda)
        McpServer.objects.create(id=9_001, name="other", url=agenda.url)
        McpTool.objects.filter(name="book").update(id=9_002)

    assert owner.get(f"{FOUND}9002/change/").status_code == 404
    assert owner.post(f"{FOUND}9002/approve/", approved).status_code == 404
    assert owner.post(f"{SERVERS}9001/test/", form(agenda.url)).status_code == 404
    assert not HttpTool.objects.exists()
