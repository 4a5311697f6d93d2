"""From a purpose to the model that this tenant uses for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.db.models import QuerySet

from integrations.llm.types import ChatConfig, Purpose
from integrations.models import Credential, ModelChoice
from integrations.services import credentials
from tenants.crypto import CannotDecrypt

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tenant's models for what an agent does; None where it has chosen none."""

    chat: ChatConfig | None
    rewrite: ChatConfig | None
    cheaper: ChatConfig | None


def chosen() -> Chosen:
    """Return what an agent uses that names no model of its own."""
    rows = {one.purpose: one for one in _choices()}
    chat = rows.get(Purpose.CHAT.value)
    rewrite = rows.get(Purpose.REWRITE.value)
    return Chosen(
        chat=_chain(chat) if chat else None,
        rewrite=_chain(rewrite) if rewrite else None,
        cheaper=_config(chat.cheaper_credential, chat.cheaper_model, chat.timeout_s)
        if chat
        else None,
    )


def config_for(purpose: Purpose) -> ChatConfig | None:
    """Return the tenant's model for a purpose; None where it has chosen none."""
    choice = _choices().filter(purpose=purpose.value).first()
    return _chain(choice) if choice else None


def _choices() -> QuerySet[ModelChoice]:
    return ModelChoice.objects.select_related(
        "credential", "fallback_credential", "cheaper_credential"
    )


def _chain(choice: ModelChoice) -> ChatConfig | None:
    """Return a choice with its fallback; a key that cannot be read counts as none."""
    fallback = _config(choice.fallback_credential, choice.fallback_model, choice.timeout_s)
    fallbacks = (fallback,) if fallback is not None else ()
    return _config(choice.credential, choice.model, choice.timeout_s, fallbacks) or fallback


def _config(
    credential: Credential | None,
    model: str,
    timeout_s: float,
    fallbacks: tuple[ChatConfig, ...] = (),
) -> ChatConfig | None:
    if credential is None:
        return None
    try:
        return credentials.chat_config(
            credential=credential, model=model, timeout_s=timeout_s, fallbacks=fallbacks
        )
    except CannotDecrypt:
        logger.warning("credential cannot be read", extra={"credential": str(credential.uuid)})
        return None
