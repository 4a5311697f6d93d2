"""News for the pages that are open: every change is told to every listener."""

import asyncio
from collections.abc import AsyncIterator

from channels_whatsapp.simulator import wire

# A listener that falls this far behind is cut off; the page then reloads its state.
MAX_WAITING = 2_000
# Seconds between signs of life, below the idle timeouts of common proxies.
HEARTBEAT_S = 15.0


class Hub:
    """Fan-out of events to server-sent event streams."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()

    def tell(self, kind: str, data: object) -> None:
        """Tell all listeners; costs nothing when nobody listens."""
        if not self._listeners:
            return
        chunk = f"event: {kind}\ndata: {wire.dump(data)}\n\n".encode()
        for queue in list(self._listeners):
            if queue.qsize() >= MAX_WAITING:
                self._listeners.discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(chunk)

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield server-sent events until the listener goes or the hub closes."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield b"retry: 1000\nevent: hello\ndata: {}\n\n"
            while True:
                try:
                    chunk = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": alive\n\n"
                    continue
                if chunk is None:
                    return
                yield chunk
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """End all streams."""
        for queue in list(self._listeners):
            queue.put_nowait(None)
