"""The parts of a blueprint that say how agents are, and what they may say of the business."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.services import business
from config.blueprints.schema import AgentSection, BusinessSection

PERSONA = ("role", "tone", "dos", "donts", "policies", "examples", "owner_numbers")


def persona_fields(section: AgentSection) -> dict[str, Any]:
    """Return the fields of an agent that say how it is and whom it serves."""
    return {name: getattr(section, name) for name in PERSONA}


def apply_business(
    section: BusinessSection | None, *, note: Callable[[str, bool, list[str]], None]
) -> None:
    """Write the facts about the business; joins the caller's transaction.

    A file without the section leaves what was written in the admin.
    """
    if section is None:
        return
    row = business.row()
    is_new = row._state.adding
    changed = [name for name in business.FIELDS if getattr(row, name) != getattr(section, name)]
    for name in changed:
        setattr(row, name, getattr(section, name))
    if changed:
        row.save()
        business.forget()
    note("business", is_new and bool(changed), changed)
