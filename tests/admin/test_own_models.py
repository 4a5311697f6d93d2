"""The rows of an agent's form for models of its own, and who does what without them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django_tenants.utils import tenant_context

from agents.models import Agent
from integrations.models import Credential, ModelChoice
from tenants.models import Tenant
from tests.admin.rows import make_agent
from tests.admin.test_editing import agent_form

GONE = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def key(alpha: Tenant) -> Credential:
    return Credential.objects.create(name="ouvido", provider="openai", known_models=["whisper-1"])


def save(owner: Client, agent: Agent, **rows: dict[str, Any]) -> Any:
    typed = {
        f"purposes-{purpose}-{part}": text
        for purpose, row in rows.items()
        for part, text in {"timeout_s": "20", **row}.items()
    }
    return owner.post(f"/admin/agents/agent/{agent.pk}/change/", agent_form(agent, **typed))


def page_of(owner: Client, agent: Agent) -> str:
    return owner.get(f"/admin/agents/agent/{agent.pk}/change/").content.decode()


def test_rows_are_kept_by_purpose_and_say_who_does_it_without(
    owner: Client, key: Credential
) -> None:
    agent = make_agent()
    ModelChoice.objects.create(purpose="summarise", credential=key, model="resumo-1")
    offline = Credential.objects.create(name="nenhum", provider="offline")
    page = page_of(owner, agent)
    assert page.count("resumo-1 · ouvido") == 2  # who does it, and what an empty row means
    assert page.count('name="purposes-') == 5 * 5

    answer = save(
        owner,
        agent,
        transcribe={
            "credential": key.uuid,
            "model": "whisper-1",
            "timeout_s": "45",
            "spare_credential": key.uuid,
            "spare_model": "gpt-4o-transcribe",
        },
        classify={"credential": offline.uuid, "model": "is ignored", "timeout_s": ""},
        vision={},
    )

    assert answer.status_code == 302
    agent.refresh_from_db()
    ref = {"credential": str(key.uuid)}
    assert agent.purposes == {
        "classify": {
            "credential": str(offline.uuid),
            "model": "",
            "timeout_s": 20,
            "fallbacks": [],
        },
        "transcribe": {
            **ref,
            "model": "whisper-1",
            "timeout_s": 45,
            "fallbacks": [{**ref, "model": "gpt-4o-transcribe"}],
        },
    }
    assert "whisper-1 · ouvido" in page_of(owner, agent)
    lines = {
        line.name: line for line in owner.get("/admin/integrations/modelchoice/").context["lines"]
    }
    assert sum(line.own == agent.name for line in lines.values()) == 2
    assert sum(line.used_by == agent.name for line in lines.values()) == 1  # summarise
    assert save(owner, agent, vision={}).status_code == 302
    agent.refresh_from_db()
    assert agent.purposes == {}


def test_a_row_that_is_not_whole_is_refused_and_stays_as_it_was_typed(
    owner: Client, key: Credential, beta: Tenant
) -> None:
    agent = make_agent()
    with tenant_context(beta):
        theirs = Credential.objects.create(name="alheia", provider="openai")
    whole = {"credential": key.uuid, "model": "olho-1"}
    rows: tuple[dict[str, Any], ...] = (
        {"model": "olho-1"},
        {"credential": key.uuid},
        {"credential": GONE, "model": "olho-1"},
        {"credential": theirs.uuid, "model": "olho-1"},
        {"credential": key.uuid, "model": "x" * 121},
        {**whole, "timeout_s": "61"},
        {**whole, "timeout_s": "-1"},
        {**whole, "spare_model": "olho-2"},
        {"spare_credential": key.uuid, "spare_model": "olho-2"},
    )
    for row in rows:
        answer = save(owner, agent, vision=row)

        assert answer.status_code == 200, row
        assert list(answer.context["adminform"].form.errors) == ["purposes"], row
        content = answer.content.decode()
        assert row.get("model", row.get("spare_model", "")) in content
        assert "alheia" not in content
    agent.refresh_from_db()
    assert agent.purposes == {}


def test_a_key_that_is_gone_is_shown_as_such(owner: Client, key: Credential) -> None:
    agent = make_agent()
    chain = {"credential": GONE, "model": "olho-1", "timeout_s": 20, "fallbacks": []}
    Agent.objects.filter(pk=agent.pk).update(purposes={"vision": chain})

    assert GONE in page_of(owner, agent)
