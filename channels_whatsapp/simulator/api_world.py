"""The test API: what people do, as HTTP. Mounted at `/sim` and, for the page, `/simulator/api`."""

import base64
import time
from collections.abc import Awaitable, Callable

from channels_whatsapp.simulator import fields, people
from channels_whatsapp.simulator.core import Simulator, digits_of
from channels_whatsapp.simulator.http import (
    Refused,
    Request,
    Response,
    Router,
    json_response,
    not_found,
)
from channels_whatsapp.simulator.model import (
    Contact,
    Message,
    Side,
    User,
    message_view,
    user_view,
)

PREFIXES = ("/sim", "/simulator/api")
MAX_MESSAGES = 500


def add_routes(
    router: Router,
    routes: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]],
) -> None:
    """Register routes under both prefixes."""
    for method, path, handler in routes:
        for prefix in PREFIXES:
            router.add(method, f"{prefix}{path}", handler)


class WorldApi:
    """Users, contacts, chats, messages and everything that people do with them."""

    def __init__(self, simulator: Simulator, router: Router) -> None:
        self._simulator = simulator
        add_routes(
            router,
            [
                ("GET", "/state", self.state),
                ("GET", "/events", self.events),
                ("GET", "/users", self.users),
                ("GET", "/contacts", self.contacts),
                ("POST", "/contacts", self.create_contact),
                ("GET", "/chats", self.chats),
                ("GET", "/messages", self.messages),
                ("GET", "/media/{seq}", self.media),
                ("POST", "/contact-sends", self.contact_sends),
                ("POST", "/owner-sends", self.owner_sends),
                ("POST", "/typing", self.typing),
                ("POST", "/edit", self.edit),
                ("POST", "/delete", self.delete),
                ("POST", "/react", self.react),
                ("POST", "/receipts", self.receipts),
                ("POST", "/view", self.view),
                ("POST", "/expire-media", self.expire_media),
            ],
        )

    # Reading

    async def state(self, request: Request) -> Response:
        """Return all the page needs; `contact` limits the chats to one person's."""
        contact = request.query.get("contact", "")
        simulator = self._simulator
        return json_response(
            {
                "users": self._user_views(),
                "contacts": [dict(item.__dict__) for item in simulator.contacts.values()],
                "chats": self._chat_views(contact),
                "faults": {key: dict(row.__dict__) for key, row in simulator.faults.items()},
                "settings": dict(simulator.settings.__dict__),
                "options": {
                    "webhook_format": simulator.options.webhook_format,
                    "auto_pair": simulator.options.auto_pair,
                    "time_scale": simulator.options.time_scale,
                },
            }
        )

    async def events(self, _: Request) -> Response:
        """Stream news as server-sent events."""
        return Response(
            content_type="text/event-stream",
            headers={"cache-control": "no-cache", "x-accel-buffering": "no"},
            stream=self._simulator.hub.stream(),
        )

    def _user_views(self) -> list[dict[str, object]]:
        return [user_view(user) for user in self._simulator.users.values() if not user.removed]

    async def users(self, _: Request) -> Response:
        """List business numbers."""
        return json_response({"users": self._user_views()})

    async def contacts(self, _: Request) -> Response:
        """List people."""
        rows = [dict(contact.__dict__) for contact in self._simulator.contacts.values()]
        return json_response({"contacts": rows})

    def _chat_views(self, contact_key: str) -> list[dict[str, object]]:
        views = []
        for user in self._simulator.users.values():
            for chat in self._simulator.chats_of(user.id):
                if contact_key in ("", chat):
                    views.append(self._chat_view(user, chat))
        return views

    def _chat_view(self, user: User, chat: str) -> dict[str, object]:
        messages = self._simulator.chat(user.id, chat)
        return {
            "user_id": user.id,
            "chat": chat,
            "n_messages": len(messages),
            "n_business": sum(message.side == Side.BUSINESS for message in messages),
            "last": message_view(messages[-1]) if messages else None,
        }

    async def chats(self, request: Request) -> Response:
        """List chats; `user` limits them to one number's."""
        ref = request.query.get("user")
        wanted = self._simulator.get_user(ref).id if ref else None
        views = [view for view in self._chat_views("") if wanted in (None, view["user_id"])]
        return json_response({"chats": views})

    async def messages(self, request: Request) -> Response:
        """List a chat's messages: `user`, `contact` (or `chat`), `after` a seq, `limit`."""
        user = self._simulator.get_user(request.query.get("user", ""))
        ref = request.query.get("chat") or request.query.get("contact", "")
        contact = self._simulator.find_contact(ref)
        after = _whole(request, "after", 0)
        limit = _whole(request, "limit", MAX_MESSAGES)
        messages = self._simulator.chat(user.id, contact.key if contact is not None else ref)
        wanted = [message for message in messages if message.seq > after]
        return json_response({"messages": [message_view(message) for message in wanted[-limit:]]})

    async def media(self, request: Request) -> Response:
        """Return a message's file."""
        seq = request.params["seq"]
        message = self._simulator.messages.get(int(seq)) if seq.isdigit() else None
        if message is None or message.media is None:
            return not_found()
        # Never let an uploaded page run in this origin.
        safe = {
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "cache-control": "private, max-age=3600",
        }
        body = base64.b64decode(message.media.data)
        return Response(200, body, message.media.mimetype, safe)

    # People

    def _user(self, body: dict[str, object]) -> User:
        return self._simulator.get_user(fields.text(body, "user"))

    def _contact(self, body: dict[str, object]) -> Contact:
        """Return the contact named by `contact` (key, phone, LID, JID), made up if unknown."""
        ref = fields.text(body, "contact") or fields.text(body, "phone")
        if not ref:
            raise Refused(400, "contact is missing")
        return self._simulator.ensure_contact(ref, name=fields.text(body, "name"))

    async def create_contact(self, request: Request) -> Response:
        """Create or change a person.

        `name`, `phone` (digits), `lid`, `lid_addressed` (chats arrive under the LID),
        `phone_hidden` (and the phone isn't revealed).
        """
        body = request.json()
        phone = "".join(filter(str.isdigit, fields.text(body, "phone")))
        lid = "".join(filter(str.isdigit, fields.text(body, "lid")))
        if not phone and not lid:
            raise Refused(400, "phone or lid is needed")
        hidden = fields.flag(body, "phone_hidden")
        contact = Contact(
            key=phone or lid,
            name=fields.text(body, "name") or f"+{phone or lid}",
            phone=phone,
            lid=lid or "1" + digits_of(phone, 14),
            lid_addressed=fields.flag(body, "lid_addressed") or hidden or not phone,
            phone_hidden=hidden,
        )
        self._simulator.save_contact(contact)
        return json_response({"contact": dict(contact.__dict__)})

    def _draft(self, body: dict[str, object]) -> people.Draft:
        kind = fields.text(body, "kind", "text")
        media = None
        if kind in people.MEDIA_KINDS:
            media = people.media_from(
                kind,
                data=fields.text(body, "data"),
                mimetype=fields.text(body, "mimetype"),
                file_name=fields.text(body, "file_name"),
                seconds=int(fields.number(body, "seconds")),
                size=(int(fields.number(body, "width")), int(fields.number(body, "height"))),
            )
        return people.Draft(
            kind=kind,
            at=fields.number(body, "timestamp") or time.time(),
            text=fields.text(body, "text"),
            message_id=fields.text(body, "id"),
            media=media,
            latitude=fields.number(body, "latitude"),
            longitude=fields.number(body, "longitude"),
            place=fields.text(body, "place"),
            vcard=fields.text(body, "vcard"),
            quoted_id=fields.text(body, "quoted_id"),
            group=fields.text(body, "group"),
            is_status=fields.flag(body, "status"),
            options=tuple(fields.texts(body, "options")),
            forwarded=fields.flag(body, "forwarded"),
            expires_s=int(fields.number(body, "expires_s")),
            view_once=fields.flag(body, "view_once"),
            mentions=tuple(fields.texts(body, "mentions")),
            target=fields.text(body, "target"),
        )

    def _shown(self, message: Message) -> Response:
        return json_response({"message": message_view(message)})

    async def contact_sends(self, request: Request) -> Response:
        """Let a contact write.

        `user`, `contact`, `kind` (text), `text`; optional `name`, `id`, `timestamp` (unix s),
        `data` (base64), `mimetype`, `file_name`, `seconds`, `width`, `height`, `latitude`,
        `longitude`, `place`, `vcard`, `quoted_id`, `group` (a group's JID), `status` (true),
        `options` (of a poll; what a vote or choice took), `target` (the poll or menu),
        `forwarded`, `expires_s`, `view_once`, `mentions` (JIDs).
        """
        body = request.json()
        user, contact = self._user(body), self._contact(body)
        return self._shown(people.contact_sends(self._simulator, user, contact, self._draft(body)))

    async def owner_sends(self, request: Request) -> Response:
        """Let the business's owner answer on the paired phone; fields as in contact-sends."""
        body = request.json()
        user, contact = self._user(body), self._contact(body)
        return self._shown(people.owner_sends(self._simulator, user, contact, self._draft(body)))

    async def typing(self, request: Request) -> Response:
        """Let a contact type: `state` composing or paused, `media` "" or audio."""
        body = request.json()
        user, contact = self._user(body), self._contact(body)
        state = fields.text(body, "state", "composing")
        media = fields.text(body, "media")
        people.contact_types(self._simulator, user, contact, state=state, media=media)
        return json_response({})

    async def edit(self, request: Request) -> Response:
        """Let a contact change a text: `id`, `text`, `encrypted` for today's form."""
        body = request.json()
        own_id = people.contact_edits(
            self._simulator,
            self._user(body),
            self._contact(body),
            message_id=fields.text(body, "id"),
            text=fields.text(body, "text"),
            at=time.time(),
            encrypted=fields.flag(body, "encrypted"),
        )
        return json_response({"id": own_id})

    async def delete(self, request: Request) -> Response:
        """Let a contact delete a message for everyone: `id`, `with_type` (true)."""
        body = request.json()
        own_id = people.contact_deletes(
            self._simulator,
            self._user(body),
            self._contact(body),
            message_id=fields.text(body, "id"),
            at=time.time(),
            with_type=fields.flag(body, "with_type", default=True),
        )
        return json_response({"id": own_id})

    async def react(self, request: Request) -> Response:
        """Let a contact react: `id`, `emoji` ("" takes it back)."""
        body = request.json()
        own_id = people.contact_reacts(
            self._simulator,
            self._user(body),
            self._contact(body),
            message_id=fields.text(body, "id"),
            emoji=fields.text(body, "emoji"),
            at=time.time(),
        )
        return json_response({"id": own_id})

    async def receipts(self, request: Request) -> Response:
        """Acknowledge business messages by hand: `ids`, `state` delivered or read."""
        body = request.json()
        people.give_receipt(
            self._simulator,
            self._user(body),
            self._contact(body),
            message_ids=fields.texts(body, "ids"),
            status=fields.text(body, "state"),
        )
        return json_response({})

    async def view(self, request: Request) -> Response:
        """Tell that the contact has the chat open; with `on_view` this reads the messages."""
        body = request.json()
        user, contact = self._user(body), self._contact(body)
        return json_response({"n_unread": people.contact_views(self._simulator, user, contact)})

    async def expire_media(self, request: Request) -> Response:
        """Let the media server forget a message's file: `id`."""
        body = request.json()
        user, contact = self._user(body), self._contact(body)
        message = people.get_message(
            self._simulator, user, contact, fields.text(body, "id"), Side.CONTACT
        )
        if message.media is not None:
            message.media.expired = True
            self._simulator.save_message(message)
        return json_response({})


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return int(text) if text.isdigit() else default
