"""How a webhook brings the file of a message: within itself, as an address, or not at all."""

import base64

from channels_whatsapp.simulator.model import Message


def media_keys(message: Message, *, delivery: object, base_url: str) -> dict[str, object]:
    """Return the top-level keys that carry a file, by the user's delivery mode.

    Args:
        delivery: base64, s3, both, or anything else for none.
        base_url: where the simulator's own media can be fetched, standing in for S3.
    """
    media = message.media
    if media is None or media.expired:
        return {}
    plain_type = media.mimetype.partition(";")[0]
    extension = _extension(plain_type, media.file_name)
    file_name = f"{message.id}{extension}"
    keys: dict[str, object] = {}
    if delivery in ("base64", "both"):
        keys |= {"base64": media.data, "mimeType": _sniffed(plain_type), "fileName": file_name}
    if message.kind == "sticker" and delivery in ("base64", "s3", "both"):
        keys |= {"isSticker": True, "stickerAnimated": False}
    if delivery in ("s3", "both"):
        key = f"users/{message.user_id}/inbox/{message.chat}/{file_name}"
        keys["s3"] = {
            "url": f"{base_url}/simulator/api/media/{message.seq}",
            "key": key,
            "bucket": "simulator",
            "size": len(base64.b64decode(media.data)),
            "mimeType": _sniffed(plain_type),
            "fileName": file_name,
        }
    return keys


def _sniffed(mimetype: str) -> str:
    """Return what Go's content sniffing makes of a type: Ogg is never audio, Office is a zip."""
    if mimetype in ("audio/ogg", "audio/opus"):
        return "application/ogg"
    return "application/zip" if "officedocument" in mimetype else mimetype


def _extension(mimetype: str, file_name: str) -> str:
    usual = {"image/jpeg": ".jpe", "audio/ogg": ".oga", "video/mp4": ".f4v", "image/png": ".png"}
    _, dot, end = file_name.rpartition(".")
    return usual.get(mimetype) or (f"{dot}{end}" if dot else ".bin")
