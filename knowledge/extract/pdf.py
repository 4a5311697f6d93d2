"""PDF by pypdf: its plain text order, page by page, within limits."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdf
from pypdf.errors import LimitReachedError, PyPdfError

from knowledge import text
from knowledge.extract import layout
from knowledge.extract.layout import Line, PageLines
from knowledge.types import Extracted, Problem, Unreadable

MAX_PAGES = 2_000
# Wall clock for one file; a page of text takes milliseconds. The child process has little more.
MAX_SECONDS = 15.0
# One page's drawing commands after decompression; a page of text has some 20 kB.
MAX_STREAM_BYTES = 20_000_000
MAX_OPERATIONS = 500_000
# An average letter's width and the least gap between two cells, in heights of a letter.
LETTER_WIDTH = 0.5
CELL_GAP = 1.5
MAX_FORMS = 500  # drawings inside drawings, on one page
MAX_CHARACTERS = 5_000_000

# A scan often carries a line of its own ("Digitalizado com ..."), in characters per page.
MIN_TEXT_OF_A_PAGE = 50
MIN_SCANNED_SHARE = 0.5  # of the page, that a picture covers which stands for its text
MIN_LETTER_SHARE = 0.5

logger = logging.getLogger(__name__)


def extract(content: bytes) -> Extracted:
    """Read a PDF.

    Raises:
        Unreadable: damaged, protected, too large, or without readable text.
    """
    if not content.strip():
        raise Unreadable(Problem.EMPTY)
    if b"%PDF-" not in content[:1024]:
        raise Unreadable(Problem.PDF_DAMAGED)
    with _refusals():
        reader = _open(content)
        pages, image_pages = _read_pages(reader)
    if not any(line.text for page in pages for line in page.lines):
        raise Unreadable(Problem.PDF_IMAGES if image_pages else Problem.NO_TEXT)
    whole = "".join(line.text for page in pages for line in page.lines)
    if _is_garbled(whole):
        raise Unreadable(Problem.PDF_GARBLED)
    return Extracted(blocks=tuple(layout.to_blocks(pages)), unread_pages=tuple(image_pages))


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn whatever a hostile file makes pypdf raise into one of our problems."""
    try:
        with pypdf.apply_configuration(
            zlib_maximum_output_length=MAX_STREAM_BYTES,
            lzw_maximum_output_length=MAX_STREAM_BYTES,
            run_length_maximum_output_length=MAX_STREAM_BYTES,
            array_based_stream_maximum_output_length=MAX_STREAM_BYTES,
            stream_parsing_work_maximum_count=MAX_OPERATIONS,
            xform_maximum_invocations_per_extraction=MAX_FORMS,
        ):
            yield
    except Unreadable:
        raise
    except (LimitReachedError, MemoryError, RecursionError) as error:
        raise Unreadable(Problem.PDF_TOO_COMPLEX) from error
    except OSError:
        # No file can cause it: the child process lacked a module that it may no longer open.
        raise
    except PyPdfError as error:
        raise Unreadable(Problem.PDF_DAMAGED) from error
    except Exception as error:
        # pypdf walks a structure that the file's author chose: any built-in error may come out.
        logger.warning("pdf not read", exc_info=True)
        raise Unreadable(Problem.PDF_DAMAGED) from error


def _open(content: bytes) -> pypdf.PdfReader:
    reader = pypdf.PdfReader(io.BytesIO(content))
    # Many files are locked against printing only; they open with an empty password.
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable(Problem.PDF_PASSWORD)
    n_pages = len(reader.pages)
    if n_pages > MAX_PAGES:
        raise Unreadable(Problem.PDF_TOO_MANY_PAGES)
    if not n_pages:
        raise Unreadable(Problem.NO_TEXT)
    return reader


def _read_pages(reader: pypdf.PdfReader) -> tuple[list[PageLines], list[int]]:
    """Return the lines of each page, and which pages are only an image."""
    deadline = time.monotonic() + MAX_SECONDS
    pages: list[PageLines] = []
    image_pages: list[int] = []
    n_characters = 0
    for number, page in enumerate(reader.pages, start=1):
        if time.monotonic() > deadline:
            raise Unreadable(Problem.TOO_SLOW)
        lines, covered = _lines(page)
        n_on_page = sum(len(line.text) for line in lines)
        n_characters += n_on_page
        if n_characters > MAX_CHARACTERS:
            raise Unreadable(Problem.TOO_LONG)
        # A cover has few words beside a logo; a scan has them beside a picture of all the page.
        is_scanned = covered >= MIN_SCANNED_SHARE if n_on_page else _has_image(page)
        if n_on_page < MIN_TEXT_OF_A_PAGE and is_scanned:
            image_pages.append(number)
            lines = []
        pages.append(PageLines(number=number, lines=lines))
    return pages, image_pages


def _lines(page: pypdf.PageObject) -> tuple[list[Line], float]:
    """Return the page's lines in the order of its text, with where and how they are set.

    Beside them, the share of the page that its largest drawing covers, 0 to 1.
    """
    spans: list[tuple[str, float, float, float, str]] = []
    covered = 0.0
    page_area = abs(float(page.mediabox.width) * float(page.mediabox.height)) or 1.0

    def measure(operator: Any, operands: Any, matrix: Any, text_matrix: Any) -> None:
        nonlocal covered
        if operator in (b"Do", b"INLINE IMAGE"):
            # A picture is drawn into the unit square, which the matrix stretches.
            area = abs(matrix[0] * matrix[3] - matrix[1] * matrix[2])
            covered = max(covered, min(1.0, float(area) / page_area))

    def visit(run: str, matrix: Any, text_matrix: Any, font: Any, size: Any) -> None:
        if run:
            x = text_matrix[4] * matrix[0] + text_matrix[5] * matrix[2] + matrix[4]
            y = text_matrix[4] * matrix[1] + text_matrix[5] * matrix[3] + matrix[5]
            scale = abs(text_matrix[3] * matrix[3]) or 1.0
            name = str((font or {}).get("/BaseFont", ""))
            spans.append((run, float(x), float(y), float(size or 0) * scale, name))

    page.extract_text(visitor_text=visit, visitor_operand_before=measure)
    lines: list[Line] = []
    is_open = False  # the line has not ended yet
    right = 0.0  # about where it has got to
    for run, x, y, size, font in spans:
        for at, piece in enumerate(run.split("\n")):
            is_open = is_open and not at
            if not piece.strip():
                if is_open and piece:
                    lines[-1] = lines[-1].extended(" ")
                continue
            end = x + len(piece) * size * LETTER_WIDTH
            if is_open and x <= right + size * CELL_GAP:
                lines[-1] = lines[-1].extended(piece)
                right = max(right, end)
            else:
                line = Line(piece, x=x, y=y, size=size, is_bold=_is_bold(font), is_split=is_open)
                lines.append(line)
                is_open, right = True, end
    return [line.cleaned() for line in lines if text.clean(line.text).strip()], covered


def _is_bold(font: str) -> bool:
    return any(mark in font.lower() for mark in ("bold", "black", "heavy", "semibold"))


def _has_image(page: pypdf.PageObject) -> bool:
    resources = page.get("/Resources")
    resources = resources.get_object() if resources is not None else {}
    objects = resources.get("/XObject") if hasattr(resources, "get") else None
    objects = objects.get_object() if objects is not None else {}
    if not hasattr(objects, "values"):
        return False
    drawings = [item.get_object() for item in objects.values()]
    return any(
        hasattr(one, "get") and one.get("/Subtype") in ("/Image", "/Form") for one in drawings
    )


def _is_garbled(whole: str) -> bool:
    """Test for fonts without a table of letters: their text comes out as other signs."""
    visible = [c for c in whole if not c.isspace()]
    if not visible:
        return True
    n_readable = sum(1 for c in visible if c.isalpha() or (c.isascii() and c.isprintable()))
    return n_readable < len(visible) * MIN_LETTER_SHARE or whole.count("(cid:") * 20 > len(whole)
