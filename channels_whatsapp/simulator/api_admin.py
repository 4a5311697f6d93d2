"""WuzAPI's admin API and its health page."""

import secrets
import time

from channels_whatsapp.simulator import devices
from channels_whatsapp.simulator.core import Simulator
from channels_whatsapp.simulator.http import (
    Payload,
    Refused,
    Request,
    Response,
    Router,
    json_response,
)
from channels_whatsapp.simulator.model import EVENT_NAMES, State, User

VERSION = "1.0.7"
MIN_HMAC_KEY_BYTES = 32
# The request's spelling and the answer's differ: accessKey in, access_key out.
S3_FIELDS = {
    "enabled": "enabled",
    "endpoint": "endpoint",
    "region": "region",
    "bucket": "bucket",
    "accesskey": "access_key",
    "secretkey": "secret_key",
    "pathstyle": "path_style",
    "publicurl": "public_url",
    "mediadelivery": "media_delivery",
    "retentiondays": "retention_days",
}


def failure(status: int, error: str, **more: object) -> Response:
    """Answer with WuzAPI's error envelope."""
    return json_response({"code": status, "error": error, "success": False, **more}, status)


def s3_view(user: User) -> dict[str, object]:
    """Return a user's storage settings; the secret never leaves."""
    shown = {
        "enabled": False,
        "endpoint": "",
        "region": "",
        "bucket": "",
        "access_key": "***",
        "path_style": False,
        "public_url": "",
        "media_delivery": "",
        "retention_days": 0,
    }
    hidden = ("access_key", "secret_key")
    return shown | {key: value for key, value in user.s3.items() if key not in hidden}


def proxy_view(user: User) -> dict[str, object]:
    """Return a user's proxy settings."""
    return {
        "enabled": user.proxy_enabled,
        "proxy_url": user.proxy_url,
        "webhook_use_proxy": user.webhook_use_proxy,
    }


class AdminApi:
    """`/admin/users` and `/health`."""

    def __init__(self, simulator: Simulator, router: Router) -> None:
        self._simulator = simulator
        router.add("GET", "/health", self.health)
        for path in ("/admin/users", "/admin/users/"):
            router.add("GET", path, self.list_users)
            router.add("POST", path, self.create)
        router.add("GET", "/admin/users/{id}", self.list_users)
        router.add("PUT", "/admin/users/{id}", self.update)
        router.add("DELETE", "/admin/users/{id}", self.delete)
        router.add("DELETE", "/admin/users/{id}/full", self.delete_full)

    async def health(self, _: Request) -> Response:
        """Answer 200 always."""
        users = list(self._simulator.users.values())
        active = [user for user in users if user.state != State.ABSENT]
        memory = {"alloc_mb": 12, "total_alloc_mb": 80, "sys_mb": 40, "num_gc": 21}
        return json_response(
            {
                "status": "ok",
                "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                "uptime": f"{time.time() - self._simulator.started_at:.3f}s",
                "active_connections": len(active),
                "total_users": len(users),
                "connected_users": sum(user.connected for user in users),
                "logged_in_users": sum(user.logged_in for user in users),
                "memory_stats": memory,
                "goroutines": 40 + len(active),
                "version": VERSION,
            }
        )

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not secrets.compare_digest(given.encode(), self._simulator.options.admin_token.encode()):
            raise Refused(401, "unauthorized")

    async def list_users(self, request: Request) -> Response:
        """List users; one id also answers a list, an unknown one an empty list."""
        self._authorise(request)
        wanted = request.params.get("id")
        users = self._simulator.users.values()
        data = [
            self._item(user) for user in users if wanted in (None, user.id) and not user.removed
        ]
        return json_response({"code": 200, "data": data, "success": True})

    def _item(self, user: User) -> dict[str, object]:
        return {
            "id": user.id,
            "name": user.name,
            "token": user.token,
            "webhook": user.webhook,
            "jid": user.jid,
            "qrcode": user.qrcode,
            "connected": user.connected,
            "loggedIn": user.logged_in,
            "expiration": user.expiration,
            "proxy_url": user.proxy_url,
            "events": user.events,
            "proxy_config": proxy_view(user),
            "s3_config": s3_view(user),
        }

    def _payload(self, request: Request) -> Payload:
        return Payload(request.body, error="invalid request payload")

    def _bad_event(self, events: str) -> Response | None:
        for name in filter(None, (part.strip() for part in events.split(","))):
            if name not in EVENT_NAMES:
                return failure(400, "invalid event type", details=f"invalid event: {name}")
        return None

    async def create(self, request: Request) -> Response:
        """Create a user; it starts absent."""
        self._authorise(request)
        payload = self._payload(request)
        hmac_key = payload.text("hmacKey")
        if hmac_key and len(hmac_key.encode()) < MIN_HMAC_KEY_BYTES:
            return failure(400, "HMAC key must be at least 32 characters long")
        refusal = self._bad_event(payload.text("events"))
        if refusal is not None:
            return refusal
        token = payload.text("token")
        if self._simulator.find_token(token) is not None:
            return failure(409, "user with this token already exists")
        user = devices.new_user(self._simulator, name=payload.text("name"), token=token)
        user.hmac_key = hmac_key
        self._apply(user, payload)
        self._simulator.save_user(user)
        data = {
            "id": user.id,
            "name": user.name,
            "token": user.token,
            "webhook": user.webhook,
            "expiration": user.expiration,
            "events": user.events,
            "proxy_config": proxy_view(user),
            "s3_config": s3_view(user),
            "hmac_key": bool(hmac_key),
        }
        return json_response({"code": 201, "data": data, "success": True}, 201)

    def _apply(self, user: User, payload: Payload) -> bool:
        """Set what the body names; empty and zero mean "leave". Tell whether anything was set."""
        texts = {name: payload.text(name) for name in ("name", "token", "webhook", "events")}
        numbers = {name: int(payload.number(name)) for name in ("expiration", "history")}
        given = {name: value for name, value in {**texts, **numbers}.items() if value}
        for name, value in given.items():
            setattr(user, name, value)
        proxy = payload.inner("proxyConfig")
        if proxy:
            user.proxy_url = str(proxy.get("proxyurl", user.proxy_url))
            user.proxy_enabled = bool(proxy.get("enabled", False))
            user.webhook_use_proxy = bool(proxy.get("webhookuseproxy", True))
        storage = payload.inner("s3Config")
        known = {S3_FIELDS[name]: value for name, value in storage.items() if name in S3_FIELDS}
        user.s3 = {**user.s3, **known}
        return bool(given or proxy or known)

    async def update(self, request: Request) -> Response:
        """Change a user; `hmacKey` is ignored here."""
        self._authorise(request)
        payload = self._payload(request)
        user = self._simulator.users.get(request.params["id"])
        if user is None:
            return failure(404, "user not found")
        refusal = self._bad_event(payload.text("events"))
        if refusal is not None:
            return refusal
        if not self._apply(user, payload):
            return failure(400, "no fields to update")
        self._simulator.save_user(user)
        body = {"code": 200, "message": "user updated successfully", "success": True}
        return json_response(body)

    async def delete(self, request: Request) -> Response:
        """Delete the row; with the quirk, session and token live on as they do in WuzAPI."""
        self._authorise(request)
        user = self._simulator.users.get(request.params["id"])
        if user is None or user.removed:
            return failure(404, "user not found", details=f"no user with id {request.params['id']}")
        if self._simulator.has_quirk("plain_delete_keeps_token"):
            user.removed = True
            self._simulator.save_user(user)
        else:
            self._simulator.remove_user(user)
        body = {
            "code": 200,
            "data": {"id": user.id},
            "details": "user deleted successfully",
            "success": True,
        }
        return json_response(body)

    async def delete_full(self, request: Request) -> Response:
        """Log out and remove everything of a user."""
        self._authorise(request)
        user = self._simulator.users.get(request.params["id"])
        if user is None:
            return failure(404, "user not found", details=f"no user with id {request.params['id']}")
        self._simulator.remove_user(user)
        body = {
            "code": 200,
            "data": {"id": user.id, "name": user.name, "jid": user.jid},
            "details": "user instance removed completely",
            "success": True,
        }
        return json_response(body)
