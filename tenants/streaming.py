"""Answers that are made while they are sent, so that no process holds the whole of one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils import timezone, translation
from django_tenants.utils import schema_context

from tenants.context import current_schema, release_connection


def streamed(
    request: HttpRequest, parts: Iterator[bytes]
) -> Iterator[bytes] | AsyncIterator[bytes]:
    """Return the parts of an answer in the form in which this request's server takes them.

    They are made after the view has returned: in its schema, language and time zone all the same.
    The database connection is given back after each, because a slow line may take minutes for it.
    """
    schema, language = current_schema(), translation.get_language()
    zone = timezone.get_current_timezone()

    def make() -> bytes | None:
        with schema_context(schema), translation.override(language), timezone.override(zone):
            try:
                return next(parts, None)
            finally:
                release_connection()

    # A server of the other kind would first gather all parts.
    return _later(make) if isinstance(request, ASGIRequest) else iter(make, None)


async def _later(make: Callable[[], bytes | None]) -> AsyncIterator[bytes]:
    next_part = sync_to_async(make)
    while (part := await next_part()) is not None:
        yield part
