"""Logging in, refreshing and logging out, for programs in which a person is logged in."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tenants.api import throttling, tokens
from tenants.api.callers import address_of
from tenants.api.serializers import Input


class Login(Input):
    """Who logs in."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=200, trim_whitespace=False)


class Refresh(Input):
    """A refresh token."""

    refresh = serializers.CharField(max_length=200)


class TokensShown(serializers.Serializer[Any]):
    """An access token for 15 minutes, and a refresh token for one use."""

    access = serializers.CharField()
    refresh = serializers.CharField()
    expires_in_s = serializers.IntegerField()


class TokenView(APIView):
    """What the three addresses have in common: nobody is logged in yet."""

    authentication_classes = ()
    permission_classes = ()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Keep credentials out of caches."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response


class LoginView(TokenView):
    """Logging in."""

    @extend_schema(
        operation_id="log_in", tags=["auth"], auth=[], request=Login, responses=TokensShown
    )
    def post(self, request: Request) -> Response:
        """Log in with name and password."""
        read = Login(data=request.data)
        read.is_valid(raise_exception=True)
        data, now = read.validated_data, timezone.now()
        address = address_of(request._request)
        throttling.spend_login(username=data["username"], address=address, now=now)
        found = tokens.log_in(request=request._request, now=now, **data)
        return Response(TokensShown(found).data)


class RefreshView(TokenView):
    """Refreshing."""

    @extend_schema(
        operation_id="refresh", tags=["auth"], auth=[], request=Refresh, responses=TokensShown
    )
    def post(self, request: Request) -> Response:
        """Get the next tokens; the refresh token that is sent is used up by this."""
        throttling.spend_unknown(address=address_of(request._request), now=timezone.now())
        read = Refresh(data=request.data)
        read.is_valid(raise_exception=True)
        found = tokens.refresh(token=read.validated_data["refresh"])
        return Response(TokensShown(found).data)


class LogoutView(TokenView):
    """Logging out."""

    @extend_schema(
        operation_id="log_out", tags=["auth"], auth=[], request=Refresh, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        """End a login with all its tokens; an unknown token ends nothing and is no error."""
        throttling.spend_unknown(address=address_of(request._request), now=timezone.now())
        read = Refresh(data=request.data)
        read.is_valid(raise_exception=True)
        tokens.log_out(token=read.validated_data["refresh"], now=timezone.now())
        return Response(status=204)
