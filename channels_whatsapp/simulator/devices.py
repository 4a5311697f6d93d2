"""The life of a session: connecting, pairing, dropping, being thrown out."""

import asyncio
import base64
import hashlib
import secrets

from channels_whatsapp.simulator import samples
from channels_whatsapp.simulator.core import Simulator, digits_of
from channels_whatsapp.simulator.http import Refused
from channels_whatsapp.simulator.model import EVENT_NAMES, State, User

QR_PIXELS = 256
QR_MODULES = 32
# Companion number of the linked device, as seen in addresses like 5511…:12@s.whatsapp.net.
DEVICE = 12
LOGGED_OUT_REASON = 401
BAN_CODE = 102
BAN_NANOSECONDS = 86_400_000_000_000


def new_user(simulator: Simulator, *, name: str, token: str, phone: str = "") -> User:
    """Build a user with an invented id, and an invented number if none is given; not yet saved."""
    user_id = secrets.token_hex(16)
    user = User(id=user_id, name=name, token=token)
    user.phone = phone or f"55119{digits_of(name + token, 8)}"
    user.lid = "2" + digits_of(user_id, 14)
    user.hmac_loaded = not simulator.has_quirk("unsigned_until_hmac_config")
    return user


def known_events(names: list[str]) -> str:
    """Return the subscribable names as WuzAPI stores them, silently dropping others."""
    return ",".join(name for name in names if name in EVENT_NAMES)


def connect(simulator: Simulator, user: User) -> None:
    """Start a session: online if the keys are there, else showing QR codes.

    Raises:
        Refused: 500 if there is a client already.
    """
    # Its bug: a client that it has lost sight of, which only a restart takes away.
    is_stuck = simulator.has_quirk("stuck_already_connected")
    if is_stuck or user.state in (State.QR, State.ONLINE, State.DROPPED):
        raise Refused(500, "already connected")
    _start(simulator, user)


def _start(simulator: Simulator, user: User) -> None:
    if user.paired:
        go_online(simulator, user)
        return
    user.state = State.QR
    user.qrcode = qr_image(secrets.token_hex(8))
    simulator.save_user(user)
    if simulator.options.auto_pair:
        scan(simulator, user)
    else:
        simulator.spawn(_rotate_codes(simulator, user))


async def _rotate_codes(simulator: Simulator, user: User) -> None:
    for lifetime_s in simulator.options.code_lifetimes_s:
        user.qrcode = qr_image(secrets.token_hex(8))
        simulator.save_user(user)
        payload: dict[str, object] = {"event": "code", "qrCodeBase64": user.qrcode, "type": "QR"}
        simulator.emit_now(user, payload)
        shown = user.qrcode
        await asyncio.sleep(lifetime_s * simulator.options.time_scale)
        if user.state != State.QR or user.qrcode != shown:
            return
    simulator.emit_now(user, {"event": "timeout", "type": "QRTimeout"})
    user.state = State.ABSENT
    user.qrcode = ""
    simulator.save_user(user)


def scan(simulator: Simulator, user: User, *, phone: str = "") -> None:
    """Pair the number, as if its owner had scanned the QR code.

    Raises:
        Refused: 409 if no code is shown.
    """
    if user.state != State.QR:
        raise Refused(409, "no QR code to scan: connect first")
    user.phone = phone or user.phone
    user.paired = True
    user.qrcode = ""
    user.jid = f"{user.phone}:{DEVICE}@s.whatsapp.net"
    event = {
        "ID": user.jid,
        "LID": f"{user.lid}:{DEVICE}@lid",
        "BusinessName": user.name,
        "Platform": "smba",
    }
    if simulator.has_quirk("empty_jid_after_pairing"):
        user.jid = ""
    simulator.emit_now(user, {"event": event, "type": "PairSuccess"})
    go_online(simulator, user)


def go_online(simulator: Simulator, user: User) -> None:
    """Bring a paired number online and hand over what waited."""
    user.state = State.ONLINE
    user.logged_in = True
    simulator.save_user(user)
    simulator.emit_now(user, {"event": {}, "type": "Connected"})
    simulator.flush_backlog(user)


def disconnect(simulator: Simulator, user: User) -> None:
    """Close the session by API; the keys stay.

    Raises:
        Refused: 500 in WuzAPI's words if there is nothing to close.
    """
    if user.state == State.ABSENT:
        raise Refused(500, "no session")
    if not user.connected:
        raise Refused(500, "cannot disconnect because it is not logged in")
    _leave(simulator, user, State.ABSENT)


def logout(simulator: Simulator, user: User) -> None:
    """Log out by API: no webhook, and the stored jid stays.

    Raises:
        Refused: 500 in WuzAPI's words if there is nobody to log out.
    """
    if user.state == State.ABSENT:
        raise Refused(500, "no session")
    if not user.connected:
        raise Refused(500, "could not disconnect as it was not connected")
    if not user.logged_in:
        raise Refused(500, "could not logout as it was not logged in")
    user.paired = False
    _leave(simulator, user, State.ABSENT)


def _leave(simulator: Simulator, user: User, state: State, *, logged_in: bool = False) -> None:
    user.state = state
    user.logged_in = logged_in
    user.qrcode = ""
    simulator.save_user(user)


def drop(simulator: Simulator, user: User) -> None:
    """Lose the connection to WhatsApp; the bridge keeps trying."""
    _require_online(user)
    _leave(simulator, user, State.DROPPED, logged_in=True)
    simulator.emit_now(user, {"event": {}, "type": "Disconnected"})


def resume(simulator: Simulator, user: User) -> None:
    """Find the connection again.

    Raises:
        Refused: 409 if the number isn't paired.
    """
    if not user.paired:
        raise Refused(409, "not paired")
    if user.state != State.ONLINE:
        go_online(simulator, user)


def logout_from_phone(simulator: Simulator, user: User) -> None:
    """Remove the linked device on the phone."""
    _require_online(user)
    user.paired = False
    _leave(simulator, user, State.ABSENT)
    event = {"OnConnect": False, "Reason": LOGGED_OUT_REASON}
    simulator.emit_now(user, {"event": event, "type": "LoggedOut"})


def replace(simulator: Simulator, user: User) -> None:
    """Let another process use the same keys: no webhook at all, only status tells."""
    _require_online(user)
    _leave(simulator, user, State.REPLACED)


def ban(simulator: Simulator, user: User) -> None:
    """Ban the number for a day."""
    _require_online(user)
    _leave(simulator, user, State.BANNED)
    event = {"Code": BAN_CODE, "Expire": BAN_NANOSECONDS}
    simulator.emit_now(user, {"event": event, "type": "TemporaryBan"})


def outdate(simulator: Simulator, user: User) -> None:
    """Let WhatsApp refuse the bridge's version."""
    _leave(simulator, user, State.OUTDATED)
    simulator.emit_now(user, {"event": {}, "type": "ClientOutdated"})


def fall_silent(simulator: Simulator, user: User) -> None:
    """Let WhatsApp stop answering; the bridge goes on calling the number connected."""
    _require_online(user)
    event = {"ErrorCount": 1, "LastSuccess": simulator.timestamp(simulator.now())}
    simulator.emit_now(user, {"event": event, "type": "KeepAliveTimeout"})


def answer_again(simulator: Simulator, user: User) -> None:
    """Let WhatsApp answer again."""
    simulator.emit_now(user, {"event": {}, "type": "KeepAliveRestored"})


def break_stream(simulator: Simulator, user: User) -> None:
    """Break the stream, after which the bridge is neither connected nor logged in."""
    _require_online(user)
    _leave(simulator, user, State.ABSENT)
    event = {"Code": "515", "Raw": None}
    simulator.emit_now(user, {"event": event, "type": "StreamError"})


def reject(simulator: Simulator, user: User) -> None:
    """Let the phone refuse the pairing."""
    if user.state != State.QR:
        raise Refused(409, "no QR code to refuse: connect first")
    _leave(simulator, user, State.ABSENT)
    error = "pairing was rejected locally"
    simulator.emit_now(user, {"event": "error", "error": error, "type": "PairError"})


def restart(simulator: Simulator) -> None:
    """Restart the bridge: what was under way is forgotten, sessions that were up come back."""
    simulator.started_at = simulator.now()
    simulator.courier.forget()
    if simulator.has_quirk("stuck_already_connected"):
        simulator.settings.quirks.remove("stuck_already_connected")
    boot(simulator)


def _require_online(user: User) -> None:
    if user.state != State.ONLINE:
        raise Refused(409, "not online")


def boot(simulator: Simulator) -> None:
    """Start the sessions that were up when the bridge stopped."""
    for user in list(simulator.users.values()):
        was = user.state
        user.state = State.ABSENT
        if was in (State.ONLINE, State.DROPPED, State.QR):
            _start(simulator, user)
        else:
            simulator.save_user(user)


def qr_image(seed: str) -> str:
    """Return a picture that looks like a QR code and holds none, as a PNG data URI."""
    bits = hashlib.shake_256(seed.encode()).digest(QR_MODULES * QR_MODULES // 8)
    scale = QR_PIXELS // QR_MODULES
    rows = []
    for y in range(QR_MODULES):
        line = [_module(x, y, bits) for x in range(QR_MODULES)]
        rows.append(bytes(0 if dark else 255 for dark in line for _ in range(scale)) * scale)
    picture = samples.png(QR_PIXELS, QR_PIXELS, b"".join(rows), colour=False)
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def _module(x: int, y: int, bits: bytes) -> bool:
    """Tell whether a module is dark: finder squares in three corners, noise elsewhere."""
    last = QR_MODULES - 1
    if min(x, y, last - x, last - y) < 2:
        return False
    for corner_x, corner_y in ((2, 2), (last - 8, 2), (2, last - 8)):
        dx, dy = x - corner_x, y - corner_y
        if -1 <= dx <= 7 and -1 <= dy <= 7:
            ring = max(abs(dx - 3), abs(dy - 3))
            return ring != 2 and ring != 4
    index = y * QR_MODULES + x
    return bool(bits[index // 8] >> (index % 8) & 1)
