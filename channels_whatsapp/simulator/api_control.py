"""The test API's other half: session events, faults, settings, logs and reset."""

from dataclasses import asdict
from dataclasses import fields as dataclass_fields

from channels_whatsapp.simulator import devices, fields
from channels_whatsapp.simulator.api_world import add_routes
from channels_whatsapp.simulator.core import Simulator
from channels_whatsapp.simulator.http import Refused, Request, Response, Router, json_response
from channels_whatsapp.simulator.model import (
    QUIRKS,
    RECEIPT_MODES,
    Faults,
    Settings,
    State,
    User,
    user_view,
)


class ControlApi:
    """Hooks outside WuzAPI's own API, for tests and for the page's panels."""

    def __init__(self, simulator: Simulator, router: Router) -> None:
        self._simulator = simulator
        add_routes(
            router,
            [
                ("POST", "/users", self.create_user),
                ("POST", "/users/{ref}/{action}", self.act),
                ("GET", "/faults", self.get_faults),
                ("POST", "/faults", self.set_faults),
                ("DELETE", "/faults", self.clear_faults),
                ("GET", "/settings", self.get_settings),
                ("POST", "/settings", self.set_settings),
                ("GET", "/sends", self.sends),
                ("GET", "/webhooks", self.webhooks),
                ("POST", "/raw-webhook", self.raw_webhook),
                ("POST", "/restart", self.restart),
                ("POST", "/reset", self.reset),
            ],
        )

    async def create_user(self, request: Request) -> Response:
        """Create a business number in one call, or change one with the same token.

        `name`, `token`, `webhook`, `hmac_key`, `events` (list), `phone`, `media_delivery`
        (base64), `online` (true: paired and connected).
        """
        body = request.json()
        simulator = self._simulator
        token, phone = fields.text(body, "token"), fields.text(body, "phone")
        if not token:
            raise Refused(400, "token is missing")
        user = simulator.find_token(token) or devices.new_user(
            simulator, name=fields.text(body, "name", token), token=token, phone=phone
        )
        user.name = fields.text(body, "name", user.name)
        user.phone = phone or user.phone
        user.webhook = fields.text(body, "webhook", user.webhook)
        user.hmac_key = fields.text(body, "hmac_key", user.hmac_key)
        user.events = ",".join(fields.texts(body, "events")) or user.events or "All"
        user.s3 = {"media_delivery": fields.text(body, "media_delivery", "base64")}
        simulator.save_user(user)
        if fields.flag(body, "online", default=True) and user.state != State.ONLINE:
            user.paired = True
            user.jid = user.jid or f"{user.phone}:{devices.DEVICE}@s.whatsapp.net"
            devices.go_online(simulator, user)
        return json_response({"user": user_view(user)})

    async def act(self, request: Request) -> Response:
        """Let something happen to a session.

        Actions: connect, scan (`phone`), reject, drop, resume, logout-from-phone, replace, ban,
        outdate, fall-silent, answer-again, break-stream, phone (`phone`), remove.
        """
        user = self._simulator.get_user(request.params["ref"])
        action = request.params["action"]
        body = request.json()
        simple = {
            "connect": devices.connect,
            "drop": devices.drop,
            "resume": devices.resume,
            "logout-from-phone": devices.logout_from_phone,
            "replace": devices.replace,
            "ban": devices.ban,
            "outdate": devices.outdate,
            "fall-silent": devices.fall_silent,
            "answer-again": devices.answer_again,
            "break-stream": devices.break_stream,
            "reject": devices.reject,
            "remove": Simulator.remove_user,
        }
        if action in simple:
            simple[action](self._simulator, user)
        elif action == "scan":
            devices.scan(self._simulator, user, phone=fields.text(body, "phone"))
        elif action == "phone":
            user.phone = fields.text(body, "phone") or user.phone
            self._simulator.save_user(user)
        else:
            raise Refused(404, f"no action {action!r}")
        return json_response({"user": user_view(user)})

    def _scope(self, ref: str) -> str:
        return self._simulator.get_user(ref).id if ref else ""

    def _faults_view(self) -> dict[str, object]:
        return {key: asdict(row) for key, row in self._simulator.faults.items()}

    async def get_faults(self, _: Request) -> Response:
        """Return the faults: under "" everybody's, under a user's id that user's own."""
        return json_response({"faults": self._faults_view()})

    async def set_faults(self, request: Request) -> Response:
        """Switch faults on or off; a name that isn't given keeps its value.

        `user` makes them that user's own, starting from none. Names and units: `model.Faults`.
        """
        body = request.json()
        scope = self._scope(fields.text(body, "user"))
        changes = {name: value for name, value in body.items() if name != "user"}
        row = self._simulator.faults.get(scope, Faults())
        _change(row, changes)
        self._simulator.faults[scope] = row
        self._tell_faults()
        return json_response({"faults": self._faults_view()})

    async def clear_faults(self, _: Request) -> Response:
        """Switch every fault off."""
        self._simulator.faults = {"": Faults()}
        self._tell_faults()
        return json_response({"faults": self._faults_view()})

    def _tell_faults(self) -> None:
        self._simulator.hub.tell("faults", self._faults_view())

    async def get_settings(self, _: Request) -> Response:
        """Return how people and the bridge behave."""
        return json_response({"settings": asdict(self._simulator.settings)})

    async def set_settings(self, request: Request) -> Response:
        """Change settings: `receipts`, `delivered_s`, `read_s`, `quirks`, `not_on_whatsapp`."""
        body = request.json()
        settings = Settings(**asdict(self._simulator.settings))
        _change(settings, body)
        if settings.receipts not in RECEIPT_MODES:
            raise Refused(400, f"receipts must be one of {', '.join(sorted(RECEIPT_MODES))}")
        unknown = set(settings.quirks) - QUIRKS
        if unknown:
            raise Refused(400, f"no such quirk: {', '.join(sorted(unknown))}")
        self._simulator.settings = settings
        self._simulator.save_settings()
        return json_response({"settings": asdict(settings)})

    async def sends(self, request: Request) -> Response:
        """List the calls of sending routes: `user`, `after` a seq."""
        scope = self._scope(request.query.get("user", ""))
        after = int(request.query.get("after") or 0)
        rows = [
            asdict(record)
            for record in self._simulator.sends
            if record.seq > after and scope in ("", record.user_id)
        ]
        return json_response({"sends": rows})

    async def webhooks(self, request: Request) -> Response:
        """List events and what became of them: `user`, `after` a seq, `type`."""
        scope = self._scope(request.query.get("user", ""))
        after = int(request.query.get("after") or 0)
        wanted = request.query.get("type", "")
        rows = [
            asdict(record)
            for record in self._simulator.courier.records
            if record.seq > after and scope in ("", record.user_id) and wanted in ("", record.type)
        ]
        return json_response({"webhooks": rows})

    async def raw_webhook(self, request: Request) -> Response:
        """Post any event: `user`, `payload` (top-level keys without userID, instanceName)."""
        body = request.json()
        user: User = self._simulator.get_user(fields.text(body, "user"))
        payload = body.get("payload")
        if not isinstance(payload, dict) or not isinstance(payload.get("type"), str):
            raise Refused(400, "payload must be an object with a type")
        self._simulator.emit_now(user, payload)
        return json_response({})

    async def restart(self, _: Request) -> Response:
        """Restart the bridge: webhooks under way are lost, sessions that were up come back."""
        devices.restart(self._simulator)
        return json_response({})

    async def reset(self, request: Request) -> Response:
        """Forget messages, logs, faults and settings; with `keep_users` false people too."""
        keep = fields.flag(request.json(), "keep_users", default=True)
        self._simulator.reset(keep_users=keep)
        return json_response({})


def _change(row: Faults | Settings, changes: dict[str, object]) -> None:
    """Set the named fields of a row, whose present values say which type each has.

    Raises:
        Refused: 400 for an unknown name or another type.
    """
    known = {field.name for field in dataclass_fields(row)}
    for name, value in changes.items():
        if name not in known:
            raise Refused(400, f"no setting {name!r}")
        present = getattr(row, name)
        if isinstance(present, str):
            setattr(row, name, fields.text(changes, name))
        elif isinstance(present, list):
            setattr(row, name, fields.texts(changes, name))
        elif isinstance(present, int) and isinstance(value, int):
            setattr(row, name, int(fields.number(changes, name)))
        else:
            setattr(row, name, fields.number(changes, name))
