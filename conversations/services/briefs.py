"""Handoffs and their briefs in the words of the people who go on from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.runtime import handing
from agents.types import Brief
from conversations.models import Handoff, TurnStep
from conversations.services import words

_KINDS: Mapping[str, object] = {
    "name": gettext_lazy("name"),
    "phone": gettext_lazy("phone"),
    "email": gettext_lazy("e-mail"),
    "address": gettext_lazy("address"),
    "date": gettext_lazy("date"),
    "time": gettext_lazy("time"),
    "money": gettext_lazy("amount"),
    "code": gettext_lazy("code"),
    "count": gettext_lazy("quantity"),
    "number": gettext_lazy("number"),
}

_TONES: Mapping[str, object] = {
    "neutral": gettext_lazy("calm"),
    "polite": gettext_lazy("polite"),
    "tense": gettext_lazy("tense: answer with care"),
}

_WHY: Mapping[str, object] = {
    "back_to_desk": gettext_lazy("not its subject any more: back to the front desk"),
}


@dataclass(frozen=True)
class FactView:
    """Something that the contact gave, with their own words around it."""

    kind: str
    text: str
    words: str


@dataclass(frozen=True)
class BriefView:
    """One passing on; `route` says from whom to whom."""

    route: str
    cause: str
    reason: str
    score: str
    goal: str
    facts: tuple[FactView, ...]
    done: tuple[str, ...]
    pending: tuple[str, ...]
    tone: str
    deadline: str


def of_steps(steps: Iterable[TurnStep]) -> tuple[BriefView, ...]:
    """Return the handoffs of a turn in order, from its steps; no query.

    Only the last one with its brief: those before it say the same and less.
    """
    found = [
        step.data
        for step in steps
        if step.kind == "handoff" and isinstance(step.data, dict) and "brief" in step.data
    ]
    return tuple(
        _view(data, handing.brief_from_data(data["brief"]) if data is found[-1] else Brief())
        for data in found
    )


def of_brief(brief: Brief) -> BriefView:
    """Return a brief alone, whoever passed what to whom."""
    return _view({}, brief)


def _view(data: Mapping[str, Any], brief: Brief) -> BriefView:
    causes = {str(value): str(label) for value, label in Handoff.Cause.choices}
    reason, score = str(data.get("reason", "")), data.get("score")
    names = {
        "from": str(data.get("from_agent", "")),
        "to": str(data.get("to_agent", "")) or _("a person"),
    }
    return BriefView(
        route=_("%(from)s → %(to)s") % names,
        cause=causes.get(str(data.get("cause", "")), ""),
        reason=str(_WHY[reason]) if reason in _WHY else words.reason(reason),
        score=words.decimal(float(score), 2) if isinstance(score, int | float) else "",
        goal=brief.goal,
        facts=tuple(
            FactView(str(_KINDS.get(one.kind, one.kind)), one.text, one.words)
            for one in brief.facts
        ),
        done=brief.done,
        pending=brief.pending,
        tone=str(_TONES.get(brief.tone, brief.tone)),
        deadline=brief.deadline,
    )
