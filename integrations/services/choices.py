"""From a purpose to the model that this tenant uses for it."""

from __future__ import annotations

import logging

from integrations.llm.types import ChatConfig, Purpose
from integrations.models import Credential, ModelChoice
from integrations.services import credentials
from tenants.crypto import CannotDecrypt

logger = logging.getLogger(__name__)


def config_for(purpose: Purpose) -> ChatConfig | None:
    """Return the tenant's model for a purpose; None where it has chosen none.

    A key that cannot be read counts as none: its fallback is asked, as if it had failed.
    """
    choice = _choice(purpose)
    if choice is None:
        return None
    fallback = _config(choice.fallback_credential, choice.fallback_model, choice.timeout_s)
    fallbacks = (fallback,) if fallback is not None else ()
    first = _config(choice.credential, choice.model, choice.timeout_s, fallbacks)
    return first if first is not None else fallback


def cheaper_for(purpose: Purpose) -> ChatConfig | None:
    """Return who answers once a budget is nearly used up; None where nobody was chosen."""
    choice = _choice(purpose)
    if choice is None:
        return None
    return _config(choice.cheaper_credential, choice.cheaper_model, choice.timeout_s)


def _choice(purpose: Purpose) -> ModelChoice | None:
    chosen = ModelChoice.objects.select_related(
        "credential", "fallback_credential", "cheaper_credential"
    )
    return chosen.filter(purpose=purpose.value).first()


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
