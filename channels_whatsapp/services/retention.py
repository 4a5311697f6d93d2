"""How long raw webhooks are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from channels_whatsapp.models import BridgeEvent

KEEP_BODY = timedelta(days=30)
"""How long the raw body of an event is kept, to look into what went wrong. The row stays, because
it recognises repeats."""


def clear_old_events(*, now: datetime) -> int:
    """Clear the bodies of events older than `KEEP_BODY`; return how many were cleared."""
    old = BridgeEvent.objects.filter(received_at__lt=now - KEEP_BODY).exclude(body=b"")
    return old.update(body=b"")
