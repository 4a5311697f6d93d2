"""Pages of what was said: two tables, one order."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q, QuerySet

from conversations.api.serializers import inbound, outbound
from conversations.models import Conversation, InboundMessage, OutboundMessage
from tenants import crypto
from tenants.api.refusals import BadCursor
from tenants.context import current_schema


@dataclass(frozen=True)
class Shown:
    """How a reader is shown messages.

    Args:
        statuses: of what goes out only these; all of them where None.
    """

    inbound: Callable[[InboundMessage], dict[str, Any]] = inbound
    outbound: Callable[[OutboundMessage], dict[str, Any]] = outbound
    statuses: frozenset[str] | None = None


TO_PROGRAMS = Shown()


def messages(
    conversation: Conversation,
    *,
    limit: int,
    cursor: str,
    words: str = "",
    shown: Shown = TO_PROGRAMS,
) -> tuple[list[dict[str, Any]], str | None]:
    """Return the newest messages before a cursor, the newest first, and the cursor behind them.

    Args:
        words: only those that hold them, by Portuguese full text; all where empty.

    Raises:
        BadCursor: it was made for another conversation, or by somebody else.
    """
    context = f"{current_schema()}:cursor:messages:{conversation.uuid}"
    before = _read(cursor, context) if cursor else None
    ins = _page(InboundMessage, "received_at", conversation, before, words, place=0)
    outs = _page(OutboundMessage, "created_at", conversation, before, words, place=1)
    if shown.statuses is not None:
        outs = outs.filter(status__in=shown.statuses)
    rows: Iterator[tuple[tuple[datetime, int, int], Any]] = heapq.merge(
        (((one.received_at, 0, one.pk), shown.inbound(one)) for one in ins[: limit + 1]),
        (((one.created_at, 1, one.pk), shown.outbound(one)) for one in outs[: limit + 1]),
        key=lambda row: row[0],
        reverse=True,
    )
    found = [row for row, _n in zip(rows, range(limit + 1), strict=False)]
    page = found[:limit]
    following = _write(page[-1][0], context) if len(found) > limit else None
    return [data for _key, data in page], following


def _page(
    model: Any,
    at: str,
    conversation: Conversation,
    before: tuple[datetime, int, int] | None,
    words: str,
    *,
    place: int,
) -> QuerySet[Any]:
    rows: QuerySet[Any] = model.objects.filter(conversation=conversation).select_related("turn")
    if words:
        query = SearchQuery(words, search_type="websearch", config="portuguese")
        rows = rows.annotate(said=SearchVector("text", config="portuguese")).filter(said=query)
    if before is not None:
        when, where, pk = before
        earlier = Q(**{f"{at}__lt": when})
        if place == where:
            earlier |= Q(**{at: when, "pk__lt": pk})
        elif place < where:
            earlier |= Q(**{at: when})
        rows = rows.filter(earlier)
    return rows.order_by(f"-{at}", "-pk")


def _read(text: str, context: str) -> tuple[datetime, int, int]:
    try:
        at, place, pk = json.loads(crypto.decrypt(text, context=context))
        return datetime.fromisoformat(at), int(place), int(pk)
    except (crypto.CannotDecrypt, ValueError) as error:
        raise BadCursor from error


def _write(key: tuple[datetime, int, int], context: str) -> str:
    at, place, pk = key
    return crypto.encrypt(json.dumps([at.isoformat(), place, pk]), context=context)
