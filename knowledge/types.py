"""Values that cross the boundaries of this app: what was read, what was cut, what was found."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class ChunkKind(StrEnum):
    """What a chunk was cut from; a row of a table is never joined with its neighbour."""

    TEXT = "text"
    ROW = "row"
    FAQ = "faq"


class Problem(StrEnum):
    """Why a document cannot be used; each has a sentence for its owner in `services.reasons`."""

    EMPTY = "empty"
    NOT_TEXT = "not_text"
    NO_TEXT = "no_text"
    TOO_LONG = "too_long"
    TOO_SLOW = "too_slow"
    CSV_DAMAGED = "csv_damaged"
    PDF_DAMAGED = "pdf_damaged"
    PDF_PASSWORD = "pdf_password"  # noqa: S105 - a word of the domain, not a secret
    PDF_IMAGES = "pdf_images"
    PDF_GARBLED = "pdf_garbled"
    PDF_TOO_MANY_PAGES = "pdf_too_many_pages"
    PDF_TOO_COMPLEX = "pdf_too_complex"
    OFFICE_LOCKED = "office_locked"
    DOCX_DAMAGED = "docx_damaged"
    XLSX_DAMAGED = "xlsx_damaged"
    FAQ_DAMAGED = "faq_damaged"
    HTML_EMPTY = "html_empty"
    WRONG_KIND = "wrong_kind"
    TOO_COMPLEX = "too_complex"
    EMBEDDING_FAILED = "embedding_failed"
    BUDGET_USED = "budget_used"
    WORKER_STOPPED = "worker_stopped"


class Unreadable(Exception):
    """The bytes cannot be turned into text; repeating does not help."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of the document.

    Args:
        level: 1 is the outermost; levels need not be contiguous.
        page: where it stands, from 1; None where the format has no pages.
    """

    level: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text without line breaks inside a sentence, or one item of a list."""

    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Args:
        columns: the names of the columns; shorter than `cells`, or empty, where there are none.
        cells: the values as they are written in the file.
    """

    columns: tuple[str, ...]
    cells: tuple[str, ...]
    page: int | None = None


Block = Heading | Paragraph | Row


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was read from a file, in reading order.

    Args:
        unread_pages: pages, from 1, that hold only an image.
        hidden_sheets: names of the sheets of a workbook that its writer has hidden; not read.
        n_hidden: hidden rows and columns of the sheets that were read; not read either.
        phrasings: other ways of asking what a question and answer answers.
        language: of the text, as in ISO 639-1 ("pt"); empty where it cannot be told.
    """

    blocks: tuple[Block, ...]
    unread_pages: tuple[int, ...] = ()
    hidden_sheets: tuple[str, ...] = ()
    n_hidden: int = 0
    phrasings: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A chunk before it has a row.

    Args:
        heading_path: titles from the outermost to the innermost, joined by `` > ``.
        body: the text that is shown and searched, within `chunking.MAX_BODY` characters.
        phrasings: other ways of asking for it; only of a question and answer.
    """

    heading_path: str
    body: str
    kind: ChunkKind
    page: int | None
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found.

    Args:
        document_title: its name, without the ending where it never was a file.
        page: from 1; None where the format has no pages.
        score: the fused score; comparable within one result only.
        cosine: similarity of meaning, -1 to 1.
        lexical: BM25 over the stemmed words, 0 and up.
        grams: what the question's 4-letter pieces that the passage holds weigh, 0 and up.
        valid_until: the last day on which the document may be quoted, in the tenant's time zone.
        language: of the document, such as ``pt``; empty where it is not known.
    """

    chunk_id: int
    document_id: int
    document_name: str
    document_title: str
    document_uuid: uuid.UUID
    version: int
    category: str
    heading_path: str
    body: str
    page: int | None
    kind: ChunkKind
    score: float
    cosine: float
    lexical: float
    grams: float
    valid_until: date | None = None
    language: str = ""


class Decision(StrEnum):
    """What is to be done with a search."""

    ANSWER = "answer"
    ASK = "ask"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a search may do otherwise than usual; None takes what is usual.

    Args:
        languages: codes such as ``pt``; documents in other languages are left out, not those whose
            language is not known.
        on: the day on which documents have to be valid; None is today in the tenant's time zone.
        weights: of meaning, words and pieces of words, each 0 and up.
        exact: whether every passage is compared instead of asking an index for candidates.
    """

    languages: tuple[str, ...] | None = None
    on: date | None = None
    weights: tuple[float, float, float] | None = None
    exact: bool | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found, best first.

    Args:
        confidence: estimated probability, 0 to 1, that the passages answer the question.
        normalised_query: the question as it was searched, with abbreviations and typos resolved.
        threshold: the confidence, 0 to 1, from which an answer is given.
        best_cosine: the nearest passage's similarity of meaning; None where nothing was found.
        signals: what the confidence was made of, by name.
    """

    passages: tuple[Passage, ...]
    confidence: float
    normalised_query: str
    decision: Decision = Decision.ANSWER
    threshold: float = 0.0
    best_cosine: float | None = None
    duration_ms: int = 0
    signals: Mapping[str, float] = field(default_factory=dict)
