"""Values of the web chat, and what an origin is."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from urllib.parse import urlsplit

KIND = "web"
"""The name of this channel."""

MAX_ORIGINS = 20
"""Origins of one chat; each is compared with every request's."""

_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_PORTS = {"https": 443, "http": 80}


class NoOrigin(ValueError):
    """Why a text is no origin: ``"wildcard"``, ``"plain"``, ``"path"`` or ``"shape"``."""


def origin_of(text: str) -> str:
    """Return an origin as browsers write it, such as ``"https://shop.example"``.

    A last slash and the scheme's usual port are left out, a name in letters of other scripts is
    written as it is asked for.

    Raises:
        NoOrigin: it is none, or one of ``http`` that is not this machine.
    """
    given = text.strip()
    if "*" in given:
        raise NoOrigin("wildcard")
    try:
        parts = urlsplit(given)
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError as error:
        raise NoOrigin("shape") from error
    scheme = parts.scheme.lower()
    if scheme not in _PORTS or not host or "@" in parts.netloc or port == 0:
        raise NoOrigin("shape")
    if parts.path not in ("", "/") or "?" in given or "#" in given:
        raise NoOrigin("path")
    if scheme == "http" and not _is_here(host):
        raise NoOrigin("plain")
    return f"{scheme}://{host}" if port in (None, _PORTS[scheme]) else f"{scheme}://{host}:{port}"


def _host(name: str) -> str:
    """Return a host as it stands in an address; raises `ValueError` where it is none."""
    if ":" in name:
        return f"[{ipaddress.IPv6Address(name).compressed}]"
    plain = name.lower()
    if not name.isascii():
        plain = name.encode("idna").decode()
        # The codec is of 2003: it writes "straße" as "strasse", which browsers, and the registries,
        # take for another's name.
        if plain.encode().decode("idna") != unicodedata.normalize("NFC", name):
            return ""
    return plain if _NAME.fullmatch(plain) and len(plain) <= 253 else ""


def _is_here(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "[::1]") or host.endswith(".localhost")
