"""What everybody who works in a tenant's panel is told on every page, while it lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from integrations.services import notices as told
from integrations.services import pauses, words

MAX_NOTICES = 3
"""More would push every page down; the last one says how many there are."""


@dataclass(frozen=True)
class Notice:
    """One line above a page; `url` is empty for those who may not go there."""

    text: str
    action: str = ""
    url: str = ""


def tenant(request: HttpRequest) -> dict[str, Any]:
    """Return what is wrong now and what nobody has seen; two queries while nothing is."""
    return {"notices": [*_pauses(request), *_unseen(request)]}


def _pauses(request: HttpRequest) -> list[Notice]:
    user = request.user
    may_see = user.has_perm("integrations.view_breaker")
    if not (may_see or user.has_perm("conversations.view_conversation")):
        return []
    url = reverse("admin:integrations_breaker_changelist") if may_see else ""
    found = pauses.paused()
    notices = [Notice(_paused(one), _("See the pauses"), url) for one in found[:MAX_NOTICES]]
    if len(found) > MAX_NOTICES:
        text = _("%(n)s models are paused in all.") % {"n": len(found)}
        notices.append(Notice(text, _("See the pauses"), url))
    return notices


def _unseen(request: HttpRequest) -> list[Notice]:
    if not request.user.has_perm("integrations.view_notice"):
        return []
    found = told.unseen()
    url = f"{reverse('admin:integrations_notice_changelist')}?seen_at__isempty=1"
    notices = [Notice(one.title, _("See the notice"), url) for one in found[:MAX_NOTICES]]
    if len(found) > MAX_NOTICES:
        text = _("%(n)s notices have not been seen in all.") % {"n": len(found)}
        notices.append(Notice(text, _("See the notices"), url))
    return notices


def _paused(one: pauses.Pause) -> str:
    values = {
        "model": one.model or words.provider(one.provider),
        "what": words.failure(one.reason),
        "time": date_format(localtime(one.retry_at), "TIME_FORMAT") if one.retry_at else "–",
    }
    return _("%(model)s is not asked for now: it %(what)s. It is tried again at %(time)s.") % values
