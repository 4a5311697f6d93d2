"""Every page answers those who may see it, with a bounded number of queries, and nobody else."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Agent
from channels_whatsapp.models import BridgeEvent
from conversations.models import Conversation, OutboundMessage, Turn
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tenants.sites import tenant_site
from tests.admin.conftest import as_role
from tests.admin.rows import fill_everything, make_device, make_event

LISTS = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in tenant_site._registry
)
FOR_ATTENDANTS = {
    "/admin/agents/agent/",
    "/admin/agents/agentversion/",
    "/admin/agents/businessfacts/",
    "/admin/agents/experiment/",
    "/admin/agents/guardsettings/",
    "/admin/conversations/archivedconversation/",
    "/admin/conversations/contact/",
    "/admin/conversations/conversation/",
    "/admin/conversations/conversationsettings/",
    "/admin/conversations/hourssettings/",
    "/admin/conversations/label/",
    "/admin/conversations/lead/",
    "/admin/conversations/leadfield/",
    "/admin/conversations/leadsettings/",
    "/admin/conversations/leadsource/",
    "/admin/conversations/leadstage/",
    "/admin/conversations/outboundmessage/",
    "/admin/conversations/peoplequeue/",
    "/admin/conversations/turn/",
}
FOR_OWNERS = {"/admin/auth/user/", "/admin/auth/group/"}
MOST_QUERIES = 17
"""Session, user, groups and permissions, the menu's number, what is paused and what is unseen, the
filters' choices, the count, the span of the date hierarchy, the rows and what is fetched along with
them."""


# One test for all lists where rows have to be there first: these take longer than a page does.


def test_an_owner_sees_every_list(owner: Client) -> None:
    fill_everything()

    assert statuses(owner, ["/admin/", *LISTS]) == dict.fromkeys(["/admin/", *LISTS], 200)


def test_somebody_who_is_not_logged_in_is_sent_to_the_login(alpha: Tenant) -> None:
    stranger = Client(headers={"host": "alpha.localhost"})

    for path in ("/admin/", *LISTS):
        answer = stranger.get(path)
        assert answer.status_code == 302, path
        assert answer.headers["location"].startswith("/admin/login/"), path


def test_an_attendant_sees_conversations_and_nothing_of_the_machinery(attendant: Client) -> None:
    expected = {path: 200 if path in FOR_ATTENDANTS else 403 for path in LISTS}

    assert statuses(attendant, LISTS) == expected


def test_a_manager_sees_all_but_the_people(alpha: Tenant) -> None:
    expected = {path: 403 if path in FOR_OWNERS else 200 for path in LISTS}

    assert statuses(as_role("manager"), LISTS) == expected


def statuses(client: Client, paths: Sequence[str]) -> dict[str, int]:
    """Return what a client gets for each page."""
    return {path: client.get(path).status_code for path in paths}


def test_an_auditor_sees_and_changes_nothing(alpha: Tenant) -> None:
    fill_everything()
    auditor = as_role("auditor")
    conversation = Conversation.objects.get(status="open")
    page = f"/admin/conversations/conversation/{conversation.pk}/"

    assert auditor.get(f"{page}change/").status_code == 200
    assert auditor.post(f"{page}take-over/").status_code == 403
    assert auditor.get("/admin/agents/agent/add/").status_code == 403


def test_a_list_costs_the_same_queries_however_long_it_is(owner: Client) -> None:
    fill_everything()
    statuses(owner, LISTS)  # what is read once is read
    short = {path: count_queries(owner, path) for path in LISTS}
    fill_everything(n=5)

    long = {path: count_queries(owner, path) for path in LISTS}

    assert {path: n for path, n in long.items() if n > min(short[path], MOST_QUERIES)} == {}


def count_queries(client: Client, path: str) -> int:
    """Return the queries of one page, without the choice of the schema before each."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return sum(not query["sql"].startswith("SET search_path") for query in captured)


def test_an_empty_list_offers_what_helps(owner: Client) -> None:
    path = "/admin/prices/modelprice/"
    add = f'class="pz-button pz-primary" href="{path}add/'
    reset = 'class="pz-button" href="?"'

    empty = owner.get(path).content.decode()
    searched = owner.get(path, {"q": "nobody"}).content.decode()
    filtered = owner.get(path, {"provider": "openai"}).content.decode()

    assert "Nada para mostrar." in empty
    assert add in empty
    assert reset not in empty
    assert "Nada corresponde à busca e aos filtros." in searched
    assert reset in searched
    assert "Nada corresponde à busca e aos filtros." in filtered
    assert reset in filtered


def test_a_group_that_is_named_like_its_list_stands_once_in_the_way_to_a_page(
    owner: Client,
) -> None:
    fill_everything()
    agent = Agent.objects.order_by("pk").first()
    assert agent is not None

    def way(path: str) -> list[str]:
        return re.findall(r'tracking-tight">([^<]+)<', owner.get(path).content.decode())

    assert way("/admin/conversations/conversation/") == ["Conversas"]
    assert way(f"/admin/agents/agent/{agent.pk}/change/") == ["Agentes", agent.name]
    assert way("/admin/integrations/credential/") == ["Integrações", "Credenciais"]


def test_the_first_row_opens(owner: Client) -> None:
    fill_everything()
    pages = []
    for model in tenant_site._registry:
        first = model._default_manager.order_by("pk").first()
        assert first is not None, model
        pages.append(f"/admin/{model._meta.app_label}/{model._meta.model_name}/{first.pk}/change/")

    assert statuses(owner, pages) == dict.fromkeys(pages, 200)


@pytest.mark.parametrize("model", [Turn, OutboundMessage, BridgeEvent, AuditEntry])
def test_what_the_machine_wrote_cannot_be_changed(
    model: type[Turn | OutboundMessage | BridgeEvent | AuditEntry], owner: Client
) -> None:
    fill_everything()
    row = model._default_manager.order_by("pk").first()
    assert row is not None
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}"

    assert owner.get(f"{base}/add/").status_code == 403
    assert owner.post(f"{base}/{row.pk}/change/", {"text": "other"}).status_code == 403
    assert owner.post(f"{base}/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_only_owners_see_what_the_bridge_sent(owner: Client, alpha: Tenant) -> None:
    event = make_event(
        make_device(),
        body=b'{"type":"Message","event":{"text":"s3cret"},"token":"t0ken-of-dev-ice"}',
    )
    page = f"/admin/channels_whatsapp/bridgeevent/{event.pk}/change/"

    shown = owner.get(page).content.decode()
    assert "s3cret" in shown
    assert "t0ken-of-dev-ice" not in shown
    assert "s3cret" not in as_role("manager").get(page).content.decode()
    assert "s3cret" not in owner.get("/admin/channels_whatsapp/bridgeevent/").content.decode()


def test_a_tenant_without_anything_is_told_what_to_do_next(owner: Client) -> None:
    page = owner.get("/admin/")

    assert {step.url for step in page.context["next_steps"]} == {
        "/admin/agents/agent/",
        "/admin/channels_whatsapp/device/add/",
        "/admin/knowledge/document/add/",
    }
    assert "não medido" in page.content.decode()


def test_pages_speak_portuguese_whatever_the_browser_asks_for(owner: Client) -> None:
    page = owner.get("/admin/", headers={"accept-language": "en-US"})

    assert '<html lang="pt-br"' in page.content.decode()
    assert "Conversas" in page.content.decode()


def test_times_are_those_of_the_tenants_zone(owner: Client, alpha: Tenant) -> None:
    fill_everything()  # at 15:00 UTC
    alpha.timezone = "Asia/Tokyo"
    alpha.save(update_fields=["timezone"])

    assert "22/11/2026 00:00" in owner.get("/admin/conversations/conversation/").content.decode()


def test_no_page_asks_another_machine_for_anything(owner: Client) -> None:
    fill_everything()

    for path in ("/admin/", "/admin/login/", *LISTS):
        html = owner.get(path).content.decode()
        for piece in html.split('src="')[1:] + html.split("<link")[1:]:
            assert "://" not in piece.split(">")[0].replace("http://www.w3.org", "")
