"""A key is tried as soon as it is saved, is replaced in one save, and is never shown again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django_tenants.utils import tenant_context

from agents.models import Agent
from integrations.models import Breaker, Credential
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import NOW, make_agent
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM

KEY, NEWER = "sk-abcdefghijklmnop-1234", "sk-qrstuvwxyzabcdef-5678"
LIST = "/admin/integrations/credential/"


@pytest.fixture
def server() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


def add(client: Client, server: FakeLLM, **changes: str) -> Any:
    form = {"name": "principal", "provider": "openai", "base_url": server.base_url, "api_key": KEY}
    return client.post(f"{LIST}add/", {**form, **changes}, follow=True)


def change(client: Client, credential: Credential, **changes: str) -> Any:
    form = {"provider": credential.provider, "base_url": credential.base_url, "api_key": ""}
    return client.post(f"{LIST}{credential.pk}/change/", {**form, **changes}, follow=True)


def keys_used(server: FakeLLM) -> list[str]:
    return [one.headers["authorization"].removeprefix("Bearer ") for one in server.received]


def test_a_key_is_tried_as_soon_as_it_is_saved(owner: Client, server: FakeLLM) -> None:
    form = owner.get(f"{LIST}add/").content.decode()
    page = add(owner, server).content.decode()

    assert "Deixe vazio para manter" not in form
    assert "A chave funciona; 1 modelo pode ser escolhido." in page
    credential = Credential.objects.get()
    assert keys_used(server) == [KEY]
    assert (credential.verdict, credential.known_models) == ("works", ["fake-1"])
    assert credential.tested_at is not None
    assert "principal: " in page
    assert KEY not in page


@pytest.mark.parametrize("name", [r"a\u0000b", r"a\ud83d", r"a\nb"])
def test_a_models_name_that_nobody_can_write_is_left_out(
    owner: Client, server: FakeLLM, name: str
) -> None:
    server.script(Answer(body=f'{{"data": [{{"id": "{name}"}}, {{"id": "m"}}]}}'.encode()))

    assert add(owner, server).status_code == 200

    assert Credential.objects.get().known_models == ["m"]


def test_a_list_that_is_nested_too_deep_is_no_list(owner: Client, server: FakeLLM) -> None:
    server.script(Answer(body=b"[" * 100_000))

    assert add(owner, server).status_code == 200

    assert Credential.objects.get().verdict == "unreachable"


def test_a_key_is_not_taken_to_another_system(owner: Client, server: FakeLLM) -> None:
    add(owner, server)
    credential = Credential.objects.get()

    with FakeLLM() as thief:
        page = change(owner, credential, base_url=thief.base_url)

        assert thief.received == []
        assert f'value="{thief.base_url}"' in page.content.decode()  # what was typed is there
        credential.refresh_from_db()
        assert credential.base_url == server.base_url
        change(owner, credential, base_url=thief.base_url, api_key=NEWER)
        assert keys_used(thief) == [NEWER]


def test_a_refused_key_is_kept_and_called_refused(owner: Client, server: FakeLLM) -> None:
    server.script(Answer(401))

    page = add(owner, server).content.decode()

    credential = Credential.objects.get()
    assert (credential.verdict, credential.verdict_detail) == ("refused", "HTTP 401")
    assert credential.api_key() == KEY
    assert "HTTP 401" in page


def test_a_new_key_takes_the_place_of_the_old_one_in_one_save(
    owner: Client, server: FakeLLM
) -> None:
    add(owner, server)
    credential = Credential.objects.get()
    server.script(json_answer({"data": [{"id": "fake-2"}]}))

    html = change(owner, credential, api_key=NEWER).content.decode()
    html += owner.get(f"{LIST}{credential.pk}/change/").content.decode()

    credential.refresh_from_db()
    assert credential.api_key() == NEWER
    assert credential.known_models == ["fake-2"]
    assert keys_used(server) == [KEY, NEWER]
    assert "…5678" in html
    assert KEY not in html
    assert NEWER not in html
    assert "sk-" not in str(list(AuditEntry.objects.values_list("data", flat=True)))


def test_a_save_that_changes_nothing_asks_nobody(owner: Client, server: FakeLLM) -> None:
    add(owner, server)
    credential = Credential.objects.get()

    change(owner, credential)

    assert len(server.received) == 1
    assert not AuditEntry.objects.filter(action="credential.changed").exists()


def test_a_key_is_tried_again_on_request(owner: Client, server: FakeLLM) -> None:
    add(owner, server)
    credential = Credential.objects.get()
    server.script(Answer(403))

    answer = change(owner, credential, integrations_credential_save_and_try="1")

    credential.refresh_from_db()
    assert credential.verdict == "refused"
    assert answer.request["PATH_INFO"] == f"{LIST}{credential.pk}/change/"

    owner.post(LIST, {"action": "try_selected", "_selected_action": [credential.pk]})
    credential.refresh_from_db()
    assert credential.verdict == "works"


def test_what_changes_the_key_forgets_what_was_found_out(owner: Client, server: FakeLLM) -> None:
    add(owner, server)
    credential = Credential.objects.get()
    server.script(Answer(401))

    change(owner, credential, forget_key="on")

    credential.refresh_from_db()
    assert credential.api_key() == ""
    assert (credential.verdict, credential.known_models) == ("refused", [])


def test_a_key_that_works_ends_the_pause_of_the_one_before(owner: Client, server: FakeLLM) -> None:
    add(owner, server)
    credential = Credential.objects.get()
    later = NOW.replace(year=2199)
    Breaker.objects.create(
        provider="openai",
        credential=str(credential.uuid),
        model="fake-1",
        state="open",
        retry_at=later,
        changed_at=NOW,
    )

    change(owner, credential, api_key=NEWER)

    assert Breaker.objects.filter(retry_at__lt=later).exists()


def test_the_models_of_the_keys_are_offered_where_one_is_named(
    owner: Client, server: FakeLLM
) -> None:
    server.script(json_answer({"data": [{"id": '"><script>bad</script>'}, {"id": "fake-1"}]}))
    add(owner, server)
    agent: Agent = make_agent()

    for path in (
        f"/admin/agents/agent/{agent.pk}/change/",
        "/admin/integrations/modelchoice/add/?purpose=chat",
        "/admin/prices/modelprice/add/",
    ):
        html = owner.get(path).content.decode()
        assert '<option value="fake-1" label="principal">' in html
        assert "<script>bad" not in html


def test_only_those_who_may_change_a_key_try_it(alpha: Tenant, server: FakeLLM) -> None:
    credential = Credential.objects.create(
        name="principal", provider="openai", base_url=server.base_url
    )

    for role in ("auditor", "attendant"):
        client = as_role(role)
        answer = change(client, credential, integrations_credential_save_and_try="1")
        assert answer.status_code == 403
        client.post(LIST, {"action": "try_selected", "_selected_action": [credential.pk]})

    assert server.received == []


def test_the_same_key_name_in_two_tenants_is_two_keys(
    owner: Client, beta: Tenant, server: FakeLLM
) -> None:
    add(owner, server)
    with tenant_context(beta):
        add(as_role("owner"), server, api_key=NEWER)
        assert Credential.objects.get(name="principal").api_key() == NEWER

    assert Credential.objects.get(name="principal").api_key() == KEY
