"""The platform's bridge servers: which of them a new device goes to, and who may make users there.

The admin token opens every session of a bridge. It goes to addresses that the platform has named
and to no other: a tenant may type the address of a server of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Count, Exists, OuterRef
from django.utils.translation import gettext

from channels_whatsapp.bridge.client import Bridge, BridgeHealth
from channels_whatsapp.servers.models import BridgeServer
from tenants.context import release_connection
from tenants.errors import DomainError, Permanent, Temporary
from tenants.models import InboundRoute


class PlatformBridge(DomainError):
    """A tenant has typed the address of a bridge of the platform."""

    code = "bridge_of_the_platform"
    http_status = 422

    def __init__(self) -> None:
        super().__init__(
            gettext(
                "This is the address of a bridge of the platform, which chooses one with room by"
                " itself: leave the address empty. Fill it in only for a bridge of your own."
            )
        )


class NoRoom(DomainError):
    """No bridge of the platform has room for another device."""

    code = "no_bridge_has_room"


@dataclass(frozen=True)
class Load:
    """How full a server is."""

    server: BridgeServer
    n_devices: int

    @property
    def n_free(self) -> int:
        """How many more devices it takes; never below none."""
        return max(0, self.server.max_devices - self.n_devices)


def loads(servers: list[BridgeServer]) -> list[Load]:
    """Return how full servers are; one query."""
    counted = (
        InboundRoute.objects.filter(bridge_url__in=[one.base_url for one in servers])
        .values_list("bridge_url")
        .annotate(n=Count("pk"))
    )
    n_of = dict(counted)
    return [Load(one, n_of.get(one.base_url, 0)) for one in servers]


def has_any() -> bool:
    """Test whether the platform has a server for devices without one of their own."""
    return BridgeServer.objects.filter(is_open=True).exists()


def is_platforms_bridge() -> Exists:
    """Return the condition of a device whose bridge is one of the platform's."""
    return Exists(BridgeServer.objects.filter(base_url=OuterRef("bridge_base_url")))


def choose_server() -> BridgeServer:
    """Return the open server with the most room left, held until the transaction ends.

    Two that choose at once wait for each other, so that the last place is given once: the caller
    writes the device's route in the same transaction.

    Raises:
        NoRoom: every server is full or closed, or there is none.
    """
    servers = BridgeServer.objects.select_for_update().filter(is_open=True).order_by("pk")
    free = [load for load in loads(list(servers)) if load.n_free]
    if not free:
        raise NoRoom(
            gettext(
                "No bridge of the platform has room for another device. Ask whoever runs it, or"
                " name a bridge of your own."
            )
        )
    return max(free, key=lambda load: (load.n_free, -load.server.pk)).server


def is_known(base_url: str) -> bool:
    """Test whether an address is, letter by letter, that of one of the platform's servers."""
    return BridgeServer.objects.filter(base_url=base_url).exists()


def require_own(base_url: str) -> None:
    """Refuse the address of a platform's bridge, however it is spelt: its places are given out.

    Raises:
        PlatformBridge: one of the platform's servers is at this host and port.
    """
    if is_platforms(base_url):
        raise PlatformBridge


def is_platforms(base_url: str) -> bool:
    """Test whether one of the platform's servers is at an address, however that is spelt."""
    wanted = _place(base_url)
    taken = BridgeServer.objects.values_list("base_url", flat=True)
    return any(_place(one) == wanted for one in taken)


def _place(base_url: str) -> tuple[str, int]:
    """Return host and port of an address."""
    parts = urlsplit(base_url)
    try:
        port = parts.port
    except ValueError:  # no number: it is nobody's
        port = -1
    host = (parts.hostname or "").rstrip(".")
    return host, port if port is not None else 443 if parts.scheme == "https" else 80


def ensure_server(*, base_url: str, name: str = "", is_open: bool = True) -> None:
    """Make a server known that the platform's own settings or files name, with its admin token.

    Args:
        is_open: take new devices of all tenants there.
    """
    address = base_url.rstrip("/")
    if not settings.BRIDGE_ADMIN_TOKEN or not address:
        return
    if BridgeServer.objects.filter(base_url=address).exists():
        return
    taken = set(BridgeServer.objects.values_list("name", flat=True))
    wanted = name or address.partition("://")[2][:50]
    free = next(
        f for n in range(1, 1000) if (f := wanted if n == 1 else f"{wanted} {n}") not in taken
    )
    server = BridgeServer(name=free, base_url=address, is_open=is_open)
    server.set_admin_token(settings.BRIDGE_ADMIN_TOKEN)
    server.save()


def ask(server: BridgeServer) -> tuple[BridgeHealth | None, str]:
    """Return how a server is, or why that is not known."""
    bridge = Bridge(base_url=server.base_url, token="", is_on_platform=True)
    release_connection()
    try:
        return bridge.health(), ""
    except (Temporary, Permanent) as error:
        return None, error.reason


def admin_token(base_url: str) -> str:
    """Return what makes users on a server of the platform's; empty for any other address."""
    server = BridgeServer.objects.filter(base_url=base_url.rstrip("/")).first()
    return server.admin_token() if server is not None else ""
