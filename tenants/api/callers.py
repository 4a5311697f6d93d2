"""Who is calling: from the headers of a request to a person with scopes, for any kind of view.

Views of the framework use `tenants.api.authentication`; others call `identify` and `require`
themselves, in a thread that is in the tenant's schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.http import HttpRequest

from tenants.api import keys, tokens
from tenants.api.models import ApiKey, TokenFamily
from tenants.api.refusals import Forbidden, OutOfScope, Unauthenticated


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, and what the credential lets a program do in their name.

    Args:
        key: None for an access token, which may do all that the person may.
        login: of an access token; None for a key.
    """

    user: User
    key: ApiKey | None = None
    login: TokenFamily | None = None

    @property
    def actor(self) -> str:
        """The name under which the audit trail knows the caller."""
        return self.user.get_username()

    def require(self, *, scope: str, permission: str = "") -> None:
        """Make sure that the credential was made for this, and that the person's role allows it.

        Args:
            scope: one of `tenants.api.scopes.Scope`.
            permission: of Django's, such as ``"agents.change_agent"``; none where empty.

        Raises:
            OutOfScope: the key lacks the scope.
            Forbidden: the role lacks the permission.
        """
        if self.key is not None and scope not in self.key.scopes:
            raise OutOfScope
        if permission and not self.user.has_perm(permission):
            raise Forbidden

    def may(self, permission: str) -> bool:
        """Test whether the person's role allows something."""
        return self.user.has_perm(permission)


def identify(*, headers: Mapping[str, str], address: str, now: datetime) -> Caller:
    """Return who sends a request with these headers to the current tenant.

    Args:
        headers: with `Authorization: Bearer <API key or access token>`.
        address: of the caller, as the server or its trusted proxy gives it.

    Raises:
        Unauthenticated: nobody of this tenant; what exactly is wrong is not told.
    """
    scheme, _space, text = headers.get("Authorization", "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Unauthenticated
    if text.startswith(keys.MARK):
        key = keys.find_key(text=text, address=address, now=now)
        if key is not None:
            return Caller(key.user, key)
    else:
        login = tokens.find_login(text=text, now=now)
        if login is not None:
            return Caller(login.user, login=login)
    raise Unauthenticated


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from.

    uvicorn has put there what a proxy said, if the proxy is one that it was told to trust
    (`FORWARDED_ALLOW_IPS`); the header itself anybody can write.
    """
    return str(request.META.get("REMOTE_ADDR", ""))
