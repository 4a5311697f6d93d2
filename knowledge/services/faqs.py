"""Questions and answers that people type; each is a document, read like any other."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext
from pydantic import BaseModel, ValidationError

from knowledge import text
from knowledge.extract import faq as faq_file
from knowledge.models import Category, Document, DocumentVersion
from knowledge.services import documents, versions
from tenants.errors import DomainError

MAX_QUESTION = 500
MAX_ANSWER = 8_000
MAX_PHRASING = faq_file.MAX_PHRASING
MAX_PHRASINGS = 30
MAX_PAIRS = 500
"""Pairs of one paste: each is a document of its own, stored within one request."""

_NAME_CHARACTERS = 160
_SUFFIX = ".faq"
_HEADINGS = frozenset({"pergunta", "perguntas", "question", "questions", "duvida"})


class IncompleteFaq(DomainError):
    """A question and an answer are needed."""

    code = "incomplete_faq"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(gettext("Write both a question and an answer."))


class FaqTooLong(DomainError):
    """The question or the answer is too long."""

    code = "faq_too_long"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(
            gettext(
                "The question may have %(question)s characters, the answer %(answer)s, and there"
                " may be %(phrasings)s other wordings of %(phrasing)s characters each."
            )
            % {
                "question": MAX_QUESTION,
                "answer": MAX_ANSWER,
                "phrasings": MAX_PHRASINGS,
                "phrasing": MAX_PHRASING,
            }
        )


class FaqExists(DomainError):
    """Another entry of the category asks the same."""

    code = "faq_exists"

    def __init__(self) -> None:
        super().__init__(gettext("This question is in the category already; edit that one."))


class Faq(BaseModel, frozen=True):
    """What the file of a document of kind `faq` holds."""

    question: str
    answer: str
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A document with what was typed in it; `faq` is None where its file is not ours."""

    document: Document
    faq: Faq | None


class Line(StrEnum):
    """What came of one line of a paste."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Pasted:
    """One pair of a paste.

    Args:
        number: which pair it was, from 1.
        reason: why it was refused; empty otherwise.
    """

    number: int
    question: str
    outcome: Line
    reason: str = ""


def save_faq(
    *,
    category: Category,
    question: str,
    answer: str,
    phrasings: Sequence[str],
    document: Document | None = None,
    valid_from: date | None = None,
    valid_until: date | None = None,
    now: datetime,
    actor: str,
) -> Document:
    """Store a question with its answer and have it read; the same again is no work.

    Args:
        phrasings: other ways of asking the same; repeats and empty ones are left out.
        document: the entry that is edited; None makes a new one.
        valid_from: the first day on which it may be quoted, in the tenant's time zone.
        valid_until: the last such day.
        actor: the user name of who typed it.

    Raises:
        IncompleteFaq: no question or no answer.
        FaqTooLong: more than the limits of this module.
        FaqExists: another entry of the category asks the same.
        ValidityOutOfOrder: the last day lies before the first.
    """
    faq = _cleaned(question=question, answer=answer, phrasings=phrasings)
    versions.check_validity(valid_from=valid_from, valid_until=valid_until)
    with transaction.atomic():
        # Two people who type the same question at once get one entry and one refusal.
        Category.objects.select_for_update().get(pk=category.pk)
        name = _name_for(faq, category=category, document=document)
        if document is not None:
            Document.objects.filter(pk=document.pk).update(category=category, name=name)
        stored = documents.store_document(
            category=category,
            name=name,
            content=faq.model_dump_json().encode(),
            now=now,
            actor=actor,
        )
        versions.set_validity(
            document=stored.document, valid_from=valid_from, valid_until=valid_until, now=now
        )
    stored.document.refresh_from_db()
    return stored.document


def _cleaned(*, question: str, answer: str, phrasings: Sequence[str]) -> Faq:
    question = text.one_line(text.clean(question))
    answer = text.clean(answer).strip()
    wordings = [text.one_line(text.clean(one)) for one in phrasings]
    different = {one.lower(): one for one in wordings if one and one.lower() != question.lower()}
    if not question or not answer:
        raise IncompleteFaq
    is_long = len(question) > MAX_QUESTION or any(len(one) > MAX_PHRASING for one in different)
    if is_long or len(answer) > MAX_ANSWER or len(different) > MAX_PHRASINGS:
        raise FaqTooLong
    return Faq(question=question, answer=answer, phrasings=tuple(different.values()))


def _name_for(faq: Faq, *, category: Category, document: Document | None) -> str:
    """Return the name under which the entry is stored, which no other of its category has.

    Raises:
        FaqExists: another entry that is in use asks the same.
    """
    if _find(category=category, question=faq.question, but=document) is not None:
        raise FaqExists
    stem = faq.question.replace("/", "-").replace("\\", "-")[:_NAME_CHARACTERS].rstrip(". ")
    others = Document.objects.filter(category=category)
    if document is not None:
        others = others.exclude(pk=document.pk)
    number = 1
    while True:
        name = documents.file_name(f"{stem} ({number}){_SUFFIX}" if number > 1 else stem + _SUFFIX)
        holder = others.filter(name=name).first()
        if holder is None:
            return name
        held = read_faq(holder)
        is_same = held is not None and held.question.lower() == faq.question.lower()
        if is_same and holder.deleted_at is not None and document is None:
            return name  # it comes out of the bin with this answer
        number += 1


def check_only(*, document: Document) -> None:
    """Check that no entry in use asks the same as `document`; joins the caller's transaction.

    Raises:
        FaqExists: another entry of the category does.
    """
    Category.objects.select_for_update().get(pk=document.category_id)
    faq = read_faq(document)
    if faq and _find(category=document.category, question=faq.question, but=document):
        raise FaqExists


def read_faq(document: Document) -> Faq | None:
    """Return what was typed in an entry; None where the file is not one of ours."""
    return _parsed(documents.original_of(document))


def entries(rows: Iterable[Document]) -> list[Entry]:
    """Return documents of kind `faq` with what was typed in them, by one query."""
    found = list(rows)
    files = DocumentVersion.objects.filter(document__in=found, number=F("document__version"))
    held = {pk: bytes(file or b"") for pk, file in files.values_list("document_id", "original")}
    return [Entry(document, _parsed(held.get(document.pk, b""))) for document in found]


def _parsed(content: bytes) -> Faq | None:
    try:
        return Faq.model_validate_json(content)
    except ValidationError:
        return None


def paste(*, category: Category, pasted: str, now: datetime, actor: str) -> tuple[Pasted, ...]:
    """Store many pairs, one a line: question, answer, and other wordings divided by ``|``.

    The columns are divided by tabs, semicolons or commas, whichever the first line holds; a first
    line of headings is left out. A question that is there already takes the new answer. A pair that
    is refused keeps none of the others back.
    """
    results = []
    for number, (question, answer, phrasings) in enumerate(_pairs(pasted), start=1):
        if number > MAX_PAIRS:
            reason = gettext("More than %(n)s pairs at once; paste the rest by itself.")
            results.append(Pasted(number, question, Line.REFUSED, reason % {"n": MAX_PAIRS}))
            break
        try:
            outcome = _put(
                category=category,
                question=question,
                answer=answer,
                phrasings=phrasings,
                now=now,
                actor=actor,
            )
        except DomainError as error:
            results.append(Pasted(number, question[:200], Line.REFUSED, str(error)))
        else:
            results.append(Pasted(number, question[:200], outcome))
    return tuple(results)


def _put(
    *,
    category: Category,
    question: str,
    answer: str,
    phrasings: list[str],
    now: datetime,
    actor: str,
) -> Line:
    faq = _cleaned(question=question, answer=answer, phrasings=phrasings)
    there = _find(category=category, question=faq.question)
    before = read_faq(there) if there is not None else None
    if there is not None and before is not None and not phrasings:
        phrasings = list(before.phrasings)
    saved = save_faq(
        category=category,
        question=question,
        answer=answer,
        phrasings=phrasings,
        document=there,
        valid_from=there.valid_from if there is not None else None,
        valid_until=there.valid_until if there is not None else None,
        now=now,
        actor=actor,
    )
    if there is None:
        return Line.ADDED
    return Line.SAME if saved.version == there.version else Line.CHANGED


def _find(*, category: Category, question: str, but: Document | None = None) -> Document | None:
    """Return the entry of the category, other than `but`, that asks this, if it is in use."""
    # As `documents.file_name` leaves it.
    begins = question.replace("/", "-").replace("\\", "-").strip(". ")[:100].rstrip(". ")
    like = Document.objects.filter(
        category=category, kind=Document.Kind.FAQ, deleted_at=None, name__istartswith=begins
    )
    if but is not None:
        like = like.exclude(pk=but.pk)
    for entry in entries(like.order_by("pk")):
        if entry.faq is not None and entry.faq.question.lower() == question.lower():
            return entry.document
    return None


def _pairs(pasted: str) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the question, the answer and the other wordings of each line that holds anything."""
    pasted = pasted.lstrip("\ufeff").strip()  # a file's mark of its encoding, copied along
    first = next((line for line in pasted.splitlines() if line.strip()), "")
    delimiter = next((sign for sign in "\t;" if sign in first), ",")
    rows = csv.reader(io.StringIO(pasted), delimiter=delimiter, skipinitialspace=True)
    is_first = True
    try:
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            cells = [cell.strip() for cell in row]
            is_heading = is_first and text.fold(cells[0]) in _HEADINGS
            is_first = False
            if not is_heading:
                # An answer may hold the sign that divides the columns, where nobody quoted it.
                is_loose = len(cells) > 3
                answer = f"{delimiter} ".join(cells[1:]) if is_loose else "".join(cells[1:2])
                wordings = [] if is_loose else "".join(cells[2:3]).split("|")
                yield cells[0], answer, [one for one in wordings if one.strip()]
    except csv.Error:
        yield gettext("(not readable as a table)"), "", []
