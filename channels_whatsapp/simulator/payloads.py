"""Event bodies as WuzAPI posts them: complete key sets, in the field order of the Go structs.

The order matters only in form mode, where nested objects are written as the structs lie.
Source: recorded samples; `Info` and receipts use Go field names, message content proto names.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, tzinfo

from channels_whatsapp.simulator.model import Contact, Media, Message, User

ZERO_TIME = "0001-01-01T00:00:00Z"
# A complete JPEG of nothing: the thumbnail every media message carries.
THUMBNAIL = "/9j/4AAQSkZJRgABAQAAAQABAAD/2Q=="
EDIT_TYPE = 14
REVOKE_TYPE = 0

# `Info.Type` and `Info.MediaType` by kind of message.
_TYPES = {
    "text": ("text", ""),
    "image": ("media", "image"),
    "audio": ("media", "ptt"),
    "video": ("media", "video"),
    "document": ("media", "document"),
    "location": ("media", "location"),
    "contact": ("media", "vcard"),
    "reaction": ("reaction", ""),
}


@dataclass(frozen=True)
class Source:
    """Whose message it is and where it stands; addresses are JIDs, "" when unknown."""

    chat: str
    sender: str
    sender_alt: str = ""
    recipient_alt: str = ""
    is_from_me: bool = False
    is_group: bool = False
    addressing_mode: str = ""

    def fields(self) -> dict[str, object]:
        """Return the embedded MessageSource fields in struct order."""
        return {
            "Chat": self.chat,
            "Sender": self.sender,
            "IsFromMe": self.is_from_me,
            "IsGroup": self.is_group,
            "AddressingMode": self.addressing_mode,
            "SenderAlt": self.sender_alt,
            "RecipientAlt": self.recipient_alt,
            "BroadcastListOwner": "",
            "BroadcastRecipients": None,
        }


def direct_source(contact: Contact) -> Source:
    """Return the source of a direct message that the contact wrote."""
    return Source(
        chat=contact.address,
        sender=contact.address,
        sender_alt=contact.other_address,
        addressing_mode="lid" if contact.lid_addressed else "",
    )


def group_source(contact: Contact, *, group: str) -> Source:
    """Return the source of a message in a group, where members go by their LID."""
    return Source(
        chat=group,
        sender=f"{contact.lid}@lid",
        sender_alt=f"{contact.phone}@s.whatsapp.net" if contact.phone else "",
        is_group=True,
        addressing_mode="lid",
    )


def status_source(contact: Contact) -> Source:
    """Return the source of a status post, which WuzAPI calls a group message."""
    return Source(
        chat="status@broadcast",
        sender=contact.address,
        sender_alt=contact.other_address,
        is_group=True,
    )


def owner_source(user: User, contact: Contact) -> Source:
    """Return the source of a message typed on the business's own phone."""
    return Source(
        chat=contact.address,
        sender=user.own_jid,
        sender_alt=f"{user.lid}@lid" if user.lid else "",
        recipient_alt=contact.other_address,
        is_from_me=True,
        addressing_mode="lid" if contact.lid_addressed else "",
    )


def timestamp(at: float, zone: tzinfo) -> str:
    """Write an instant (unix seconds) as Go's RFC 3339 in whole seconds; UTC ends in Z."""
    text = datetime.fromtimestamp(int(at), zone).isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def info(
    source: Source,
    *,
    message_id: str,
    kind: str,
    push_name: str,
    at: str,
    edit: str = "",
    category: str = "",
) -> dict[str, object]:
    """Return `Info` with every key. `kind` is one of the message kinds, `at` RFC 3339."""
    message_type, media_type = _TYPES.get(kind, ("text", ""))
    sent_by_owner = source.is_from_me and not source.is_group
    return {
        **source.fields(),
        "ID": message_id,
        "ServerID": 0,
        "Type": message_type,
        "PushName": push_name,
        "Timestamp": at,
        "Category": category,
        "Multicast": False,
        "MediaType": media_type,
        "Edit": edit,
        "MsgBotInfo": {"EditType": "", "EditTargetID": "", "EditSenderTimestampMS": ZERO_TIME},
        "MsgMetaInfo": {
            "TargetID": "",
            "TargetSender": "",
            "TargetChat": "",
            "DeprecatedLIDSession": None,
            "ThreadMessageID": "",
            "ThreadMessageSenderJID": "",
        },
        "VerifiedName": None,
        "DeviceSentMeta": {"DestinationJID": source.chat, "Phash": ""} if sent_by_owner else None,
    }


def message_event(
    event_info: dict[str, object],
    content: dict[str, object],
    *,
    raw: dict[str, object] | None = None,
    is_edit: bool = False,
) -> dict[str, object]:
    """Return the `event` object of a Message; `raw` is the wrapped content where it differs."""
    return {
        "Info": event_info,
        "Message": content,
        "IsEphemeral": False,
        "IsViewOnce": False,
        "IsViewOnceV2": False,
        "IsViewOnceV2Extension": False,
        "IsDocumentWithCaption": False,
        "IsLottieSticker": False,
        "IsBotInvoke": False,
        "IsEdit": is_edit,
        "SourceWebMsg": None,
        "UnavailableRequestID": "",
        "RetryCount": 0,
        "NewsletterMeta": None,
        "RawMessage": content if raw is None else raw,
    }


def _digest(seed: str, n_bytes: int = 32) -> str:
    """Return invented but stable base64 for a key or hash that nobody can check."""
    return base64.b64encode(hashlib.sha256(seed.encode()).digest()[:n_bytes]).decode()


def context_info(message_id: str, *, at: float) -> dict[str, object]:
    """Return the `messageContextInfo` that today's phones add to what they send."""
    return {
        "deviceListMetadata": {
            "senderKeyHash": _digest(f"sender {message_id}", 10),
            "senderTimestamp": int(at) - 11_000,
            "recipientKeyHash": _digest(f"recipient {message_id}", 10),
            "recipientTimestamp": int(at) - 19_000,
        },
        "deviceListMetadataVersion": 2,
        "messageSecret": _digest(f"secret {message_id}"),
    }


def media_path(message_id: str, kind: str) -> str:
    """Return the path under which WhatsApp's media server would keep a message's file."""
    name = hashlib.sha256(message_id.encode()).hexdigest()[:33]
    query = "ccb=9-4&oh=01_Q5Aa&oe=6900AAAA&_nc_sid=e6ed6c"
    return f"/o1/v/t24/f2/m2{kind}/AQO{name}?{query}"


def _media_fields(media: Media, *, message_id: str, at: float) -> dict[str, object]:
    raw = base64.b64decode(media.data)
    return {
        "URL": f"https://mmg.whatsapp.net{media.direct_path}&mms3=true",
        "mimetype": media.mimetype,
        "fileSHA256": base64.b64encode(hashlib.sha256(raw).digest()).decode(),
        "fileLength": len(raw),
        "mediaKey": _digest(f"key {message_id}"),
        "fileEncSHA256": _digest(f"encrypted {message_id}"),
        "directPath": media.direct_path,
        "mediaKeyTimestamp": int(at) - 7,
        "JPEGThumbnail": THUMBNAIL,
    }


# The fields of each media struct in proto order; what a message doesn't have is left out.
_MEDIA_ORDER = {
    "image": """URL mimetype caption fileSHA256 fileLength height width mediaKey fileEncSHA256
        directPath mediaKeyTimestamp JPEGThumbnail""",
    "audio": """URL mimetype fileSHA256 fileLength seconds PTT mediaKey fileEncSHA256 directPath
        mediaKeyTimestamp waveform""",
    "video": """URL mimetype fileSHA256 fileLength seconds mediaKey caption gifPlayback height
        width fileEncSHA256 directPath mediaKeyTimestamp JPEGThumbnail""",
    "document": """URL mimetype title fileSHA256 fileLength pageCount mediaKey fileName
        fileEncSHA256 directPath mediaKeyTimestamp JPEGThumbnail caption""",
}


def _media_content(message: Message, media: Media) -> dict[str, object]:
    known = _media_fields(media, message_id=message.id, at=message.at)
    if message.kind == "audio":
        known |= {"seconds": media.seconds, "PTT": True, "waveform": _waveform(message.id)}
    if message.kind in ("image", "video"):
        known |= {"height": media.height or 1600, "width": media.width or 1200}
    if message.kind == "video":
        known |= {"seconds": media.seconds, "gifPlayback": False}
    if message.kind == "document":
        known |= {"title": media.file_name, "fileName": media.file_name, "pageCount": 1}
    if message.text:
        known["caption"] = message.text
    order = _MEDIA_ORDER[message.kind].split()
    return {name: known[name] for name in order if name in known}


def _waveform(seed: str) -> str:
    """Return 64 bars of 0 to 99, as a voice note draws them."""
    digest = hashlib.sha512(seed.encode()).digest()
    return base64.b64encode(bytes(byte % 100 for byte in digest)).decode()


def _text_content(message: Message, *, quoted: Message | None, author: str) -> dict[str, object]:
    if quoted is None:
        return {"conversation": message.text}
    context = {
        "stanzaID": quoted.id,
        "participant": author,
        "quotedMessage": {"conversation": quoted.text},
    }
    return {"extendedTextMessage": {"text": message.text, "contextInfo": context}}


def content(
    message: Message, *, quoted: Message | None = None, quoted_author: str = ""
) -> dict[str, object]:
    """Return the proto content of a stored message, without `messageContextInfo`.

    Args:
        quoted: the message that this text answers, if any.
        quoted_author: the JID of its author.
    """
    if message.media is not None:
        return {f"{message.kind}Message": _media_content(message, message.media)}
    if message.kind == "location":
        place: dict[str, object] = {
            "degreesLatitude": message.latitude,
            "degreesLongitude": message.longitude,
        }
        if message.place:
            place["name"] = message.place
        return {"locationMessage": place | {"JPEGThumbnail": THUMBNAIL}}
    if message.kind == "contact":
        return {"contactMessage": {"displayName": message.text, "vcard": message.vcard}}
    return _text_content(message, quoted=quoted, author=quoted_author)


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


def with_context(body: dict[str, object], *, message_id: str, at: float) -> dict[str, object]:
    """Return content with `messageContextInfo` where the proto's field numbers put it."""
    late = ("reactionMessage", "editedMessage")
    early = {key: value for key, value in body.items() if key not in late}
    rest = {key: value for key, value in body.items() if key in late}
    return early | {"messageContextInfo": context_info(message_id, at=at)} | rest


def from_owner(body: dict[str, object], *, destination: str) -> dict[str, object]:
    """Return the wrapper under which another device of the same account receives a message."""
    return {"deviceSentMessage": {"destinationJID": destination, "message": body}}


def message_key(*, remote: str, from_me: bool, message_id: str) -> dict[str, object]:
    """Return the key by which one message names another."""
    return {"remoteJID": remote, "fromMe": from_me, "ID": message_id}


def edit_content(key: dict[str, object], *, text: str, at: float) -> dict[str, object]:
    """Return the content of an edit; `at` in unix seconds."""
    return {
        "protocolMessage": {
            "key": key,
            "type": EDIT_TYPE,
            "editedMessage": {"conversation": text},
            "timestampMS": int(at * 1000),
        }
    }


def revoke_content(key: dict[str, object], *, with_type: bool = True) -> dict[str, object]:
    """Return the content of "deleted for everyone"; some senders leave the type out."""
    return {"protocolMessage": {"key": key, "type": REVOKE_TYPE} if with_type else {"key": key}}


def reaction_content(key: dict[str, object], *, emoji: str, at: float) -> dict[str, object]:
    """Return the content of a reaction; an empty emoji takes it back."""
    return {"reactionMessage": {"key": key, "text": emoji, "senderTimestampMS": int(at * 1000)}}


def receipt_payload(
    source: Source, *, message_ids: list[str], at: str, receipt_type: str
) -> dict[str, object]:
    """Return a ReadReceipt. `receipt_type`: "" for delivered, "read", or "read-self"."""
    state = {"": "Delivered", "read": "Read", "read-self": "ReadSelf"}[receipt_type]
    event = {
        **source.fields(),
        "MessageIDs": message_ids,
        "Timestamp": at,
        "Type": receipt_type,
        "MessageSender": "",
    }
    return {"event": event, "state": state, "type": "ReadReceipt"}


def typing_payload(source: Source, *, state: str, media: str) -> dict[str, object]:
    """Return a ChatPresence. `state`: composing or paused; `media`: "" or "audio"."""
    return {
        "event": {**source.fields(), "State": state, "Media": media},
        "type": "ChatPresence",
    }
