"""What the API itself refuses, whatever the resource."""

from __future__ import annotations

from tenants.errors import DomainError


class Unauthenticated(DomainError):
    """This needs a valid credential: an API key or an access token of this business."""

    code = "unauthenticated"
    http_status = 401


class Forbidden(DomainError):
    """This credential does not allow that."""

    code = "forbidden"
    http_status = 403


class OutOfScope(DomainError):
    """The key was not made for this; give it the scope."""

    code = "out_of_scope"
    http_status = 403


class ChangedMeanwhile(DomainError):
    """Somebody changed this since you read it; read it again."""

    code = "changed_meanwhile"
    http_status = 412


class BadCursor(DomainError):
    """The cursor is not one of this list; begin without one."""

    code = "bad_cursor"
    http_status = 400


class Unavailable(DomainError):
    """Another system did not answer; try again later."""

    code = "unavailable"
    http_status = 503
