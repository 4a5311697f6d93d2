"""Refusals of the API: one shape for all of them, and codes that stay English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.core.exceptions import (
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import resolve
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.defaults import server_error
from psycopg.errors import UniqueViolation
from rest_framework import exceptions
from rest_framework.fields import get_error_detail
from rest_framework.response import Response

from tenants.api.messages import MESSAGES
from tenants.api.refusals import Unavailable
from tenants.errors import DomainError, Permanent, Temporary


def body(*, code: str, message: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"code": code, "message": message, "fields": dict(fields or {})}


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a refusal that was raised in a view; None leaves an error of ours to Django."""
    del context
    return _of_domain(error) or _of_django(error) or _of_framework(error)


def answer(error: DomainError) -> JsonResponse:
    """Return a refusal from a view that is not one of the framework's."""
    found = _of_domain(error)
    assert found is not None  # noqa: S101 - a DomainError always has an answer
    headers = {name: value for name, value in found.headers.items() if name != "Content-Type"}
    return JsonResponse(found.data, status=found.status_code, headers=headers)


@csrf_exempt
def not_found(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """Answer an address of the API that does not exist; one that lacks its last slash, as with it.

    A redirection would lose the body.
    """
    if path and not path.endswith("/"):
        match = resolve(f"{request.path_info}/")
        if match.func is not not_found:
            answered: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
            return answered
    return JsonResponse(body(code="not_found", message=_("There is no such address.")), status=404)


def broken(request: HttpRequest) -> HttpResponseBase:
    """Answer where an error of ours came up; a program gets what it can read."""
    if not request.path.startswith("/api/"):
        return server_error(request)
    message = _("Something broke here; it is in our logs. Try again later.")
    return JsonResponse(body(code="error", message=message), status=500)


def _of_domain(error: Exception) -> Response | None:
    if isinstance(error, Temporary):
        error = Unavailable()
    elif isinstance(error, Permanent):
        error = DomainError(error.reason)
    if not isinstance(error, DomainError):
        return None
    fields = getattr(error, "fields", None)
    response = Response(body(code=error.code, message=said(error), fields=fields))
    response.status_code = error.http_status
    if error.http_status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        response["Retry-After"] = str(max(1, round(retry_after_s)))
    return response


def said(error: DomainError) -> str:
    """Return a refusal's text in the active language.

    One that was raised without a text of its own says what its class does, which is English.
    """
    text = str(error)
    is_of_class = text == (type(error).__doc__ or "").strip()
    return str(MESSAGES.get(error.code, text)) if is_of_class else text


def _of_django(error: Exception) -> Response | None:
    match error:
        case Http404() | ObjectDoesNotExist():
            return Response(body(code="not_found", message=_("There is nothing here.")), 404)
        case PermissionDenied():
            return Response(
                body(code="forbidden", message=_("Your role does not allow that.")), 403
            )
        case RequestDataTooBig():
            return Response(body(code="too_large", message=_("This is too large.")), 413)
        case SuspiciousOperation():
            return Response(body(code="unreadable", message=_("This cannot be read.")), 400)
        case DjangoValidationError():
            return _invalid(get_error_detail(error))
        case ProtectedError():
            return Response(body(code="in_use", message=_("This is used elsewhere.")), 409)
        case IntegrityError() if isinstance(error.__cause__, UniqueViolation):
            return Response(body(code="taken", message=_("There is one like this already.")), 409)
    return None


def _of_framework(error: Exception) -> Response | None:
    if isinstance(error, exceptions.ValidationError):
        return _invalid(error.detail)
    if not isinstance(error, exceptions.APIException):
        return None
    codes = error.get_codes()
    code = codes if isinstance(codes, str) else error.default_code
    response = Response(body(code=_CODES.get(code, code), message=str(error.detail)))
    response.status_code = error.status_code
    if error.status_code == 401:
        response["WWW-Authenticate"] = 'Bearer realm="api"'
    return response


_CODES = {
    "not_authenticated": "unauthenticated",
    "authentication_failed": "unauthenticated",
    "permission_denied": "forbidden",
    "parse_error": "unreadable",
}


def _invalid(detail: Any) -> Response:
    fields: dict[str, list[str]] = {}
    for path, text in _paths(detail):
        fields.setdefault(path or "_", []).append(text)
    message = _("Some of what was sent cannot be used.")
    return Response(body(code="invalid", message=message, fields=fields), 422)


def _paths(detail: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Return each complaint with the path of its field, such as ``"fallbacks.0.model"``."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            name = "" if name in ("non_field_errors", "__all__") else str(name)
            yield from _paths(inner, ".".join(part for part in (at, name) if part))
    elif isinstance(detail, Sequence) and not isinstance(detail, str):
        for index, inner in enumerate(detail):
            is_text = isinstance(inner, str)
            yield from _paths(inner, at if is_text else f"{at}.{index}" if at else str(index))
    else:
        yield at, str(detail)
