"""Why a document failed, and what helps, in the words of a business owner."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from knowledge.extract import reader
from knowledge.types import Extracted, Problem

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
    Problem.OFFICE_LOCKED: gettext_lazy(
        "The file is protected by a password, or of an old format of Office. Save a copy without a"
        " password as DOCX or XLSX and upload that."
    ),
    Problem.DOCX_DAMAGED: gettext_lazy(
        "The file is damaged or is not a Word document. Open it on your computer and save it as"
        " DOCX again."
    ),
    Problem.XLSX_DAMAGED: gettext_lazy(
        "The file is damaged or is not an Excel workbook. Open it on your computer and save it as"
        " XLSX again."
    ),
    Problem.HTML_EMPTY: gettext_lazy(
        "The page holds no text: it is put together by programs in the browser. Open it there,"
        " print it as PDF, and upload that."
    ),
    Problem.FAQ_DAMAGED: gettext_lazy(
        "The question and its answer could not be read. Write them once more."
    ),
    Problem.WRONG_KIND: gettext_lazy(
        "The content of the file is not what its name says, perhaps because it was renamed. Open"
        " it on your computer and save it as PDF, DOCX, XLSX, CSV or TXT."
    ),
    Problem.TOO_COMPLEX: gettext_lazy(
        "The file unpacks to far more data than a document needs, or is built in a way that cannot"
        " be read safely. Copy its text into a new file and upload that."
    ),
    Problem.EMBEDDING_FAILED: gettext_lazy(
        "The document was read, but could not be prepared for searching. Try again later."
    ),
    Problem.BUDGET_USED: gettext_lazy(
        "The document was read, but the budget for models does not allow preparing it for"
        " searching. Raise the budget or wait for its next period, then try again."
    ),
    Problem.WORKER_STOPPED: gettext_lazy(
        "Reading the file stopped several times without a result. Split it into smaller files, or"
        " save it anew."
    ),
}


def reason(problem: Problem) -> str:
    """Return what went wrong and what helps, in the active language."""
    return str(_REASONS[problem])


# What helps with files that people often have, by the end of their name.
_CURES = {
    ("doc", "odt", "rtf", "pages"): gettext_lazy("Save it as DOCX or PDF and upload that."),
    ("xls", "ods", "numbers"): gettext_lazy("Save it as XLSX or CSV and upload that."),
    ("ppt", "pptx", "odp", "key"): gettext_lazy("Save it as PDF and upload that."),
    ("zip", "rar", "7z", "gz", "tar"): gettext_lazy("Unpack it and upload the files inside."),
    ("png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "heic", "tif", "tiff"): gettext_lazy(
        "Images are not read; write down what they show in a document."
    ),
    ("ogg", "opus", "mp3", "m4a", "wav", "mp4", "mov"): gettext_lazy(
        "Sound and video are not read; write down what they say in a document."
    ),
}


def unsupported(name: str) -> str:
    """Return why a file of that name is not taken, and what helps."""
    if ".." in name.replace("\\", "/").split("/"):
        return _("The name of the file holds a path. Give it a plain name and upload it again.")
    shown = [kind.shown for kind in reader.KINDS.values() if kind.is_upload]
    words = _("Files of this kind cannot be read; use %(kinds)s or %(last)s.") % {
        "kinds": ", ".join(shown[:-1]),
        "last": shown[-1],
    }
    extension = name.rpartition(".")[2].lower()
    cure = next((str(cure) for ends, cure in _CURES.items() if extension in ends), "")
    return f"{words} {cure}".strip()


def notice(extracted: Extracted) -> str:
    """Return what of a document was not read, though the rest was; empty when all was."""
    parts = [
        unread_pages(extracted.unread_pages),
        hidden_sheets(extracted.hidden_sheets),
        hidden_cells(extracted.n_hidden),
    ]
    return " ".join(part for part in parts if part)


def hidden_sheets(names: tuple[str, ...]) -> str:
    """Return a notice about sheets that are hidden, or nothing if there are none."""
    if not names:
        return ""
    shown = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
    return ngettext(
        "The hidden sheet %(names)s was not read.",
        "The hidden sheets %(names)s were not read.",
        len(names),
    ) % {"names": shown}


def hidden_cells(n_hidden: int) -> str:
    """Return a notice about hidden rows and columns, or nothing if there are none."""
    if not n_hidden:
        return ""
    return ngettext(
        "A hidden row or column was not read.",
        "%(n)s hidden rows and columns were not read.",
        n_hidden,
    ) % {"n": n_hidden}


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
