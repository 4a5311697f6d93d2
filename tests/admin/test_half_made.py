"""A tenant that a crash left half made: nobody is served from it, and saving its page makes it."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django_tenants.utils import tenant_context

from tenants.models import Tenant


def test_saving_completes_a_tenant_that_was_left_half_made(operator: Client) -> None:
    connection.set_schema_to_public()
    left = Tenant.objects.create(slug="half", schema_name="t_half", name="Half")
    data = {
        "name": "Half",
        "domains": "half.localhost",
        "timezone": "America/Manaus",
        "language": "pt-br",
    }
    page = f"/admin/tenants/tenant/{left.pk}/change/"

    refused = operator.post(page, {**data, "status": "ready"})
    connection.set_schema_to_public()
    left.refresh_from_db()
    assert (refused.status_code, left.status) == (200, "creating")
    saved = operator.post(page, {**data, "status": "creating"})

    connection.set_schema_to_public()
    left.refresh_from_db()
    assert (saved.status_code, left.status, left.timezone) == (302, "ready", "America/Manaus")
    with tenant_context(left):
        assert Group.objects.exists()
    back = operator.post(page, {**data, "status": "creating"})
    connection.set_schema_to_public()
    left.refresh_from_db()
    assert (back.status_code, left.status) == (200, "ready")
