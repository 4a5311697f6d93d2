"""The page of the checks, and their rows on the page of an agent."""

from __future__ import annotations

from django.test import Client

from agents.models import Agent, GuardSettings
from agents.services import guarding
from tenants.audit.models import AuditEntry
from tests.factories import make_agent

PAGE = "/admin/agents/guardsettings/"


def test_what_is_set_is_kept_with_a_trace(owner: Client) -> None:
    assert owner.get(PAGE).status_code == 200

    answer = owner.post(
        PAGE,
        {
            "checks-discount-limit": "15",
            "checks-subjects-words": "política\nfutebol",
            "checks-subjects-then": "text",
            "checks-subjects-text": "Sobre isso não falamos.",
            "checks-promises-on": "off",
        },
    )

    assert answer.status_code == 302
    assert GuardSettings.objects.get().checks == {
        "subjects": {
            "words": ["política", "futebol"],
            "then": "text",
            "text": "Sobre isso não falamos.",
        },
        "promises": {"on": False},
        "discount": {"limit": 15},
    }
    entry = AuditEntry.objects.get(action="guardsettings.changed")
    assert entry.data == {"checks": ["discount", "promises", "subjects"]}
    assert "futebol" in owner.get(PAGE).content.decode()


def test_what_cannot_be_taken_is_told(owner: Client) -> None:
    answer = owner.post(PAGE, {"checks-discount-limit": "500", "checks-length-limit": "900"})

    html = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="alert"' in html
    assert 'value="500"' in html
    assert not GuardSettings.objects.exists()


def test_who_only_reads_cannot_change(attendant: Client) -> None:
    assert attendant.post(PAGE, {"checks-discount-limit": "15"}).status_code == 403
    assert not GuardSettings.objects.exists()


def test_an_agents_own_checks_are_part_of_what_is_published(owner: Client) -> None:
    agent = make_agent()
    guarding.save(checks={"discount": {"limit": 15}})
    page = f"/admin/agents/agent/{agent.pk}/change/"
    form = owner.get(page)
    assert "guards-strict-on" in form.content.decode()
    data = {
        "name": agent.name,
        "kind": agent.kind,
        "instructions": "Seja breve.",
        "timeout_s": "20",
        "history": "whole",
        "leads": "off",
        "return_after_min": "30",
        "approval_within_min": "10",
        "approval_then": "people",
        "fallbacks": "[]",
        "is_active": "on",
        "outside_hours": "answer",
        "guards-strict-on": "on",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
        "agents_agent_save_and_publish": "1",
    }

    assert owner.post(page, data).status_code == 302

    agent = Agent.objects.select_related("published_version").get()
    assert agent.guards == {"strict": {"on": True}}
    assert agent.published_version is not None
    assert agent.published_version.snapshot["guards"] == {"strict": {"on": True}}
