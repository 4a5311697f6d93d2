"""What turns searched for, handed to the knowledge's log of searches."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agents.types import NeedsHuman, RunResult
from conversations.models import Turn
from knowledge.models import Search
from knowledge.services import searches


def record_turns(turns: Iterable[tuple[Turn, RunResult]], *, now: datetime) -> None:
    """Keep the searches that decided turns; joins the caller's transaction.

    Not of a turn whose answer was thrown away: the question comes back with the next one then, and
    would count twice.
    """
    found = (
        _search_of(turn, result, now=now)
        for turn, result in turns
        if turn.status == Turn.Status.DONE
    )
    searches.record([search for search in found if search is not None])


def _search_of(turn: Turn, result: RunResult, *, now: datetime) -> Search | None:
    if result.searched is None:
        return None
    searched = result.searched
    return searches.new_search(
        origin=Search.Origin.CHAT,
        question=searched.question,
        previous=searched.previous,
        result=searched.result,
        turn_uuid=turn.uuid,
        agent_name=searched.agent_name,
        # What a contact is asked back is neither: their next message decides it.
        answered=None if result.asked_back else not isinstance(result.outcome, NeedsHuman),
        asked_by="",
        settings={},
        category_ids=searched.category_ids,
        now=now,
    )
