"""WuzAPI's chat and user API: sending, editing, reacting, marking as read, downloading."""

import base64
import binascii
from dataclasses import dataclass

from channels_whatsapp.simulator import people
from channels_whatsapp.simulator.api_session import (
    UserHandler,
    UserRoutes,
    require_session,
    success,
)
from channels_whatsapp.simulator.core import Simulator, new_bridge_message_id
from channels_whatsapp.simulator.http import Payload, Refused, Request, Response
from channels_whatsapp.simulator.model import (
    Media,
    Message,
    Side,
    User,
)
from channels_whatsapp.simulator.sending_call import SendingCall, Target, require_socket

# Required fields of each sending route, in the order in which WuzAPI misses them.
REQUIRED = {
    "text": ("Phone", "Body"),
    "image": ("Phone", "Image"),
    "audio": ("Phone", "Audio"),
    "video": ("Phone", "Video"),
    "document": ("Phone", "Document", "FileName"),
    "location": ("Phone", "Latitude", "Longitude"),
    "contact": ("Phone", "Name", "Vcard"),
}
# These routes spell the error with a capital letter.
CAPITAL_ERRORS = frozenset({"image", "audio", "document"})
IMAGE_STARTS = (b"\x89PNG", b"\xff\xd8", b"GIF8", b"RIFF")
EDIT_ROUTE = "/chat/send/edit"
UNQUOTING = frozenset({"location", "contact"})
"""Routes that know no quotes."""

TOO_LATE = "error sending message: server returned error 400"
"""What a late edit ends with. That WhatsApp refuses it is known, in which words is not."""


@dataclass(frozen=True)
class Quoted:
    """What a message answers; without the words of it the phone shows an empty quote."""

    id: str
    text: str


class ChatApi:
    """`/chat/*` and `/user/*`."""

    def __init__(self, simulator: Simulator, routes: UserRoutes) -> None:
        self._simulator = simulator
        for kind in REQUIRED:
            routes.add("POST", f"/chat/send/{kind}", self._sender(kind))
        routes.add("POST", EDIT_ROUTE, self.edit)
        routes.add("POST", "/chat/delete", self.delete)
        routes.add("POST", "/chat/react", self.react)
        routes.add("POST", "/chat/markread", self.mark_read)
        routes.add("POST", "/chat/presence", self.chat_presence)
        routes.add("GET", "/chat/history", self.history)
        routes.add("POST", "/chat/request-unavailable-message", self.ask_again)
        for kind in people.MEDIA_KINDS:
            routes.add("POST", f"/chat/download{kind}", self._downloader(kind))
        routes.add("POST", "/user/presence", self.user_presence)
        routes.add("POST", "/user/check", self.check)
        routes.add("GET", "/user/lid/{phone}", self.lid)

    def _target(self, phone: str) -> Target:
        text = phone.strip().removeprefix("+")
        bare, at, server = text.partition("@")
        if not bare or (at and not server):
            raise Refused(400, "could not parse Phone")
        if at and server not in ("s.whatsapp.net", "lid"):
            return Target(text, text)
        if ":" in bare:
            words = "message recipient must be a user JID with no device part"
            raise Refused(500, f"error sending message: {words}")
        contact = self._simulator.ensure_contact(text)
        jid = text if at else f"{bare}@s.whatsapp.net"
        # Since 1.0.7 a bare number that the bridge knows by its LID goes to the LID.
        if not at and contact.lid_addressed and not contact.phone_hidden:
            jid = f"{contact.lid}@lid"
        return Target(jid, contact.key)

    def _sender(self, kind: str) -> UserHandler:
        async def send(request: Request, user: User) -> Response:
            return await self._send(request, user, kind)

        return send

    async def _send(self, request: Request, user: User, kind: str) -> Response:
        require_session(user)
        payload = Payload(request.body)
        for name in REQUIRED[kind]:
            empty = (
                not payload.number(name)
                if name in ("Latitude", "Longitude")
                else not payload.text(name)
            )
            if empty:
                raise Refused(400, f"missing {name} in Payload")
        message_id = payload.text("Id") or new_bridge_message_id()
        target = self._target(payload.text("Phone"))
        quoted = Quoted("", "") if kind in UNQUOTING else _quoted(kind, payload)
        media = _media(kind, payload)
        error_start = "Error" if kind in CAPITAL_ERRORS else "error"
        async with self._simulator.lock_of(user):
            call = SendingCall(self._simulator, user, request.path, payload, message_id, target)
            await call.before(error_start)
            message = self._show(user, kind, payload, message_id, target, media, quoted)
            await call.after()
        return success({"Details": "Sent", "Id": message_id, "Timestamp": int(message.at)})

    def _show(
        self,
        user: User,
        kind: str,
        payload: Payload,
        message_id: str,
        target: Target,
        media: Media | None,
        quoted: Quoted,
    ) -> Message:
        simulator = self._simulator
        texts = {"text": "Body", "contact": "Name"}
        message = simulator.add_message(
            Message(
                seq=simulator.next_seq(),
                user_id=user.id,
                chat=target.chat,
                id=message_id,
                side=Side.BUSINESS,
                origin="api",
                kind=kind,
                at=simulator.now(),
                text=payload.text(texts.get(kind, "Caption")),
                media=media,
                latitude=payload.number("Latitude") if kind == "location" else 0.0,
                longitude=payload.number("Longitude") if kind == "location" else 0.0,
                place=payload.text("Name") if kind == "location" else "",
                vcard=payload.text("Vcard"),
                quoted_id=quoted.id,
                quoted_text=quoted.text,
                gap_s=simulator.since_last_send(user, simulator.now()),
            )
        )
        _stop_typing(simulator, user, target.chat)
        contact = simulator.contacts.get(target.chat)
        if contact is not None and not message.repeats:
            people.plan_receipts(simulator, user, contact, message)
        return message

    async def edit(self, request: Request, user: User) -> Response:
        """Change the text of a message of ours; the answer's `Id` is the target's."""
        require_session(user)
        payload = Payload(request.body)
        _require(payload, "Phone", "Id", "Body")
        target = self._target(payload.text("Phone"))
        message_id = payload.text("Id")
        async with self._simulator.lock_of(user):
            call = SendingCall(self._simulator, user, request.path, payload, message_id, target)
            await call.before("error")
            message = self._own(user, target, message_id)
            if message is not None:
                age_s = self._simulator.now() - message.at
                if age_s > self._simulator.settings.edit_window_s:
                    call.refuse(TOO_LATE)
                message.text = payload.text("Body")
                message.edited = True
                self._simulator.save_message(message)
            await call.after()
        data = {"Details": "Sent", "Id": message_id, "Timestamp": int(self._simulator.now())}
        return success(data)

    def _own(self, user: User, target: Target, message_id: str) -> Message | None:
        return self._simulator.find_message(user.id, target.chat, Side.BUSINESS, message_id)

    async def delete(self, request: Request, user: User) -> Response:
        """Delete a message of ours for everyone."""
        require_session(user)
        payload = Payload(request.body)
        _require(payload, "Phone", "Id")
        target = self._target(payload.text("Phone"))
        message = self._own(user, target, payload.text("Id"))
        if message is not None:
            message.deleted = True
            self._simulator.save_message(message)
        at = int(self._simulator.now())
        return success({"Details": "Deleted", "Id": payload.text("Id"), "Timestamp": at})

    async def react(self, request: Request, user: User) -> Response:
        """React to a message; `me:` before the id names one of ours, `remove` takes back."""
        require_session(user)
        payload = Payload(request.body)
        _require(payload, "Phone", "Body", "Id")
        target = self._target(payload.text("Phone"))
        given = payload.text("Id")
        side = Side.BUSINESS if given.startswith("me:") else Side.CONTACT
        message_id = given.removeprefix("me:")
        message = self._simulator.find_message(user.id, target.chat, side, message_id)
        if message is not None:
            emoji = payload.text("Body")
            wanted = "" if emoji == "remove" else emoji
            people.set_reaction(self._simulator, message, Side.BUSINESS, wanted)
        at = int(self._simulator.now())
        return success({"Details": "Sent", "Id": message_id, "Timestamp": at})

    async def mark_read(self, request: Request, user: User) -> Response:
        """Show the contact blue ticks."""
        require_session(user)
        payload = Payload(request.body)
        message_ids = payload.texts("Id")
        if not message_ids:
            raise Refused(400, "missing Id in Payload")
        phone = payload.text("ChatPhone") or payload.text("Chat")
        if not phone:
            raise Refused(400, "missing ChatPhone in Payload")
        target = self._target(phone)
        for message_id in message_ids:
            message = self._simulator.find_message(user.id, target.chat, Side.CONTACT, message_id)
            if message is not None:
                message.status = "read"
                self._simulator.save_message(message)
        return success({"Details": "Message(s) marked as read"})

    async def ask_again(self, request: Request, user: User) -> Response:
        """Ask the number's phone for a message that could not be decrypted; it comes by webhook."""
        require_session(user)
        payload = Payload(request.body)
        _require(payload, "chat", "sender", "id")
        require_socket(user, "failed to request unavailable message")
        target = self._target(payload.text("chat"))
        message_id = payload.text("id")
        message = self._simulator.find_message(user.id, target.chat, Side.CONTACT, message_id)
        contact = self._simulator.contacts.get(target.chat)
        if message is not None and contact is not None:
            message.asked += 1
            self._simulator.save_message(message)
            people.send_again(self._simulator, user, contact, message)
        return success({"Details": "Request sent", "Id": message_id})

    async def chat_presence(self, request: Request, user: User) -> Response:
        """Show the contact that the business is typing; the state is not validated."""
        require_session(user)
        payload = Payload(request.body)
        _require(payload, "Phone", "State")
        target = self._target(payload.text("Phone"))
        require_socket(user, "error sending chat presence")
        self._simulator.hub.tell(
            "typing",
            {
                "user_id": user.id,
                "chat": target.chat,
                "state": payload.text("State"),
                "media": payload.text("Media"),
            },
        )
        return success({"Details": "Chat presence set successfuly"})

    async def user_presence(self, request: Request, user: User) -> Response:
        """Set the account's presence."""
        require_session(user)
        if Payload(request.body).text("type") not in ("available", "unavailable"):
            raise Refused(400, "invalid presence type. Allowed values: 'available', 'unavailable'")
        return success({"Details": "Presence set successfuly"})

    async def check(self, request: Request, user: User) -> Response:
        """Tell which numbers are on WhatsApp."""
        require_session(user)
        phones = Payload(request.body).texts("Phone")
        if not phones:
            raise Refused(400, "missing Phone in Payload")
        absent = self._simulator.settings.not_on_whatsapp
        rows = [
            {
                "Query": phone,
                "IsInWhatsapp": phone.lstrip("+") not in absent,
                "JID": f"{phone.strip().lstrip('+')}@s.whatsapp.net",
                "VerifiedName": "",
            }
            for phone in phones
        ]
        return success({"Users": rows})

    async def lid(self, request: Request, user: User) -> Response:
        """Return the LID of a phone, from the local map only."""
        require_session(user)
        phone = request.params["phone"]
        contact = self._simulator.find_contact(phone)
        if contact is None or not contact.lid or contact.phone_hidden:
            raise Refused(404, "LID not found for this number")
        return success({"jid": f"{contact.phone}@s.whatsapp.net", "lid": f"{contact.lid}@lid"})

    async def history(self, request: Request, user: User) -> Response:
        """List a chat's stored messages, newest first; `index` lists the chats of everybody."""
        if not user.history:
            if self._simulator.has_quirk("history_off_forgets_key"):
                user.hmac_loaded = False
            raise Refused(501, "message history is disabled for this user")
        jid = request.query.get("chat_jid", "")
        if jid == "index":
            return success({key: list(chats) for key, chats in self._simulator.history.items()})
        contact = self._simulator.find_contact(jid)
        chat = contact.key if contact is not None else jid
        limit = int(request.query.get("limit", "50"))
        sent = [m for m in self._simulator.chat(user.id, chat) if m.origin == "api"]
        rows = [_history_row(user, jid, message, self._simulator) for message in sent]
        rows += self._simulator.history.get(user.id, {}).get(jid, [])
        rows.sort(key=lambda row: int(str(row["id"])), reverse=True)
        return success(rows[:limit] or None)

    def _downloader(self, kind: str) -> UserHandler:
        async def download(request: Request, user: User) -> Response:
            require_session(user)
            payload = Payload(request.body)
            message = self._simulator.find_media(payload.text("DirectPath"))
            if message is None or message.media is None or message.media.expired:
                raise Refused(500, f"failed to download {kind} download failed with status 403")
            mimetype = payload.text("Mimetype")
            data = f"data:{mimetype};base64,{message.media.data}"
            return success({"Mimetype": mimetype, "Data": data})

        return download


def _require(payload: Payload, *names: str) -> None:
    for name in names:
        if not payload.text(name):
            raise Refused(400, f"missing {name} in Payload")


def _quoted(kind: str, payload: Payload) -> Quoted:
    context = payload.inner("ContextInfo")
    stanza, participant = str(context.get("stanzaid", "")), str(context.get("participant", ""))
    if stanza and not participant:
        raise Refused(400, "missing Participant in ContextInfo")
    if participant and not stanza:
        raise Refused(400, "missing StanzaID in ContextInfo")
    words = str(payload.inner("QuotedMessage").get("conversation") or "")
    if kind == "text":
        words = payload.text("QuotedText") or words
    return Quoted(stanza, words if stanza else "")


def _media(kind: str, payload: Payload) -> Media | None:
    if kind not in people.MEDIA_KINDS:
        return None
    given = payload.text(kind)
    if not given.startswith("data:"):
        raise Refused(400, f"failed to fetch {kind} from url: the simulator fetches nothing")
    head, comma, data = given.partition(",")
    mimetype = head.removeprefix("data:").removesuffix(";base64")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "could not decode base64 encoded data from payload") from error
    if not comma or not raw:
        raise Refused(400, "could not decode base64 encoded data from payload")
    if kind == "image" and not raw.startswith(IMAGE_STARTS):
        raise Refused(500, "could not decode image for thumbnail preparation: unknown format")
    return Media(
        mimetype=payload.text("MimeType") or mimetype,
        data=data,
        file_name=payload.text("FileName"),
        seconds=int(payload.number("Seconds")) if kind in ("audio", "video") else 0,
    )


def _stop_typing(simulator: Simulator, user: User, chat: str) -> None:
    news = {"user_id": user.id, "chat": chat, "state": "paused", "media": ""}
    simulator.hub.tell("typing", news)


def _history_row(user: User, jid: str, message: Message, simulator: Simulator) -> dict[str, object]:
    sender = user.own_jid if message.side == Side.BUSINESS else jid
    return {
        "id": message.seq,
        "user_id": user.id,
        "chat_jid": jid,
        "sender_jid": sender,
        "message_id": message.id,
        "timestamp": simulator.timestamp(message.at),
        "message_type": message.kind,
        "text_content": message.text,
        "media_link": "",
        "data_json": "",
    }
