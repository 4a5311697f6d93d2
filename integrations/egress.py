"""Which addresses may be called from here: public ones, and those that the operator names.

Ports: 80, 443 and 8443. Other ports of a public host, and every address that is not public, need an
entry in a setting; which one counts, depends on who named the address (`Egress`).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

import httpx2
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tenants.errors import Permanent, Temporary

PUBLIC_PORTS = frozenset({80, 443, 8443})
"""Ports that any public host may be reached on. More of them would make us a port scanner."""

_V6_PUBLIC = IPv6Network("2000::/3")
_V6_SPECIAL = tuple(
    IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_V4_SPECIAL = tuple(IPv4Network(block) for block in ("192.0.0.0/24", "192.88.99.0/24"))


class Egress(StrEnum):
    """Which setting opens more than public addresses; see docs/adr/0037.

    What the installation itself is made of must not be within reach of what tenants type: a
    bridge knows a tenant by its token alone, and a tool can send any.
    """

    PLATFORM = "EGRESS_ALLOWED_PRIVATE"  # the platform's own bridges, named by its operator
    TENANTS = "EGRESS_ALLOWED_TENANTS"  # whatever a tenant types
    NOTHING = ""  # for addresses that a stranger names


class NotReached(Temporary):
    """No connection came about, so the other side has certainly done nothing."""


@lru_cache(maxsize=1024)  # the same few are called again and again, and one call asks twice
def check_url(url: str) -> httpx2.URL:
    """Return the parsed address.

    Raises:
        Permanent: not a plain http(s) address: other schemes, user names, blanks, backslashes.
    """
    if any(mark in url for mark in "\\ \t\r\n\x00"):
        raise Permanent("refused address: blanks or backslashes in it")
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise Permanent("refused address: unreadable") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise Permanent("refused address: only http:// and https:// are allowed")
    if parsed.userinfo:
        raise Permanent("refused address: no user name or password may be in it")
    return parsed


def same_origin(first: str, second: str) -> bool:
    """Test whether two addresses lead to one system: the same scheme, host and port.

    Raises:
        Permanent: one of them is no plain http(s) address.
    """

    def origin(url: str) -> tuple[str, str, int | None]:
        parsed = check_url(url)
        return parsed.scheme, parsed.host.lower().rstrip("."), parsed.port  # None: the usual one

    return origin(first) == origin(second)


def leads_elsewhere(stored: str, typed: str) -> bool:
    """Test whether a secret must be entered anew: it was for another system, whose owner is not
    the one who would read it now. An address that cannot be read is nobody's.

    Args:
        stored: the address that the secret was entered for.
    """
    if stored == typed:
        return False
    try:
        return not same_origin(stored, typed)
    except Permanent:
        return True


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Test whether an address is one that anybody on the internet may be reached at.

    IPv6 is judged by what is allowed: the forms that wrap an IPv4 address (mapped, NAT64, 6to4,
    Teredo) would otherwise lead back to our own network.
    """
    if isinstance(address, IPv6Address):
        return address in _V6_PUBLIC and not any(address in block for block in _V6_SPECIAL)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in block for block in _V4_SPECIAL)
    )


@dataclass(frozen=True, slots=True)
class _Exemption:
    """One entry of a setting of `Egress`: a host name or a network, with or without a port."""

    host: str
    network: IPv4Network | IPv6Network | None
    port: int | None

    def names(self, host: str, port: int) -> bool:
        return bool(self.host) and self.host == host and self.port in {None, port}

    def holds(self, address: IPv4Address | IPv6Address, port: int) -> bool:
        return self.network is not None and address in self.network and self.port in {None, port}


@lru_cache(maxsize=8)
def _exemptions(egress: Egress, entries: tuple[str, ...]) -> tuple[_Exemption, ...]:
    return tuple(_exemption(entry, egress) for entry in entries)


def _exemption(entry: str, egress: Egress) -> _Exemption:
    try:
        return _Exemption("", ip_network(entry.strip("[]"), strict=False), None)
    except ValueError:
        host, colon, port = entry.rpartition(":")
    if not colon:
        host, port = entry, ""
    if not host or (colon and not port.isdigit()):
        raise ImproperlyConfigured(
            f"{egress}: {entry!r} is no host or CIDR, such as 10.0.0.0/8 or llm:8000"
        )
    number = int(port) if port else None
    try:
        return _Exemption("", ip_network(host.strip("[]"), strict=False), number)
    except ValueError:
        return _Exemption(host.lower().rstrip("."), None, number)


def resolve(host: str, port: int, *, egress: Egress = Egress.TENANTS) -> list[str]:
    """Return the addresses that `host` may be connected at.

    All of them are refused when one is: a name that answers both a public and a private address is
    an attack or a mistake.

    Raises:
        Permanent: an address or the port is refused.
        Temporary: the name does not resolve now.
    """
    if "%" in host:
        raise Permanent("refused address: it names a network interface")
    exemptions = _exemptions(egress, tuple(getattr(settings, egress))) if egress else ()
    see = f" (see {egress})" if egress else ""
    name = host.lower().rstrip(".")
    is_named = any(one.names(name, port) for one in exemptions)
    try:
        answers = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NotReached("the host name does not resolve") from error
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not addresses:
        raise NotReached("the host name does not resolve")
    for text in addresses:
        address = ip_address(text)
        if any(one.holds(address, port) for one in exemptions):
            continue
        if is_named and _may_be_named(address):
            continue
        if not is_public(address):
            raise Permanent(f"refused address: not public{see}")
        if port not in PUBLIC_PORTS:
            raise Permanent(f"refused port {port}{see}")
    return addresses


def _may_be_named(address: IPv4Address | IPv6Address) -> bool:
    """Test an address behind a host name that the operator allowed.

    The name stands for a machine of the operator. Where it suddenly points at a cloud's metadata
    service, somebody else answers for it.
    """
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)
