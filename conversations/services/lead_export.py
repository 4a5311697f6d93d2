"""Leads as a table for a spreadsheet, a part at a time; no cell of it is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext as _

from conversations.models import Lead, LeadValue
from conversations.services import identity, lead_fields, lead_values
from conversations.services.lead_fields import Rules
from integrations.services.spending_csv import safe

AT_ONCE = 500
"""Leads that are in memory at the same time."""


def stream(rows: QuerySet[Lead]) -> Iterator[bytes]:
    """Yield the file of some leads, the newest first; reads them while it is being sent.

    Goes into `tenants.streaming.streamed`, which keeps it in the tenant.
    """
    rules = lead_fields.rules()
    last: int | None = None
    while True:
        text, last = _part(rows, rules=rules, last=last)
        yield text
        if last is None:
            return


def _part(rows: QuerySet[Lead], *, rules: Rules, last: int | None) -> tuple[bytes, int | None]:
    """Return some lines, and the id after which it goes on; None at the end."""
    found = rows.order_by("-pk").select_related("contact", "conversation", "stage")
    found = found.prefetch_related("contact__addresses")
    leads = list((found if last is None else found.filter(pk__lt=last))[:AT_ONCE])
    values = lead_values.of_leads([one.pk for one in leads])
    out = io.StringIO()
    # As in the file of costs: spreadsheets of a language with a decimal comma expect semicolons.
    delimiter = ";" if get_format("DECIMAL_SEPARATOR") == "," else ","
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    if last is None:
        out.write("\ufeff")  # without it spreadsheets take the file for Latin-1
        writer.writerow([safe(head) for head in _heads(rules)])
    for lead in leads:
        cells = _cells(lead, values.get(lead.pk, []), rules)
        writer.writerow([safe(cell) for cell in cells])
    return out.getvalue().encode(), leads[-1].pk if len(leads) == AT_ONCE else None


def _heads(rules: Rules) -> list[str]:
    heads = [
        _("lead"),
        _("began at"),
        _("changed at"),
        _("contact"),
        _("phone"),
        _("stage"),
        _("lead score"),
        _("qualified at"),
        _("came from"),
    ]
    for key in rules.keys:
        label = rules.label(key)
        heads += [label, _("%(field)s: words") % {"field": label}]
    return [*heads, _("contradictions")]


def _cells(lead: Lead, values: Sequence[LeadValue], rules: Rules) -> list[str]:
    current = {one.key: one for one in values if one.is_current}
    cells = [
        str(lead.uuid),
        _at(lead.created_at),
        _at(lead.updated_at),
        lead.contact.name,
        identity.address_of(lead.contact).phone,
        lead.stage.name,
        str(lead.score),
        _at(lead.qualified_at) if lead.qualified_at else "",
        lead.source,
    ]
    for key in rules.keys:
        one = current.get(key)
        cells += [one.value, one.words] if one is not None else ["", ""]
    against = sorted(rules.label(key) for key in lead_values.contradicted(values))
    return [*cells, ", ".join(against)]


def _at(instant: datetime) -> str:
    return date_format(timezone.localtime(instant), "Y-m-d H:i")
