"""What the simulator remembers: business numbers, people, messages, and what it was asked to do.

The rows are plain dataclasses whose fields are JSON values, so a stored document can be read back
with `Row(**document)`.
"""

from dataclasses import asdict, dataclass, field
from enum import StrEnum

# WuzAPI's list of subscribable names; the admin API refuses any other.
EVENT_NAMES = frozenset(
    [
        "Message",
        "UndecryptableMessage",
        "Receipt",
        "MediaRetry",
        "ReadReceipt",
        "GroupInfo",
        "JoinedGroup",
        "Picture",
        "BlocklistChange",
        "Blocklist",
        "Connected",
        "Disconnected",
        "ConnectFailure",
        "KeepAliveRestored",
        "KeepAliveTimeout",
        "QRTimeout",
        "LoggedOut",
        "ClientOutdated",
        "TemporaryBan",
        "StreamError",
        "StreamReplaced",
        "PairSuccess",
        "PairError",
        "QR",
        "QRScannedWithoutMultidevice",
        "PrivacySettings",
        "PushNameSetting",
        "UserAbout",
        "AppState",
        "AppStateSyncComplete",
        "HistorySync",
        "OfflineSyncCompleted",
        "OfflineSyncPreview",
        "CallOffer",
        "CallAccept",
        "CallTerminate",
        "CallOfferNotice",
        "CallRelayLatency",
        "Presence",
        "ChatPresence",
        "IdentityChange",
        "CATRefreshError",
        "NewsletterJoin",
        "NewsletterLeave",
        "NewsletterMuteChange",
        "NewsletterLiveUpdate",
        "FBMessage",
        "All",
    ]
)
# Accepted for subscription and still never sent.
NEVER_DELIVERED = frozenset(
    [
        "Receipt",
        "StreamReplaced",
        "PushNameSetting",
        "AppState",
        "AppStateSyncComplete",
        "QRScannedWithoutMultidevice",
        "CATRefreshError",
    ]
)


class State(StrEnum):
    """Where a business number's session stands."""

    ABSENT = "absent"
    QR = "qr"
    ONLINE = "online"
    DROPPED = "dropped"
    REPLACED = "replaced"
    BANNED = "banned"
    OUTDATED = "outdated"


class Side(StrEnum):
    """Who wrote a message, seen from the conversation."""

    CONTACT = "contact"
    BUSINESS = "business"


@dataclass
class User:
    """A WuzAPI user: one business number with its webhook.

    `backlog` holds the payloads that WhatsApp keeps while the number is not connected.
    """

    id: str
    name: str
    token: str
    webhook: str = ""
    events: str = ""
    expiration: int = 0
    history: int = 0
    hmac_key: str = ""
    hmac_loaded: bool = True
    subscription_wiped: bool = False
    proxy_url: str = ""
    webhook_use_proxy: bool = True
    proxy_enabled: bool = False
    s3: dict[str, object] = field(default_factory=dict)
    phone: str = ""
    lid: str = ""
    jid: str = ""
    paired: bool = False
    logged_in: bool = False
    state: str = State.ABSENT
    qrcode: str = ""
    removed: bool = False
    backlog: list[dict[str, object]] = field(default_factory=list)

    @property
    def connected(self) -> bool:
        """Tell what status answers: a socket is up, which is also so while a QR code waits."""
        return self.state in (State.ONLINE, State.QR)

    @property
    def own_jid(self) -> str:
        """Return the number's address without the device part."""
        return f"{self.phone}@s.whatsapp.net"


@dataclass
class Contact:
    """A person with a phone.

    `lid_addressed` makes the person's chats arrive under the LID; with `phone_hidden` the phone
    number is not revealed either.
    """

    key: str
    name: str
    phone: str
    lid: str
    lid_addressed: bool = False
    phone_hidden: bool = False

    @property
    def address(self) -> str:
        """Return the JID under which the person's direct chats arrive."""
        return f"{self.lid}@lid" if self.lid_addressed else f"{self.phone}@s.whatsapp.net"

    @property
    def other_address(self) -> str:
        """Return the person's other JID, or "" if WhatsApp doesn't say."""
        if not self.lid_addressed:
            return f"{self.lid}@lid" if self.lid else ""
        return "" if self.phone_hidden or not self.phone else f"{self.phone}@s.whatsapp.net"


@dataclass
class Media:
    """An attached file. `data` is standard base64; `seconds`, `width`, `height` as applicable."""

    mimetype: str
    data: str
    file_name: str = ""
    seconds: int = 0
    width: int = 0
    height: int = 0
    direct_path: str = ""
    expired: bool = False


@dataclass
class Message:
    """One message of one chat. `seq` orders everything that happened; `at` is unix seconds.

    `status` climbs sent, delivered, read. `gap_s`: of what the API sent, how long after the
    number's message before it, in any chat; -1 for its first. `quoted_text`: what the quote of
    what the API sent shows. `asked`: how often the number's phone was asked for it again. For a
    contact's message, `delivery` tells what became of its webhook: waiting, sending, accepted,
    failed, lost or unsubscribed.
    """

    seq: int
    user_id: str
    chat: str
    id: str
    side: str
    origin: str
    kind: str
    at: float
    text: str = ""
    status: str = "sent"
    delivery: str = ""
    repeats: int = 0
    edited: bool = False
    deleted: bool = False
    reactions: dict[str, str] = field(default_factory=dict)
    media: Media | None = None
    latitude: float = 0.0
    longitude: float = 0.0
    place: str = ""
    vcard: str = ""
    quoted_id: str = ""
    quoted_text: str = ""
    asked: int = 0
    options: list[str] = field(default_factory=list)
    forwarded: bool = False
    expires_s: int = 0
    view_once: bool = False
    mentions: list[str] = field(default_factory=list)
    target: str = ""
    gap_s: float = -1.0


@dataclass
class SendRecord:
    """One call of a sending route, as test checkers want to read it.

    `outcome`: accepted, refused (nothing was shown) or answer_dropped (shown, caller not told).
    `gap_s`: seconds since the user's call before it; -1 for the first. It makes a pace visible.
    """

    seq: int
    user_id: str
    path: str
    id: str
    id_supplied: bool
    phone: str
    jid: str
    body: str
    at: float
    outcome: str
    status: int
    payload: dict[str, object] = field(default_factory=dict)
    gap_s: float = -1.0


@dataclass
class WebhookRecord:
    """One event on its way to a webhook URL.

    `outcome`: sending, accepted, failed, lost or unsubscribed. `attempts` are
    `{"at", "status", "error"}` with status 0 when no answer came.
    """

    seq: int
    user_id: str
    type: str
    ref: str
    at: float
    outcome: str = "sending"
    attempts: list[dict[str, object]] = field(default_factory=list)


@dataclass
class Faults:
    """Troubles to act out. Counts `*_next` run down to zero; -1 means until switched off.

    Rates are probabilities between 0 and 1, times are seconds. `send_delay_s` passes before a
    message is shown, `answer_delay_s` after it and before the HTTP answer, `shuffle_s` bounds the
    random wait that makes webhooks overtake each other.
    """

    send_delay_s: float = 0.0
    answer_delay_s: float = 0.0
    fail_next: int = 0
    fail_rate: float = 0.0
    fail_status: int = 500
    fail_text: str = "error sending message: server returned error 463"
    drop_answer_next: int = 0
    drop_answer_rate: float = 0.0
    drop_answer_mode: str = "close"
    duplicate_webhooks: int = 0
    shuffle_s: float = 0.0
    lose_webhooks_next: int = 0
    lose_rate: float = 0.0


@dataclass
class Settings:
    """How people and the bridge behave when nothing is broken.

    `receipts`: auto (delivered, then read, after the delays in seconds), on_view (read when the
    page shows the chat) or manual. `quirks` are WuzAPI's own bugs that are switched on.
    `edit_window_s`: how long WhatsApp takes edits of a message, in seconds.
    """

    receipts: str = "auto"
    delivered_s: float = 0.3
    read_s: float = 1.5
    edit_window_s: float = 1200.0
    quirks: list[str] = field(default_factory=list)
    not_on_whatsapp: list[str] = field(default_factory=list)


QUIRKS = frozenset(
    [
        "unsigned_until_hmac_config",
        "webhook_without_events_wipes_events",
        "empty_jid_after_pairing",
        "success_true_on_500",
        "plain_delete_keeps_token",
        "stuck_already_connected",
        "history_off_forgets_key",
    ]
)
RECEIPT_MODES = frozenset({"auto", "on_view", "manual"})


def message_view(message: Message) -> dict[str, object]:
    """Return a message as the page and the tests see it, without the bytes of its file."""
    document = asdict(message)
    document["at"] = int(message.at * 1000)
    if message.media is not None:
        document["media"] = {
            "mimetype": message.media.mimetype,
            "file_name": message.media.file_name,
            "seconds": message.media.seconds,
            "width": message.media.width,
            "height": message.media.height,
            "url": f"media/{message.seq}",
        }
    return document


def user_view(user: User) -> dict[str, object]:
    """Return a business number as the page and the tests see it."""
    return {
        "id": user.id,
        "name": user.name,
        "token": user.token,
        "phone": user.phone,
        "jid": user.jid,
        "state": str(user.state),
        "connected": user.connected,
        "logged_in": user.logged_in,
        "paired": user.paired,
        "webhook": user.webhook,
        "events": user.events,
        "signed": bool(user.hmac_key),
        "n_waiting": len(user.backlog),
    }
