"""Long lists in pages: a cursor names the last row that was seen, so that nothing is skipped or
shown twice while rows come and go, and the last page costs no more than the first.
"""

from __future__ import annotations

import json
from typing import Any

from django.db.models import Model, Q
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants import crypto
from tenants.api.refusals import BadCursor
from tenants.context import current_schema

LIMIT, MAX_LIMIT = 50, 200
"""Rows of a page: without a wish, and at most."""

PARAMETERS = {"cursor", "limit"}


class Cursors(BasePagination):
    """Pages by cursor; the view's `ordering` names fields of the row, all in one direction.

    A cursor is encrypted for the tenant and the list: it holds ids that are nobody's business.
    """

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return the rows of the page.

        Raises:
            BadCursor: it was made for another list, or by somebody else.
        """
        ordering: tuple[str, ...] = view.ordering  # type: ignore[union-attr]
        limit = request.known["limit"]  # type: ignore[attr-defined]
        self._context = f"{current_schema()}:cursor:{type(view).__qualname__}"
        is_down = ordering[0].startswith("-")
        names = [name.lstrip("-") for name in ordering]
        if text := request.known.get("cursor"):  # type: ignore[attr-defined]
            values = self._read(text, queryset.model, names)
            queryset = queryset.filter(_beyond(names, values, "lt" if is_down else "gt"))
        rows = list(queryset.order_by(*ordering)[: limit + 1])
        more, rows = rows[limit:], rows[:limit]
        self._next = self._write([getattr(rows[-1], name) for name in names]) if more else None
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Return a page with the cursor of the next one, null on the last."""
        return Response({"results": data, "next_cursor": self._next})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return how a page looks."""
        cursor = {"type": ["string", "null"], "description": "Of the next page; null on the last."}
        return {
            "type": "object",
            "required": ["results", "next_cursor"],
            "properties": {"results": schema, "next_cursor": cursor},
        }

    def _read(self, text: str, model: type[Model], names: list[str]) -> list[Any]:
        try:
            values = json.loads(crypto.decrypt(text, context=self._context))
            return [
                model._meta.get_field(name if name != "pk" else model._meta.pk.name).to_python(one)  # type: ignore[union-attr]
                for name, one in zip(names, values, strict=True)
            ]
        except (crypto.CannotDecrypt, ValueError) as error:
            raise BadCursor from error

    def _write(self, values: list[Any]) -> str:
        return crypto.encrypt(json.dumps(values, default=_plain), context=self._context)


def _plain(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def _beyond(names: list[str], values: list[Any], sign: str) -> Q:
    """Return what lies behind a row in the order of some fields."""
    beyond, same = Q(), Q()
    for name, value in zip(names, values, strict=True):
        beyond |= same & Q(**{f"{name}__{sign}": value})
        same &= Q(**{name: value})
    return beyond
