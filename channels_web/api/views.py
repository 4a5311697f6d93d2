"""What a visitor's page asks for, from the origins that the business has allowed and no other.

Whoever forges an `Origin` is no browser, and gets what any visitor gets; what the check keeps out
is other sites that would show the chat as theirs. The token goes in a header: an address is logged.
"""

from __future__ import annotations

import json
import logging
from abc import ABC, abstractmethod
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_GET

from channels_web.api import seen
from channels_web.models import WebChat
from channels_web.services import chats, receiving, visitors, widget
from conversations.api import paging
from conversations.api.listeners import Follow, known, streamed
from conversations.services import feed, following
from tenants.api import throttling
from tenants.api.callers import address_of
from tenants.api.errors import answer
from tenants.context import current_schema
from tenants.errors import DomainError

logger = logging.getLogger(__name__)

MAX_BODY = 32 * 1024
"""Bytes of one request: a text of the greatest length in the widest letters, and its id."""

PAGE = 30
"""Messages of one page of the thread."""

SCRIPT_S = 300
"""How long a browser believes the script, in seconds: so much later a changed greeting is seen."""


class UnknownChat(DomainError):
    """There is no such chat."""

    code = "not_found"
    http_status = 404


class OriginRefused(DomainError):
    """This chat is not for pages of this origin."""

    code = "origin_refused"
    http_status = 403


class SwitchedOff(DomainError):
    """This chat is switched off."""

    code = "switched_off"
    http_status = 410


class TooLarge(DomainError):
    """The message is too long."""

    code = "too_large"
    http_status = 413


class NotJson(DomainError):
    """Send JSON: an object."""

    code = "not_json"
    http_status = 415


class NothingSaid(DomainError):
    """Nothing was said here yet."""

    code = "nothing_said"
    http_status = 404


def _etag(request: HttpRequest, key: str) -> str | None:
    chat = chats.find_chat(key)
    return None if chat is None or not chat.is_active else widget.etag(chat, key=key)


@require_GET
@condition(etag_func=_etag)
def script(request: HttpRequest, key: str) -> HttpResponse:
    """Return the widget with the chat's settings in it; the same for everybody."""
    chat = chats.find_chat(key)
    if chat is None or not chat.is_active:
        return HttpResponse(status=404)
    response = HttpResponse(widget.script(chat, key=key), content_type="text/javascript")
    response["Cache-Control"] = f"public, max-age={SCRIPT_S}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@method_decorator(csrf_exempt, name="dispatch")
class Asked(ABC, View):
    """One address of a chat: the origin first, then whether it is switched on, then the rest."""

    chat: WebChat
    site: str
    """Where the page that asks is from; empty where it is our own."""
    key: str
    address: str

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer one request."""
        if (request.method or "").lower() not in self.http_method_names:
            return self.http_method_not_allowed(request)
        self.key, self.address = kwargs["key"], address_of(request)
        chat = chats.find_chat(self.key)
        if chat is None:
            return answer(UnknownChat())
        origin = _origin(request)
        with translation.override(chat.language):
            if origin not in chat.allowed_origins and origin != _own(request):
                logger.info("origin refused", extra={"chat_id": chat.pk})
                return _varied(answer(OriginRefused()))
            self.chat, self.site = chat, "" if origin == _own(request) else origin
            return _allowed(self._answer(request), origin)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            if request.method == "OPTIONS":
                return self._preflight()
            if not self.chat.is_active:
                raise SwitchedOff
            return self.answer(request)
        except DomainError as error:
            return answer(error)

    def _preflight(self) -> HttpResponse:
        methods = ", ".join(one.upper() for one in self.http_method_names)
        headers = {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID",
            "Access-Control-Max-Age": "7200",
        }
        return HttpResponse(status=204, headers=headers)

    @abstractmethod
    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request of an allowed page."""

    def visitor(self, request: HttpRequest) -> visitors.Visitor:
        """Return who asks.

        Raises:
            UnknownVisitor: no token, or not one of this chat.
        """
        word, _, token = request.headers.get("Authorization", "").partition(" ")
        if word.lower() != "bearer":
            raise visitors.UnknownVisitor
        return visitors.recognise(token.strip(), chat=self.chat)

    def spend(self, what: str, visitor: visitors.Visitor | None = None) -> None:
        """Count what is asked for.

        Raises:
            TooManyRequests: too much of it.
        """
        refs = {"address": throttling.network_of(self.address), "chat": self.key}
        if visitor is not None:
            refs = {"visitor": visitor.ref, **refs}
        visitors.spend(what, refs, now=timezone.now())


class Visits(Asked):
    """A visitor's first message is about to be sent."""

    http_method_names = ["post", "options"]

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Give the visitor a token."""
        self.spend("visit")
        return _private(JsonResponse({"token": visitors.welcome(self.chat)}, status=201))


class Messages(Asked):
    """What was said."""

    http_method_names = ["get", "post", "options"]

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Take a message, or show the newest, or those before a cursor."""
        visitor = self.visitor(request)
        if request.method == "POST":
            self.spend("write", visitor)
            given = _body(request)
            is_new = receiving.take_message(
                visitor=visitor, message_id=given.get("id"), text=given.get("text")
            )
            return _private(JsonResponse({"status": "accepted" if is_new else "duplicate"}))
        self.spend("read", visitor)
        conversation = visitors.find_conversation(visitor)
        cursor = request.GET.get("cursor", "")
        found: dict[str, Any] = {"results": [], "next_cursor": None, "last_event_id": None}
        mark = None
        if conversation is not None:
            # The mark before the page: what comes between is told twice, and nothing is missed.
            mark = feed.from_now(conversation.pk)
            results, following_cursor = paging.messages(
                conversation, limit=PAGE, cursor=cursor, shown=seen.SHOWN
            )
            found = {
                "results": results,
                "next_cursor": following_cursor,
                "last_event_id": mark.text(conversation.uuid),
            }
        return _private(JsonResponse({**found, "state": seen.state(mark)}))


class Events(Asked):
    """What happens, live."""

    http_method_names = ["get", "options"]

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        """Follow what the visitor wrote in last, from now on or from the event heard last."""
        visitor = self.visitor(request)
        self.spend("read", visitor)
        conversation = visitors.find_conversation(visitor)
        if conversation is None:
            raise NothingSaid
        following.mark(conversation.pk, now=timezone.now(), with_steps=False)
        cursor = known(request, conversation.uuid) or feed.from_now(conversation.pk)
        follow = Follow(
            schema=current_schema(),
            language=self.chat.language,
            ask=feed.Ask(conversation.pk, conversation.uuid, cursor),
            ready=seen.state(cursor),
            ready_id=cursor.text(conversation.uuid),
            listener=seen.Listener(self.chat.uuid, self.site),
        )
        return streamed(request, follow)


def _origin(request: HttpRequest) -> str:
    """Return the origin of the page that asks; empty where it is not told.

    A page of our own host, which is where a chat is tried, names none where it only reads; its
    address is told then. No page of another site can read here without naming its origin.
    """
    named = request.headers.get("Origin", "")
    if named or request.method != "GET":
        return named
    try:
        came_from = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return ""
    found = f"{came_from.scheme}://{came_from.netloc}"
    return found if found == _own(request) else ""


def _own(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _allowed(response: HttpResponseBase, origin: str) -> HttpResponseBase:
    response["Access-Control-Allow-Origin"] = origin
    response["Access-Control-Expose-Headers"] = "Retry-After"
    return _varied(response)


def _varied(response: HttpResponseBase) -> HttpResponseBase:
    patch_vary_headers(response, ["Origin"])
    return response


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


def _body(request: HttpRequest) -> dict[str, Any]:
    """Return the object that a request brings.

    Raises:
        TooLarge, NotJson: it cannot be read.
    """
    if request.content_type != "application/json":
        raise NotJson
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 9 or int(length) > MAX_BODY:
        raise TooLarge
    raw = request.read(MAX_BODY + 1)
    if len(raw) > MAX_BODY:  # one that is sent in chunks may bring more than it says
        raise TooLarge
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NotJson from error
    if not isinstance(found, dict):
        raise NotJson
    return found
