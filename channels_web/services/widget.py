"""The script that a site's pages load: one request, with the chat's settings and words in it."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from channels_web.models import WebChat

_PARTS = ("talk.js", "style.js", "page.js")
"""The files of the one function that the script is; each may use what stands in those before it."""


def script(chat: WebChat, *, key: str) -> bytes:
    """Return the widget of a chat."""
    # ASCII only, so that nothing in it ends a line of the script.
    return f"{_source()}({json.dumps(_settings(chat, key=key))});\n".encode()


def etag(chat: WebChat, *, key: str) -> str:
    """Return what names this script as it is now."""
    return f'"{hashlib.blake2s(script(chat, key=key), digest_size=12).hexdigest()}"'


@lru_cache(maxsize=1)
def _source() -> str:
    folder = settings.BASE_DIR / "templates" / "static" / "prosa" / "web-chat"
    parts = [(folder / name).read_text(encoding="utf-8") for name in _PARTS]
    return "\n".join(["((chat) => {", '"use strict";', *parts, "})"])


def ink(colour: str) -> str:
    """Return black or white, whichever is easier to read on a colour.

    Source: WCAG 2.2, relative luminance; 0.179 is where both contrasts are the same.
    """
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"


def _settings(chat: WebChat, *, key: str) -> dict[str, Any]:
    with translation.override(chat.language):
        return {
            "key": key,
            "title": chat.title,
            "greeting": chat.greeting,
            "colour": chat.colour,
            "ink": ink(chat.colour),
            "language": chat.language,
            "origins": chat.allowed_origins,
            "words": _words(),
        }


def _words() -> dict[str, str]:
    return {
        "open": _("Open the chat"),
        "unread": _("Open the chat: there are new messages"),
        "close": _("Close the chat"),
        "write": _("Write a message"),
        "send": _("Send"),
        "you": _("You"),
        "assistant": _("Assistant"),
        "person": _("Our team"),
        "sending": _("sending…"),
        "waiting": _("waiting to be sent…"),
        "failed": _("not sent"),
        "again": _("Try again"),
        "refused": _("This message can't be sent: it is too long."),
        "earlier": _("Earlier messages"),
        "loading": _("Loading…"),
        "typing": _("writing…"),
        "offline": _("No connection. We'll go on as soon as it is back."),
        "with_person": _("A person of our team is answering."),
        "nobody_yet": _("A person of our team will answer here."),
        "over": _("This conversation is over. Write to begin again."),
        "off": _("This chat is switched off at the moment."),
        "anew": _("Start anew"),
        "sure": _("Clear this screen and start anew?"),
        "edited": _("edited"),
        "deleted": _("This message was taken back."),
        "empty": _("Write your question and we'll answer here."),
    }
