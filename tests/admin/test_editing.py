"""What people change in the panel goes through services, and leaves a trail without secrets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client

from agents.models import Agent, BusinessFacts
from agents.services import business, profiles, publishing
from agents.types import Persona
from channels_whatsapp.models import Device
from channels_whatsapp.servers.models import BridgeServer
from channels_whatsapp.services import devices
from conversations.models import Contact, Conversation, OutboundMessage
from tenants.audit.models import AuditEntry
from tenants.models import Domain, InboundRoute, Tenant
from tests.admin.conftest import PASSWORD, as_role, published
from tests.admin.rows import make_agent, make_conversation, make_device
from tests.fakes.http import wait_until
from tests.workers import n_waiting_for_a_lock


def trail(action: str) -> AuditEntry:
    return AuditEntry.objects.get(action=action)


def agent_form(agent: Agent, **changes: Any) -> dict[str, Any]:
    return {
        "name": agent.name,
        "kind": agent.kind,
        "is_active": "on",
        "instructions": agent.instructions,
        "keywords": "",
        "timeout_s": agent.timeout_s,
        "history": agent.history,
        "leads": agent.leads,
        "return_after_min": agent.return_after_min,
        "approval_within_min": agent.approval_within_min,
        "approval_then": agent.approval_then,
        "chat_model": "",
        "outside_hours": agent.outside_hours,
        "versions-TOTAL_FORMS": 0,
        "versions-INITIAL_FORMS": 0,
        **changes,
    }


def test_an_edited_agent_answers_as_before_until_it_is_published(owner: Client) -> None:
    agent = make_agent()
    page = f"/admin/agents/agent/{agent.pk}/change/"

    answer = owner.post(
        page, agent_form(agent, instructions="Seja breve.", keywords="preço, valor")
    )

    agent.refresh_from_db()
    assert answer.status_code == 302
    assert agent.keywords == ["preço", "valor"]
    assert profiles.profile(agent_id=agent.pk).instructions == ""
    assert "ainda não foram publicadas" in owner.get(page).content.decode()
    assert trail("agent.changed").data == {"fields": ["instructions", "keywords"]}

    owner.post(
        page,
        agent_form(
            agent, keywords="preço", instructions="Seja breve.", agents_agent_save_and_publish="1"
        ),
    )

    profile = profiles.profile(agent_id=agent.pk)
    assert (profile.version_number, profile.instructions) == (2, "Seja breve.")
    assert profile.keywords == ("preço",)
    assert "A versão 2 responde, e é esta aqui." in owner.get(page).content.decode()


def test_how_an_agent_is_and_whom_it_serves_is_edited_as_lines(owner: Client) -> None:
    agent = make_agent()
    page = f"/admin/agents/agent/{agent.pk}/change/"
    form = agent_form(
        agent,
        kind="personal",
        role="Assiste a dona",
        dos="Confirme a data, sempre\n\nAgradeça\nAgradeça",
        examples="o que tenho hoje?\nme lembra da reunião",
        agents_agent_save_and_publish="1",
    )

    refused = owner.post(page, form).content.decode()
    owner.post(page, {**form, "owner_numbers": "+55 (11) 98888-7777, 12345678901234@lid"})

    assert 'class="errorlist"' in refused or "errors" in refused
    agent.refresh_from_db()
    assert agent.dos == ["Confirme a data, sempre", "Agradeça"]
    profile = profiles.profile(agent_id=agent.pk)
    assert profile.persona.dos == ("Confirme a data, sempre", "Agradeça")
    assert profile.examples == ("o que tenho hoje?", "me lembra da reunião")
    assert profile.owners == {"551188887777", "lid:12345678901234"}
    assert "agents.tasks.embed_examples" in published()


def test_a_number_that_is_none_is_refused(owner: Client) -> None:
    agent = make_agent()
    form = agent_form(agent, kind="personal", owner_numbers="a dona")

    owner.post(f"/admin/agents/agent/{agent.pk}/change/", form)

    agent.refresh_from_db()
    assert (agent.kind, agent.owner_numbers) == ("general", [])


def test_the_facts_about_the_business_are_one_page(owner: Client) -> None:
    page = "/admin/agents/businessfacts/"
    assert owner.get(page).status_code == 200
    assert not BusinessFacts.objects.exists()

    for about in ("Dentistas", "Dentistas em Campinas"):
        owner.post(page, {"name": "Sorriso", "about": about, "facts": "Aceitamos Pix, e cartão"})

    stored = BusinessFacts.objects.get()
    assert (stored.about, stored.facts) == ("Dentistas em Campinas", ["Aceitamos Pix, e cartão"])
    assert business.current().about == "Dentistas em Campinas"
    assert AuditEntry.objects.filter(action="businessfacts.changed").count() == 2


def test_a_version_from_before_there_were_personas_still_answers(alpha: Tenant) -> None:
    agent = make_agent()
    version = agent.published_version
    assert version is not None
    new = ("role", "tone", "dos", "donts", "policies", "examples", "owner_numbers")
    version.snapshot = {name: one for name, one in version.snapshot.items() if name not in new}
    version.save()

    assert profiles.profile(agent_id=agent.pk).persona == Persona()
    assert publishing.is_published(Agent.objects.get(pk=agent.pk))


def test_drafts_are_published_from_the_list(owner: Client) -> None:
    agent = make_agent()
    Agent.objects.filter(pk=agent.pk).update(instructions="Novo.")

    owner.post(
        "/admin/agents/agent/", {"action": "publish_selected", "_selected_action": [agent.pk]}
    )

    assert profiles.profile(agent_id=agent.pk).instructions == "Novo."


def test_an_agent_does_not_hand_off_to_itself(owner: Client) -> None:
    agent = make_agent()

    answer = owner.post(
        f"/admin/agents/agent/{agent.pk}/change/", agent_form(agent, handoffs=[agent.pk])
    )

    assert "não pode encaminhar para si mesmo" in answer.content.decode()


def device_form(device: Device | None = None, **changes: Any) -> dict[str, Any]:
    form = {
        "quiet_s": 5,
        "max_wait_s": 60,
        "max_messages": 20,
        "freshness_s": 900,
        "is_enabled": "on",
        "bridge_base_url": "http://127.0.0.1:9",
        "bridge_token": "",
        "hmac_key": "",
        "entry_agent": "",
    }
    return {**form, **changes}


def test_a_device_is_made_with_its_route(owner: Client) -> None:
    owner.post(
        "/admin/channels_whatsapp/device/add/",
        device_form(name="loja", bridge_token="a-long-bridge-token-9876"),
    )

    device = Device.objects.get(name="loja")
    route = InboundRoute.objects.get(device_ref=device.uuid)
    assert device.bridge_token() == "a-long-bridge-token-9876"
    assert route.schema_name == "t_alpha"
    assert published() == ["channels_whatsapp.tasks.provision_device"]

    html = owner.get(f"/admin/channels_whatsapp/device/{device.pk}/change/").content.decode()
    assert "…9876" in html
    assert "a-long-bridge-token" not in html
    assert route.route_key not in html
    assert f"/hooks/whatsapp/{route.route_key[:4]}…{route.route_key[-4:]}/" in html


def test_a_device_keeps_the_secrets_that_were_left_empty(owner: Client) -> None:
    device = make_device()
    route = InboundRoute.objects.get(device_ref=device.uuid)
    page = f"/admin/channels_whatsapp/device/{device.pk}/change/"

    owner.post(page, device_form(quiet_s=3, freshness_s=600, is_enabled=""))

    device.refresh_from_db()
    route.refresh_from_db()
    assert (device.quiet_s, device.freshness_s, device.is_enabled) == (3, 600, False)
    assert device.bridge_token() == "a-long-bridge-token-9876"
    assert route.is_enabled is False
    assert route.previous_hmac_key_until is None
    assert published() == []
    changed = AuditEntry.objects.filter(action="device.changed").values_list("data", flat=True)
    assert {name for data in changed for name in data["fields"]} == {
        "quiet_s",
        "freshness_s",
        "is_enabled",
    }


def test_a_bridge_token_and_the_signing_key_are_not_taken_to_another_bridge(owner: Client) -> None:
    device = make_device()
    before, stored_key = device.bridge_base_url, devices.hmac_key(device)
    page = f"/admin/channels_whatsapp/device/{device.pk}/change/"
    thief = "https://thief.example"

    refused = owner.post(page, device_form(bridge_base_url=thief)).content.decode()

    assert f'value="{thief}"' in refused  # what was typed is there
    device.refresh_from_db()
    assert device.bridge_base_url == before
    owner.post(page, device_form(bridge_base_url=f"{before}/path"))
    device.refresh_from_db()
    assert device.bridge_token() == "a-long-bridge-token-9876"
    assert devices.hmac_key(device) == stored_key
    owner.post(page, device_form(bridge_base_url=thief, bridge_token="a-token-of-the-other"))
    device.refresh_from_db()
    assert (device.bridge_base_url, device.bridge_token()) == (thief, "a-token-of-the-other")
    assert devices.hmac_key(device) != stored_key


def test_the_bridge_is_configured_again_on_request(owner: Client) -> None:
    device = make_device()

    owner.post(
        "/admin/channels_whatsapp/device/",
        {"action": "configure_selected", "_selected_action": [device.pk]},
    )
    owner.post(
        f"/admin/channels_whatsapp/device/{device.pk}/change/",
        device_form(channels_whatsapp_device_configure_bridge="1"),
    )

    assert published() == ["channels_whatsapp.tasks.provision_device"] * 2


def test_a_wait_shorter_than_the_quiet_window_is_refused(owner: Client) -> None:
    device = make_device()

    answer = owner.post(
        f"/admin/channels_whatsapp/device/{device.pk}/change/",
        device_form(quiet_s=30, max_wait_s=10),
    )

    assert "não pode ser menor que a janela de silêncio" in answer.content.decode()


def test_an_attendant_blocks_a_contact(attendant: Client) -> None:
    contact = make_conversation().contact

    attendant.post(
        f"/admin/conversations/contact/{contact.pk}/change/",
        {
            "name": contact.name,
            "is_blocked": "on",
            "addresses-TOTAL_FORMS": 0,
            "addresses-INITIAL_FORMS": 0,
            "facts-TOTAL_FORMS": 0,
            "facts-INITIAL_FORMS": 0,
        },
    )

    assert Contact.objects.get().is_blocked
    assert trail("contact.blocked").target == f"contact {contact.uuid}"


def test_a_member_has_one_role_and_no_more(owner: Client, alpha: Tenant) -> None:
    role = Group.objects.get(name="attendant")
    owner.post(
        "/admin/auth/user/add/",
        {
            "username": "bruno",
            "email": "",
            "role": role.pk,
            "password1": PASSWORD,
            "password2": PASSWORD,
            "is_superuser": "on",
        },
    )

    bruno = User.objects.get(username="bruno")
    assert list(bruno.groups.values_list("name", flat=True)) == ["attendant"]
    assert (bruno.is_staff, bruno.is_superuser) == (True, False)
    assert bruno.check_password(PASSWORD)
    assert trail("user.created").actor == "owner"

    manager = Group.objects.get(name="manager")
    owner.post(
        f"/admin/auth/user/{bruno.pk}/change/",
        {"username": "bruno", "role": manager.pk, "is_active": "on", "is_superuser": "on"},
    )
    bruno.refresh_from_db()
    assert list(bruno.groups.values_list("name", flat=True)) == ["manager"]
    assert bruno.is_superuser is False


def test_a_user_name_stays_because_conversations_and_the_trail_know_the_person_by_it(
    owner: Client, alpha: Tenant
) -> None:
    attendant = as_role("attendant", username="ana")
    ana = User.objects.get(username="ana")
    conversation = make_conversation(mode="human")
    Conversation.objects.update(claimed_by="ana")
    page = f"/admin/conversations/conversation/{conversation.pk}/"
    role = ana.groups.get()

    answer = owner.post(
        f"/admin/auth/user/{ana.pk}/change/",
        {"username": "ana.maria", "first_name": "Ana", "role": role.pk, "is_active": "on"},
    )

    ana.refresh_from_db()
    assert (answer.status_code, ana.first_name) == (302, "Ana")
    assert ana.username == "ana"
    attendant.post(f"{page}reply/", {"text": "Já vejo isso."})
    assert OutboundMessage.objects.filter(written_by="ana").exists()


def test_the_last_owner_stays(owner: Client, alpha: Tenant) -> None:
    me = User.objects.get(username="owner")
    role = Group.objects.get(name="attendant")

    answer = owner.post(
        f"/admin/auth/user/{me.pk}/change/",
        {"username": "owner", "role": role.pk, "is_active": "on"},
    )

    assert "pelo menos um proprietário ativo" in answer.content.decode()
    assert me.groups.get().name == "owner"


def test_of_two_owners_who_demote_each_other_at_once_one_stays(committed_alpha: Tenant) -> None:
    first, second = as_role("owner", username="ana"), as_role("owner", username="bia")
    role = Group.objects.get(name="attendant")

    def demote(username: str, *, browser: Client) -> Any:
        page = f"/admin/auth/user/{User.objects.get(username=username).pk}/change/"
        return browser.post(page, {"role": role.pk, "is_active": "on"})

    def demoted() -> Any:
        connection.set_tenant(committed_alpha)
        try:
            return demote("ana", browser=second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        assert demote("bia", browser=first).status_code == 302
        connection.set_tenant(committed_alpha)
        second_one = other.submit(demoted)
        wait_until(lambda: second_one.done() or n_waiting_for_a_lock() == 1, seconds=20)
    answer = second_one.result()

    assert answer.status_code == 200
    assert "pelo menos um proprietário ativo" in answer.content.decode()
    connection.set_tenant(committed_alpha)
    assert [one.username for one in User.objects.filter(groups__name="owner")] == ["ana"]


def test_nobody_without_the_right_edits(alpha: Tenant) -> None:
    agent = make_agent()
    attendant = as_role("attendant")

    answer = attendant.post(
        f"/admin/agents/agent/{agent.pk}/change/", agent_form(agent, instructions="x")
    )

    assert answer.status_code == 403


def test_an_operator_renames_and_suspends_a_tenant(operator: Client, beta: Tenant) -> None:
    connection.set_schema_to_public()
    page = f"/admin/tenants/tenant/{beta.pk}/change/"

    answer = operator.post(
        page,
        {
            "name": "Beta Ltda",
            "domains": "beta.localhost\nbeta.example",
            "timezone": "America/Manaus",
            "language": "pt-br",
            "status": "suspended",
        },
    )

    connection.set_schema_to_public()
    beta.refresh_from_db()
    assert answer.status_code == 302
    assert (beta.name, beta.timezone, beta.status) == ("Beta Ltda", "America/Manaus", "suspended")
    assert set(Domain.objects.filter(tenant=beta).values_list("domain", flat=True)) == {
        "beta.localhost",
        "beta.example",
    }
    assert trail("tenant.changed").actor == "operator"


def test_an_operator_does_not_take_a_domain_of_another_tenant(
    operator: Client, alpha: Tenant, beta: Tenant
) -> None:
    connection.set_schema_to_public()

    answer = operator.post(
        f"/admin/tenants/tenant/{beta.pk}/change/",
        {
            "name": "Beta",
            "domains": "alpha.localhost",
            "timezone": "America/Sao_Paulo",
            "language": "pt-br",
            "status": "ready",
        },
    )

    assert "alpha.localhost já é usado por outra empresa." in answer.content.decode()


def test_an_admin_token_is_not_taken_to_another_bridge(operator: Client) -> None:
    server = BridgeServer(name="um", base_url="https://bridge.example")
    server.set_admin_token("an-admin-token")
    server.save()
    page = f"/admin/servers/bridgeserver/{server.pk}/change/"
    form = {"name": "um", "base_url": "https://thief.example", "max_devices": 5, "is_open": "on"}

    refused = operator.post(page, {**form, "admin_token": ""})

    assert 'value="https://thief.example"' in refused.content.decode()
    server.refresh_from_db()
    assert server.base_url == "https://bridge.example"
    operator.post(page, {**form, "admin_token": "another"})
    server.refresh_from_db()
    assert (server.base_url, server.admin_token()) == ("https://thief.example", "another")


def test_a_name_that_somebody_takes_at_the_same_moment_is_told_and_nothing_typed_is_lost(
    committed_alpha: Tenant,
) -> None:
    agent, browser = make_agent(), as_role("owner")
    form = agent_form(agent, name="Vendas", instructions="Venda com calma.")

    def save() -> Any:
        try:
            return browser.post(f"/admin/agents/agent/{agent.pk}/change/", form)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as other, transaction.atomic():
        Agent.objects.create(name="Vendas")
        saved = other.submit(save)
        wait_until(lambda: n_waiting_for_a_lock() == 1, seconds=20)
    answer = saved.result()

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors.keys() == {"name"}
    assert "Venda com calma." in answer.content.decode()
    connection.set_tenant(committed_alpha)
    agent.refresh_from_db()
    assert agent.name != "Vendas"
