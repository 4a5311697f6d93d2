"""Logins of programs by name and password: a short access token and a refresh token that rotates.

Each refresh token is good for one use. Whoever comes with a used one is taken for a thief, or the
owner after a thief, and the login ends with all its tokens. Two refreshes that overlap in time are
neither: one gets the next token, the other is told so and nothing ends.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare, salted_hmac

from tenants.api.models import RefreshToken, TokenFamily
from tenants.audit.record import record
from tenants.context import current_schema, database_now
from tenants.errors import DomainError

ACCESS_FOR = timedelta(minutes=15)
"""How long an access token is good: so long does whoever copied one have the rights of its owner,
unless the login is ended."""

LOGIN_FOR = timedelta(days=30)
"""How long a login can be refreshed before the password is asked for again."""

_ALGORITHM = "HS256"
_ISSUER, _AUDIENCE = "prosa", "prosa-api"


class WrongPassword(DomainError):
    """The name or the password is wrong."""

    code = "wrong_password"
    http_status = 401


class BadRefreshToken(DomainError):
    """The refresh token is not good any more; log in again."""

    code = "bad_refresh_token"
    http_status = 401


class RefreshRaced(DomainError):
    """Another call is refreshing with this token right now; use the tokens that it got."""

    code = "refresh_raced"
    http_status = 409


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login or a refresh brings."""

    access: str
    refresh: str
    expires_in_s: int


def log_in(*, request: HttpRequest | None, username: str, password: str, now: datetime) -> Tokens:
    """Begin a login of a member of the current tenant's staff.

    Raises:
        WrongPassword: which of the two is wrong is not told.
    """
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User) or not user.is_staff:
        raise WrongPassword
    with transaction.atomic():
        family = TokenFamily.objects.create(
            user=user, password_mark=_mark(user), created_at=now, expires_at=now + LOGIN_FOR
        )
        tokens = _next(family, now=now)
        record(
            action="api.logged_in",
            actor=user.get_username(),
            target=f"login {family.uuid}",
            data={},
        )
    return tokens


def refresh(*, token: str) -> Tokens:
    """Give the next tokens of a login, once for each refresh token.

    Raises:
        RefreshRaced: another call with the same token was under way when this one came.
        BadRefreshToken: unknown, used before, revoked or expired; a used one ends the login.
    """
    # The database's clock, before and behind the lock: which of two calls came first, and whether
    # they overlapped, must not depend on the clocks of two web servers.
    came_at = database_now()
    tokens = _rotate(token, came_at=came_at)
    if tokens is None:
        raise BadRefreshToken
    return tokens


def _rotate(token: str, *, came_at: datetime) -> Tokens | None:
    with transaction.atomic():
        held = RefreshToken.objects.select_related("family__user").filter(digest=_digest(token))
        found = held.select_for_update(of=("self", "family")).first()
        if found is None:
            return None
        family = found.family
        if found.used_at is not None:
            if came_at <= found.used_at:
                raise RefreshRaced
            _end(family, reason="reused", now=came_at)
            return None
        if not is_alive(family, now=came_at):
            return None
        now = database_now()
        RefreshToken.objects.filter(pk=found.pk).update(used_at=now)
        return _next(family, now=now)


def log_out(*, token: str, now: datetime) -> None:
    """End the login that a refresh token belongs to; an unknown token ends nothing."""
    found = RefreshToken.objects.select_related("family__user").filter(digest=_digest(token))
    if (one := found.first()) is not None:
        with transaction.atomic():
            _end(one.family, reason="logged_out", now=now)


def find_login(*, text: str, now: datetime) -> TokenFamily | None:
    """Return the login of the current tenant that an access token belongs to, if it is good."""
    try:
        claims = jwt.decode(
            text,
            _signing_key(),
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={
                "require": ["exp", "aud", "iss", "tid", "typ", "fam"],
                "verify_exp": False,  # by our own clock, below
                # When it was made is told by another server's clock, which may be ahead of ours.
                "verify_iat": False,
            },
        )
        is_ours = claims["tid"] == current_schema() and claims["typ"] == "access"
        if not is_ours or int(claims["exp"]) <= now.timestamp():
            return None
        family = TokenFamily.objects.select_related("user").filter(uuid=claims["fam"]).first()
    except (jwt.InvalidTokenError, ValueError, TypeError, ValidationError):
        return None
    return family if family is not None and is_alive(family, now=now) else None


def is_alive(family: TokenFamily, *, now: datetime) -> bool:
    """Test whether a login, read with its person, was not ended, and the person works here."""
    user = family.user
    return (
        family.revoked_at is None
        and family.expires_at > now
        and user.is_active
        and user.is_staff
        and constant_time_compare(family.password_mark, _mark(user))
    )


def clear_old(*, now: datetime) -> int:
    """Remove logins that have expired; return how many."""
    return TokenFamily.objects.filter(expires_at__lt=now).delete()[0]


def _next(family: TokenFamily, *, now: datetime) -> Tokens:
    text = f"prr_{secrets.token_urlsafe(32)}"
    RefreshToken.objects.create(family=family, digest=_digest(text), created_at=now)
    claims = {
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "tid": current_schema(),
        "typ": "access",
        "fam": str(family.uuid),
        "jti": secrets.token_hex(8),
        "iat": int(now.timestamp()),
        "exp": int((now + ACCESS_FOR).timestamp()),
    }
    access = jwt.encode(claims, _signing_key(), algorithm=_ALGORITHM)
    return Tokens(access, text, int(ACCESS_FOR.total_seconds()))


def _end(family: TokenFamily, *, reason: str, now: datetime) -> None:
    ended = TokenFamily.objects.filter(pk=family.pk, revoked_at=None)
    if ended.update(revoked_at=now, revoked_reason=reason):
        record(
            action=f"api.login_{reason}",
            actor=family.user.get_username(),
            target=f"login {family.uuid}",
            data={},
        )


def _mark(user: User) -> str:
    return salted_hmac("tenants.api.password", user.password, algorithm="sha256").hexdigest()


def _signing_key() -> bytes:
    """Return the key of this tenant alone: a token of another one does not even verify."""
    schema = current_schema()
    return salted_hmac(
        "tenants.api.tokens", schema, secret=settings.SECRET_KEY, algorithm="sha256"
    ).digest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
