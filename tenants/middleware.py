"""Showing times and texts as the tenant of the request's host has them."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

GetResponse = Callable[[HttpRequest], HttpResponse]


class TimezoneMiddleware:
    """Activates the tenant's time zone; goes after the middleware that finds the tenant."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in the tenant's time zone."""
        tenant = getattr(request, "tenant", None)
        zone = ZoneInfo(tenant.timezone) if tenant is not None else timezone.get_default_timezone()
        with timezone.override(zone):
            return self.get_response(request)


class LanguageMiddleware:
    """Activates the tenant's language, or the one that the person chose before.

    What the browser asks for is not looked at: the panel speaks as the business does, also on a
    machine that happens to be set up in another language. A program that calls the API has set
    itself up, and is heard.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request in that language."""
        tenant = getattr(request, "tenant", None)
        wanted = (
            *(_asked_for(request) if request.path.startswith("/api/") else ()),
            request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, ""),
            tenant.language if tenant is not None else "",
        )
        known = dict(settings.LANGUAGES)
        language = next((code for code in wanted if code in known), settings.LANGUAGE_CODE)
        with translation.override(language):
            response = self.get_response(request)
            response.headers.setdefault("Content-Language", language)
        return response


def _asked_for(request: HttpRequest) -> list[str]:
    """Return the languages of ours that a program asks for, the most wanted first."""
    found = []
    for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        try:
            found.append(get_supported_language_variant(code))
        except LookupError:
            continue
    return found
