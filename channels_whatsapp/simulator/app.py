"""The simulator as an ASGI application."""

import logging
from collections.abc import Callable

from channels_whatsapp.simulator import devices, page
from channels_whatsapp.simulator.api_admin import AdminApi, failure
from channels_whatsapp.simulator.api_chat import ChatApi
from channels_whatsapp.simulator.api_control import ControlApi
from channels_whatsapp.simulator.api_session import SessionApi, UserRoutes
from channels_whatsapp.simulator.api_world import WorldApi
from channels_whatsapp.simulator.core import Options, Simulator
from channels_whatsapp.simulator.http import (
    AnswerDropped,
    Receive,
    Refused,
    Request,
    Response,
    Router,
    Scope,
    Send,
    json_response,
    not_found,
    read_request,
    until_disconnect,
    write_response,
)

logger = logging.getLogger(__name__)

# The two people a fresh demo starts with: one by phone, one by LID.
FIRST_CONTACTS = (("Maria Souza", "5511987650001", False), ("João Lima", "5521976540002", True))


class Application:
    """Routes requests to the APIs and the page.

    `cut` is set by the server that runs the application: it aborts the connection of a client
    address and returns whether it found it.
    """

    def __init__(self, options: Options) -> None:
        self.simulator = Simulator(options)
        self.cut: Callable[[tuple[str, int]], bool] = lambda _: False
        self._router = Router()
        AdminApi(self.simulator, self._router)
        user_routes = UserRoutes(self.simulator, self._router)
        SessionApi(self.simulator, user_routes)
        ChatApi(self.simulator, user_routes)
        WorldApi(self.simulator, self._router)
        ControlApi(self.simulator, self._router)
        page.add_page(self._router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        request = await read_request(scope, receive)
        try:
            response = await self._answer(request)
        except AnswerDropped:
            client = scope.get("client")
            if client is None or not self.cut((client[0], client[1])):
                # Without a server that can cut, an answer shorter than announced ends it.
                start = {"type": "http.response.start", "status": 200}
                await send({**start, "headers": [(b"content-length", b"9")]})
            return
        writing = write_response(send, response)
        if response.stream is None:
            await writing
        else:
            await until_disconnect(writing, receive)

    async def _answer(self, request: Request) -> Response:
        route = self._router.find(request.method, request.path)
        if route is None:
            return not_found()
        handler, params = route
        routed = Request(
            request.method, request.path, request.query, request.headers, request.body, params
        )
        try:
            return await handler(routed)
        except Refused as refusal:
            return self._refuse(refusal)

    def _refuse(self, refusal: Refused) -> Response:
        if refusal.status == 500 and self.simulator.has_quirk("success_true_on_500"):
            return json_response({"code": 500, "success": True}, 500)
        return failure(refusal.status, refusal.error)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                self._start()
                await send({"type": "lifespan.startup.complete"})
            elif event["type"] == "lifespan.shutdown":
                await self.simulator.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _start(self) -> None:
        if self.simulator.options.seed and not self.simulator.contacts:
            for name, phone, lid_addressed in FIRST_CONTACTS:
                contact = self.simulator.ensure_contact(phone, name=name)
                contact.lid_addressed = lid_addressed
                self.simulator.save_contact(contact)
        devices.boot(self.simulator)
