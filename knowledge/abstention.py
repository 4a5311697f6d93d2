"""When to answer, when to ask back, and when to say that the documents do not know.

A score alone cannot tell a missing answer from an oddly worded question, so there are three zones.
Above the upper threshold passages of this confidence nearly always answer. Below the lower one they
hardly ever do, and a person is called without asking a model. Between them whoever can read decides
and a contact is asked what they mean where nobody can.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from knowledge.models import KnowledgeSettings
from knowledge.types import Decision

ASK_FROM = 0.06
"""Confidence below which the documents are taken not to know, and no model is asked. Of questions
of five businesses, each with the confidence fitted on the other four: 1 of 288 answerable questions
falls below, and 17 of 72 unanswerable ones. The other four would choose 0.04 to 0.08."""

ANSWER_FROM = 0.5
"""Confidence from which an answer is given without asking back. Counted in the same way: 6 of 72
unanswerable questions are above, which the model and the checks still have to let pass, and 26 % of
the answerable ones lie between the two thresholds. The other four would choose 0.56 to 0.68 for at
most one in twenty above; more contacts, 39 %, would be asked back."""

N_PASSAGES = 5
"""Passages for one answer. Measured on three businesses: the right one is among the first five for
201 of 207 questions."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where the zones begin, as confidences from 0 to 1; `ask_from` is never the higher one.

    Args:
        n_passages: for one answer, from the same row of settings.
    """

    ask_from: float = ASK_FROM
    answer_from: float = ANSWER_FROM
    n_passages: int = N_PASSAGES


DEFAULT = Thresholds()


def thresholds(settings: KnowledgeSettings | None) -> Thresholds:
    """Return the thresholds of a tenant; what it has not chosen is the product's default.

    A tenant that sets only one of them moves the other one along where the two would cross.
    """
    if settings is None:
        return DEFAULT
    return between(ask=settings.ask_threshold, answer=settings.answer_threshold)


def between(*, ask: float | None, answer: float | None) -> Thresholds:
    """Return thresholds from what was chosen; None takes the default."""
    if answer is None:
        ask_from = ASK_FROM if ask is None else ask
        return Thresholds(ask_from, max(ANSWER_FROM, ask_from))
    return Thresholds(min(ASK_FROM if ask is None else ask, answer), answer)


def current() -> Thresholds:
    """Return the thresholds of the current schema: one row by its key, and none in most tenants."""
    row = KnowledgeSettings.objects.filter(pk=1).first()
    if row is None:
        return DEFAULT
    return replace(thresholds(row), n_passages=row.n_passages)


def decide(*, confidence: float, settings: KnowledgeSettings | Thresholds | None) -> Decision:
    """Return what to do with passages of a confidence.

    Args:
        confidence: the retriever's, 0 to 1; 0 where nothing was found.
        settings: of the tenant, or thresholds that somebody tries out; None for the default.
    """
    zones = settings if isinstance(settings, Thresholds) else thresholds(settings)
    if confidence <= 0 or confidence < zones.ask_from:
        return Decision.UNKNOWN
    return Decision.ANSWER if confidence >= zones.answer_from else Decision.ASK
