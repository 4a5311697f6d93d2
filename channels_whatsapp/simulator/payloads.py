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
    "sticker": ("media", "sticker"),
    "poll": ("poll", ""),
    "vote": ("poll", ""),
    "buttons_response": ("media", "buttons_response"),
    "list_response": ("media", "list_response"),
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
    is_view_once: bool = False,
) -> dict[str, object]:
    """Return the `event` object of a Message; `raw` is the wrapped content where it differs."""
    return {
        "Info": event_info,
        "Message": content,
        "IsEphemeral": False,
        "IsViewOnce": is_view_once,
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
    "sticker": """URL fileSHA256 fileEncSHA256 mediaKey mimetype height width directPath fileLength
        mediaKeyTimestamp isAnimated stickerSentTS isAvatar isAiSticker isLottie""",
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
    if message.kind == "sticker":
        known |= {"height": media.height or 512, "width": media.width or 512}
        known |= dict.fromkeys(("isAnimated", "isAvatar", "isAiSticker", "isLottie"), False)
        known["stickerSentTS"] = int(message.at * 1000)
    elif message.text:
        known["caption"] = message.text
    if message.view_once:
        known["viewOnce"] = True
    order = [*_MEDIA_ORDER[message.kind].split(), "viewOnce"]
    return {name: known[name] for name in order if name in known}


def _waveform(seed: str) -> str:
    """Return 64 bars of 0 to 99, as a voice note draws them."""
    digest = hashlib.sha512(seed.encode()).digest()
    return base64.b64encode(bytes(byte % 100 for byte in digest)).decode()


def _context(message: Message, *, quoted: Message | None, author: str) -> dict[str, object]:
    """Return the `contextInfo` of a message: what it answers and names, and whence it came."""
    found: dict[str, object] = {}
    if quoted is not None:
        found |= {"stanzaID": quoted.id, "participant": author}
        found["quotedMessage"] = {"conversation": quoted.text}
    if message.mentions:
        found["mentionedJID"] = list(message.mentions)
    if message.forwarded:
        found |= {"forwardingScore": 1, "isForwarded": True}
    if message.expires_s:
        found |= {"expiration": message.expires_s, "ephemeralSettingTimestamp": 1785000000}
        found["disappearingMode"] = {"initiator": 2, "trigger": 2, "initiatedByMe": False}
    return found


def _text_content(message: Message, context: dict[str, object]) -> dict[str, object]:
    if not context:
        return {"conversation": message.text}
    return {"extendedTextMessage": {"text": message.text, "contextInfo": context}}


def _chosen(message: Message, user_jid: str) -> dict[str, object]:
    """Return the context of a choice: the menu that it answers."""
    return {
        "stanzaID": message.target or "3EB0FFEEDDCCBBAA9988",
        "participant": user_jid,
        "quotedMessage": {"conversation": ""},
    }


def _menu_content(message: Message, *, own_jid: str) -> dict[str, object] | None:
    """Return the content of polls, votes, choices and albums; None for any other kind."""
    first = message.options[0] if message.options else message.text
    match message.kind:
        case "poll":
            options = [{"optionName": name} for name in message.options]
            poll = {"name": message.text, "options": options, "selectableOptionsCount": 1}
            return {"pollCreationMessageV3": poll}
        case "vote":
            key = message_key(
                remote=f"{message.chat}@s.whatsapp.net", from_me=True, message_id=message.target
            )
            seed = f"vote {message.id}"
            vote = {"encPayload": _digest(seed), "encIV": _digest(seed, 12)}
            stamp = int(message.at * 1000)
            content = {"pollCreationMessageKey": key, "vote": vote, "metadata": {}}
            return {"pollUpdateMessage": content | {"senderTimestampMS": stamp}}
        case "buttons_response":
            return {
                "buttonsResponseMessage": {
                    "selectedButtonID": first.lower().replace(" ", "_"),
                    "contextInfo": _chosen(message, own_jid),
                    "type": 1,
                    "Response": {"SelectedDisplayText": first},
                }
            }
        case "list_response":
            row = {"selectedRowID": first.lower().replace(" ", "_")}
            return {
                "listResponseMessage": {
                    "title": first,
                    "listType": 1,
                    "singleSelectReply": row,
                    "contextInfo": _chosen(message, own_jid),
                }
            }
        case "album":
            return {"albumMessage": {"expectedImageCount": 2, "expectedVideoCount": 0}}
    return None


def poll_vote(message: Message) -> dict[str, object]:
    """Return what the bridge adds to a vote that it could decrypt."""
    hashes = [
        base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()
        for name in message.options
    ]
    return {
        "pollCreationMsgID": message.target,
        "selectedOptions": list(message.options),
        "selectedHashesB64": hashes,
    }


def unreadable_payload(event_info: dict[str, object], *, is_view_once: bool) -> dict[str, object]:
    """Return an UndecryptableMessage, which view-once media mostly is."""
    event = {
        "Info": event_info,
        "IsUnavailable": is_view_once,
        "UnavailableType": "view_once" if is_view_once else "",
        "DecryptFailMode": "",
    }
    return {"event": event, "type": "UndecryptableMessage"}


def wrapped(body: dict[str, object], message: Message) -> dict[str, object]:
    """Return content as `RawMessage` has it: view-once media keep their wrapper there."""
    return {"viewOnceMessage": {"message": body}} if message.view_once else body


def content(
    message: Message,
    *,
    quoted: Message | None = None,
    quoted_author: str = "",
    own_jid: str = "",
) -> dict[str, object]:
    """Return the proto content of a stored message, without `messageContextInfo`.

    Args:
        quoted: the message that this text answers, if any.
        quoted_author: the JID of its author.
        own_jid: the business number's, which menus and polls came from.
    """
    context = _context(message, quoted=quoted, author=quoted_author)
    if message.media is not None:
        known = _media_content(message, message.media)
        return {f"{message.kind}Message": known | ({"contextInfo": context} if context else {})}
    if menu := _menu_content(message, own_jid=own_jid):
        return menu
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
    return _text_content(message, context)


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
