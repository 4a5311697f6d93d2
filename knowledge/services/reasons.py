"""Why a document failed, and what helps, in the words of a business owner."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from knowledge.types import Problem

_REASONS = {
    Problem.EMPTY: gettext_lazy("The file is empty. Upload the file with its content."),
    Problem.NOT_TEXT: gettext_lazy(
        "The file does not hold text. Perhaps it was renamed; save it as PDF, CSV or TXT and upload"
        " that."
    ),
    Problem.NO_TEXT: gettext_lazy(
        "No text was found in the file. Check that it opens and shows text on your computer."
    ),
    Problem.TOO_LONG: gettext_lazy(
        "The file holds too much text for one document. Split it into smaller files, one a subject."
    ),
    Problem.TOO_SLOW: gettext_lazy(
        "Reading the file takes too long. Split it into smaller files, or save it anew as PDF."
    ),
    Problem.CSV_DAMAGED: gettext_lazy(
        "The table cannot be read: quotation marks do not match. Open it in your spreadsheet"
        " program and save it as CSV again."
    ),
    Problem.PDF_DAMAGED: gettext_lazy(
        "The file is damaged or is not a PDF. Open it on your computer and save it as PDF again."
    ),
    Problem.PDF_PASSWORD: gettext_lazy(
        "The PDF is protected by a password. Save a copy without a password and upload that."
    ),
    Problem.PDF_IMAGES: gettext_lazy(
        "The pages of this PDF are images, such as scans or photos, so there is no text to read."
        " Upload the original document, or run text recognition (OCR) on it first."
    ),
    Problem.PDF_GARBLED: gettext_lazy(
        "The text of this PDF comes out as meaningless signs. Save it anew as PDF from the program"
        " in which it was written, or upload it as TXT."
    ),
    Problem.PDF_TOO_MANY_PAGES: gettext_lazy(
        "The PDF has more than 2,000 pages. Split it into smaller files, one a subject."
    ),
    Problem.PDF_TOO_COMPLEX: gettext_lazy(
        "The PDF unpacks to far more data than a document needs. Save it anew as PDF with text"
        " instead of drawings."
    ),
    Problem.EMBEDDING_FAILED: gettext_lazy(
        "The document was read, but could not be prepared for searching. Try again later."
    ),
    Problem.WORKER_STOPPED: gettext_lazy(
        "Reading the file stopped several times without a result. Split it into smaller files, or"
        " save it anew."
    ),
}


def reason(problem: Problem) -> str:
    """Return what went wrong and what helps, in the active language."""
    return str(_REASONS[problem])


def unread_pages(pages: tuple[int, ...]) -> str:
    """Return a notice about pages that hold only an image, or nothing if there are none."""
    if not pages:
        return ""
    shown = ", ".join(str(page) for page in pages[:20]) + (" …" if len(pages) > 20 else "")
    return ngettext(
        "Page %(pages)s is an image and was not read.",
        "Pages %(pages)s are images and were not read.",
        len(pages),
    ) % {"pages": shown}


def kept_version() -> str:
    """Return what to know about a failed replacement."""
    return _("The version before it stays in use.")
