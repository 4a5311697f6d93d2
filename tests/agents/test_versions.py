"""Versions beside each other, and the way back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils.translation import override
from django_tenants.utils import tenant_context

from agents.models import Agent, AgentVersion
from agents.services import profiles, publishing, versions
from integrations.services import credentials
from knowledge.models import Category
from tenants.models import Tenant

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def publish(agent: Agent) -> AgentVersion:
    return publishing.publish_agent(agent=agent, actor="ana", now=NOW)


def shown(before: AgentVersion, after: AgentVersion) -> dict[str, list[tuple[str, str]]]:
    with override("en"):
        found = versions.differences(before.snapshot, after.snapshot)
    return {one.label: [(line.sign, line.text) for line in one.lines] for one in found}


def test_what_differs_is_named_as_in_the_form_with_the_lines_that_came_and_went(
    alpha: Tenant,
) -> None:
    key = credentials.ensure_credential(
        name="principal", provider="openai", api_key="sk-0123456789"
    )
    agent = Agent.objects.create(
        name="Recepção", instructions="Seja breve.\nFale de preços.", keywords=["preço"]
    )
    first = publish(agent)
    agent.instructions = "Seja breve.\nFale de valores e prazos."
    agent.keywords = ["preço", "valor"]
    agent.outside_hours = "away"
    agent.chat_credential = key.credential
    agent.guards = {"length": {"limit": 300}}
    agent.needs_approval = True
    agent.save()
    agent.categories.add(Category.objects.create(name="precos"))
    second = publish(agent)

    found = shown(first, second)

    assert found["Instructions"] == [
        ("same", "Seja breve."),
        ("removed", "Fale de preços."),
        ("added", "Fale de valores e prazos."),
    ]
    assert found["Keywords"] == [("same", "preço"), ("added", "valor")]
    assert found["Knowledge"] == [("added", "precos")]
    assert found["Credential"] == [("added", "principal")]
    assert found["Outside opening hours"][0] == ("removed", "Answer as usual")
    assert found["Checks"] == [("added", "Characters of a reply: 300")]
    assert [sign for sign, _ in found["A person approves each answer"]] == ["added", "added"]
    assert "Name" not in found


def test_a_changed_line_shows_the_words_that_changed() -> None:
    removed, added = versions.compare(
        ["Fale sempre de preços com calma."], ["Fale sempre de prazos com calma."]
    )

    assert removed.parts == (("Fale sempre de", False), (" preços", True), (" com calma.", False))
    assert added.parts[1] == (" prazos", True)
    assert versions.compare(["uma coisa"], ["outra, bem diferente"])[0].parts == (
        ("uma coisa", True),
    )


def test_a_version_from_before_a_field_differs_from_nothing_by_it(alpha: Tenant) -> None:
    agent = Agent.objects.create(name="Recepção")
    version = publish(agent)
    old = {k: v for k, v in version.snapshot.items() if k not in ("role", "guards", "examples")}

    assert versions.differences(old, version.snapshot) == ()


def test_going_back_makes_a_new_version_and_touches_no_old_one(alpha: Tenant) -> None:
    agent = Agent.objects.create(name="Recepção", instructions="um", keywords=["a1"])
    category = Category.objects.create(name="precos")
    agent.categories.add(category)
    first = publish(agent)
    running = profiles.profile(agent_id=agent.pk)
    agent.instructions, agent.keywords = "dois", []
    agent.save()
    agent.categories.clear()
    publish(agent)

    restored = versions.restore(version=first, publish=True, actor="bia", now=NOW)

    agent.refresh_from_db()
    assert restored.version is not None
    assert (restored.version.number, restored.left_out) == (3, ())
    assert agent.published_version == restored.version
    assert restored.version.snapshot == first.snapshot
    assert (agent.instructions, agent.keywords, list(agent.categories.all())) == (
        "um",
        ["a1"],
        [category],
    )
    assert running.version_number == 1  # a turn that runs keeps what it began with


def test_going_back_in_the_draft_alone_leaves_what_answers(alpha: Tenant) -> None:
    agent = Agent.objects.create(name="Recepção", instructions="um")
    first = publish(agent)
    agent.instructions = "dois"
    agent.save()
    second = publish(agent)

    restored = versions.restore(version=first, publish=False, actor="bia", now=NOW)

    agent.refresh_from_db()
    assert (restored.version, agent.published_version) == (None, second)
    assert agent.instructions == "um"


def test_what_is_gone_is_told(alpha: Tenant) -> None:
    key = credentials.ensure_credential(name="velha", provider="openai", api_key="sk-0123456789")
    agent = Agent.objects.create(name="Recepção", chat_credential=key.credential)
    shelf = Category.objects.create(name="precos")
    agent.categories.add(shelf)
    first = publish(agent)
    agent.chat_credential, agent.name = None, "Portaria"
    agent.save()
    agent.categories.clear()
    shelf.delete()
    key.credential.delete()
    Agent.objects.create(name="Recepção")

    with override("en"):
        restored = versions.restore(version=first, publish=False, actor="bia", now=NOW)

    assert restored.left_out == (
        "Credential",
        "the name “Recepção”, which another agent has",
        "precos",
    )
    agent.refresh_from_db()
    assert agent.name == "Portaria"


def test_tenants_with_equal_ids_go_back_each_to_their_own(alpha: Tenant, beta: Tenant) -> None:
    made = {}
    for tenant in (alpha, beta):
        with tenant_context(tenant):
            agent = Agent.objects.create(id=7, name="Recepção", instructions=tenant.slug)
            made[tenant.slug] = publish(agent)
            Agent.objects.filter(pk=7).update(instructions="neu")

    versions.restore(version=AgentVersion.objects.get(agent=7), publish=True, actor="x", now=NOW)

    assert Agent.objects.get(pk=7).instructions == "alpha"
    with tenant_context(beta):
        assert Agent.objects.get(pk=7).instructions == "neu"
        assert AgentVersion.objects.count() == 1


@pytest.mark.parametrize("n_threads", [4])
def test_going_back_and_publishing_at_once_lose_no_version(
    committed_alpha: Tenant, n_threads: int
) -> None:
    agent = Agent.objects.create(name="Recepção", instructions="um")
    first = publish(agent)
    barrier = threading.Barrier(n_threads)

    def one(place: int) -> None:
        try:
            with tenant_context(committed_alpha):
                barrier.wait(60)
                now = NOW + timedelta(seconds=place)
                if place % 2:
                    versions.restore(version=first, publish=True, actor="x", now=now)
                else:
                    publish(Agent.objects.get(pk=agent.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(place,)) for place in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    numbers = AgentVersion.objects.order_by("number").values_list("number", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5]
