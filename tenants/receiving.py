"""From the inbox into a tenant's rows: one transaction for each webhook, whatever its channel."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from typing import cast

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from tenants import inbox
from tenants.failpoints import reach
from tenants.reading import Unreadable

logger = logging.getLogger(__name__)


def receive_entries(*, entry_ids: Sequence[int], token: uuid.UUID) -> int:
    """Write claimed inbox entries into the current tenant; return how many were written.

    Safe to run twice. An entry that fails stays in the inbox for another try and keeps back those
    of its own line, which must not overtake it, but no others. One that is unreadable is parked.
    """
    reach("inbox_claimed")
    held = inbox.begin(entry_ids=entry_ids, token=token)
    if held is None:
        return 0
    n_written = 0
    stuck: set[str] = set()
    for entry_id, line in held.lines.items():
        if line in stuck:
            continue
        try:
            with transaction.atomic(durable=True):
                entry = inbox.lock_entry(entry_id=entry_id, token=held.token)
                if entry is None:
                    continue
                _receiver(entry.channel_kind)(entry)
                inbox.mark_done(entry_id=entry_id)
                reach("inbox_before_commit")
            reach("inbox_after_commit")
            n_written += 1
        except Unreadable as error:
            logger.exception("inbox entry parked", extra={"entry_id": entry_id})
            inbox.park(entry_id=entry_id, token=held.token, reason=str(error))
        except Exception:
            # The attempt was counted when it began; after some the entry is parked for staff.
            logger.exception("inbox entry failed", extra={"entry_id": entry_id})
            stuck |= {line} - {""}
    return n_written


def _receiver(channel_kind: str) -> Callable[[inbox.Entry], None]:
    """Return what writes the webhooks of a channel; safe to run twice for one webhook."""
    found = import_string(settings.CHANNELS[channel_kind]["receive"])
    return cast("Callable[[inbox.Entry], None]", found)
