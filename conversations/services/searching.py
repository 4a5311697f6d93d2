"""What a turn searched for, handed to the knowledge's log of searches."""

from __future__ import annotations

from datetime import datetime

from agents.types import NeedsHuman, RunResult
from conversations.models import Turn
from knowledge.models import Search
from knowledge.services import searches


def record_turn(*, turn: Turn, result: RunResult, now: datetime) -> Search | None:
    """Keep the search that decided a turn; joins the caller's transaction.

    None where nothing was searched, or where the turn's answer was thrown away: the question comes
    back with the next turn then, and would count twice.
    """
    if result.searched is None or turn.status != Turn.Status.DONE:
        return None
    searched = result.searched
    return searches.record_search(
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
