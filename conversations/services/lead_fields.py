"""What is to be found out about leads, and what each answer is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents import types_leads
from conversations.lead_rules import ABOUT, BUILT_IN, DEFAULT_POINTS, LABELS, LITERAL, MAX_POINTS
from conversations.models import LeadField, LeadSettings
from tenants.queueing import enqueue
from tenants.remembering import Remembered


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for the leads of a tenant.

    Args:
        own: fields of the business that are in use, in order.
        points: by key, of the fields there are.
    """

    own: tuple[types_leads.LeadField, ...]
    points: dict[str, int]
    qualified_from: int

    @property
    def keys(self) -> tuple[str, ...]:
        """All fields, in order."""
        return (*BUILT_IN, *(one.key for one in self.own))

    def label(self, key: str) -> str:
        """Return what people call a field; its key where it is gone."""
        if key in LABELS:
            return str(LABELS[key])
        return next((one.label for one in self.own if one.key == key), key)

    def choices(self, key: str) -> tuple[str, ...]:
        """Return the only values that a field may have; none for any text."""
        return next((one.choices for one in self.own if one.key == key), ())


def settings() -> LeadSettings:
    """Return the tenant's row as it is stored; one of defaults, unsaved, before the first."""
    return LeadSettings.objects.filter(pk=1).first() or LeadSettings(pk=1)


def _read() -> Rules:
    row = settings()
    own = LeadField.objects.filter(is_active=True).order_by("position", "pk")
    points = {key: int(row.points.get(key, DEFAULT_POINTS[key])) for key in BUILT_IN}
    points |= {one.key: one.points for one in own}
    return Rules(
        own=tuple(
            types_leads.LeadField(one.key, one.label, one.about, tuple(one.choices)) for one in own
        ),
        points=points,
        qualified_from=row.qualified_from,
    )


_remembered = Remembered(_read)


def rules() -> Rules:
    """Return what holds for leads now; may be a moment late."""
    return _remembered.get()


def for_agents() -> Sequence[types_leads.LeadField]:
    """Return all fields as agents are told of them."""
    found = rules()
    return (
        *(
            types_leads.LeadField(key, key, ABOUT[key], is_literal=key in LITERAL)
            for key in BUILT_IN
        ),
        *found.own,
    )


def save(*, points: dict[str, int], qualified_from: int) -> list[str]:
    """Change the score; joins the caller's transaction. Return the names of what changed."""
    row = settings()
    kept = {
        key: min(max(worth, 0), MAX_POINTS)
        for key, worth in points.items()
        if key in DEFAULT_POINTS and worth != DEFAULT_POINTS[key]
    }
    wanted = {"points": kept, "qualified_from": qualified_from}
    changed = [name for name, value in wanted.items() if getattr(row, name) != value]
    if changed:
        row.points, row.qualified_from = kept, qualified_from
        row.save()
        changed_here()
    return changed


def changed_here() -> None:
    """Have fields and points read again, and all open leads scored anew; on commit."""
    _remembered.forget()
    enqueue("conversations.tasks.score_leads")
