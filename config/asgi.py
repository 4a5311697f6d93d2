"""The web process: the channels' door, the simulator's page and what waits in front, Django behind.

`uvicorn config.asgi:application`
"""

from __future__ import annotations

import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
django.setup()

from asgiref.sync import sync_to_async  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core import signals  # noqa: E402
from django.core.handlers.asgi import ASGIHandler  # noqa: E402

from channels_web.api import urls as web_chat  # noqa: E402
from config import pages  # noqa: E402
from config.body_limit import BodyLimit  # noqa: E402
from config.simulator_proxy import SimulatorProxy  # noqa: E402
from conversations.api.streaming import Streams  # noqa: E402
from tenants import garbage  # noqa: E402
from tenants.checks import refuse_unsafe_database  # noqa: E402
from tenants.door import Receive, Scope, Send, WebhookDoor  # noqa: E402


class _Django(ASGIHandler):
    """Django, whose requests give their connection back also where they fail."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request.

        Django closes no answer that cannot be sent to its end, and the pool would have one
        connection less for good: after a few, the process would answer nobody.
        """
        try:
            await super().handle(scope, receive, send)
        except BaseException:
            await signals.request_finished.asend(sender=type(self))
            raise


pages.load()
_django = Streams(BodyLimit(_Django()), others=web_chat.STREAMS)
_door = WebhookDoor()
_simulator = SimulatorProxy(settings.SIMULATOR_URL) if settings.SIMULATOR_URL else None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Send each request to the part that answers it."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    path = scope.get("path", "")
    if scope["type"] == "http" and _door.answers(path):
        await _door(scope, receive, send)
    elif _simulator is not None and path.startswith("/simulator"):
        await _simulator(scope, receive, send)
    else:
        await _django(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await sync_to_async(refuse_unsafe_database)()
                garbage.settle()
                _django.close_on_signals()
            except Exception as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            _django.close()
            await _door.close()
            if _simulator is not None:
                await _simulator.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
