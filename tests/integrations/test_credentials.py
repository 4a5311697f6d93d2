from __future__ import annotations

from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django_tenants.utils import tenant_context

from integrations.llm.types import ChatConfig
from integrations.models import Credential
from integrations.services import credentials
from integrations.services.credentials import BadCredential
from tenants.context import current_schema
from tenants.crypto import CannotDecrypt
from tenants.models import Tenant

KEY = "sk-alpha-0123456789abcdef"


def ensure(name: str = "principal", **given: str) -> credentials.Ensured:
    wanted = {"provider": "openai", "api_key": KEY, **given}
    return credentials.ensure_credential(name=name, **wanted)


def test_a_key_is_stored_unreadable_and_read_back(alpha: Tenant) -> None:
    credential = ensure().credential

    credential.refresh_from_db()

    assert KEY not in credential.api_key_encrypted
    assert credential.api_key() == KEY
    assert credential.shown_key() == "…cdef"
    assert KEY not in f"{credential} {credential!r}"


def test_a_short_key_shows_nothing_of_itself(alpha: Tenant) -> None:
    assert ensure(api_key="secret").credential.shown_key() == "…"


def test_a_credential_without_a_key_has_an_empty_one(alpha: Tenant) -> None:
    credential = ensure(provider="openai_compatible", base_url="http://llm:8000/v1", api_key="")

    assert credential.credential.api_key() == ""
    assert credential.credential.shown_key() == ""


def test_ensuring_twice_changes_nothing(alpha: Tenant) -> None:
    first = ensure()
    stored = Credential.objects.get().api_key_encrypted

    second = ensure()

    assert (first.created, second.created) == (True, False)
    assert second.changed == ()
    assert Credential.objects.get().api_key_encrypted == stored


def test_ensuring_says_what_changed(alpha: Tenant) -> None:
    ensure()

    changed = ensure(provider="deepseek", api_key="sk-new-0123456789")

    assert changed.changed == ("provider", "api_key")
    assert Credential.objects.get().api_key() == "sk-new-0123456789"


def test_a_key_that_is_not_given_stays_with_the_system_it_was_typed_for(alpha: Tenant) -> None:
    here = "https://llm.example/v1"
    ensure(provider="openai_compatible", base_url=here)
    move = partial(credentials.ensure_credential, name="principal")

    for provider, base_url in (
        ("openai_compatible", "https://thief.example/v1"),
        ("openai_compatible", "http://llm.example/v1"),
        ("openai_compatible", "https://llm.example:8443/v1"),
        ("openai", ""),
        ("deepseek", "https://thief.example/v1"),
        ("offline", ""),  # else it would go on from there to anywhere
    ):
        with pytest.raises(BadCredential):
            move(provider=provider, base_url=base_url)
    assert Credential.objects.get().base_url == here

    move(provider="openai", base_url="https://LLM.example:443/other")
    assert Credential.objects.get().api_key() == KEY
    move(provider="openai_compatible", base_url="https://new.example", api_key="")
    move(provider="offline")
    assert Credential.objects.get().api_key() == ""


@pytest.mark.parametrize(
    ("provider", "base_url"),
    [
        ("nobody", ""),
        ("openai_compatible", ""),
        ("openai_compatible", "ftp://llm/v1"),
        ("openai_compatible", "http://user:pass@llm/v1"),
        ("openai_compatible", "http://llm/v1\n"),
    ],
)
def test_a_credential_that_cannot_work_is_refused(
    alpha: Tenant, provider: str, base_url: str
) -> None:
    with pytest.raises(BadCredential):
        ensure(provider=provider, base_url=base_url)

    assert not Credential.objects.exists()


def test_the_database_refuses_what_no_service_would_write(alpha: Tenant) -> None:
    with pytest.raises(IntegrityError, match="credential_known_provider"), transaction.atomic():
        Credential.objects.create(name="x", provider="nobody")
    with pytest.raises(IntegrityError, match="has_base_url"), transaction.atomic():
        Credential.objects.create(name="x", provider="openai_compatible")


def test_ciphertext_of_another_tenant_does_not_decrypt(alpha: Tenant, beta: Tenant) -> None:
    mine = ensure().credential
    with tenant_context(beta):
        theirs = Credential(pk=mine.pk, uuid=mine.uuid, name="principal", provider="openai")
        theirs.set_api_key("sk-beta-secret-0123456789")
        theirs.save(force_insert=True)
        stolen = theirs.api_key_encrypted
    assert current_schema() == alpha.schema_name

    Credential.objects.filter(pk=mine.pk).update(api_key_encrypted=stolen)
    mine.refresh_from_db()

    with pytest.raises(CannotDecrypt):
        mine.api_key()
    assert mine.shown_key() == "?"
    with tenant_context(beta):
        assert Credential.objects.get(pk=mine.pk).api_key() == "sk-beta-secret-0123456789"


def test_ciphertext_of_another_row_does_not_decrypt(alpha: Tenant) -> None:
    ensure()
    other = ensure("other", api_key="sk-other-0123456789").credential
    first = Credential.objects.get(name="principal")

    first.api_key_encrypted = other.api_key_encrypted

    with pytest.raises(CannotDecrypt):
        first.api_key()


def test_a_key_that_cannot_be_read_can_be_set_anew(alpha: Tenant) -> None:
    ensure()
    Credential.objects.update(api_key_encrypted="damaged")

    assert ensure().changed == ("api_key",)
    assert Credential.objects.get().api_key() == KEY


def test_a_configuration_holds_the_plain_key_out_of_sight(alpha: Tenant) -> None:
    spare = ChatConfig("offline")

    config = credentials.chat_config(
        credential=ensure().credential, model="gpt-4o-mini", timeout_s=12, fallbacks=[spare]
    )

    assert (config.provider, config.model, config.api_key) == ("openai", "gpt-4o-mini", KEY)
    assert (config.timeout_s, config.fallbacks) == (12, (spare,))
    assert KEY not in repr(config)


def test_without_a_credential_there_is_no_model() -> None:
    config = credentials.chat_config(credential=None, model="", timeout_s=20)

    assert config.provider == "offline"
