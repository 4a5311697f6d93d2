"""Serves the phone page and its files."""

from pathlib import Path

from channels_whatsapp.simulator.http import Request, Response, Router, not_found

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Everything comes from this server; pictures and sounds also from the page itself.
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' data: blob:;"
    " style-src 'self'; script-src 'self'; base-uri 'none'; frame-ancestors 'self'"
)


def add_page(router: Router) -> None:
    """Register the page at `/simulator/` and its files below."""
    for path in ("/", "/simulator"):
        router.add("GET", path, _redirect)
    router.add("GET", "/simulator/", _index)
    router.add("GET", "/simulator/static/{name}", _file)


async def _redirect(_: Request) -> Response:
    return Response(302, headers={"location": "/simulator/"}, content_type="text/plain")


async def _index(_: Request) -> Response:
    return _read(STATIC / "index.html")


async def _file(request: Request) -> Response:
    # A name holds no slash, and only names of the folder's own listing are served.
    names = {entry.name: entry for entry in STATIC.iterdir() if entry.suffix in TYPES}
    entry = names.get(request.params["name"])
    return not_found() if entry is None else _read(entry)


def _read(entry: Path) -> Response:
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache"}
    return Response(200, entry.read_bytes(), TYPES[entry.suffix], headers)
