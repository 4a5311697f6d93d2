"""Parts of an answer are made one by one, where the view was, by either kind of server."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils import timezone, translation
from django_tenants.utils import schema_context

from tenants.context import current_schema
from tenants.models import Tenant
from tenants.streaming import streamed

SCOPE = {"type": "http", "method": "GET", "path": "/", "headers": []}


async def gather(parts: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in parts]


@pytest.mark.parametrize("is_asgi", [True, False])
def test_parts_are_made_later_in_the_same_place(alpha: Tenant, is_asgi: bool) -> None:
    n_made = 0

    def make() -> Iterator[bytes]:
        nonlocal n_made
        for _part in range(3):
            n_made += 1
            zone = timezone.get_current_timezone_name()
            yield f"{current_schema()} {translation.get_language()} {zone}".encode()

    request = ASGIRequest(SCOPE, io.BytesIO()) if is_asgi else HttpRequest()
    with translation.override("pt-br"), timezone.override("America/Manaus"):
        parts = streamed(request, make())
    assert n_made == 0
    with schema_context("public"):
        got = asyncio.run(gather(parts)) if isinstance(parts, AsyncIterator) else list(parts)

    assert isinstance(parts, AsyncIterator) is is_asgi
    assert got == [b"t_alpha pt-br America/Manaus"] * 3
