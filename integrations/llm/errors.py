"""How a call of a model fails as a whole."""

from __future__ import annotations

from integrations.llm.types import Try
from tenants.errors import Permanent, Temporary


class NoProviderAnswered(Temporary):
    """Every provider of the chain failed; `tries` says how.

    Args:
        tries: the failed calls in order; at least one.
        retry_after_s: the shortest wait that a provider asked for, in seconds.
    """

    def __init__(self, tries: tuple[Try, ...], *, retry_after_s: float | None = None) -> None:
        super().__init__("no provider answered", retry_after_s=retry_after_s)
        self.tries = tries


class BudgetExhausted(Permanent):
    """The money for this is used up; nobody was asked.

    Args:
        level: whose budget: ``tenant``, ``agent``, ``contact`` or ``conversation``.
        spend_id: the counter that was full; None where people were told of it before.
    """

    def __init__(self, level: str, *, spend_id: int | None = None) -> None:
        super().__init__(f"the budget of the {level} is used up")
        self.level, self.spend_id = level, spend_id
