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
    "sticker": "image/webp",
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


# A WebP of 96 by 96 pixels: a face that smiles.
STICKER = base64.b64decode(
    "UklGRh4IAABXRUJQVlA4WAoAAAAwAAAAXwAAXwAASUNDUMgBAAAAAAHIAAAAAAQwAABtbnRyUkdCIFhZWiAH4AABAA"
    "EAAAAAAABhY3NwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAA9tYAAQAAAADTLQAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAlkZXNjAAAA8AAAACRyWFlaAAABFAAAABRnWFlaAAABKA"
    "AAABRiWFlaAAABPAAAABR3dHB0AAABUAAAABRyVFJDAAABZAAAAChnVFJDAAABZAAAAChiVFJDAAABZAAAAChjcHJ0"
    "AAABjAAAADxtbHVjAAAAAAAAAAEAAAAMZW5VUwAAAAgAAAAcAHMAUgBHAEJYWVogAAAAAAAAb6IAADj1AAADkFhZWi"
    "AAAAAAAABimQAAt4UAABjaWFlaIAAAAAAAACSgAAAPhAAAts9YWVogAAAAAAAA9tYAAQAAAADTLXBhcmEAAAAAAAQA"
    "AAACZmYAAPKnAAANWQAAE9AAAApbAAAAAAAAAABtbHVjAAAAAAAAAAEAAAAMZW5VUwAAACAAAAAcAEcAbwBvAGcAbA"
    "BlACAASQBuAGMALgAgADIAMAAxADZBTFBIIgMAAA2QBdm2aTvz2efZtu0X29ZTbNu2bfMito0b27Z5K7auztl7BZ8R"
    "MQH4V3aJjY4OdRIEVzx7/frFlQvnz7+iwzihQFYBK+h2FQTn8OiYmLcqlerMd/6MCuTUgMi+BQoU8FohO/yDq4TcOp"
    "DWtXaet3LxeW58uqeAQd+cWodG3ecisFdxMGrZtMPO4beYs2iXB4bN67deMvkTW2XGg3Ghb4WOWxmynO4J9oOmPWr5"
    "kZUQOfhs0Cr3OhuFx4HX2Pmd9rFQsxn4tV8+a4V07QuAZ4vFm+dLNd4IfBvNvT1Img7gf+CrCVJkpxKAsSdl4lXIBo"
    "XG8xbuFst/KGg0XdbxjjimClDpMCvviyhjQGdara5iJBUiBO0PnDDMeAZIndHqu0HtQGtK1iRDvFsQg0Gz7hvQF9Ta"
    "tR+in0dpclBv+yO9eoBeq3Yj9bGvQxCaLVPr0REUWzWfoEc9kpAn01UUNIe4HNaRTRSyldpMK5O14quWgqDaPfSAlq"
    "Jkoege6jIOa1gk0JVy4geASNDt7HIFQABhiLgMIOK/hwdlHo8BWFJm+fGfgP6PloSpyfuooXb4i1NrPPYg7LHG5QjC"
    "LpN3mrzLGqciLcn6dEPj0+l0sg5D656iZO35UxwIdSfq2RVtX1dkEyWHTiVVC3Qddgkh6coHXZDlkaSEnhOaWxH0YY"
    "Y+6mXNCJoFvUd2NiXnw0T9Hu3KI2cRDOzT3Y6Yt+MNuT9rEDF9YfCkMuGknFAZ9r3BHHNCPreHiEdXjiSkO0SdEFOS"
    "jNV3xEH+GA8iHveEyE+aK6xI+Fgboh+ZuMSYgK+5kHDN/rEENICkEz51524gJO7xdbQRVz86QvKxxxebcvSpLhhcqp"
    "DZcPO+KpjcOHB6MienmoDRi41rdjLi4MdEBZj90vPQ7CjmLjYF04daFBkiMPW6324w/nX6lEF1GFrWFxw+7nC1e00T"
    "Jr4ox4PTUyOPtWwmSPZ6ziRwfGfK7Ki82q4SPFuuOAfOfxyWrQwrXy5OlHObN18Gid9Umza/TAjw9fFyEAQXPH/9+t"
    "XDe/fungap90/fvnf/ofr16+f46wRWUDggBgMAADASAJ0BKmAAYAA+tUyhSqckI6GvEtvI4BaJZgDCeJPMoXnJlCj+"
    "b97J5gPNz9FG8b+gB+gHWe/5jJgfJb6BHn+4Z7Gie1y9LbW/v7IcmTOvHrVuJXlT82a20P6MwrMiSPtk8lApUTi69T"
    "O7rAG6yOrRarjr1Xdu/fDadRCg6oDXhVzILZEcW9FCvByRazedMbRAJCyRlq5tKoAA/vw1LfB4MTom5zm2PZtkw9Ty"
    "58ZCUwbSM3XjmIahnmjZ4jKTFZOTB17m3+AFsS+gwHpxgE5Qfz3qTJtKVyFozYsHtdY17GIOVr2GSLzz3CM60lsNLj"
    "qhzYSEW7y3nkpzPK7J+l8ADi/DqByP4g1Y+tPUuLxdyjYMiwbiKn3mf2x8UNGUcWjfLY5FivTra9c4Z5xbNsyLRmyM"
    "ClpocQ9MBuiXHo7yn7aEutcz2T9FLEEusUIY63o6h1BNwL15ZnjfRZypnTOFBqWTxvdkzYKi3I812vhG6noUDs69Kz"
    "Aqng/ksnWB2ZM00Pf+WZ434xf8CP7Ikzsv5/j2jAHPNN5yEv/Qcfcl/gCyDVgoifp7v04/0xWYJ8DIU9TMn3ggRNfF"
    "PkdfipV3ihz8ydKi9PiPykOvxpToIYC+yFpBT+lqjfnUkjjS52Ln1WfM49gzsukIb4ASaVdZHaB15bToGYBUuKH/7D"
    "r62g8yFSFb3TzGiB7rbruJCYbG8oE6f+GyS2h+vkiJ6RIeBiJ5HwuCOgvA53r6ylTYaY40czII0EjzGmnaMCW5AydI"
    "G3xaReEiYZZSx7NtJwkiQQ5xV4Cy83nvRgba3GQOA7APH0hk86GBek2AHO7ogTwjFqJ0GSqvH/F82fUt5PJ4pUZ3e3"
    "j9MAtxabKTaDjmVPI608QZ4+2uDMuM9Ip4UDCO96L/5H/cn/+fBXu6rQSWA4Ic0Q4c5jhI671yBKOqLme1tv5O96KI"
    "ElfkWdKi6es4lppvlIIZ7krIfCrYrD3+zIAVQv6nsyMfJ+bq5lfShD7gKzUG+eACeo21KXL4V4B0vB8AAA=="
)


def sample_media(kind: str) -> Media:
    """Return a small complete file of a kind: image, audio, video or document."""
    data, name, size = {
        "image": (_picture(), "", (96, 72)),
        "audio": (voice_note(), "", (0, 0)),
        "video": (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "", (480, 848)),
        "sticker": (STICKER, "", (96, 96)),
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
