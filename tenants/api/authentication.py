"""Credentials and permissions as the framework's views ask for them."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from tenants.api.callers import Caller, address_of, identify
from tenants.api.refusals import Unauthenticated
from tenants.api.throttling import spend_unknown


class BearerAuthentication(BaseAuthentication):
    """Takes API keys and access tokens; `request.auth` is the `Caller`. Cookies count for nothing:
    without them no page of another site can make a browser call the API.
    """

    def authenticate(self, request: Request) -> tuple[User, Caller]:
        """Return who is calling.

        Raises:
            Unauthenticated: nobody of this tenant.
            TooManyRequests: nobody, and once too often from this address.
        """
        address, now = address_of(request._request), timezone.now()
        try:
            caller = identify(headers=request.headers, address=address, now=now)
        except Unauthenticated:
            spend_unknown(address=address, now=now)
            raise
        return caller.user, caller

    def authenticate_header(self, request: Request) -> str:
        """Return what a refusal asks for."""
        return 'Bearer realm="api"'
