"""The admin pages of what HTTP tools called, and of calls that wait for a person's yes."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from integrations.admin.courses import CourseAdmin, CourseList, chosen_id
from integrations.models import HttpToolCall
from integrations.services import courses, http_tools, subjects, words
from integrations.services.courses import Course, Outcome, Span
from integrations.services.tool_outcomes import Called, State
from tenants.crypto import CannotDecrypt
from tenants.panel import PanelList, actor, badge
from tenants.sites import tenant_site

_STATES = {
    HttpToolCall.Status.DONE: "good",
    HttpToolCall.Status.FAILED: "bad",
    HttpToolCall.Status.UNKNOWN: "bad",
    HttpToolCall.Status.WAITING: "warn",
    HttpToolCall.Status.STARTED: "",
    HttpToolCall.Status.DECLINED: "",
}


class _CallList(CourseList):
    """Brings along whether the person may decide."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        for one in self.result_list:
            one.may_be_decided = _may_decide(request)


@admin.register(HttpToolCall, site=tenant_site)
class HttpToolCallAdmin(CourseAdmin):
    """What was called, with personal data masked; what waits for a person is decided here."""

    list_display = (
        "tool_name",
        "state",
        "asked",
        "agent_name",
        "answered",
        "started_at",
        "decision",
    )
    list_before_template = "integrations/_tool_calls.html"
    list_filter = ("status", "tool")
    list_select_related = ("tool",)
    search_fields = ("tool_name", "agent_name", "conversation_uuid")
    search_help_text = _("The name of a tool or an agent, or the id of a conversation")
    date_hierarchy = "started_at"
    outcome_names = {
        Outcome.GOOD: _("done"),
        Outcome.BAD: _("not done"),
        Outcome.UNKNOWN: _("outcome unknown"),
        Outcome.OTHER: _("waiting or declined"),
    }
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "tool_name",
                    "state",
                    "agent_name",
                    "conversation",
                    "started_at",
                    "decided_by",
                )
            },
        ),
        (_("What was asked and answered"), {"fields": ("asked", "answered", "result_shown")}),
        (_("For your system's log"), {"fields": ("uuid", "duration_ms")}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return _CallList

    def course(self, request: HttpRequest, *, span: Span, zone: ZoneInfo) -> Course:
        """Return how calls went, of the tool by which the list is filtered."""
        chosen = chosen_id(request, "tool__id__exact")
        return courses.of_tools(span=span, zone=zone, now=timezone.now(), tool_id=chosen)

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Put the newest first."""
        return ("-started_at", "-pk")

    def get_urls(self) -> list[Any]:
        """Add the two buttons."""
        view = self.admin_site.admin_view(require_POST(self.decide_view))
        name = "integrations_httptoolcall"
        own = [
            path("<int:pk>/do/", view, {"is_yes": True}, name=f"{name}_do"),
            path("<int:pk>/decline/", view, {"is_yes": False}, name=f"{name}_decline"),
        ]
        return [*own, *super().get_urls()]

    def decide_view(self, request: HttpRequest, pk: int, is_yes: bool) -> HttpResponse:
        """Do what waits, or decline it."""
        if not _may_decide(request):
            raise PermissionDenied
        waiting = get_object_or_404(HttpToolCall, pk=pk)
        page = HttpResponseRedirect(reverse("admin:integrations_httptoolcall_changelist"))
        try:
            called = http_tools.decide(call_id=pk, is_yes=is_yes, actor=actor(request))
        except http_tools.NotWaiting:
            self.message_user(
                request, _("Somebody has decided this already, or the tool is off."), messages.INFO
            )
            return page
        except http_tools.NoLongerFits:
            text = gettext(
                "The tool was changed since, and this does not fit it any more. Do it by hand and"
                " decline it here."
            )
            self.message_user(request, text, messages.WARNING)
            return page
        except CannotDecrypt:
            text = gettext(
                "What is stored of it cannot be read. Do it by hand and decline it here."
            )
            self.message_user(request, text, messages.WARNING)
            return page
        self.audit(request, waiting, "done" if is_yes else "declined", None)
        if not is_yes:
            text, level = gettext("Declined; nothing was done."), messages.SUCCESS
        elif called.state is State.DONE:
            text, level = gettext("Done. Tell the contact in the conversation."), messages.SUCCESS
        else:
            text, level = _not_done(called), messages.WARNING
        way = self.conversation(waiting)
        told = format_html("{} {}", text, way) if waiting.conversation_uuid else text
        self.message_user(request, told, level)
        return page

    @admin.display(description=_("state"), ordering="status")
    def state(self, obj: HttpToolCall) -> SafeString:
        """How it went."""
        return badge(obj.get_status_display(), _STATES[HttpToolCall.Status(obj.status)])

    @admin.display(description=_("asked with"))
    def asked(self, obj: HttpToolCall) -> str:
        """The arguments; true for who has to decide, else masked."""
        if obj.status == HttpToolCall.Status.WAITING and getattr(obj, "may_be_decided", False):
            with suppress(CannotDecrypt):
                return _in_words(obj.plain_arguments())
        try:
            return _in_words(json.loads(obj.arguments))
        except ValueError:
            return obj.arguments

    @admin.display(description=_("what came back"), ordering="status_code")
    def answered(self, obj: HttpToolCall) -> str:
        """What came back, in a few words."""
        parts = [
            str(obj.status_code or ""),
            words.failure(obj.reason) if obj.reason and not obj.status_code else "",
            f"{obj.duration_ms} ms" if obj.duration_ms is not None else "",
        ]
        return " · ".join(filter(None, parts)) or self.empty_value_display

    @admin.display(description=_("conversation"))
    def conversation(self, obj: HttpToolCall) -> SafeString | str:
        """The way to the conversation."""
        ref = obj.conversation_uuid
        link = subjects.known().conversations([ref]).get(ref) if ref else None
        if link is None:
            return self.empty_value_display
        return format_html('<a class="pz-link" href="{}">{}</a>', link.url, link.label)

    @admin.display(description=_("what the model saw"))
    def result_shown(self, obj: HttpToolCall) -> SafeString | str:
        """The answer, as far as it was shown."""
        if not obj.result:
            return self.empty_value_display
        return format_html('<pre class="pz-pre">{}</pre>', obj.result)

    @admin.display(description=_("decision"))
    def decision(self, obj: Any) -> SafeString | str:
        """The buttons, or who decided; the list's own form carries them."""
        if obj.status != HttpToolCall.Status.WAITING or not getattr(obj, "may_be_decided", False):
            return obj.decided_by or self.empty_value_display
        name = "admin:integrations_httptoolcall"
        return format_html(
            '<span class="pz-actions-row"><button class="pz-button pz-primary" type="submit"'
            ' formaction="{}">{}</button> <button class="pz-button" type="submit"'
            ' formaction="{}">{}</button></span>',
            reverse(f"{name}_do", args=[obj.pk]),
            _("Do it"),
            reverse(f"{name}_decline", args=[obj.pk]),
            _("Decline"),
        )


def _not_done(called: Called) -> str:
    reason = {"reason": words.not_called(called.reason)}
    if called.state is State.UNKNOWN:
        text = gettext("Nobody knows whether it was done (%(reason)s). Look into the other system.")
        return text % reason
    return gettext("It did not work (%(reason)s). Look into the other system.") % reason


def _in_words(arguments: object) -> str:
    if not isinstance(arguments, dict):
        return str(arguments)
    return ", ".join(f"{name}: {value}" for name, value in arguments.items())


def _may_decide(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("integrations.change_httptoolcall"))
