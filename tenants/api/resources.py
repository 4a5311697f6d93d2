"""What every resource of the API does the same way: who may, how often, in pages, once, unchanged.

A resource names its scopes and permissions in `reads`, `writes` and `needs`. Its verbs are those of
services, which the admin calls too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from tenants.api import throttling
from tenants.api.authentication import BearerAuthentication
from tenants.api.callers import Caller
from tenants.api.paging import Cursors
from tenants.api.refusals import ChangedMeanwhile, Unauthenticated
from tenants.api.serializers import Fields, Input, Page


class Need(NamedTuple):
    """What a call takes: a scope of the key, and a permission of the person's role."""

    scope: str
    permission: str = ""


class Resource(GenericViewSet[Any]):
    """One kind of row, under its UUID.

    Attributes:
        reads: for GET; `writes`: for the rest; `needs`: for single actions, by name.
        filters: what the list takes beside its page.
        ordering: of the list, in one direction, ending on ``pk``.
        is_sparse: rows are wide, so `fields` is taken.
        repeatable: actions that take an Idempotency-Key.
        has_etag: a configuration that several people edit: `ETag`, `If-Match`, `If-None-Match`.
        is_volatile: what is shown also changes by itself: its ETag names what can be edited, and a
            read is always answered whole.
        conditional: actions that take `If-Match`; each calls `unchanged`.
    """

    lookup_field = "uuid"
    lookup_value_converter = "uuid"
    authentication_classes = (BearerAuthentication,)
    pagination_class: type[Cursors] | None = Cursors
    reads: Need
    writes: Need
    needs: ClassVar[Mapping[str, Need]] = {}
    filters: type[Input] | None = None
    ordering: tuple[str, ...] = ("-pk",)
    repeatable: ClassVar[frozenset[str]] = frozenset()
    is_sparse = False
    has_etag = False
    is_volatile = False
    conditional: ClassVar[frozenset[str]] = frozenset({"partial_update", "destroy"})

    @property
    def caller(self) -> Caller:
        """Who is calling."""
        found: Caller = self.request.auth  # type: ignore[assignment]
        return found

    # Who may, and how often

    def check_permissions(self, request: Request) -> None:
        """Ask for the scope and the permission of what is to be done.

        Raises:
            OutOfScope: the key lacks the scope.
            Forbidden: the role lacks the permission.
        """
        need = self.need(self.action, request.method or "")
        if not isinstance(request.auth, Caller):
            raise Unauthenticated
        # Counted first: also what is refused costs us something.
        request.allowance = throttling.spend(request.auth, now=timezone.now())  # type: ignore[attr-defined]
        request.auth.require(scope=need.scope, permission=need.permission)

    @classmethod
    def need(cls, action: str | None, method: str) -> Need:
        """Return what an action takes."""
        default = cls.reads if method in SAFE_METHODS else cls.writes
        return cls.needs.get(action or "", default)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Look at who asks, and at what is asked for.

        Raises:
            ValidationError: a parameter that nobody knows, or one of the wrong form.
        """
        super().initial(request, *args, **kwargs)
        # Without an action the method is none of this address, which is refused next.
        request.known = self._known(request) if self.action else {}  # type: ignore[attr-defined]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add what every answer tells: how much may still be asked, and what it depends on."""
        response = super().finalize_response(request, response, *args, **kwargs)
        allowance = getattr(request, "allowance", None)
        for name, value in (allowance.headers() if allowance else {}).items():
            response.headers.setdefault(name, value)
        patch_vary_headers(response, ("Authorization", "Accept-Language"))
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    # What was asked for

    @classmethod
    def parameters(cls, action: str | None) -> list[type[Input]]:
        """Return what an action takes in its address."""
        found: list[type[Input]] = []
        if action == "list":
            found.append(Page)
            if cls.filters is not None:
                found.append(cls.filters)
        if cls.is_sparse and action in ("list", "retrieve"):
            found.append(Fields)
        return found

    def _known(self, request: Request) -> dict[str, Any]:
        known: dict[str, Any] = {}
        wanted = [one(data=request.query_params) for one in self.parameters(self.action)]
        names = {name for one in wanted for name in one.fields}
        unknown = sorted(set(request.query_params) - names)
        if unknown:
            text = _("There is no such parameter.")
            raise ValidationError({name[:80]: [text] for name in unknown})
        for one in wanted:
            given = {n: v for n, v in request.query_params.items() if n in one.fields}
            part = type(one)(data=given, context={"is_text": True})
            part.is_valid(raise_exception=True)
            known |= part.validated_data
        return known

    @property
    def known(self) -> dict[str, Any]:
        """The parameters of the address, each of its type."""
        found: dict[str, Any] = self.request.known  # type: ignore[attr-defined]
        return found

    def taken(self, kind: type[serializers.Serializer[Any]], **kwargs: Any) -> dict[str, Any]:
        """Return the values of the body.

        Raises:
            ValidationError: by field.
        """
        read = kind(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        read.is_valid(raise_exception=True)
        found: dict[str, Any] = read.validated_data
        return found

    # What is shown

    def get_serializer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the serializer, with the fields that were asked for."""
        found = super().get_serializer(*args, **kwargs)
        wanted = getattr(self.request, "known", {}).get("fields")
        if wanted:
            self._thin(getattr(found, "child", found), {"uuid", *wanted.split(",")})
        return found

    def _thin(self, one: Any, wanted: set[str]) -> None:
        if unknown := sorted(wanted - set(one.fields)):
            text = _("There is no field “%(name)s”.") % {"name": unknown[0]}
            raise ValidationError({"fields": [text]})
        for name in set(one.fields) - wanted:
            one.fields.pop(name)

    def list_of(self, rows: QuerySet[Any]) -> Response:
        """Answer with a page of some rows."""
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def shown(self, row: Any, *, status: int = 200) -> Response:
        """Answer with a row; with 304 where the program has it already."""
        whole = self.get_serializer_class()(row, context=self.get_serializer_context()).data
        is_whole = not getattr(self.request, "known", {}).get("fields")
        response = Response(whole if is_whole else self.get_serializer(row).data, status=status)
        if self.has_etag:
            response["ETag"] = tag = self._tag(whole)
            known = self.request.headers.get("If-None-Match", "")
            is_read = self.request.method in SAFE_METHODS and not self.is_volatile
            if is_read and tag in _tags(known):
                return Response(status=304, headers={"ETag": tag})
        return response

    def unchanged(self, row: Any) -> None:
        """Make sure that a row, locked by the caller, is as the program believes it to be.

        Raises:
            ChangedMeanwhile: `If-Match` names another state.
        """
        wanted = self.request.headers.get("If-Match", "").strip()
        if not wanted or wanted == "*":
            return
        whole = self.get_serializer_class()(row, context=self.get_serializer_context()).data
        if self._tag(whole) not in _tags(wanted):
            raise ChangedMeanwhile

    def _tag(self, whole: Mapping[str, Any]) -> str:
        if not self.is_volatile:
            return etag_of(whole)
        described: Any = self.get_serializer_class()()
        kept = {n for n, one in described.fields.items() if not one.read_only} | {"uuid"}
        return etag_of({name: value for name, value in whole.items() if name in kept})


class Listed:
    """A list, as `GET /things/`."""

    def list(self: Any, request: Request) -> Response:
        """Answer with a page."""
        found: Response = self.list_of(self.get_queryset())
        return found


class Retrieved:
    """A single row, as `GET /things/{uuid}/`."""

    def retrieve(self: Any, request: Request, uuid: Any) -> Response:
        """Answer with the row."""
        found: Response = self.shown(self.get_object())
        return found


def etag_of(data: Mapping[str, Any]) -> str:
    """Return what names a state: another one whenever something that is shown has changed."""
    text = json.dumps(data, sort_keys=True, cls=DjangoJSONEncoder)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _tags(header: str) -> set[str]:
    # A proxy that compresses marks a tag as weak; what it names is the same.
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
