"""The ledger as a table for a spreadsheet; a cell that somebody else wrote is never a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.formats import get_format
from django.utils.translation import gettext as _

from integrations.models import ModelCall
from tenants.errors import DomainError

MAX_ROWS = 50_000
"""Calls of one file. The file is made in memory, at about 200 bytes a row."""

_STARTS_A_FORMULA = frozenset("=+-@\t\r\n|%＝＋－＠")


class TooManyCalls(DomainError):
    """These are too many calls for one file; choose fewer days."""

    code = "too_many_calls"
    http_status = 422


def as_csv(calls: QuerySet[ModelCall], *, zone: ZoneInfo) -> bytes:
    """Return calls as a file, the oldest first.

    Where numbers have a decimal comma the columns are divided by semicolons, as spreadsheets of
    that language expect.

    Raises:
        TooManyCalls: choose fewer days.
    """
    rows = list(calls.order_by("called_at", "pk")[: MAX_ROWS + 1])
    if len(rows) > MAX_ROWS:
        raise TooManyCalls(_("These are too many calls for one file; choose fewer days."))
    has_comma = get_format("DECIMAL_SEPARATOR") == ","
    out = io.StringIO()
    out.write("\ufeff")  # without it spreadsheets take the file for Latin-1
    writer = csv.writer(out, delimiter=";" if has_comma else ",", lineterminator="\r\n")
    writer.writerow(_heads())
    for call in rows:
        writer.writerow(_cells(call, zone=zone, mark="," if has_comma else "."))
    return out.getvalue().encode()


def safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip(" ")[:1] in _STARTS_A_FORMULA and text.strip() else text


def _heads() -> list[str]:
    return [
        _("called at"),
        _("origin"),
        _("purpose"),
        _("provider"),
        _("model"),
        _("agent"),
        _("conversation"),
        _("input tokens"),
        _("cached input tokens"),
        _("output tokens"),
        _("reasoning tokens"),
        _("duration in ms"),
        _("cost is"),
        _("cost in US$"),
        _("R$ for a US$"),
        _("cost in R$"),
        _("failure"),
        _("degraded because of"),
        _("kept input tokens"),  # last: files of before are read by their places
    ]


def _cells(call: ModelCall, *, zone: ZoneInfo, mark: str) -> Iterable[str]:
    brl = None
    if call.cost_usd is not None and call.usd_brl is not None:
        brl = call.cost_usd * call.usd_brl
    return (
        call.called_at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S"),
        call.get_origin_display(),
        call.get_purpose_display(),
        safe(call.provider),
        safe(call.model),
        safe(call.agent_name),
        "" if call.conversation_uuid is None else str(call.conversation_uuid),
        _count(call.input_tokens),
        _count(call.cached_input_tokens),
        _count(call.output_tokens),
        _count(call.reasoning_tokens),
        str(call.latency_ms),
        call.get_cost_kind_display(),
        _amount(call.cost_usd, mark),
        _amount(call.usd_brl, mark),
        _amount(brl, mark),
        safe(call.failure),
        safe(call.degraded),
        _count(call.cache_write_tokens),
    )


def _count(number: int | None) -> str:
    return "" if number is None else str(number)


def _amount(amount: Decimal | None, mark: str) -> str:
    """Return an amount; nothing where it is not known, which is not the same as 0."""
    return "" if amount is None else f"{amount:.8f}".replace(".", mark)
