"""The simulator's state and the few operations that everything else is made of."""

import asyncio
import hashlib
import secrets
import time
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from channels_whatsapp.simulator import payloads, wire
from channels_whatsapp.simulator.courier import Courier
from channels_whatsapp.simulator.http import Refused
from channels_whatsapp.simulator.hub import Hub
from channels_whatsapp.simulator.model import (
    Contact,
    Faults,
    Media,
    Message,
    SendRecord,
    Settings,
    State,
    User,
    WebhookRecord,
    message_view,
    user_view,
)
from channels_whatsapp.simulator.store import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Row = TypeVar("Row", bound=DataclassInstance)

# Calls of sending routes remembered for test checkers.
MAX_SENDS = 100_000


@dataclass(frozen=True)
class Options:
    """What the command line decides.

    Attributes:
        time_scale: factor on the bridge's own waits (retries, QR codes, the sleep of connect).
        code_lifetimes_s: how long each code of a pairing is on show, in seconds, before time_scale.
        auto_pair: a connected number without a phone is paired at once, nobody needs to scan.
        zone: IANA name of the zone in which the bridge writes its timestamps.
    """

    admin_token: str = "simulator-admin"  # noqa: S105 - a simulator's, and overridable
    webhook_format: str = "json"
    state_path: Path | None = None
    time_scale: float = 1.0
    code_lifetimes_s: tuple[float, ...] = (60.0, 20.0, 20.0, 20.0, 20.0, 20.0)
    auto_pair: bool = True
    zone: str = "America/Sao_Paulo"
    seed: bool = False


def from_document(kind: "type[Row]", document: Mapping[str, object]) -> "Row":
    """Build a row from its stored document, ignoring fields of other versions."""
    known = {field.name for field in fields(kind)}
    return kind(**{key: value for key, value in document.items() if key in known})


def digits_of(seed: str, n_digits: int) -> str:
    """Return invented but stable decimal digits."""
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:12], "big")
    return str(number).zfill(n_digits)[-n_digits:]


def new_contact_message_id() -> str:
    """Return a message id as a phone makes them."""
    return "AC" + secrets.token_hex(15).upper()


def new_bridge_message_id() -> str:
    """Return a message id as WuzAPI makes them."""
    return "3EB0" + secrets.token_hex(9).upper()


class Simulator:
    """Users, contacts, chats and their messages; all access is from one event loop."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.zone = ZoneInfo(options.zone)
        self.hub = Hub()
        self.store = Store(options.state_path)
        self.courier = Courier(
            webhook_format=options.webhook_format,
            time_scale=options.time_scale,
            on_outcome=self._webhook_settled,
            next_seq=self.next_seq,
        )
        self.started_at = time.time()
        self.base_url = ""
        self.users: dict[str, User] = {}
        self.contacts: dict[str, Contact] = {}
        self.messages: dict[int, Message] = {}
        self.settings = Settings()
        self.faults: dict[str, Faults] = {"": Faults()}
        # What the bridge itself keeps: user id -> chat -> rows, the oldest first.
        self.history: dict[str, dict[str, list[dict[str, object]]]] = {}
        self.sends: deque[SendRecord] = deque(maxlen=MAX_SENDS)
        self._chats: dict[tuple[str, str], list[Message]] = {}
        self._by_id: dict[tuple[str, str, str, str], Message] = {}
        self._by_media: dict[str, Message] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._seq = 0
        self._load()

    # Rows

    def _load(self) -> None:
        for key, document in self.store.read("user"):
            self.users[key] = from_document(User, document)
        for key, document in self.store.read("contact"):
            self.contacts[key] = from_document(Contact, document)
        for _, document in self.store.read("message"):
            media = document.get("media")
            if isinstance(media, dict):
                document["media"] = from_document(Media, media)
            self._index(from_document(Message, document))
        for _, document in self.store.read("send"):
            self.sends.append(from_document(SendRecord, document))
        for _, document in self.store.read("settings"):
            self.settings = from_document(Settings, document)
        self._seq = max([*self.messages, *(record.seq for record in self.sends), 0])

    def next_seq(self) -> int:
        """Return the next number in the order of everything that happens."""
        self._seq += 1
        return self._seq

    def _index(self, message: Message) -> None:
        self.messages[message.seq] = message
        self._chats.setdefault((message.user_id, message.chat), []).append(message)
        self._by_id[(message.user_id, message.chat, message.side, message.id)] = message
        if message.media is not None:
            self._by_media[message.media.direct_path] = message

    def save_user(self, user: User) -> None:
        """Keep a user and tell the pages."""
        self.users[user.id] = user
        self.store.put("user", user.id, user)
        self.hub.tell("user", user_view(user))

    def remove_user(self, user: User) -> None:
        """Forget a user and the chats."""
        self.users.pop(user.id, None)
        self.history.pop(user.id, None)
        self.store.remove("user", user.id)
        for key in [key for key in self._chats if key[0] == user.id]:
            for message in self._chats.pop(key):
                self._forget_message(message)
        self.hub.tell("reload", {})

    def _forget_message(self, message: Message) -> None:
        self.messages.pop(message.seq, None)
        self._by_id.pop((message.user_id, message.chat, message.side, message.id), None)
        self.store.remove("message", f"{message.seq:012d}")

    def save_contact(self, contact: Contact) -> None:
        """Keep a contact and tell the pages."""
        self.contacts[contact.key] = contact
        self.store.put("contact", contact.key, contact)
        self.hub.tell("contact", contact.__dict__)

    def add_message(self, message: Message) -> Message:
        """Show a message in its chat.

        A repeated id of the same side shows nothing new: the repeat is counted on the first.

        Returns:
            the message that is shown.
        """
        shown = self.find_message(message.user_id, message.chat, message.side, message.id)
        if shown is not None:
            shown.repeats += 1
            self.save_message(shown)
            return shown
        if message.media is not None and not message.media.direct_path:
            message.media.direct_path = payloads.media_path(message.id, message.kind)
        self._index(message)
        self.save_message(message)
        return message

    def save_message(self, message: Message) -> None:
        """Keep a changed message and tell the pages."""
        self.store.put("message", f"{message.seq:012d}", message)
        self.hub.tell("message", message_view(message))

    def save_settings(self) -> None:
        """Keep the settings and tell the pages."""
        self.store.put("settings", "settings", self.settings)
        self.hub.tell("settings", self.settings.__dict__)

    def find_message(self, user_id: str, chat: str, side: str, message_id: str) -> Message | None:
        """Return a message by its id, or None."""
        return self._by_id.get((user_id, chat, side, message_id))

    def find_media(self, direct_path: str) -> Message | None:
        """Return the message whose file lies at a path of the media server, or None."""
        return self._by_media.get(direct_path)

    def chat(self, user_id: str, chat: str) -> list[Message]:
        """Return a chat's messages in the order in which they happened."""
        return self._chats.get((user_id, chat), [])

    def chats_of(self, user_id: str) -> list[str]:
        """Return the keys of a user's chats."""
        return [chat for owner, chat in self._chats if owner == user_id]

    def since_last_send(self, user: User, at: float) -> float:
        """Return for how many seconds a user had sent nothing at an instant; -1 where never."""
        calls = (one.at for one in reversed(self.sends) if one.user_id == user.id)
        last = next(calls, None)
        return -1.0 if last is None else round(max(0.0, at - last), 3)

    def record_send(self, record: SendRecord) -> None:
        """Remember a call of a sending route."""
        self.sends.append(record)
        self.store.put("send", f"{record.seq:012d}", record)
        self.hub.tell("send", {"user_id": record.user_id, "outcome": record.outcome})

    def reset(self, *, keep_users: bool) -> None:
        """Forget messages, logs, faults, settings and what is under way; users unless kept."""
        for kind in ("message", "send", "settings"):
            self.store.clear(kind)
        for rows in (self.messages, self._chats, self._by_id, self._by_media):
            rows.clear()
        self.sends.clear()
        self.history.clear()
        self.courier.forget()
        for task in self._tasks:
            task.cancel()
        self.faults = {"": Faults()}
        self.settings = Settings()
        if not keep_users:
            for kind in ("user", "contact"):
                self.store.clear(kind)
            self.users.clear()
            self.contacts.clear()
        for user in self.users.values():
            user.backlog.clear()
            self.store.put("user", user.id, user)
        self.hub.tell("reload", {})

    # Look-ups

    def find_token(self, token: str) -> User | None:
        """Return the user whose token it is, or None."""
        return next((user for user in self.users.values() if user.token == token), None)

    def get_user(self, ref: str) -> User:
        """Return a user by id, token, name or phone.

        Raises:
            Refused: 404 if there is none.
        """
        if ref in self.users:
            return self.users[ref]
        for user in self.users.values():
            if ref and ref in (user.token, user.name, user.phone):
                return user
        raise Refused(404, f"no user {ref!r}")

    def find_contact(self, ref: str) -> Contact | None:
        """Return a contact by key, phone, LID or full JID, or None."""
        bare = ref.partition("@")[0].partition(":")[0].removeprefix("+")
        found = self.contacts.get(bare)
        if found is not None:
            return found
        return next(
            (
                contact
                for contact in self.contacts.values()
                if bare and bare in (contact.phone, contact.lid)
            ),
            None,
        )

    def ensure_contact(self, ref: str, *, name: str = "") -> Contact:
        """Return the contact behind a phone, LID or JID, inventing a person if needed."""
        found = self.find_contact(ref)
        if found is not None:
            return found
        bare, _, server = ref.partition("@")
        bare = bare.partition(":")[0].removeprefix("+")
        if server == "lid":
            contact = Contact(bare, name or bare, "", bare, lid_addressed=True, phone_hidden=True)
        else:
            contact = Contact(bare, name or f"+{bare}", bare, "1" + digits_of(bare, 14))
        self.save_contact(contact)
        return contact

    def faults_of(self, user: User) -> Faults:
        """Return the faults in force for a user: the user's own, else everybody's."""
        return self.faults.get(user.id) or self.faults[""]

    def has_quirk(self, name: str) -> bool:
        """Tell whether one of WuzAPI's bugs is switched on."""
        return name in self.settings.quirks

    def lock_of(self, user: User) -> asyncio.Lock:
        """Return the lock that serialises the sends of one session."""
        return self._locks.setdefault(user.id, asyncio.Lock())

    def now(self) -> float:
        """Return the time in unix seconds."""
        return time.time()

    def timestamp(self, at: float) -> str:
        """Write an instant (unix seconds) as the bridge does."""
        return payloads.timestamp(at, self.zone)

    # Events and background work

    def emit(
        self, user: User, payload: dict[str, object], *, message: Message | None = None
    ) -> None:
        """Hand an event of WhatsApp to the bridge, or keep it while the number is away."""
        ref = "" if message is None else str(message.seq)
        if user.state != State.ONLINE:
            user.backlog.append({"payload": payload, "ref": ref})
            self._set_delivery(message, "waiting")
            self.save_user(user)
            return
        self._set_delivery(message, "sending")
        self.keep_history(user, payload)
        self.courier.submit(user, payload, ref=ref, faults=self.faults_of(user))

    def keep_history(self, user: User, payload: dict[str, object]) -> None:
        """Keep a message as the bridge does, where its user has asked for that.

        It is kept when the bridge gets it, whatever becomes of the webhook, with the event as text.
        """
        event = payload["event"]
        if not user.history or payload["type"] != "Message" or not isinstance(event, dict):
            return
        info, content = event["Info"], event["Message"]
        chat, ref = str(info["Chat"]), str(info["ID"])
        rows = self.history.setdefault(user.id, {}).setdefault(chat, [])
        if any(row["message_id"] == ref for row in rows):
            return
        text = content.get("conversation") or content.get("extendedTextMessage", {}).get("text")
        rows.append(
            {
                "id": self.next_seq(),
                "user_id": user.id,
                "chat_jid": chat,
                "sender_jid": str(info["Sender"]),
                "message_id": ref,
                "timestamp": self.timestamp(self.now()),
                "message_type": str(info["Type"]),
                "text_content": str(text or ""),
                "media_link": "",
                "data_json": wire.dump(event, sort_keys=False),
            }
        )
        del rows[: -user.history]

    def emit_now(self, user: User, payload: dict[str, object]) -> None:
        """Post an event about the session itself, whatever its state."""
        self.courier.submit(user, payload, ref="", faults=self.faults_of(user))

    def flush_backlog(self, user: User) -> None:
        """Hand over what waited for the number to connect."""
        waiting, user.backlog = user.backlog, []
        for item in waiting:
            payload, ref = item["payload"], str(item["ref"])
            if isinstance(payload, dict):
                message = self.messages.get(int(ref)) if ref else None
                self.emit(user, payload, message=message)

    def _set_delivery(self, message: Message | None, delivery: str) -> None:
        if message is not None:
            message.delivery = delivery
            self.save_message(message)

    def _webhook_settled(self, record: WebhookRecord) -> None:
        message = self.messages.get(int(record.ref)) if record.ref else None
        if message is None:
            return
        message.delivery = record.outcome
        if record.outcome == "accepted" and message.status == "sent":
            message.status = "delivered"
        self.save_message(message)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests until it ends or the simulator stops."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop background work and close the file."""
        self.hub.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.close()
        self.store.close()
