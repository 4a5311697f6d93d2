"""Archived conversations as files: a table, one object a line, and pages to print."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from conversations.models import (
    Conversation,
    InboundMessage,
    Note,
    OutboundMessage,
)
from conversations.services import describing
from tenants.errors import DomainError

MOST = {"csv": 5_000, "jsonl": 2_000, "pdf": 100}
"""Conversations of one file, by its kind: some seconds' work. Only pages are made as a whole."""

BATCH = 100
"""Conversations that are read at once, and held in memory at once."""

MAX_LINES = 500
"""Lines of one conversation in a file, the newest."""

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson; charset=utf-8",
    "pdf": "application/pdf",
}

_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_PLAIN = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "..."})


class TooMany(DomainError):
    """There are too many conversations for one file; narrow the filter."""

    code = "too_many"

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most


@dataclass(frozen=True, slots=True)
class Said:
    """One line; `who` is a code: contact, agent, person, phone, system or note."""

    at: datetime
    who: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Exported:
    """A file; its parts are made as they are asked for, in the tenant's schema."""

    parts: Iterator[bytes]
    n_conversations: int


def export(rows: QuerySet[Conversation], *, kind: str) -> Exported:
    """Return conversations as a file, in the order of `rows`.

    Args:
        kind: of `MOST`.

    Raises:
        TooMany: more than fit into one file of that kind.
    """
    most = MOST[kind]
    ids = list(rows.values_list("pk", flat=True)[: most + 1])
    if len(ids) > most:
        raise TooMany(most)
    makers = {"csv": _csv, "jsonl": _jsonl, "pdf": _pdf}
    return Exported(makers[kind](_batches(ids)), len(ids))


def _batches(ids: Sequence[int]) -> Iterator[list[Conversation]]:
    """Yield conversations with what a file tells of them, some at a time."""
    wanted = Conversation.objects.select_related("contact", "agent").prefetch_related(
        "contact__addresses", "labels"
    )
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        found = wanted.in_bulk(batch)
        yield [found[pk] for pk in batch if pk in found]


def safe_cell(value: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    Source: OWASP, CSV injection.
    """
    return f"'{value}" if value.lstrip(" \n").startswith(_FORMULA) else value


def lines(conversation: Conversation) -> list[Said]:
    """Return what was said and noted in a conversation, oldest first."""
    inbound = InboundMessage.objects.filter(conversation=conversation, deleted_at=None)
    outbound = OutboundMessage.objects.filter(conversation=conversation).exclude(
        status__in=(OutboundMessage.Status.CANCELLED, OutboundMessage.Status.FAILED)
    )
    notes = Note.objects.filter(conversation=conversation)
    said = [
        Said(one.received_at, "contact", "", describing.told(one))
        for one in inbound.select_related("attachment").order_by("-pk")[:MAX_LINES]
    ]
    said += [
        Said(
            one.created_at,
            one.origin,
            one.written_by,
            describing.describe(kind=one.kind, text=one.text, facts=one.details),
        )
        for one in outbound.order_by("-pk")[:MAX_LINES]
    ]
    said += [Said(one.created_at, "note", one.author, one.text) for one in notes]
    return sorted(said, key=lambda one: one.at)[-MAX_LINES:]


def _csv(batches: Iterable[Sequence[Conversation]]) -> Iterator[bytes]:
    heads = [
        _("opened at"),
        _("closed at"),
        _("contact"),
        _("addresses"),
        _("agent"),
        _("outcome"),
        _("topics"),
        _("labels"),
        _("summary"),
    ]
    # With the mark by which spreadsheets know the encoding.
    yield _rows_of_csv([heads]).encode("utf-8-sig")
    for found in batches:
        yield _rows_of_csv(map(_cells, found)).encode()


def _rows_of_csv(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([safe_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cells(one: Conversation) -> tuple[str, ...]:
    return (
        _at(one.opened_at),
        _at(one.closed_at),
        one.contact.name,
        " ".join(address.value for address in one.contact.addresses.all()),
        one.agent.name if one.agent else "",
        one.get_outcome_display(),
        ", ".join(one.topics),
        ", ".join(label.name for label in one.labels.all()),
        one.summary,
    )


def _jsonl(batches: Iterable[Sequence[Conversation]]) -> Iterator[bytes]:
    for found in batches:
        for one in found:
            yield json.dumps(_as_data(one), ensure_ascii=False).encode() + b"\n"


def _as_data(one: Conversation) -> dict[str, object]:
    return {
        "conversation_id": str(one.uuid),
        "contact_id": str(one.contact.uuid),
        "contact_name": one.contact.name,
        "addresses": {address.kind: address.value for address in one.contact.addresses.all()},
        "agent": one.agent.name if one.agent else None,
        "opened_at": one.opened_at.isoformat(),
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
        "closed_by": one.closed_by,
        "outcome": one.outcome,
        "topics": one.topics,
        "labels": sorted(label.name for label in one.labels.all()),
        "summary": one.summary,
        "lines": [
            {"at": said.at.isoformat(), "who": said.who, "name": said.name, "text": said.text}
            for said in lines(one)
        ],
    }


def _pdf(batches: Iterable[Sequence[Conversation]]) -> Iterator[bytes]:
    found = [one for batch in batches for one in batch]
    # Imported here: with its fonts it takes a third of a second, and most processes print nothing.
    from fpdf import FPDF

    names = {
        "contact": _("contact"),
        "agent": _("assistant"),
        "person": _("Person"),
        "phone": _("On the paired phone"),
        "system": _("Automatic notice"),
        "note": _("note for the team"),
    }
    pdf = FPDF(format="A4")
    pdf.set_margins(18, 16)
    pdf.set_auto_page_break(auto=True, margin=16)
    pdf.set_title(_("archive"))

    def write(text: str, *, size: float = 10, bold: bool = False, grey: bool = False) -> None:
        pdf.set_font("Helvetica", "B" if bold else "", size)
        pdf.set_text_color(110 if grey else 20)
        pdf.multi_cell(0, size * 0.5, printable(text), new_x="LMARGIN", new_y="NEXT")

    for one in found:
        pdf.add_page()
        write(str(one.contact), size=15, bold=True)
        write(" ".join(address.value for address in one.contact.addresses.all()), grey=True)
        write(f"{_at(one.opened_at)} - {_at(one.closed_at)}", grey=True)
        for title, text in _heads(one):
            if text:
                pdf.ln(2)
                write(title, size=9, bold=True)
                write(text)
        pdf.ln(4)
        for said in lines(one):
            pdf.ln(2)
            who = said.name or names.get(said.who, said.who)
            write(f"{_at(said.at)}  {who}", size=8, grey=True)
            write(said.text)
    if not found:
        pdf.add_page()
        write(_("Nothing was found."))
    yield bytes(pdf.output())


def _heads(one: Conversation) -> Iterator[tuple[str, str]]:
    yield _("summary"), one.summary
    yield _("outcome"), str(one.get_outcome_display())
    yield _("topics"), ", ".join(one.topics)
    yield _("labels"), ", ".join(label.name for label in one.labels.all())


def printable(text: str) -> str:
    """Return a text in the letters of a PDF's own fonts; an emoji becomes its name."""
    return "".join(map(_letter, text.translate(_PLAIN))) or " "


def _letter(sign: str) -> str:
    if sign in "\n\t" or (sign.isprintable() and ord(sign) < 256):
        return sign
    plain = unicodedata.normalize("NFKD", sign).encode("latin-1", "ignore").decode()
    if plain.strip():
        return plain
    kind = unicodedata.category(sign)
    if kind in {"So", "Sk"}:
        name = unicodedata.name(sign, "")
        return f"[{name.lower()}]" if name else ""
    return "" if kind in {"Mn", "Cf", "Cc", "Cs", "Co", "Cn", "Me"} else "?"


def _at(instant: datetime | None) -> str:
    if instant is None:
        return ""
    return date_format(timezone.localtime(instant), "SHORT_DATETIME_FORMAT")
