"""The rows of an agent's form for the models that are asked when its own one fails."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_tenants.utils import tenant_context

from agents.fallbacks import MAX_FALLBACKS
from agents.models import Agent
from integrations.models import Credential
from tenants.models import Tenant
from tests.admin.rows import make_agent
from tests.admin.test_editing import agent_form


@pytest.fixture
def key(alpha: Tenant) -> Credential:
    return Credential.objects.create(
        name="reserva", provider="openai", known_models=["gpt-4o", "gpt-4o-mini"]
    )


def save(owner: Client, agent: Agent, *rows: tuple[Any, str]) -> Any:
    typed = {
        f"fallbacks_{2 * n + k}": part for n, row in enumerate(rows) for k, part in enumerate(row)
    }
    return owner.post(f"/admin/agents/agent/{agent.pk}/change/", agent_form(agent, **typed))


def test_rows_are_kept_in_their_order_and_empty_ones_left_out(
    owner: Client, key: Credential
) -> None:
    agent = make_agent()
    offline = Credential.objects.create(name="nenhum", provider="offline")

    answer = save(owner, agent, (key.uuid, "gpt-4o-mini"), ("", ""), (offline.uuid, "is ignored"))

    assert answer.status_code == 302
    agent.refresh_from_db()
    assert agent.fallbacks == [
        {"credential": str(key.uuid), "model": "gpt-4o-mini"},
        {"credential": str(offline.uuid), "model": ""},
    ]
    page = owner.get(f"/admin/agents/agent/{agent.pk}/change/").content.decode()
    assert 'value="gpt-4o-mini"' in page
    assert page.count('name="fallbacks_') == 2 * MAX_FALLBACKS
    assert save(owner, agent, ("", "")).status_code == 302
    agent.refresh_from_db()
    assert agent.fallbacks == []


@pytest.mark.parametrize(
    ("model", "uuid"),
    [
        ("", None),
        ("gpt-4o", ""),
        ("gpt-4o", "00000000-0000-0000-0000-000000000001"),
        ("x" * 121, None),
    ],
)
def test_a_row_that_is_not_whole_is_refused_and_stays_as_it_was_typed(
    owner: Client, key: Credential, model: str, uuid: str | None
) -> None:
    agent = make_agent()

    answer = save(owner, agent, (key.uuid if uuid is None else uuid, model))

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == ["fallbacks"]
    assert not model or model in answer.content.decode()
    agent.refresh_from_db()
    assert agent.fallbacks == []


def test_a_key_that_is_gone_is_shown_as_such(owner: Client, key: Credential) -> None:
    agent = make_agent()
    Agent.objects.filter(pk=agent.pk).update(
        fallbacks=[{"credential": "00000000-0000-0000-0000-000000000001", "model": "gpt-4o"}]
    )

    page = owner.get(f"/admin/agents/agent/{agent.pk}/change/")

    assert page.status_code == 200
    assert "00000000-0000-0000-0000-000000000001" in page.content.decode()


def test_another_tenants_keys_are_neither_offered_nor_taken(
    owner: Client, alpha: Tenant, beta: Tenant
) -> None:
    agent = make_agent()
    with tenant_context(beta):
        theirs = Credential.objects.create(name="alheia", provider="openai")

    assert "alheia" not in owner.get(f"/admin/agents/agent/{agent.pk}/change/").content.decode()
    assert save(owner, agent, (theirs.uuid, "gpt-4o")).status_code == 200
