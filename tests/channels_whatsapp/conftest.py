"""A simulator that pairs nothing by itself, and a device on it."""

from __future__ import annotations

from typing import Any

import pytest

from channels_whatsapp.servers.models import BridgeServer
from tenants.models import Tenant
from tests.channels_whatsapp.worlds import World
from tests.simulator import conftest as simulators
from tests.simulator.conftest import ADMIN_TOKEN, TIME_SCALE, Receiver, Running, Start

receiver = simulators.receiver
start = simulators.start


@pytest.fixture
def bridge(start: Start) -> Running:
    """A bridge on which codes have to be scanned; its codes end after hours, not seconds."""
    return start(auto_pair=False, code_lifetimes_s=(24 * 3600 / TIME_SCALE,))


def make_server(url: str, *, name: str = "ponte", max_devices: int = 50) -> BridgeServer:
    server = BridgeServer(name=name, base_url=url, max_devices=max_devices)
    server.set_admin_token(ADMIN_TOKEN)
    server.save()
    return server


@pytest.fixture
def world(alpha: Tenant, bridge: Running, receiver: Receiver, settings: Any) -> World:
    """A device of alpha that its bridge does not know yet."""
    settings.PUBLIC_BASE_URL = receiver.url.partition("/hooks")[0]
    make_server(bridge.base_url)
    return World(bridge, receiver)
