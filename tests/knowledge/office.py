"""Office files as the programs of people write them, and archives that no program writes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from docx.document import Document as Docx
from openpyxl import Workbook

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def saved(file: Docx | Workbook) -> bytes:
    """Return the bytes of a document or a workbook."""
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def packed(parts: Mapping[str, str | bytes]) -> bytes:
    """Return an archive of these parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def word(body: str, *, before: str = "") -> bytes:
    """Return a DOCX of this XML; `before` stands ahead of its first element."""
    root = f'{before}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return packed({"word/document.xml": root})
