"""Small complete files for people who have nothing at hand to attach."""

import base64
import struct
import zlib

from channels_whatsapp.simulator.model import Media

MIMETYPES = {
    "image": "image/png",
    "audio": "audio/ogg; codecs=opus",
    "video": "video/mp4",
    "document": "application/pdf",
}
VOICE_SECONDS = 3
OPUS_RATE = 48_000
FRAME_SAMPLES = 960
# One 20 ms fullband Opus frame of silence (RFC 6716: TOC byte 0xf8, then an empty CELT frame).
SILENT_FRAME = b"\xf8\xff\xfe"
FRAMES_PER_PAGE = 50


def _crc_table() -> list[int]:
    table = []
    for index in range(256):
        value = index << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
        table.append(value & 0xFFFFFFFF)
    return table


_CRC_TABLE = _crc_table()


def _ogg_page(packets: list[bytes], *, kind: int, granule: int, number: int) -> bytes:
    """Return one Ogg page (RFC 3533); `kind` 2 begins the stream, 4 ends it."""
    lengths = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqIII", b"OggS", 0, kind, granule, 0x50524F53, number, 0)
    page = head + bytes([len(lengths)]) + lengths + b"".join(packets)
    crc = 0
    for byte in page:
        crc = ((crc << 8) & 0xFFFFFFFF) ^ _CRC_TABLE[(crc >> 24) ^ byte]
    return page[:22] + struct.pack("<I", crc) + page[26:]


def voice_note(seconds: int = VOICE_SECONDS) -> bytes:
    """Return a silent voice note of some seconds: Ogg with Opus, as WhatsApp sends them."""
    head = struct.pack("<8sBBHIHB", b"OpusHead", 1, 1, 312, OPUS_RATE, 0, 0)
    vendor = b"simulator"
    tags = struct.pack("<8sI", b"OpusTags", len(vendor)) + vendor + struct.pack("<I", 0)
    pages = [
        _ogg_page([head], kind=2, granule=0, number=0),
        _ogg_page([tags], kind=0, granule=0, number=1),
    ]
    for second in range(1, seconds + 1):
        pages.append(
            _ogg_page(
                [SILENT_FRAME] * FRAMES_PER_PAGE,
                kind=4 if second == seconds else 0,
                granule=second * FRAMES_PER_PAGE * FRAME_SAMPLES,
                number=second + 1,
            )
        )
    return b"".join(pages)


def png(width: int, height: int, pixels: bytes, *, colour: bool) -> bytes:
    """Return a PNG of 8-bit RGB (`colour`) or grey pixels, row by row."""
    row_bytes = width * (3 if colour else 1)
    rows = b"".join(
        b"\x00" + pixels[start : start + row_bytes] for start in range(0, len(pixels), row_bytes)
    )
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if colour else 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _picture() -> bytes:
    """Return a small picture of a soft gradient."""
    width, height = 96, 72
    pixels = bytes(
        value
        for y in range(height)
        for x in range(width)
        for value in (40 + x, 150 + y, 140 + (x + y) // 2)
    )
    return png(width, height, pixels, colour=True)


def sample_media(kind: str) -> Media:
    """Return a small complete file of a kind: image, audio, video or document."""
    data, name, size = {
        "image": (_picture(), "", (96, 72)),
        "audio": (voice_note(), "", (0, 0)),
        "video": (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "", (480, 848)),
        "document": (b"%PDF-1.4\n%%EOF\n", "documento.pdf", (0, 0)),
    }[kind]
    return Media(
        mimetype=MIMETYPES[kind],
        data=base64.b64encode(data).decode(),
        file_name=name,
        seconds=VOICE_SECONDS if kind in ("audio", "video") else 0,
        width=size[0],
        height=size[1],
    )
