"""How conversations end and how long their files are kept, to and from a blueprint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import Field

from config.blueprints.fields import Section
from conversations.models import ConversationSettings
from conversations.models.memory import MAX_DAYS, MAX_HOURS
from conversations.services import lifecycle

Hours = Annotated[int, Field(ge=0, le=MAX_HOURS)]


class ConversationsSection(Section):
    """When conversations end by themselves, until when their contacts go on in them, and how long
    the files of their messages are kept."""

    close_after_h: Hours = 24
    close_with_people: bool = False
    reopen_within_h: Hours = 72
    # Left out it stays, whatever the rest says: what is deleted by a default does not come back.
    keep_files_days: Annotated[int, Field(ge=0, le=MAX_DAYS)] | None = None


def apply(
    section: ConversationsSection | None, *, note: Callable[[str, bool, list[str]], None]
) -> None:
    """Write the settings; joins the caller's transaction. A file without them changes none."""
    if section is not None:
        note("conversations", False, lifecycle.save(wanted=section.model_dump(exclude_none=True)))


def export() -> dict[str, Any] | None:
    """Return the section; None where nothing was ever changed."""
    row = ConversationSettings.objects.first()
    return None if row is None else {name: getattr(row, name) for name in lifecycle.FIELDS}
