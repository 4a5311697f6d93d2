"""WuzAPI's session API: connecting, pairing, webhook and signature settings."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from channels_whatsapp.simulator import devices
from channels_whatsapp.simulator.api_admin import MIN_HMAC_KEY_BYTES, proxy_view, s3_view
from channels_whatsapp.simulator.core import Simulator
from channels_whatsapp.simulator.http import (
    Payload,
    Refused,
    Request,
    Response,
    Router,
    json_response,
)
from channels_whatsapp.simulator.model import State, User

UserHandler = Callable[[Request, User], Awaitable[Response]]

# Seconds that connect sleeps unless told `Immediate`.
CONNECT_SLEEP_S = 10.0
MIN_PHONE_DIGITS = 7


def success(data: object) -> Response:
    """Answer with WuzAPI's envelope."""
    return json_response({"code": 200, "data": data, "success": True})


def require_session(user: User) -> None:
    """Refuse as nearly every route does when there is no client for the user.

    Raises:
        Refused: 500 `no session`.
    """
    if user.state in (State.ABSENT, State.REPLACED, State.OUTDATED):
        raise Refused(500, "no session")


class UserRoutes:
    """Registers routes that are opened by a user's token."""

    def __init__(self, simulator: Simulator, router: Router) -> None:
        self._simulator = simulator
        self._router = router

    def add(self, method: str, path: str, handler: UserHandler) -> None:
        """Register a handler behind the `token` header or query value."""

        async def guarded(request: Request) -> Response:
            token = request.headers.get("token") or request.query.get("token", "")
            user = self._simulator.find_token(token) if token else None
            if user is None:
                raise Refused(401, "unauthorized")
            return await handler(request, user)

        self._router.add(method, path, guarded)


class SessionApi:
    """`/session/*` and `/webhook`."""

    def __init__(self, simulator: Simulator, routes: UserRoutes) -> None:
        self._simulator = simulator
        routes.add("POST", "/session/connect", self.connect)
        routes.add("POST", "/session/disconnect", self.disconnect)
        routes.add("POST", "/session/logout", self.logout)
        routes.add("GET", "/session/status", self.status)
        routes.add("GET", "/session/qr", self.qr)
        routes.add("POST", "/session/pairphone", self.pair_phone)
        routes.add("POST", "/session/history", self.set_history)
        routes.add("POST", "/session/s3/config", self.set_s3)
        routes.add("GET", "/session/s3/config", self.get_s3)
        routes.add("DELETE", "/session/s3/config", self.delete_s3)
        routes.add("POST", "/session/hmac/config", self.set_hmac)
        routes.add("GET", "/session/hmac/config", self.get_hmac)
        routes.add("DELETE", "/session/hmac/config", self.delete_hmac)
        routes.add("POST", "/webhook", self.set_webhook)
        routes.add("PUT", "/webhook", self.update_webhook)
        routes.add("GET", "/webhook", self.get_webhook)
        routes.add("DELETE", "/webhook", self.delete_webhook)

    async def connect(self, request: Request, user: User) -> Response:
        """Start the session and, unless `Immediate`, sleep before answering."""
        payload = Payload(request.body)
        subscribe = payload.texts("Subscribe")
        immediate = payload.flag("Immediate")
        if user.state in (State.QR, State.ONLINE, State.DROPPED):
            raise Refused(500, "already connected")
        if subscribe:
            user.events = devices.known_events(subscribe)
            user.subscription_wiped = False
        devices.connect(self._simulator, user)
        if not immediate:
            await asyncio.sleep(CONNECT_SLEEP_S * self._simulator.options.time_scale)
            if not user.connected:
                raise Refused(500, "failed to Connect")
        return success(
            {
                "details": "Connected!",
                "events": user.events,
                "jid": user.jid,
                "webhook": user.webhook,
            }
        )

    async def disconnect(self, _: Request, user: User) -> Response:
        """Close the socket; the keys stay."""
        devices.disconnect(self._simulator, user)
        return success({"Details": "Disconnected"})

    async def logout(self, _: Request, user: User) -> Response:
        """Log the device out."""
        devices.logout(self._simulator, user)
        return success({"Details": "Logged out"})

    async def status(self, _: Request, user: User) -> Response:
        """Tell the session's state; never `no session`."""
        return success(
            {
                "id": user.id,
                "name": user.name,
                "connected": user.connected,
                "loggedIn": user.logged_in,
                "token": user.token,
                "jid": user.jid,
                "webhook": user.webhook,
                "events": user.events,
                "proxy_url": user.proxy_url,
                "qrcode": user.qrcode,
                "passkeyPending": False,
                "publicKey": None,
                "history": str(user.history),
                "proxy_config": proxy_view(user),
                "s3_config": s3_view(user),
                "hmac_configured": bool(user.hmac_key),
            }
        )

    async def qr(self, _: Request, user: User) -> Response:
        """Return the code that is on show."""
        require_session(user)
        if not user.connected:
            raise Refused(500, "not connected")
        if user.logged_in:
            raise Refused(500, "already logged in")
        return success({"QRCode": user.qrcode, "passkeyPending": False, "publicKey": None})

    async def pair_phone(self, request: Request, user: User) -> Response:
        """Return a linking code for a phone number."""
        require_session(user)
        phone = Payload(request.body).text("Phone")
        if not phone:
            raise Refused(400, "missing Phone in Payload")
        if user.logged_in:
            raise Refused(400, "already paired")
        digits = "".join(filter(str.isdigit, phone))
        if len(digits) < MIN_PHONE_DIGITS:
            raise Refused(400, "phone number too short")
        if digits.startswith("0"):
            raise Refused(400, "international phone number required (must not start with 0)")
        user.phone = digits
        self._simulator.save_user(user)
        code = secrets.token_hex(4).upper()
        return success({"LinkingCode": f"{code[:4]}-{code[4:]}"})

    async def set_history(self, request: Request, user: User) -> Response:
        """Keep so many messages per chat for `/chat/history`."""
        if user.state == State.ABSENT:
            raise Refused(400, "no session")
        history = int(Payload(request.body).number("history"))
        if history < 0:
            raise Refused(400, "history cannot be negative")
        user.history = history
        self._simulator.save_user(user)
        return success({"Details": "History configured successfully", "History": history})

    async def set_s3(self, request: Request, user: User) -> Response:
        """Set the storage and the way in which files are delivered."""
        payload = Payload(request.body)
        delivery = payload.text("media_delivery") or "base64"
        if delivery not in ("base64", "s3", "both"):
            raise Refused(400, "media_delivery must be 'base64', 's3', or 'both'")
        names = ("endpoint", "region", "bucket", "access_key", "secret_key", "public_url")
        user.s3 = {name: payload.text(name) for name in names} | {
            "enabled": payload.flag("enabled"),
            "path_style": payload.flag("path_style"),
            "retention_days": int(payload.number("retention_days")),
            "media_delivery": delivery,
        }
        self._simulator.save_user(user)
        details = "S3 configuration saved successfully"
        return success({"Details": details, "Enabled": user.s3["enabled"]})

    async def get_s3(self, _: Request, user: User) -> Response:
        """Return the storage settings."""
        return success(s3_view(user))

    async def delete_s3(self, _: Request, user: User) -> Response:
        """Forget the storage; files are delivered as base64 again."""
        user.s3 = {"media_delivery": "base64"}
        self._simulator.save_user(user)
        return success({"Details": "S3 configuration deleted successfully"})

    async def set_hmac(self, request: Request, user: User) -> Response:
        """Set the signing key. The answer has no envelope."""
        key = Payload(request.body).text("hmac_key")
        if len(key.encode()) < MIN_HMAC_KEY_BYTES:
            raise Refused(400, "HMAC key must be at least 32 characters long")
        user.hmac_key = key
        user.hmac_loaded = True
        self._simulator.save_user(user)
        return json_response({"Details": "HMAC configuration saved successfully"})

    async def get_hmac(self, _: Request, user: User) -> Response:
        """Tell whether there is a key. The answer has no envelope."""
        return json_response({"hmac_key": "***" if user.hmac_key else ""})

    async def delete_hmac(self, _: Request, user: User) -> Response:
        """Forget the key: deliveries are unsigned from now on. The answer has no envelope."""
        user.hmac_key = ""
        self._simulator.save_user(user)
        return json_response({"Details": "HMAC configuration deleted successfully"})

    def _subscribe(self, user: User, events: list[str] | None) -> None:
        if events:
            user.events = devices.known_events(events)
            user.subscription_wiped = False
        elif self._simulator.has_quirk("webhook_without_events_wipes_events"):
            user.subscription_wiped = True

    async def set_webhook(self, request: Request, user: User) -> Response:
        """Set the webhook's address and the subscribed events."""
        payload = Payload(request.body)
        user.webhook = payload.text("webhookurl")
        self._subscribe(user, payload.texts("events"))
        self._simulator.save_user(user)
        return success({"webhook": user.webhook})

    async def update_webhook(self, request: Request, user: User) -> Response:
        """Set the webhook; without `active` it is cleared, as in WuzAPI."""
        payload = Payload(request.body)
        active = payload.flag("active")
        events = payload.texts("events")
        user.webhook = payload.text("webhook") if active else ""
        if active:
            self._subscribe(user, events)
        else:
            user.events = ""
        self._simulator.save_user(user)
        data = {"webhook": user.webhook, "events": user.events.split(","), "active": active}
        return success(data)

    async def get_webhook(self, _: Request, user: User) -> Response:
        """Return the webhook; no events read as a list of one empty string."""
        return success({"subscribe": user.events.split(","), "webhook": user.webhook})

    async def delete_webhook(self, _: Request, user: User) -> Response:
        """Clear the webhook and the events."""
        user.webhook = ""
        user.events = ""
        self._simulator.save_user(user)
        return success({"Details": "Webhook and events deleted successfully"})
