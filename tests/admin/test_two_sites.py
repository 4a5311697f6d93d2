"""Each address exists on the host that it belongs to, and nowhere else."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from config import urls_public, urls_tenant
from tenants.models import Tenant
from tenants.sites import public_site, tenant_site
from tests.admin.conftest import as_role

PUBLIC_LISTS = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in public_site._registry
)
TENANT_LISTS = sorted(
    f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in tenant_site._registry
)
SHARED = set(PUBLIC_LISTS) & set(TENANT_LISTS)


def test_the_sites_share_only_people_the_trail_and_prices() -> None:
    prices = {"/admin/prices/modelprice/", "/admin/prices/exchangerate/"}
    assert {"/admin/auth/user/", "/admin/audit/auditentry/", *prices} == SHARED


@pytest.mark.parametrize("path", [p for p in PUBLIC_LISTS if p not in SHARED])
def test_a_page_of_the_platform_is_not_found_on_a_tenants_host(path: str, owner: Client) -> None:
    assert owner.get(path).status_code == 404
    assert Client(headers={"host": "alpha.localhost"}).get(path).status_code == 404


@pytest.mark.parametrize("path", [p for p in TENANT_LISTS if p not in SHARED])
def test_a_page_of_a_tenant_is_not_found_on_the_platforms_host(path: str, operator: Client) -> None:
    assert operator.get(path).status_code == 404
    assert Client().get(path).status_code == 404


def test_the_tenants_list_is_404_for_an_owner_and_conversations_for_an_operator(
    operator: Client, alpha: Tenant
) -> None:
    assert as_role("owner").get("/admin/tenants/tenant/").status_code == 404

    connection.set_schema_to_public()
    assert operator.get("/admin/conversations/conversation/").status_code == 404


@pytest.mark.parametrize("path", PUBLIC_LISTS)
def test_an_operator_sees_every_list_of_the_platform(path: str, operator: Client) -> None:
    assert operator.get(path).status_code == 200


def test_the_platforms_first_page_counts(operator: Client) -> None:
    page = operator.get("/admin/")

    assert page.status_code == 200
    assert page.context["platform"].n_ready >= 1


def test_the_root_leads_to_the_panel(alpha: Tenant) -> None:
    assert Client(headers={"host": "alpha.localhost"}).get("/").headers["location"] == "/admin/"
    assert Client().get("/").headers["location"] == "/admin/"


def test_a_user_of_one_tenant_is_nobody_on_the_host_of_another(
    owner: Client, alpha: Tenant, beta: Tenant
) -> None:
    cookie = owner.cookies["sessionid"].value
    stranger = Client(headers={"host": "beta.localhost"})
    stranger.cookies["sessionid"] = cookie

    answer = stranger.get("/admin/conversations/conversation/")

    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/admin/login/")
    assert owner.get("/admin/conversations/conversation/").status_code == 200


def test_an_operators_session_is_nobody_on_a_tenants_host(operator: Client, beta: Tenant) -> None:
    stranger = Client(headers={"host": "beta.localhost"})
    stranger.cookies["sessionid"] = operator.cookies["sessionid"].value

    assert stranger.get("/admin/").status_code == 302


def test_both_url_maps_name_one_site_each() -> None:
    assert reverse("admin:tenants_tenant_changelist", urlconf=urls_public) == (
        "/admin/tenants/tenant/"
    )
    assert reverse("admin:agents_agent_changelist", urlconf=urls_tenant) == "/admin/agents/agent/"
