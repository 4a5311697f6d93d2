"""The description of the API, OpenAPI 3.1, made from the views themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import SAFE_METHODS

from tenants.api.idempotency import HEADER
from tenants.api.resources import Resource

_REFUSED: Mapping[int, tuple[str, str, str]] = {
    400: ("unreadable", "The body or the cursor cannot be read.", "JSON parse error"),
    401: (
        "unauthenticated",
        "No valid credential of this business.",
        "This needs a valid credential: an API key or an access token of this business.",
    ),
    403: ("out_of_scope", "The key or the role does not allow it.", "Your role does not allow it."),
    404: ("not_found", "There is no such row.", "There is nothing here."),
    406: ("not_acceptable", "Answers are JSON.", "Could not satisfy the request Accept header."),
    409: ("already_taken", "The state of things does not allow it.", "Another person has it."),
    412: ("changed_meanwhile", "`If-Match` names another state.", "Somebody changed this."),
    413: ("too_large", "The body or the file is too large.", "This is too large."),
    415: ("unsupported_media_type", "The body is of another type.", "Unsupported media type."),
    422: ("invalid", "A value cannot be used; `fields` names it.", "Some of it cannot be used."),
    429: ("too_many_requests", "Too many calls.", "These are too many requests; wait a moment."),
    503: ("unavailable", "Another system does not answer.", "Try again later."),
}
"""By status: an example's code, what the status means, and what its example says."""


class Bearer(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a program says who it is."""

    target_class = "tenants.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the definition."""
        del auto_schema
        about = "An API key (`prosa_…`) or an access token of `POST /api/v1/auth/login/`."
        return {"type": "http", "scheme": "bearer", "description": about}


class Schema(AutoSchema):
    """Describes what `Resource` does for every view."""

    def get_override_parameters(self) -> list[Any]:
        """Return the parameters of the address and the headers."""
        view = self.view
        if not isinstance(view, Resource):
            return []
        found: list[Any] = list(view.parameters(view.action))
        is_safe = self.method in SAFE_METHODS
        if view.has_etag and not view.is_volatile and view.action == "retrieve":
            found.append(_header("If-None-Match", "An `ETag`: 304 where nothing has changed."))
        if view.has_etag and view.action in view.conditional:
            found.append(_header("If-Match", "An `ETag`: 412 where it was changed meanwhile."))
        if not is_safe and view.action in view.repeatable:
            found.append(_header(HEADER, "A repeat with the same value changes nothing."))
        return found

    def get_operation_id(self) -> str:
        """Return a name for a client's function: the path in words, and what is done there."""
        if not isinstance(self.view, Resource):
            return str(super().get_operation_id())
        parts = [part for part in self.path.split("/")[3:] if part and part[0] != "{"]
        action = _ACTIONS.get(self.view.action or "", self.view.action or "")
        return "_".join(parts if parts[-1] == action else [*parts, action])

    def get_summary(self) -> str:
        """Return what it does, in a line."""
        return str(super().get_description()).strip().partition("\n")[0]

    def get_description(self) -> str:  # type: ignore[override]
        """Return what it does, and what it takes."""
        said = str(super().get_description())
        if not isinstance(self.view, Resource):
            return said
        need = self.view.need(self.view.action, self.method)
        return f"{said}\n\nScope `{need.scope}`; permission `{need.permission}`.".strip()


_ACTIONS = {"retrieve": "get", "partial_update": "update", "destroy": "delete"}


def _header(name: str, about: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=about, required=False
    )


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add to each operation what any of its kind may be refused with; a hook of the generator."""
    schemas = result["components"]["schemas"]
    schemas["Refusal"] = _REFUSAL
    result["components"]["responses"] = {
        f"Refused{status}": _refused(status) for status in sorted(_REFUSED)
    }
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in _statuses(path, method, operation):
                known = operation["responses"]
                known.setdefault(str(status), {"$ref": f"#/components/responses/Refused{status}"})
            operation["responses"] = dict(sorted(operation["responses"].items()))
    for name, schema in schemas.items():
        if name.endswith("Input") or name.startswith("Patched"):
            schema["additionalProperties"] = False
    return result


_REFUSAL = {
    "type": "object",
    "description": "Why something was refused: a code that stays, and words for people.",
    "required": ["code", "message", "fields"],
    "properties": {
        "code": {"type": "string", "description": "Stable, English, for programs."},
        "message": {"type": "string", "description": "For people, in their language."},
        "fields": {
            "type": "object",
            "description": "What is wrong with which field; an inner one's path has dots.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def _refused(status: int) -> dict[str, Any]:
    code, about, message = _REFUSED[status]
    fields = {"name": ["This field is required."]} if status == 422 else {}
    return {
        "description": about,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Refusal"},
                "example": {"code": code, "message": message, "fields": fields},
            }
        },
        **({"headers": {"Retry-After": _SECONDS}} if status in (429, 503) else {}),
    }


_SECONDS = {"description": "Seconds to wait.", "schema": {"type": "integer"}}


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> list[int]:
    names = {one["name"] for one in operation.get("parameters", ()) if one["in"] != "path"}
    found = {401, 406, 429}
    if operation.get("security") != [{}]:
        found.add(403)
    if "{" in path:
        found.add(404)
    if names - {"If-None-Match", "If-Match", HEADER}:
        found.add(422)
    if "cursor" in names:
        found.add(400)
    if "Last-Event-ID" in names:
        found |= {400, 503}
    if method != "get":
        found |= {400, 409, 415, 422, 503}
    if "If-Match" in names:
        found.add(412)
    if "multipart/form-data" in operation.get("requestBody", {}).get("content", {}):
        found.add(413)
    return sorted(found)


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """Return the description as one object; in English, whoever asks."""
    with translation.override("en"):
        generator: Any = SchemaGenerator(urlconf="config.urls_tenant")  # type: ignore[no-untyped-call]
        found: dict[str, Any] = generator.get_schema(request=None, public=True)
    return found


def schema(request: HttpRequest) -> JsonResponse:
    """Answer with the description."""
    del request
    return JsonResponse(description())
