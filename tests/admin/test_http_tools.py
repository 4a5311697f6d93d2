"""Tools as owners meet them: described in rows, tested before they are saved, decided on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.services import publishing
from integrations.models import HttpTool, HttpToolCall
from integrations.services import http_tools
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent
from tests.fakes.http import Answer, json_answer
from tests.integrations.test_http_tools import ASKING, VALUES
from tests.integrations.tools import Shop, define, make_tool

TOOLS = "/admin/integrations/httptool/"
CALLS = "/admin/integrations/httptoolcall/"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


def form(base: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "consultar_pedido",
        "description": "Diz onde está um pedido.",
        "method": "GET",
        "url": f"{base}/orders/{{order}}",
        "risk": "read",
        "auth_kind": "bearer",
        "auth_name": "",
        "secret": "tok-123",
        "new_headers": "X-Store: 12",
        "shows": "order.status = situação",
        "timeout_s": 5,
        "max_kb": 64,
        "max_calls": "",
        "is_active": "on",
        "parameters-0-name": "order",
        "parameters-0-from": "said",
        "parameters-0-type": "string",
        "parameters-0-description": "O número do pedido",
        "parameters-0-accepts": "",
        "parameters-0-value": "A-991",
        "parameters-1-name": "days",
        "parameters-1-from": "model",
        "parameters-1-type": "integer",
        "parameters-1-accepts": "1..10",
        "parameters-1-value": "3",
        "parameters-1-optional": "on",
        "parameters-2-name": "",
        **changes,
    }


def test_a_tool_is_tested_as_typed_then_saved(owner: Client, shop: Shop) -> None:
    shop.respond = lambda _: json_answer({"order": {"status": "enviado", "cost": 3}})

    verdict = owner.post(f"{TOOLS}test/", form(shop.url)).json()

    assert verdict["is_good"], verdict
    assert verdict["shown"] == '{"order": {"situação": "enviado"}}'
    assert verdict["request"] == f"GET {shop.url}/orders/A-991?days=3"
    assert shop.received[0].headers["authorization"] == "Bearer tok-123"
    assert shop.received[0].headers["x-store"] == "12"
    assert not HttpTool.objects.exists()

    saved = owner.post(f"{TOOLS}add/", form(shop.url), follow=True)

    assert saved.status_code == 200
    tool = HttpTool.objects.get()
    assert tool.secret() == "tok-123"
    assert tool.parameters == [
        {
            "name": "order",
            "from": "said",
            "description": "O número do pedido",
            "value": "A-991",
        },
        {
            "name": "days",
            "type": "integer",
            "required": False,
            "minimum": 1.0,
            "maximum": 10.0,
            "value": "3",
        },
    ]
    page = owner.get(f"{TOOLS}{tool.pk}/change/").content.decode()
    assert "tok-123" not in page
    assert 'value="1..10"' in page
    assert "order.status = situação" in page
    assert f"{TOOLS}{tool.pk}/test/" in page
    assert AuditEntry.objects.filter(action="httptool.created").count() == 1


def test_rows_that_were_left_blank_stay_folded_after_a_mistake(owner: Client) -> None:
    blank = {"parameters-2-from": "model", "parameters-2-type": "string"}

    page = owner.post(f"{TOOLS}add/", form("https://erp.example", name="Um nome", **blank))

    shown, _, folded = (
        page.content.decode()
        .partition('<div class="pz-fallbacks pz-parameters">')[2]
        .partition("<details")
    )
    assert shown.count('class="pz-parameter"') == 3  # two that say something, and a new one
    assert folded.count('class="pz-parameter"') > 5


def test_an_empty_secret_keeps_the_one_there_is_also_in_a_test(owner: Client, shop: Shop) -> None:
    owner.post(f"{TOOLS}add/", form(shop.url))
    tool = HttpTool.objects.get()
    changed = form(shop.url, secret="", new_headers="", description="Outra coisa.")

    owner.post(f"{TOOLS}{tool.pk}/test/", changed)
    assert shop.received[0].headers["authorization"] == "Bearer tok-123"
    owner.post(f"{TOOLS}{tool.pk}/change/", changed)

    tool.refresh_from_db()
    assert (tool.secret(), tool.headers()) == ("tok-123", {"X-Store": "12"})
    assert tool.description == "Outra coisa."


@pytest.mark.parametrize("kept", ["secret", "new_headers"])
def test_what_is_secret_is_not_taken_to_another_system(
    owner: Client, shop: Shop, kept: str
) -> None:
    owner.post(f"{TOOLS}add/", form(shop.url))
    tool = HttpTool.objects.get()
    with Shop() as thief:
        moved = form(thief.url, **{kept: ""})

        verdict = owner.post(f"{TOOLS}{tool.pk}/test/", moved).json()
        page = owner.post(f"{TOOLS}{tool.pk}/change/", moved)

        assert not verdict["is_good"]
        told = {"secret": "chave", "new_headers": "headers|cabeçalhos"}[kept]
        assert re.search(f"{told}|key", verdict["text"])
        assert page.status_code == 200
        tool.refresh_from_db()
        assert tool.url.startswith(shop.url)
        assert thief.received == []

        owner.post(f"{TOOLS}{tool.pk}/change/", form(thief.url, secret="tok-2"))
        tool.refresh_from_db()
        assert (tool.secret(), tool.url.startswith(thief.url)) == ("tok-2", True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters-0-name": "other"}, "{order}"),
        ({"parameters-0-name": ""}, "1"),
        ({"parameters-1-accepts": "some..more"}, "1..10"),
        ({"parameters-1-value": "30"}, "days"),
        ({"url": "nowhere"}, "https://"),
        ({"name": "Consultar Pedido"}, "consultar_pedido"),
        ({"new_headers": "nothing"}, ":"),
        ({"shows": "a b"}, "order.status"),
        ({"secret": ""}, ""),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    owner: Client, shop: Shop, change: dict[str, str], said: str
) -> None:
    wrong = form(shop.url, **change)

    verdict = owner.post(f"{TOOLS}test/", wrong).json()
    page = owner.post(f"{TOOLS}add/", wrong)

    assert not verdict["is_good"]
    assert said in verdict["text"]
    assert page.status_code == 200
    assert "Diz onde está um pedido." in page.content.decode()
    assert not HttpTool.objects.exists()
    assert shop.received == []


def test_a_test_that_fails_says_what_helps(owner: Client, shop: Shop) -> None:
    shop.respond = lambda _: Answer(401)

    verdict = owner.post(f"{TOOLS}test/", form(shop.url)).json()

    assert not verdict["is_good"]
    assert "HTTP 401" in verdict["text"]


def test_an_agent_gets_its_tools_with_its_version(owner: Client) -> None:
    agent, tool = make_agent(), make_tool("https://erp.example/")
    page = owner.get(f"/admin/agents/agent/{agent.pk}/change/").content.decode()
    assert "book" in page

    agent.tools.add(tool)

    assert not publishing.is_published(Agent.objects.get(pk=agent.pk))
    version = publishing.publish_agent(agent=agent, actor="ana", now=timezone.now())
    assert version.snapshot["tools"] == [{"uuid": str(tool.uuid), "name": "book"}]


def test_what_waits_is_decided_by_who_may(owner: Client, alpha: Tenant, shop: Shop) -> None:
    http_tools.propose(define(shop.url, risk="approval"), VALUES, asking=ASKING)
    waiting = HttpToolCall.objects.get()
    auditor = as_role("auditor", username="aud")
    assert auditor.post(f"{CALLS}{waiting.pk}/do/").status_code == 403
    assert "5511988887777" not in auditor.get(CALLS).content.decode()
    assert "5511988887777" in owner.get(CALLS).content.decode()
    assert owner.get(f"{CALLS}{waiting.pk}/do/").status_code == 405

    owner.post(f"{CALLS}{waiting.pk}/do/")
    again = owner.post(f"{CALLS}{waiting.pk}/do/", follow=True)

    assert again.status_code == 200
    assert len(shop.received) == 1
    assert "5511988887777" not in owner.get(CALLS).content.decode()


def test_a_yes_whose_outcome_is_unknown_is_told_in_plain_words(owner: Client, shop: Shop) -> None:
    shop.respond = lambda _: Answer(200, parts=(b"{",), cut=True)
    http_tools.propose(define(shop.url, risk="approval"), VALUES, asking=ASKING)
    waiting = HttpToolCall.objects.get()

    page = owner.post(f"{CALLS}{waiting.pk}/do/", follow=True)

    [told] = [str(message) for message in page.context["messages"]]
    assert "Não se sabe se foi feito" in told
    assert "hung up" not in told
    HttpToolCall.objects.update(reason=http_tools.LOST)
    assert http_tools.LOST not in owner.get(CALLS).content.decode()


def test_a_yes_to_what_no_longer_fits_its_tool_is_told_what_to_do(
    owner: Client, shop: Shop
) -> None:
    http_tools.propose(define(shop.url, risk="approval"), VALUES, asking=ASKING)
    order = {"name": "order", "value": "A-1"}
    make_tool(f"{shop.url}/{{order}}", risk="approval", parameters=[order])
    waiting = HttpToolCall.objects.get()

    page = owner.post(f"{CALLS}{waiting.pk}/do/", follow=True)

    assert [message.level_tag for message in page.context["messages"]] == ["warning"]
    assert HttpToolCall.objects.get().status == "waiting"
    assert shop.received == []


def test_another_tenants_tool_cannot_be_seen_tested_or_decided(
    owner: Client, alpha: Tenant, beta: Tenant, shop: Shop
) -> None:
    with tenant_context(beta):
        http_tools.propose(define(shop.url, risk="approval"), VALUES, asking=ASKING)
        tool, call = HttpTool.objects.get(), HttpToolCall.objects.get()

    assert ">book<" not in owner.get(TOOLS).content.decode()
    assert owner.post(f"{TOOLS}{tool.pk}/test/", form(shop.url)).status_code == 404
    assert owner.post(f"{CALLS}{call.pk}/do/").status_code == 404
    with tenant_context(beta):
        call.refresh_from_db()
        assert call.status == "waiting"
    assert shop.received == []
