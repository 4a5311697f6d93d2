"""Nothing missed: what the bridge keeps is compared with what came in, and put into the inbox.

The bridge tells WhatsApp "received" whatever becomes of the webhook, gives a webhook up after five
tries, and forgets those under way when it restarts. Its own history still has the message. It is
put there as if it had come through the door: the same service stores it, recognises it if
it comes twice, and answers it only if it is fresh by the sender's clock.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F

from channels_whatsapp.bridge import payloads
from channels_whatsapp.bridge.client import BridgeStatus
from channels_whatsapp.bridge.history import HistoryRow
from channels_whatsapp.models import BridgeEvent, Device
from channels_whatsapp.services import devices
from conversations.models import InboundMessage, OutboundMessage
from conversations.services import troubles
from conversations.types import MessageKind
from tenants import inbox
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)

EVERY = timedelta(minutes=4)
"""How often everything is compared. A message that the bridge gave up on is missing for five
minutes at most: the watch looks once a minute, and its own looks take time."""

SLICE_S = 4.0
"""How long one look compares before the link is looked at again, in seconds. Shorter than the lease
of a timer, so that a device with thousands of chats starves no other."""

TROUBLED_PAUSE_S = 1.1
"""Pause before each chat while the number's bridge fails or is slow, in seconds: it is asked for
one thing a second then, whoever asks."""

CLOCKS_APART = timedelta(minutes=2)
"""How far the bridge's clock may lie behind ours. What it stored before the device was made here is
somebody's past with another program, and not brought in."""

_PERSONAL = ("@s.whatsapp.net", "@lid", "@c.us", "@hosted", "@hosted.lid")
_GROUP = "@g.us"


def is_due(*, device: Device, now: datetime) -> bool:
    """Test whether a comparison is under way or due: every four minutes and after each absence."""
    if device.caught_up_chat or device.caught_up_at is None:
        return True
    is_back = device.state_changed_at is not None and device.caught_up_at < device.state_changed_at
    return is_back or now - device.caught_up_at >= EVERY


def catch_up(
    *, device: Device, status: BridgeStatus, now: datetime, slice_s: float = SLICE_S
) -> bool:
    """Compare for a while; True where everything has been compared.

    Where the bridge keeps no history it is left alone: to ask for one would make it forget the key
    with which it signs.
    """
    if not status.n_history or not status.user_ref:
        return True
    bridge = devices.bridge_of(device)
    until = time.monotonic() + slice_s
    release_connection()
    ignores_groups = device.groups == Device.Groups.IGNORE
    wanted = _PERSONAL if ignores_groups else (*_PERSONAL, _GROUP)
    chats = [chat for chat in bridge.chats(status.user_ref) if chat.endswith(wanted)]
    left = [chat for chat in chats if chat > device.caught_up_chat]
    pause_s = TROUBLED_PAUSE_S if troubles.are_known(device.uuid) else 0.0
    n_added = 0
    for place, chat in enumerate(left):
        release_connection()
        time.sleep(pause_s)  # behind the list of chats, too
        try:
            rows = bridge.history(chat)
        except (Temporary, Permanent) as error:
            # One chat that cannot be read keeps no other back.
            logger.warning("chat not compared", extra={"reason": error.reason})
            rows = []
        n_added += _add_missing(device=device, rows=rows)
        if place + 1 < len(left) and time.monotonic() + pause_s >= until:
            _note(device, chat=chat, n_added=n_added, now=None)
            return False
    _note(device, chat="", n_added=n_added, now=now)
    return True


def _note(device: Device, *, chat: str, n_added: int, now: datetime | None) -> None:
    known: dict[str, object] = {"caught_up_chat": chat, "n_caught_up": F("n_caught_up") + n_added}
    if now is not None:
        known["caught_up_at"] = now
    Device.objects.filter(pk=device.pk).update(**known)
    if n_added:
        logger.info("missed messages found", extra={"device_id": device.pk, "n_added": n_added})


def _add_missing(*, device: Device, rows: Sequence[HistoryRow]) -> int:
    """Put what is not known here into the inbox; return how many that were."""
    since = (device.created_at - CLOCKS_APART).timestamp()
    refs = [row.message_ref for row in rows if row.stored_at >= since]
    if not refs:
        return 0
    known = _known(device, refs)
    entries = []
    for row in rows:
        if row.message_ref not in refs or row.message_ref in known:
            continue
        body = _body(row, own={"me", device.phone, device.own_lid})
        data = payloads.read(body)
        entries.append((payloads.dedup_key(data, body), payloads.line(data), body))
    if not entries:
        return 0
    with transaction.atomic():
        return inbox.put(device_ref=device.uuid, entries=entries)


def _known(device: Device, refs: Sequence[str]) -> set[str]:
    keys = {f"Message:{ref}"[:200]: ref for ref in refs}
    events = BridgeEvent.objects.filter(device=device, dedup_key__in=list(keys))
    known = {keys[key] for key in events.values_list("dedup_key", flat=True)}
    own = {"channel_account_ref": device.uuid, "provider_ref__in": refs}
    # One that could not be decrypted came again, readable: that is the one which is kept there.
    inbound = InboundMessage.objects.exclude(kind=MessageKind.UNREADABLE)
    for rows in (inbound, OutboundMessage.objects.all()):
        known |= set(rows.filter(**own).values_list("provider_ref", flat=True))
    return known | {device.selftest_ref}


def _body(row: HistoryRow, *, own: Collection[str]) -> bytes:
    """Return a kept message as the webhook that nobody got.

    Args:
        own: the names under which the bridge may keep the device itself as a sender.
    """
    if row.event:
        return json.dumps({"type": "Message", "event": dict(row.event)}).encode()
    # When it was written is not kept, only when it was stored: without an instant it is never fresh
    # enough to be answered.
    other, _, server = row.chat.partition("@")
    user, _, place = row.sender.partition("@")
    user = user.partition(":")[0]  # one of the devices of a number
    # A contact may be known by a LID as a chat and by a phone as a sender: their words must not be
    # taken for those of the business.
    is_from_me = user != other if place == server else user in own
    info = {
        "ID": row.message_ref,
        "Chat": row.chat,
        "Sender": row.sender,
        "SenderAlt": "",
        "IsFromMe": is_from_me and server != "g.us",
        "IsGroup": server == "g.us",
        "Timestamp": datetime.fromtimestamp(0, UTC).isoformat(),
    }
    event = {"Info": info, "Message": {"conversation": row.text}}
    return json.dumps({"type": "Message", "event": event}).encode()
