"""Passes `/simulator/…` on to the bridge simulator, which is a process of its own."""

import contextlib

import httpx2

from channels_whatsapp.simulator.http import Receive, Scope, Send, until_disconnect

# Seconds to connect. There is no read limit: an event stream is silent between events.
CONNECT_TIMEOUT_S = 3.0
# Headers that belong to one connection (RFC 9110, section 7.6.1) and are not passed on.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# What a browser says about itself to Prosa is none of the simulator's business.
NOT_FORWARDED = HOP_BY_HOP | {b"host", b"cookie", b"authorization", b"content-length"}

# Shown to people in front of a demo, who read Portuguese; it stands outside the translated sites.
OFFLINE_PAGE = """<!doctype html>
<html lang="pt-BR"><head><meta charset="utf-8"><title>Simulador parado</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="5"></head>
<body style="font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto">
<h1 style="font-size: 1.4rem">O simulador de WhatsApp não está em execução</h1>
<p>Inicie-o com <code>make demo</code> ou <code>python -m channels_whatsapp.simulator</code>.
Esta página tenta de novo a cada 5 segundos.</p></body></html>
"""


class SimulatorProxy:
    """An ASGI application that forwards requests to the simulator, streaming both ways."""

    def __init__(self, base_url: str) -> None:
        """Create a proxy.

        Args:
            base_url: the simulator's address without path, such as http://127.0.0.1:8090.
        """
        self._base_url = base_url.rstrip("/")
        self._client: httpx2.AsyncClient | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward one HTTP request; its path must begin with /simulator."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path != "/simulator" and not path.startswith("/simulator/"):
            await _answer(send, 404, b"not found", b"text/plain")
            return
        request = self._http().build_request(
            scope["method"],
            self._url(scope),
            headers=[pair for pair in scope["headers"] if pair[0] not in NOT_FORWARDED],
            content=await _body(receive),
        )
        try:
            response = await self._http().send(request, stream=True)
        except httpx2.HTTPError:
            await _answer(send, 502, OFFLINE_PAGE.encode(), b"text/html; charset=utf-8")
            return
        try:
            await until_disconnect(_relay(send, response), receive)
        finally:
            await response.aclose()

    def _url(self, scope: Scope) -> str:
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope.get("query_string", b"")
        target = raw_path + b"?" + query if query else raw_path
        return self._base_url + target.decode("ascii")

    def _http(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(
                timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
                follow_redirects=False,
                trust_env=False,
                # Every open page holds a stream, so connections are not scarce here.
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=20),
            )
        return self._client

    async def aclose(self) -> None:
        """Close the connections to the simulator."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None


async def _body(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    more = True
    while more:
        event = await receive()
        chunks.append(event.get("body", b""))
        more = event["type"] == "http.request" and event.get("more_body", False)
    return b"".join(chunks)


async def _relay(send: Send, response: httpx2.Response) -> None:
    headers = [
        (name.lower(), value)
        for name, value in response.headers.raw
        if name.lower() not in HOP_BY_HOP
    ]
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    # The simulator may stop in mid-stream: end there, the page connects anew.
    with contextlib.suppress(httpx2.HTTPError):
        async for chunk in response.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _answer(send: Send, status: int, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
