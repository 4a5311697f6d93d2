"""Small PDFs, written by hand: what is where on each page is exactly what a test says."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pypdf


@dataclass(frozen=True)
class Put:
    """A line of text; x and y in points from the lower left corner."""

    text: str
    x: float = 60
    y: float = 700
    size: float = 11
    bold: bool = False


def lines(*texts: str, top: float = 760, x: float = 60, size: float = 11) -> list[Put]:
    """Return lines below each other."""
    return [Put(text, x=x, y=top - at * size * 1.3, size=size) for at, text in enumerate(texts)]


def table(*rows: Sequence[str], top: float = 700, widths: float = 120) -> list[Put]:
    """Return the cells of a table, one after the other as most programs write them."""
    return [
        Put(cell, x=60 + column * widths, y=top - at * 16, size=10)
        for at, row in enumerate(rows)
        for column, cell in enumerate(row)
    ]


def build(
    *pages: Sequence[Put],
    image_on: Sequence[int] = (),
    image_size: tuple[int, int] = (500, 700),
) -> bytes:
    """Return a PDF; pages in `image_on`, from 0, also carry a picture of so many points."""
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    def stream(content: bytes, head: bytes = b"") -> bytes:
        return b"<< %s /Length %d >> stream\n%s\nendstream" % (head, len(content), content)

    fonts = [
        add(b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name)
        for name in (b"Helvetica", b"Helvetica-Bold")
    ]
    picture = add(
        stream(
            b"\x00",
            b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8"
            b" /ColorSpace /DeviceGray",
        )
    )
    tree = len(objects) + 2 * len(pages) + 1
    kids = []
    for number, puts in enumerate(pages):
        drawn = b"".join(_draw(put) for put in puts)
        if number in image_on:
            drawn += b"q %d 0 0 %d 0 0 cm /Im0 Do Q\n" % image_size
        content = add(stream(drawn))
        xobject = b"/XObject << /Im0 %d 0 R >>" % picture if number in image_on else b""
        kids.append(
            add(
                b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
                b" /Resources << /Font << /F0 %d 0 R /F1 %d 0 R >> %s >> >>"
                % (tree, content, fonts[0], fonts[1], xobject)
            )
        )
    add(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), _refs(kids)))
    root = add(b"<< /Type /Catalog /Pages %d 0 R >>" % tree)
    return _file(objects, root)


def locked(content: bytes, *, password: str) -> bytes:
    """Return the same PDF, locked."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(content))
    writer.encrypt(user_password=password, owner_password="the owner's", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _draw(put: Put) -> bytes:
    text = put.text.encode("cp1252").replace(b"\\", b"\\\\")
    text = text.replace(b"(", b"\\(").replace(b")", b"\\)")
    font = b"F1" if put.bold else b"F0"
    return b"BT /%s %.1f Tf 1 0 0 1 %.1f %.1f Tm (%s) Tj ET\n" % (
        font,
        put.size,
        put.x,
        put.y,
        text,
    )


def _refs(numbers: Sequence[int]) -> bytes:
    return b" ".join(b"%d 0 R" % number for number in numbers)


def _file(objects: Sequence[bytes], root: int) -> bytes:
    out = b"%PDF-1.4\n"
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"trailer << /Size %d /Root %d 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1,
        root,
        start,
    )
