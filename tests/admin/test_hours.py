"""The page of the opening hours: a week, holidays, special days and texts, each kept at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from agents.models import Agent
from conversations.models import HolidayHours, HoursSettings, SpecialDays
from conversations.services import hours
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_agent

PAGE = "/admin/conversations/hourssettings/"
MONDAY = {"what": "week", "d0_0_from": "08:00", "d0_0_to": "12:00"}


def page(client: Client, **query: str) -> str:
    return client.get(PAGE, query).content.decode()


def test_the_week_is_kept_as_it_was_typed(owner: Client) -> None:
    night = {"d5_0_from": "22:00", "d5_0_to": "02:00", "d6_0_from": "00:00", "d6_0_to": "00:00"}
    lunch = {"d0_1_from": "13:30", "d0_1_to": "18:00"}

    assert owner.post(PAGE, MONDAY | lunch | night).status_code == 302

    monday = ["08:00-12:00", "13:30-18:00"]
    week = HoursSettings.objects.get().week
    assert week == [monday, [], [], [], [], ["22:00-02:00"], ["00:00-24:00"]]
    html = page(owner)
    assert 'name="d0_2_from"' in html  # with two times there is room for a third
    assert 'name="d1_2_from"' not in html
    assert 'name="d5_0_to" value="02:00"' in html
    assert 'name="d6_0_to" value="00:00"' in html
    entry = AuditEntry.objects.get(action="hours.changed")
    assert (entry.actor, entry.data) == ("owner", {"fields": ["week"]})
    owner.post(PAGE, MONDAY | lunch | night)
    assert AuditEntry.objects.filter(action="hours.changed").count() == 1


def test_mondays_hours_are_copied_to_friday(owner: Client) -> None:
    owner.post(PAGE, {**MONDAY, "copy": "1", "d5_0_from": "09:00", "d5_0_to": "11:00"})

    assert HoursSettings.objects.get().week == [*[["08:00-12:00"]] * 5, ["09:00-11:00"], []]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"d0_0_to": ""}, "segunda-feira"),
        ({"d0_1_from": "11:00", "d0_1_to": "13:00"}, "11:00-13:00"),
        ({"d0_0_to": "07:00"}, "08:00-07:00"),
    ],
)
def test_what_makes_no_sense_is_said_and_stays_in_its_field(
    owner: Client, typed: dict[str, str], said: str
) -> None:
    answer = owner.post(PAGE, {**MONDAY, **typed})

    html = answer.content.decode()
    assert answer.status_code == 422
    assert said in html.lower()
    assert 'name="d0_0_from" value="08:00"' in html
    assert not HoursSettings.objects.filter(week__0__0__isnull=False).exists()


def test_a_states_holidays_are_listed_and_each_can_be_changed(owner: Client) -> None:
    owner.post(PAGE, MONDAY)
    owner.post(PAGE, {"what": "region", "region": "BR-SP"})
    html = page(owner)
    assert "Revolução Constitucionalista" in html
    assert html.count(" selected>fechado<") > 0 or html.count("selected") > 0

    owner.post(
        PAGE,
        {
            "what": "holidays",
            "h0_name": "Natal",
            "h0_mode": "some",
            "h0_0_from": "08:00",
            "h0_0_to": "11:00",
            "h1_name": "Tiradentes",
            "h1_mode": "usual",
            "h2_name": "Carnaval",
            "h2_optional": "1",
            "h2_mode": "closed",
            "h3_name": "Finados",
            "h3_mode": "closed",  # which is usual
        },
    )

    assert dict(HolidayHours.objects.values_list("name", "spans")) == {
        "Natal": ["08:00-11:00"],
        "Tiradentes": [],
        "Carnaval": [],
    }
    assert HolidayHours.objects.get(is_usual=True).name == "Tiradentes"
    next_year = str(timezone.localdate().year + 1)
    assert 'value="08:00"' in page(owner, year=next_year)
    assert owner.get(PAGE, {"year": "1"}).status_code == 200


def test_special_days_are_added_and_removed(owner: Client) -> None:
    owner.post(PAGE, MONDAY | {"copy": "1"})
    first = timezone.localdate() + timedelta(days=3)
    given = {
        "what": "add",
        "first_day": first.isoformat(),
        "last_day": (first + timedelta(days=9)).isoformat(),
        "reason": "Férias coletivas",
        "opens": "closed",
        "text": "De férias! {volta}",
    }
    assert owner.post(PAGE, given).status_code == 302
    assert owner.post(PAGE, {**given, "last_day": "2020-01-01"}).status_code == 422
    assert owner.post(PAGE, {**given, "first_day": "2020-13-41"}).status_code == 422
    assert owner.post(PAGE, {**given, "text": "{nome}"}).status_code == 422

    special = SpecialDays.objects.get()
    assert "Férias coletivas" in page(owner)
    found = hours.state_at(now=timezone.now() + timedelta(days=5))
    assert (found.name, found.away_text) == ("Férias coletivas", "De férias! {volta}")
    owner.post(PAGE, {"what": "remove", "uuid": str(special.uuid)})
    assert not SpecialDays.objects.exists()
    assert owner.post(PAGE, {"what": "remove", "uuid": "x"}).status_code == 302


def test_the_away_text_is_shown_as_a_contact_reads_it(owner: Client) -> None:
    owner.post(PAGE, MONDAY)

    shown = owner.post(f"{PAGE}preview/", {"away_text": "Até {volta}! <b>{horario}</b>"}).json()
    assert shown["text"].startswith("Até ")
    assert "8h" in shown["text"]
    assert "terça a domingo: fechado" in shown["text"]
    kept = {"what": "texts", "away_text": "Até {volta}! <b>", "note": "Plantão"}
    assert owner.post(PAGE, kept).status_code == 302
    html = page(owner)
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert owner.get(f"{PAGE}preview/").status_code == 405


def test_who_may_only_look_changes_nothing(alpha: Tenant) -> None:
    hours.save_week(week=[["08:00-12:00"], *[[]] * 6], actor="test")
    for role in ("auditor", "attendant"):
        client = as_role(role)
        assert client.get(PAGE).status_code == 200
        assert client.post(PAGE, {**MONDAY, "d0_0_to": "13:00"}).status_code == 403
    assert HoursSettings.objects.get().week[0] == ["08:00-12:00"]


def test_each_tenant_has_hours_of_its_own(owner: Client, beta: Tenant) -> None:
    owner.post(PAGE, MONDAY)
    with tenant_context(beta):
        other = as_role("owner")
        other.post(PAGE, {"what": "week", "d6_0_from": "10:00", "d6_0_to": "11:00"})
        assert HoursSettings.objects.get().week[6] == ["10:00-11:00"]

    assert HoursSettings.objects.get().week == [["08:00-12:00"], *[[]] * 6]


def test_the_first_page_says_whether_people_are_there(owner: Client) -> None:
    assert owner.get("/admin/").context["opening"] is None
    hours.save_week(week=[["00:00-24:00"]] * 7, actor="test")

    opening = owner.get("/admin/").context["opening"]
    assert (opening.is_open, opening.url) == (True, PAGE)
    assert opening.text in owner.get("/admin/").content.decode()


def test_an_agent_is_told_what_to_do_while_people_are_away(owner: Client) -> None:
    agent = make_agent()
    page_of = f"/admin/agents/agent/{agent.pk}/change/"
    assert 'name="outside_hours"' in owner.get(page_of).content.decode()
    data = {
        "name": agent.name,
        "kind": "general",
        "instructions": "",
        "keywords": "",
        "chat_model": "",
        "timeout_s": "20",
        "history": "whole",
        "leads": "off",
        "return_after_min": "30",
        "approval_within_min": "10",
        "approval_then": "people",
        "fallbacks": "[]",
        "is_active": "on",
        "outside_hours": "away",
        "agents_agent_save_and_publish": "1",
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }
    assert owner.post(page_of, data).status_code == 302

    version = Agent.objects.get().published_version
    assert version is not None
    assert (version.number, version.snapshot["outside_hours"]) == (2, "away")
