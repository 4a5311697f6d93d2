"""Host names: whoever takes one first keeps it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from tenants.models import Domain, Tenant
from tenants.services import tenants
from tests.fakes.http import wait_until
from tests.workers import n_waiting_for_a_lock


def take(tenant: Tenant, domain: str) -> None:
    """Add a host name in a thread and a connection of its own."""
    try:
        connection.set_schema_to_public()
        tenants.update_tenant(tenant=tenant, domains=[f"{tenant.slug}.localhost", domain])
    finally:
        connection.close()


def test_of_two_that_take_a_name_at_once_the_second_is_refused(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    connection.set_schema_to_public()
    with ThreadPoolExecutor(1) as threads:
        with transaction.atomic():
            tenants.update_tenant(
                tenant=committed_alpha, domains=["alpha.localhost", "fought.example"]
            )
            second = threads.submit(take, committed_beta, "fought.example")
            wait_until(lambda: n_waiting_for_a_lock() == 1)
        with pytest.raises(tenants.DomainTaken, match=r"fought\.example"):
            second.result(60)

    connection.set_schema_to_public()
    assert Domain.objects.get(domain="fought.example").tenant == committed_alpha
    assert Domain.objects.filter(tenant=committed_beta).count() == 1
