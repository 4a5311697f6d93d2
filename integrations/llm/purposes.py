"""Which of the chosen models serves a purpose."""

from __future__ import annotations

from collections.abc import Mapping

from integrations.llm.types import ChatConfig, Provider, Purpose

AS_CHAT = frozenset({Purpose.REWRITE, Purpose.CLASSIFY, Purpose.SUMMARISE, Purpose.VISION})
"""What the model that writes the answers does too, where no other was chosen for it."""


def model_for(
    purpose: Purpose, *, configs: Mapping[Purpose, ChatConfig], chat: ChatConfig | None
) -> ChatConfig | None:
    """Return who is asked for a purpose; None where nobody is, and rules must do.

    Args:
        configs: what was chosen by purpose.
        chat: who writes the answers: the agent's own model, or the tenant's.
    """
    config = chat if purpose is Purpose.CHAT else configs.get(purpose)
    if config is None and purpose in AS_CHAT:
        config = chat
    return None if config is None or config.provider == Provider.OFFLINE else config
