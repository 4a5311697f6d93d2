"""Operators see what was parked and have it tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from conversations.models import InboundMessage
from tenants import inbox, receiving
from tenants.audit.models import AuditEntry
from tenants.context import database_now
from tenants.models import InboxEntry, Tenant
from tests.admin.conftest import logged_in
from tests.factories import make_agent, make_device, message_body, receive

LIST = "/admin/tenants/inboxentry/"


@pytest.fixture
def parked(alpha: Tenant, beta: Tenant) -> InboxEntry:
    """A webhook of each tenant that was parked long ago; that of alpha."""
    for tenant, text in ((alpha, "de alpha"), (beta, "de beta")):
        with tenant_context(tenant):
            device = make_device(make_agent())
            ref = device.uuid
            Device.objects.filter(pk=device.pk).update(uuid="00000000-0000-4000-8000-000000000000")
            receive(device, message_body(text))  # fails: nothing can be written for its route
            Device.objects.filter(pk=device.pk).update(uuid=ref)
    InboxEntry.objects.update(
        received_at=database_now() - timedelta(hours=5),
        lease_until=database_now() - timedelta(seconds=1),
        n_attempts=inbox.MAX_ATTEMPTS,
    )
    assert inbox.park_hopeless() == 2
    return InboxEntry.objects.get(schema_name="t_alpha")


def ask(client: Client, *entries: InboxEntry) -> str:
    connection.set_schema_to_public()
    chosen = {"action": "try_again", "_selected_action": [one.pk for one in entries]}
    return client.post(LIST, chosen, follow=True).content.decode()


def write() -> list[str]:
    """Let workers write what waits; return what contacts wrote to alpha."""
    for batch in inbox.claim_batches(limit=100, per_batch=100):
        with tenant_context(Tenant.objects.get(schema_name=batch.schema_name)):
            receiving.receive_entries(entry_ids=batch.entry_ids, token=batch.token)
    with tenant_context(Tenant.objects.get(schema_name="t_alpha")):
        return list(InboundMessage.objects.values_list("text", flat=True))


def test_a_parked_entry_is_tried_again_and_another_tenants_is_not(
    operator: Client, parked: InboxEntry, beta: Tenant
) -> None:
    assert "1 entrada será processada de novo." in ask(operator, parked)

    assert write() == ["de alpha"]
    with tenant_context(beta):
        assert not InboundMessage.objects.exists()
    assert InboxEntry.objects.get(schema_name="t_beta").parked_reason == "failed 5 times"
    connection.set_schema_to_public()
    entry = AuditEntry.objects.get(action="inbox.tried_again")
    assert (entry.actor, entry.target) == ("operator", "inbox of t_alpha")
    assert entry.data == {"entries": [parked.pk]}


@pytest.mark.parametrize(
    ("reason", "shown"),
    [("", "falhou 5 vezes"), ("the body is not JSON", "não é JSON"), ("out of ink", "out of ink")],
)
def test_why_an_entry_was_parked_is_said_in_words(
    operator: Client, parked: InboxEntry, reason: str, shown: str
) -> None:
    InboxEntry.objects.filter(pk=parked.pk).update(parked_reason=reason or parked.parked_reason)
    connection.set_schema_to_public()
    assert f"estacionado: {shown}" in operator.get(f"{LIST}{parked.pk}/change/").content.decode()


def test_each_tenants_trail_of_what_is_tried_again_is_one_entry(
    operator: Client, parked: InboxEntry
) -> None:
    assert "2 entradas serão processadas de novo." in ask(operator, *InboxEntry.objects.all())

    targets = AuditEntry.objects.filter(action="inbox.tried_again").values_list("target", flat=True)
    assert sorted(targets) == ["inbox of t_alpha", "inbox of t_beta"]


def test_where_none_was_parked_nothing_is_changed(operator: Client, parked: InboxEntry) -> None:
    InboxEntry.objects.update(parked_reason="", n_attempts=2)

    assert "Nenhuma delas estava estacionada." in ask(operator, parked)

    assert set(InboxEntry.objects.values_list("n_attempts", flat=True)) == {2}
    assert not AuditEntry.objects.filter(action="inbox.tried_again").exists()


def test_who_may_only_look_cannot_have_it_tried_again(db: None, parked: InboxEntry) -> None:
    connection.set_schema_to_public()
    user = User.objects.create(username="looker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_inboxentry"))
    looker = logged_in(user)

    assert "try_again" not in looker.get(LIST).content.decode()
    ask(looker, parked)
    assert InboxEntry.objects.exclude(parked_reason="").count() == 2

    user.user_permissions.add(Permission.objects.get(codename="change_inboxentry"))
    assert "1 entrada será processada de novo." in ask(looker, parked)


def test_the_time_for_which_it_was_parked_is_no_waiting(
    operator: Client, parked: InboxEntry
) -> None:
    ask(operator, parked)

    assert inbox.oldest_waiting_s() < 60
    assert "inbox" not in Client().get("/readyz").json().get("problems", [])
    metrics = Client().get("/metrics").content.decode()
    (line,) = (one for one in metrics.splitlines() if one.startswith("prosa_inbox_oldest_seconds "))
    assert float(line.split()[1]) < 60
    assert operator.get("/admin/").context["platform"].oldest_waiting_at > (
        database_now() - timedelta(minutes=1)
    )
