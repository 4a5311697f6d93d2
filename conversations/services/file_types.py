"""What a file is, by its first bytes: the short list of what a browser may be given to show.

Neither the sender's word nor the bridge's guess counts. Everything else, SVG and HTML above all, is
a file to be downloaded.
"""

from __future__ import annotations

import struct

ANY = "application/octet-stream"

IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
SOUNDS = frozenset(
    {"audio/ogg", "audio/mpeg", "audio/mp4", "audio/wav", "audio/amr", "audio/aac", "audio/webm"}
)
VIDEOS = frozenset({"video/mp4", "video/3gpp", "video/webm", "video/quicktime"})
SHOWN = IMAGES | SOUNDS | VIDEOS
"""What a page may show or play; nothing in it can be run."""

MAX_PIXELS = 50_000_000
"""The largest image that is shown or given to a model, in pixels. A photo of a phone has 12 to 50
million; a small file that claims more is made to fill a memory."""

_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"\xff\xf9", "audio/aac"),
    (b"#!AMR", "audio/amr"),
    (b"%PDF-", "application/pdf"),
)
_BRANDS = {b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime"}
_OFFICE = {
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "zip": "application/zip",
}


def media_type(data: bytes, *, name: str = "", declared: str = "") -> str:
    """Return the type of a file, one of a fixed list; `ANY` where it is none of them.

    Args:
        name: tells the kinds of Office files apart, which are all archives.
        declared: tells sound from moving pictures in a container that may hold both.
    """
    head = data[:64]
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    is_sound = declared.strip().lower().startswith("audio/")
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        usual = "audio/mp4" if is_sound else "video/mp4"
        return "video/3gpp" if brand.startswith(b"3g") else _BRANDS.get(brand, usual)
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "audio/webm" if is_sound else "video/webm"
    if head.startswith(b"PK\x03\x04"):
        return _OFFICE.get(name.rpartition(".")[2].lower(), ANY)
    return ANY


def n_pixels(data: bytes) -> int:
    """Return how large an image says it is; 0 where its head does not tell."""
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return int(width * height)
    if data.startswith(b"GIF8") and len(data) >= 10:
        width, height = struct.unpack("<HH", data[6:10])
        return int(width * height)
    if data[8:12] == b"WEBP":
        return _webp_pixels(data)
    return _jpeg_pixels(data) if data.startswith(b"\xff\xd8") else 0


def _webp_pixels(data: bytes) -> int:
    if data[12:16] == b"VP8X" and len(data) >= 30:
        width = 1 + int.from_bytes(data[24:27], "little")
        return width * (1 + int.from_bytes(data[27:30], "little"))
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return (1 + (bits & 0x3FFF)) * (1 + ((bits >> 14) & 0x3FFF))
    if data[12:16] == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack("<HH", data[26:30])
        return int((width & 0x3FFF) * (height & 0x3FFF))
    return 0


def _jpeg_pixels(data: bytes) -> int:
    """Walk the segments of a JPEG to the one that holds its size."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width * height)
        at += 2 + max(length, 2)
    return 0
