"""Models that an agent names itself: whom it asks for what, and how one goes back."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.services import experiments, model_sources, profiles, publishing, variants, versions
from agents.services.experiments import Plan
from agents.services.model_sources import Origin
from agents.types import AgentProfile
from integrations.llm.types import Purpose
from integrations.models import Credential, ModelChoice
from integrations.services.credentials import ensure_credential
from tenants.models import Tenant

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def key(name: str = "principal", provider: str = "openai") -> Credential:
    needs_key = provider != "offline"
    return ensure_credential(
        name=name, provider=provider, api_key="sk-0123456789" if needs_key else ""
    ).credential


def own(credential: Credential, model: str, *spares: str, timeout_s: int = 20) -> dict[str, object]:
    ref = str(credential.uuid)
    return {
        "credential": ref,
        "model": model,
        "timeout_s": timeout_s,
        "fallbacks": [{"credential": ref, "model": spare} for spare in spares],
    }


def publish(agent: Agent) -> AgentProfile:
    publishing.publish_agent(agent=agent, actor="ana", now=NOW)
    return profiles.profile(agent_id=agent.pk)


def asked(profile: AgentProfile) -> dict[str, str]:
    found = {purpose: profile.model_for(purpose) for purpose in Purpose}
    return {purpose.value: one.model for purpose, one in found.items() if one is not None}


def test_each_purpose_is_the_agents_own_else_the_tenants_else_the_shipped_one(
    alpha: Tenant, beta: Tenant
) -> None:
    openai, offline = key(), key("sem modelo", "offline")
    agent = Agent.objects.create(name="Recepção")
    with tenant_context(beta):
        theirs = publish(Agent.objects.create(pk=agent.pk, name="Recepção"))
        assert asked(theirs) == {}

    ModelChoice.objects.create(purpose="chat", credential=openai, model="t-chat")
    ModelChoice.objects.create(purpose="classify", credential=openai, model="t-classify")
    ModelChoice.objects.create(purpose="transcribe", credential=openai, model="t-hears")
    tenants = {
        "chat": "t-chat",
        "classify": "t-classify",
        "rewrite": "t-chat",
        "summarise": "t-chat",
        "transcribe": "t-hears",
        "vision": "t-chat",
    }
    # What the agent names; what is asked then, where that is not what the tenant chose.
    cases: list[tuple[dict[str, object], dict[str, str | None]]] = [
        ({}, {}),
        *[({name: own(openai, "mine")}, {name: "mine"}) for name in tenants if name != "chat"],
        ({"summarise": own(offline, "")}, {"summarise": None}),  # by rules, for this agent alone
    ]
    for purposes, otherwise in cases:
        Agent.objects.filter(pk=agent.pk).update(purposes=purposes)
        agent.refresh_from_db()
        expected = {**tenants, **otherwise}
        assert asked(publish(agent)) == {name: one for name, one in expected.items() if one}
    agent.chat_credential, agent.chat_model = openai, "mine"
    agent.purposes = {"vision": own(openai, "sees")}
    agent.save()
    mine = dict.fromkeys(("chat", "rewrite", "summarise"), "mine")
    assert asked(publish(agent)) == {**tenants, **mine, "vision": "sees"}

    found = model_sources.inherited(agent)
    assert model_sources.answers(agent).origin == Origin.AGENT
    assert {purpose.value: (one.who, one.origin) for purpose, one in found.items()} == {
        "classify": ("t-classify · principal", Origin.TENANT),
        "rewrite": ("mine · principal", Origin.ANSWERS),
        "summarise": ("mine · principal", Origin.ANSWERS),
        "transcribe": ("t-hears · principal", Origin.TENANT),
        "vision": ("mine · principal", Origin.ANSWERS),
    }


def test_a_model_of_ones_own_brings_its_fallback_and_the_tenants_cheaper_one(alpha: Tenant) -> None:
    openai = key()
    chosen = {"credential": openai, "cheaper_credential": openai}
    ModelChoice.objects.create(purpose="chat", model="t-chat", cheaper_model="t-small", **chosen)
    ModelChoice.objects.create(
        purpose="transcribe", model="t-hears", cheaper_model="t-hears-less", **chosen
    )
    purposes = {
        "classify": own(openai, "mine", "spare", timeout_s=5),
        "transcribe": own(openai, "mine"),
        "vision": own(openai, "t-small"),
    }
    profile = publish(Agent.objects.create(name="Recepção", purposes=purposes))

    found = {purpose: profile.model_for(purpose) for purpose in Purpose}

    classify = found[Purpose.CLASSIFY]
    assert classify is not None
    assert (classify.timeout_s, [one.model for one in classify.fallbacks]) == (5, ["spare"])
    cheaper = {name: one.cheaper.model for name, one in found.items() if one and one.cheaper}
    assert cheaper == {
        "chat": "t-small",
        "classify": "t-small",
        "rewrite": "t-small",
        "summarise": "t-small",
        "transcribe": "t-hears-less",  # and for what is the cheaper model already, nobody
    }


def test_a_version_has_its_models_and_who_goes_back_gets_them_back(alpha: Tenant) -> None:
    openai, old = key(), key("velha")
    agent = Agent.objects.create(
        name="Recepção",
        purposes={"classify": own(openai, "um"), "vision": own(old, "olho", "outro")},
    )
    first = publishing.publish_agent(agent=agent, actor="ana", now=NOW)
    agent.purposes = {"classify": own(openai, "dois", timeout_s=9)}
    agent.save()
    assert not publishing.is_published(agent)
    assert asked(profiles.profile(agent_id=agent.pk))["classify"] == "um"
    second = publishing.keep_version(agent=agent, actor="ana", now=NOW)

    # While they are compared, each contact is served by the models of their version.
    experiment = experiments.start(
        agent=agent, arms=[(first, 50), (second, 50)], plan=Plan(), actor="ana", now=NOW
    )
    met = set()
    for _contact in range(40):
        contact = uuid.uuid4()
        place = variants.pick(experiment.uuid, [50, 50], contact)
        profile = profiles.met_by(agent_id=agent.pk, contact_uuid=contact)
        met.add((place, asked(profile)["classify"]))
    assert met == {(0, "um"), (1, "dois")}

    with override("en"):
        [found] = versions.differences(first.snapshot, second.snapshot)
    assert [(line.sign, line.text) for line in found.lines] == [
        ("removed", "Classify: principal · um (20 s)"),
        ("removed", "Look at images: velha · olho → velha · outro (20 s)"),
        ("added", "Classify: principal · dois (9 s)"),
    ]
    old.delete()
    with override("en"):
        restored = versions.restore(version=first, publish=True, actor="ana", now=NOW)
    agent.refresh_from_db()
    assert restored.left_out == ("look at images",)
    assert agent.purposes == {"classify": own(openai, "um")}
    assert asked(profiles.profile(agent_id=agent.pk)) == {"classify": "um"}


def test_what_names_no_model_is_refused_in_words(alpha: Tenant) -> None:
    good = own(key(), "gpt")
    for purposes, said in (
        ({"embed": good}, "which all agents share"),
        ({"chat": good}, "“chat” is no purpose"),
        ({"sing": good}, "“sing” is no purpose"),
        ({"vision": {"credential": good["credential"]}}, "a model, a time limit"),
        ({"vision": {**good, "timeout_s": 61}}, "of 1 to 60"),
        ({"vision": {**good, "credential": "x"}}, "vision: a credential"),
        ({"vision": {**good, "fallbacks": [good, good]}}, "at most one fallback"),
        ([], "Models by purpose are needed"),
    ):
        with pytest.raises(ValidationError) as refused:
            Agent(name="Recepção", purposes=purposes).full_clean()
        with override("en"):
            assert said in str(refused.value), purposes
