"""How WhatsApp seems to see a number: a score with its causes, which the veto point heeds.

WhatsApp tells nobody what it thinks; these are the signs that come before a ban in users' reports.
A good score promises nothing, and the pages say so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from channels_whatsapp.models import Device
from conversations.services import ladder
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)

LEAST_SENT = 10
"""Messages from which on shares of them say anything."""

_SIGNS = """
select
    count(*) filter (where m.created_at > %(day)s),
    count(*) filter (where m.created_at > %(day)s and m.status = 'failed'),
    count(*) filter (where m.created_at > %(day)s and m.acked_at < %(hour)s),
    count(*) filter (
        where m.created_at > %(day)s and m.acked_at < %(hour)s and m.status = 'acked'
    ),
    count(*) filter (where m.is_unasked and m.acked_at < %(hour)s),
    count(*) filter (where m.is_unasked and m.acked_at < %(hour)s and exists (
        select from conversations_inboundmessage i
        join conversations_conversation w on w.id = i.conversation_id
        where w.contact_id = v.contact_id
            and i.channel_account_ref = m.channel_account_ref and i.received_at > m.acked_at
    )),
    count(distinct c.id) filter (where c.opted_out_at > %(week)s),
    count(distinct c.id)
from conversations_outboundmessage m
join conversations_conversation v on v.id = m.conversation_id
join conversations_contact c on c.id = v.contact_id
where m.channel_account_ref = %(ref)s and m.created_at > %(week)s and m.origin <> 'phone'
"""


@dataclass(frozen=True)
class Signs:
    """What is known of a number; counts of the last day, or of the last week where it is said.

    Attributes:
        n_settled: sent more than an hour ago.
        n_stuck: of these, those that no phone has received.
        n_unasked: planned messages of a week, and how many of them were answered.
        n_opted_out: contacts of a week, `n_contacts` of them, who asked for no more.
        is_new: the number is here for less than a week.
        was_banned: now, or within the last week.
        is_offline: it is not connected.
    """

    n_sent: int = 0
    n_failed: int = 0
    n_settled: int = 0
    n_stuck: int = 0
    n_unasked: int = 0
    n_answered: int = 0
    n_opted_out: int = 0
    n_contacts: int = 0
    is_new: bool = False
    was_banned: bool = False
    is_offline: bool = False


@dataclass(frozen=True)
class Cause:
    """What lowers a score; `code` is said in words by `words.health`."""

    code: str
    points: int
    percent: int = 0


def judge(signs: Signs) -> tuple[int, list[Cause]]:
    """Return a score of 0 to 100 with its causes, the heaviest first. Pure."""
    found: list[Cause] = []
    if signs.was_banned:
        found.append(Cause("banned", 60))
    if signs.is_offline:
        found.append(Cause("offline", 10))
    if signs.is_new:
        found.append(Cause("new", 10))
    # Share of bad ones from which on it counts, and from which on it counts in full.
    found += _by_share("failed", signs.n_failed, signs.n_sent, 0.05, 0.30, 40)
    found += _by_share("stuck", signs.n_stuck, signs.n_settled, 0.20, 0.60, 40)
    found += _by_share("opted_out", signs.n_opted_out, signs.n_contacts, 0.02, 0.10, 30)
    unanswered = signs.n_unasked - signs.n_answered
    found += _by_share("unanswered", unanswered, signs.n_unasked, 0.70, 1.00, 30)
    found.sort(key=lambda one: (-one.points, one.code))
    return max(0, 100 - sum(one.points for one in found)), found


def _by_share(
    code: str, n_bad: int, n_all: int, least: float, most: float, points: int
) -> list[Cause]:
    if n_all < LEAST_SENT or n_bad / n_all <= least:
        return []
    share = n_bad / n_all
    weight = min(1.0, 0.25 + 0.75 * (share - least) / (most - least))
    return [Cause(code, round(points * weight), round(100 * share))]


def judge_numbers(*, now: datetime) -> int:
    """Judge every number of the current tenant, and look for lost messages; return how many."""
    devices = list(Device.objects.filter(is_enabled=True, removing_at=None).order_by("pk"))
    for device in devices:
        _compare(device, now=now)
        score, causes = judge(signs_of(device, now=now))
        Device.objects.filter(pk=device.pk).update(
            health=score,
            health_causes=[[one.code, one.points, one.percent] for one in causes],
            health_at=now,
        )
        if score != device.health:
            logger.info("number judged", extra={"device_id": device.pk, "score": score})
    return len(devices)


def _compare(device: Device, *, now: datetime) -> None:
    if device.state != Device.State.CONNECTED:
        return
    try:
        n_lost = ladder.compare(channel_kind="whatsapp", account_ref=device.uuid, now=now)
    except (Temporary, Permanent) as error:
        logger.info("sent messages not compared", extra={"reason": error.reason})
        return
    if n_lost:
        logger.warning("messages lost", extra={"device_id": device.pk, "n_lost": n_lost})


def signs_of(device: Device, *, now: datetime) -> Signs:
    """Return what is known of a number; one query."""
    week = now - timedelta(days=7)
    with connection.cursor() as cursor:
        cursor.execute(
            _SIGNS,
            {
                "ref": device.uuid,
                "day": now - timedelta(days=1),
                "hour": now - timedelta(hours=1),
                "week": week,
            },
        )
        counts: Sequence[Any] = cursor.fetchone() or (0,) * 8
    since = device.number_since or device.created_at
    banned_until = device.state_until
    is_banned = device.state == Device.State.BANNED
    is_up = device.state in (Device.State.CONNECTED, Device.State.UNKNOWN)
    return Signs(
        n_sent=counts[0],
        n_failed=counts[1],
        n_settled=counts[2],
        n_stuck=counts[3],
        n_unasked=counts[4],
        n_answered=counts[5],
        n_opted_out=counts[6],
        n_contacts=counts[7],
        is_new=since > week,
        was_banned=is_banned or (banned_until is not None and banned_until > week),
        is_offline=not is_up and not is_banned,
    )
