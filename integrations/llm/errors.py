"""How a call of a model fails as a whole."""

from __future__ import annotations

from integrations.llm.types import NOT_MEASURED, FinishReason, Try, Usage
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


class EmptyAnswer(Temporary):
    """The provider answered nothing, and counted what it took all the same."""

    def __init__(self, usage: Usage) -> None:
        super().__init__("the answer is empty")
        self.usage = usage


class BrokenOff(Temporary):
    """The provider gave up in the middle of its answer; what it said so far is half a sentence."""

    def __init__(self, usage: Usage) -> None:
        super().__init__("the provider gave up in the middle of its answer")
        self.usage = usage


class LimitUsedUp(Permanent):
    """The limit of tokens was used up before the first word, mostly by thinking.

    The same model would use up the same limit again; another may not think. It is no outage.
    """

    def __init__(self, usage: Usage) -> None:
        super().__init__("the limit of tokens was used up before the answer")
        self.usage = usage


def empty(reason: FinishReason, usage: Usage) -> EmptyAnswer | LimitUsedUp:
    """Return the error for an answer without a word, which is paid for like any other."""
    return LimitUsedUp(usage) if reason is FinishReason.LENGTH else EmptyAnswer(usage)


def usage_of(error: Temporary | Permanent) -> Usage:
    """Return what a call took that failed; mostly nobody says so."""
    if isinstance(error, EmptyAnswer | BrokenOff | LimitUsedUp):
        return error.usage
    return NOT_MEASURED


class BudgetExhausted(Permanent):
    """The money for this is used up; nobody was asked.

    Args:
        level: whose budget: ``tenant``, ``agent``, ``contact`` or ``conversation``.
        spend_id: the counter that was full; None where people were told of it before.
    """

    def __init__(self, level: str, *, spend_id: int | None = None) -> None:
        super().__init__(f"the budget of the {level} is used up")
        self.level, self.spend_id = level, spend_id
