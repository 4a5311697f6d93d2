from __future__ import annotations

from collections.abc import Iterator

import pytest

from tenants.models import Tenant
from tests.channels_chatwoot.worlds import World
from tests.fakes.chatwoot import FakeChatwoot


@pytest.fixture
def server() -> Iterator[FakeChatwoot]:
    with FakeChatwoot() as server:
        yield server


@pytest.fixture
def world(alpha: Tenant, server: FakeChatwoot) -> World:
    """An inbox of alpha."""
    return World(server)
