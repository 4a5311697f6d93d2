"""From a purpose to the model that this tenant uses for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db.models import QuerySet

from integrations.llm import purposes
from integrations.llm.purposes import AS_CHAT
from integrations.llm.types import ChatConfig, Purpose
from integrations.models import Credential, ModelChoice
from integrations.services import credentials
from tenants.crypto import CannotDecrypt

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The tenant's models by purpose.

    Args:
        configs: only what was chosen.
        cheaper: who does it once a budget is nearly used up, also where no model was chosen.
    """

    configs: Mapping[Purpose, ChatConfig]
    cheaper: Mapping[Purpose, ChatConfig]

    def beside(self, own: Mapping[Purpose, ChatConfig]) -> dict[Purpose, ChatConfig]:
        """Return whom an agent asks by purpose: its own model, the tenant's where it names none.

        The tenant's money is saved by whom the tenant chose, whoever is asked first.
        """
        models = {**self.configs, **own}
        return {
            purpose: replace(config, cheaper=self._cheaper_than(config, purpose))
            for purpose, config in models.items()
        }

    def _cheaper_than(self, config: ChatConfig, purpose: Purpose) -> ChatConfig | None:
        found = self.cheaper.get(purpose)
        if found is None and purpose in AS_CHAT:
            found = self.cheaper.get(Purpose.CHAT)
        is_same = found and (found.credential, found.model) == (config.credential, config.model)
        return None if is_same else found


def chosen() -> Chosen:
    """Return what is asked where an agent names no model of its own; one query."""
    rows = {Purpose(one.purpose): one for one in _choices()}
    chains = {purpose: _chain(row) for purpose, row in rows.items()}
    cheaper = {
        purpose: _config(row.cheaper_credential, row.cheaper_model, row.timeout_s)
        for purpose, row in rows.items()
    }
    return Chosen(
        configs={purpose: chain for purpose, chain in chains.items() if chain is not None},
        cheaper={purpose: one for purpose, one in cheaper.items() if one is not None},
    )


def config_for(purpose: Purpose) -> ChatConfig | None:
    """Return the tenant's model for a purpose, for what no agent does; see `purposes.model_for`."""
    found = chosen().beside({})
    return purposes.model_for(purpose, configs=found, chat=found.get(Purpose.CHAT))


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
