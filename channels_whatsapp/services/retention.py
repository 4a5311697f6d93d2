"""How long raw webhooks are kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from channels_whatsapp.models import BridgeEvent

KEEP_BODY = timedelta(days=30)
"""How long the raw body of an event is kept, to look into what went wrong. A message's row stays,
because it recognises repeats; signs such as typing and receipts are forgotten, or they would grow
without end."""

_MESSAGES = ("Message", "UndecryptableMessage")


def clear_old_events(*, now: datetime) -> int:
    """Forget what events older than `KEEP_BODY` held; return how many were cleared."""
    old = BridgeEvent.objects.filter(received_at__lt=now - KEEP_BODY)
    n_removed, _ = old.exclude(type__in=_MESSAGES).delete()
    return n_removed + old.exclude(body=b"").update(body=b"")
