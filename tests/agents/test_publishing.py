from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django_tenants.utils import tenant_context

from agents.models import Agent, AgentVersion
from agents.services import profiles, publishing
from agents.types import AgentKind, AgentRef
from integrations.models import Credential
from integrations.services import credentials
from knowledge.models import Category
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.fakes.http import wait_until

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = "sk-alpha-0123456789abcdef"


def make_agent(name: str = "Recepção", **fields: object) -> Agent:
    return Agent.objects.create(name=name, **fields)


def publish(agent: Agent) -> AgentVersion:
    return publishing.publish_agent(agent=agent, actor="ana", now=NOW)


def test_publishing_twice_numbers_the_versions(alpha: Tenant) -> None:
    agent = make_agent(instructions="um")
    first = publish(agent)
    agent.instructions = "dois"
    agent.save()

    second = publish(agent)

    agent.refresh_from_db()
    assert (first.number, second.number) == (1, 2)
    assert agent.published_version == second
    first.refresh_from_db()
    assert first.snapshot["instructions"] == "um"
    assert (second.published_by, second.published_at) == ("ana", NOW)
    assert (
        list(AuditEntry.objects.values_list("action", "target"))
        == [("agent.published", f"agent {agent.uuid}")] * 2
    )


def test_publishing_at_the_same_time_gives_consecutive_numbers(committed_alpha: Tenant) -> None:
    agent = make_agent()
    barrier = threading.Barrier(4)
    numbers: list[int] = []

    def one() -> None:
        try:
            with tenant_context(committed_alpha):
                barrier.wait(60)
                numbers.append(publish(Agent.objects.get(pk=agent.pk)).number)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    agent.refresh_from_db()
    assert sorted(numbers) == [1, 2, 3, 4]
    assert agent.published_version is not None
    assert agent.published_version.number == 4


def test_an_agent_that_is_published_as_it_is_stays(alpha: Tenant) -> None:
    agent = make_agent(keywords=["preço"])
    first, is_new = publishing.ensure_published(agent=agent, actor="x", now=NOW)

    again, is_new_again = publishing.ensure_published(agent=agent, actor="x", now=NOW)
    agent.keywords = ["preço", "valor"]
    agent.save()
    changed, is_new_at_last = publishing.ensure_published(agent=agent, actor="x", now=NOW)

    assert (is_new, is_new_again, is_new_at_last) == (True, False, True)
    assert again == first
    assert changed.number == 2


def test_a_profile_is_what_was_published_and_not_what_is_edited(alpha: Tenant) -> None:
    agent = make_agent(instructions="publicado", keywords=["preço"], timeout_s=15)
    category = Category.objects.create(name="precos")
    agent.categories.add(category)
    publish(agent)
    Agent.objects.filter(pk=agent.pk).update(instructions="rascunho", name="Outro")
    agent.categories.clear()

    profile = profiles.profile(agent_id=agent.pk)

    assert (profile.name, profile.instructions) == ("Recepção", "publicado")
    assert profile.keywords == ("preço",)
    assert profile.category_ids == (category.pk,)
    assert (profile.kind, profile.version_number) == (AgentKind.GENERAL, 1)
    assert (profile.chat.provider, profile.chat.timeout_s) == ("offline", 15)


def test_a_profile_reads_keys_when_it_is_asked_for(alpha: Tenant) -> None:
    credential = credentials.ensure_credential(
        name="principal", provider="openai", api_key=KEY
    ).credential
    spare = credentials.ensure_credential(
        name="local", provider="openai_compatible", base_url="http://llm:8000/v1"
    ).credential
    agent = make_agent(
        chat_credential=credential,
        chat_model="gpt-4o-mini",
        fallbacks=[{"credential": str(spare.uuid), "model": "llama"}],
    )
    version = publish(agent)
    credential.set_api_key("sk-rotated-0123456789")
    credential.save()

    chat = profiles.profile(agent_id=agent.pk).chat

    assert KEY not in json.dumps(version.snapshot)
    assert (chat.provider, chat.model, chat.api_key) == (
        "openai",
        "gpt-4o-mini",
        "sk-rotated-0123456789",
    )
    assert [(one.model, one.base_url) for one in chat.fallbacks] == [
        ("llama", "http://llm:8000/v1")
    ]


def test_a_credential_that_is_damaged_or_gone_leaves_the_fallbacks(alpha: Tenant) -> None:
    credential = credentials.ensure_credential(
        name="principal", provider="openai", api_key=KEY
    ).credential
    agent = make_agent(
        chat_credential=credential,
        fallbacks=[{"credential": "00000000-0000-4000-8000-000000000000", "model": "x"}],
    )
    publish(agent)
    Credential.objects.update(api_key_encrypted="damaged")

    chat = profiles.profile(agent_id=agent.pk).chat

    assert chat.provider == profiles.UNUSABLE
    assert [one.provider for one in chat.fallbacks] == [profiles.UNUSABLE]


def test_handoffs_are_the_targets_as_they_are_published(alpha: Tenant) -> None:
    desk = make_agent()
    prices = make_agent("Orçamentos", kind="specialist", keywords=["preço"])
    people = make_agent("Atendimento", kind="human", keywords=["pessoa"])
    draft = make_agent("Rascunho")
    off = make_agent("Desligado", is_active=False)
    desk.handoffs.set([prices, people, draft, off])
    for agent in (prices, people, off, desk):
        publish(agent)
    Agent.objects.filter(pk=prices.pk).update(keywords=["não publicado"])

    handoffs = profiles.profile(agent_id=desk.pk).handoffs

    assert handoffs == (
        AgentRef(people.pk, "Atendimento", AgentKind.HUMAN, ("pessoa",)),
        AgentRef(prices.pk, "Orçamentos", AgentKind.SPECIALIST, ("preço",)),
    )


@pytest.mark.parametrize("state", ["unpublished", "inactive", "gone"])
def test_an_agent_that_does_not_answer_has_no_profile(alpha: Tenant, state: str) -> None:
    agent = make_agent()
    if state != "unpublished":
        publish(agent)
    Agent.objects.filter(pk=agent.pk).update(is_active=state != "inactive")

    with pytest.raises(profiles.AgentNotPublished):
        profiles.profile(agent_id=agent.pk + (1000 if state == "gone" else 0))


def test_tenants_with_equal_ids_keep_their_own_agents(alpha: Tenant, beta: Tenant) -> None:
    mine = make_agent(id=7, instructions="de alpha")
    publish(mine)
    with tenant_context(beta):
        theirs = make_agent(id=7, instructions="de beta")
        publish(theirs)
        publish(theirs)
        beta_profile = profiles.profile(agent_id=7)

    alpha_profile = profiles.profile(agent_id=7)

    assert (alpha_profile.instructions, alpha_profile.version_number) == ("de alpha", 1)
    assert (beta_profile.instructions, beta_profile.version_number) == ("de beta", 2)


def test_an_agent_that_is_remembered_is_its_tenants_own_and_not_for_long(
    alpha: Tenant, beta: Tenant, settings: Any
) -> None:
    settings.REMEMBER_S = 0.3
    mine = make_agent(id=8, instructions="de alpha")
    publish(mine)
    assert profiles.published(agent_id=8).instructions == "de alpha"
    with tenant_context(beta):
        with pytest.raises(profiles.AgentNotPublished):
            profiles.published(agent_id=8)
        publish(make_agent(id=8, instructions="de beta"))
        # That there was none is not remembered.
        assert profiles.published(agent_id=8).instructions == "de beta"

    mine.instructions = "mudou"
    mine.save()
    publish(mine)

    wait_until(lambda: profiles.published(agent_id=8).instructions == "mudou")


def test_handing_off_is_not_mutual(alpha: Tenant) -> None:
    desk, prices = make_agent(), make_agent("Orçamentos")

    desk.handoffs.add(prices)

    assert not prices.handoffs.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"keywords": "preço"},
        {"keywords": [1]},
        {"keywords": [""]},
        {"fallbacks": {}},
        {"fallbacks": [{"credential": "x", "model": "y"}]},
        {"fallbacks": [{"credential": "00000000-0000-4000-8000-000000000000"}]},
        {"timeout_s": 0},
        {"timeout_s": 61},
    ],
    ids=str,
)
def test_an_agent_of_the_wrong_form_is_refused(alpha: Tenant, fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        Agent(name="x", **fields).full_clean()

    assert set(raised.value.message_dict) == set(fields)


def test_the_database_keeps_numbers_unique_and_kinds_known(alpha: Tenant) -> None:
    agent = make_agent()
    version = publish(agent)

    with pytest.raises(IntegrityError, match="agent_version_number"), transaction.atomic():
        AgentVersion.objects.create(
            agent=agent, number=version.number, snapshot={}, published_at=NOW, published_by="x"
        )
    with pytest.raises(IntegrityError, match="agent_known_kind"), transaction.atomic():
        make_agent("y", kind="robot")
