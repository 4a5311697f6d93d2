"""Keys: keeping them, and making a model's configuration from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from integrations.egress import leads_elsewhere
from integrations.llm.types import ChatConfig
from integrations.models import Credential
from integrations.services import pauses, probing
from integrations.services.probing import KeyState, KeyVerdict
from tenants.crypto import CannotDecrypt
from tenants.errors import DomainError


class BadCredential(DomainError):
    """This credential cannot be kept as it is given."""

    code = "bad_credential"


@dataclass(frozen=True, slots=True)
class Ensured:
    """A credential that is now as wanted; `changed` names the fields that were not."""

    credential: Credential
    created: bool
    changed: tuple[str, ...]


def ensure_credential(
    *, name: str, provider: str, base_url: str = "", api_key: str | None = None
) -> Ensured:
    """Create or update the credential called `name`; does nothing where it is as wanted.

    Args:
        provider: one of `Credential.Kind`.
        base_url: empty for the provider's own address.
        api_key: the plain key; empty removes it, None leaves it as it is.

    Raises:
        BadCredential: an unknown provider, an unusable address, one that is missing, or another
            system and the key was left.
    """
    with transaction.atomic():
        credential = Credential.objects.select_for_update().filter(name=name).first()
        created = credential is None
        if credential is None:
            credential = Credential(name=name)
        elif api_key is None:
            _check_moved(credential, provider=provider, base_url=base_url)
        changed = [
            field
            for field, value in (("provider", provider), ("base_url", base_url))
            if getattr(credential, field) != value
        ]
        credential.provider, credential.base_url = provider, base_url
        if api_key is not None and not _holds(credential, api_key):
            credential.set_api_key(api_key)
            changed.append("api_key")
        if created or changed:
            # What was found out belongs to the key and the address that were tried.
            credential.tested_at, credential.verdict, credential.verdict_detail = None, "", ""
            credential.known_models = []
            try:
                credential.full_clean()
            except ValidationError as error:
                raise BadCredential("; ".join(error.messages)) from error
            credential.save()
    return Ensured(credential, created, tuple(changed))


def check(*, name: str, provider: str, base_url: str, api_key: str | None) -> None:
    """Refuse to take a key elsewhere, while whoever typed the address still has it before them.

    Raises:
        BadCredential: as `ensure_credential`.
    """
    stored = Credential.objects.filter(name=name).first()
    if stored is not None and api_key is None:
        _check_moved(stored, provider=provider, base_url=base_url)


def _check_moved(credential: Credential, *, provider: str, base_url: str) -> None:
    """Refuse to take a stored key to another system: its owner could read it there."""
    before = probing.address(provider=credential.provider, base_url=credential.base_url)
    after = probing.address(provider=provider, base_url=base_url)
    if credential.api_key_encrypted and leads_elsewhere(before, after):
        raise BadCredential(
            _(
                "The stored key was entered for another system: enter the key of this one, or"
                " remove it."
            )
        )


def _holds(credential: Credential, api_key: str) -> bool:
    return credential.shown_key() != "?" and credential.api_key() == api_key


def try_credential(*, credential_id: int, now: datetime) -> KeyVerdict | None:
    """Ask the provider whether it takes the key, and keep what it says; None without such a row.

    A key that works ends the waiting of what was paused with it.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    credential = Credential.objects.filter(pk=credential_id).first()
    if credential is None:
        return None
    try:
        verdict = probing.try_key(
            provider=credential.provider,
            api_key=credential.api_key(),
            base_url=credential.base_url,
        )
    except CannotDecrypt:
        verdict = KeyVerdict(KeyState.UNREADABLE)
    # Somebody may have replaced the key meanwhile, of which this verdict says nothing.
    unchanged = Credential.objects.filter(
        pk=credential.pk,
        provider=credential.provider,
        base_url=credential.base_url,
        api_key_encrypted=credential.api_key_encrypted,
    )
    unchanged.update(
        tested_at=now,
        verdict=verdict.state,
        verdict_detail=verdict.detail[:200],
        known_models=list(verdict.models),
    )
    if verdict.state is KeyState.WORKS:
        pauses.try_now_with(credential=str(credential.uuid), now=now)
    return verdict


def last_verdict(credential: Credential) -> KeyVerdict | None:
    """Return how the last try went; None where the key was never tried as it is."""
    if credential.tested_at is None or credential.verdict not in set(KeyState):
        return None
    return KeyVerdict(
        KeyState(credential.verdict), tuple(credential.known_models), credential.verdict_detail
    )


def suggestions() -> list[tuple[str, str]]:
    """Return the models that the providers offer with the keys there are, and by which keys."""
    offered: dict[str, list[str]] = {}
    rows = Credential.objects.order_by("name").values_list("name", "known_models")
    for name, known in rows:
        for model in known if isinstance(known, list) else []:
            offered.setdefault(str(model), []).append(name)
    return sorted((model, ", ".join(names)) for model, names in offered.items())


def chat_config(
    *,
    credential: Credential | None,
    model: str,
    timeout_s: float,
    fallbacks: Sequence[ChatConfig] = (),
) -> ChatConfig:
    """Return a model's configuration with its plain key, to be used and never stored.

    Args:
        credential: None for the provider without a model, ``offline``.
        model: the provider's name of the model; empty for offline.
        timeout_s: longest time for one answer, in seconds.

    Raises:
        CannotDecrypt: the key cannot be read.
    """
    if credential is None:
        return ChatConfig(provider="offline", timeout_s=timeout_s, fallbacks=tuple(fallbacks))
    return ChatConfig(
        provider=credential.provider,
        model=model,
        api_key=credential.api_key(),
        base_url=credential.base_url,
        timeout_s=timeout_s,
        fallbacks=tuple(fallbacks),
        credential=str(credential.uuid),
    )
