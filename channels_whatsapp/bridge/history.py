"""What the bridge keeps of the chats of a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class HistoryRow:
    """One message as the bridge keeps it.

    Args:
        stored_at: unix seconds of the bridge's clock when it was stored; 0 where it is unreadable.
        event: the whole event as the webhook had it; empty where the bridge kept none.
    """

    message_ref: str
    chat: str
    sender: str
    text: str
    stored_at: float
    event: Mapping[str, Any] = field(default_factory=dict, repr=False)


def history_row(row: Mapping[str, Any]) -> HistoryRow:
    """Return a row of the bridge's answer; never raises on an object."""
    try:
        kept = json.loads(str(row.get("data_json") or "{}"))
    except (ValueError, RecursionError):
        kept = {}
    event = kept.get("event", kept) if isinstance(kept, dict) else {}
    return HistoryRow(
        message_ref=str(row.get("message_id") or "")[:100],
        chat=str(row.get("chat_jid") or ""),
        sender=str(row.get("sender_jid") or ""),
        text=str(row.get("text_content") or ""),
        stored_at=_instant(row.get("timestamp")),
        event=event if isinstance(event, dict) and "Info" in event else {},
    )


def _instant(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        return 0.0
