"""Runs the simulator under uvicorn."""

import socket

import uvicorn

from channels_whatsapp.simulator.app import Application
from channels_whatsapp.simulator.core import Options

# Seconds given to requests under way when the simulator stops; WuzAPI gives five.
GRACE_S = 5


class SimulatorServer(uvicorn.Server):
    """A uvicorn server that ends event streams when it stops, and can cut connections."""

    def __init__(self, application: Application) -> None:
        config = uvicorn.Config(
            application,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
            timeout_keep_alive=180,
        )
        super().__init__(config)
        self._application = application
        application.cut = self._cut

    def _cut(self, client: tuple[str, int]) -> bool:
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == client:
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
                    return True
        return False

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would otherwise outlast every grace, then stop."""
        self._application.simulator.hub.close()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def build(options: Options, listener: socket.socket) -> SimulatorServer:
    """Return a server for a bound socket; run it with `server.run(sockets=[listener])`."""
    application = Application(options)
    host, port = listener.getsockname()[:2]
    application.simulator.base_url = f"http://{host}:{port}"
    return SimulatorServer(application)
