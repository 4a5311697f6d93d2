"""The admin page of deliveries: what was told to whom, how it went, and telling it again."""

from __future__ import annotations

import json
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import action

from integrations.admin.courses import CourseAdmin, chosen_id
from integrations.models import Delivery, DeliveryAttempt, WebhookEndpoint
from integrations.services import courses, endpoints, event_words
from integrations.services.courses import Course, Outcome, Span
from tenants.audit.record import record
from tenants.panel import actor, as_json, badge
from tenants.sites import tenant_site

_TONES = {Delivery.Status.DELIVERED: "good", Delivery.Status.FAILED: "bad"}
_FIELD = {"class": "pz-field"}
_LIST = "admin:integrations_delivery_changelist"


class ReplayForm(forms.Form):
    """A span of time that is delivered again."""

    endpoint = forms.ModelChoiceField(
        WebhookEndpoint.objects.none(), label=_("Endpoint"), widget=forms.Select(attrs=_FIELD)
    )
    since = forms.DateTimeField(
        label=_("From"), widget=forms.DateTimeInput(attrs={**_FIELD, "type": "datetime-local"})
    )
    until = forms.DateTimeField(
        label=_("Until"), widget=forms.DateTimeInput(attrs={**_FIELD, "type": "datetime-local"})
    )
    what = forms.ChoiceField(
        label=_("What"),
        choices=[
            ("failed", _("Only what was given up")),
            ("all", _("Everything, also what it was never told")),
        ],
        widget=forms.Select(attrs=_FIELD),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["endpoint"]
        field.queryset = WebhookEndpoint.objects.order_by("name")


@admin.register(Delivery, site=tenant_site)
class DeliveryAdmin(CourseAdmin):
    """What was told to whom."""

    list_display = ("what", "endpoint", "sequence", "state", "n_attempts", "answered", "created_at")
    list_filter = ("status", "endpoint", "event__type")
    list_before_template = "integrations/_deliveries.html"
    list_select_related = ("event", "endpoint")
    search_fields = ("event__uuid", "event__conversation_uuid")
    search_help_text = _("The id of an event or of a conversation")
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    actions = ("replay_selected",)
    outcome_names = {
        Outcome.GOOD: _("delivered"),
        Outcome.BAD: _("refused"),
        Outcome.UNKNOWN: _("without an answer"),
    }
    fieldsets = (
        (None, {"fields": ("what", "endpoint", "state", "next_attempt_at", "replay_button")}),
        (_("Tries"), {"fields": ("tries",)}),
        (_("What is sent"), {"fields": ("message_id", "sequence", "occurred_at", "body")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Bring the last try along."""
        tries = DeliveryAttempt.objects.filter(delivery=OuterRef("pk")).order_by("-pk")
        found: QuerySet[Delivery] = super().get_queryset(request)
        return found.annotate(
            last_status=Subquery(tries.values("status_code")[:1]),
            last_error=Subquery(tries.values("error")[:1]),
        )

    def course(self, request: HttpRequest, *, span: Span, zone: ZoneInfo) -> Course:
        """Return how the tries went, of the endpoint by which the list is filtered."""
        chosen = chosen_id(request, "endpoint__id__exact")
        return courses.of_deliveries(span=span, zone=zone, now=timezone.now(), endpoint_id=chosen)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Test whether the person may have something told again."""
        return bool(request.user.has_perm("integrations.change_delivery"))

    def get_urls(self) -> list[Any]:
        """Add the page for a span of time and the button for one."""
        view = self.admin_site.admin_view
        name = "integrations_delivery_replay"
        one = view(require_POST(self.replay_one_view))
        own = [
            path("replay/", view(self.replay_view), name=name),
            path("<int:pk>/replay/", one, name=f"{name}_one"),
        ]
        return [*own, *super().get_urls()]

    def replay_one_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Tell one again."""
        self._replay(request, [pk])
        return HttpResponseRedirect(reverse("admin:integrations_delivery_change", args=[pk]))

    @action(description=_("Send the selected again"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Tell some again."""
        self._replay(request, list(queryset.values_list("pk", flat=True)))

    def _replay(self, request: HttpRequest, ids: list[int]) -> None:
        if not self.has_replay_permission(request):
            raise PermissionDenied
        n_again = endpoints.replay_deliveries(delivery_ids=ids, now=timezone.now())
        self._tell(request, n_again, target=f"deliveries {', '.join(map(str, ids[:20]))}")

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """Tell what happened in a span of time again."""
        if not self.has_replay_permission(request):
            raise PermissionDenied
        form = ReplayForm(request.POST or None, initial=_yesterday())
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            try:
                n_again = endpoints.replay(
                    endpoint=given["endpoint"],
                    since=given["since"],
                    until=given["until"],
                    only_failed=given["what"] == "failed",
                    now=timezone.now(),
                )
            except endpoints.BadEndpoint as error:
                form.add_error("endpoint", str(error))
            else:
                self._tell(request, n_again, target=f"webhook {given['endpoint'].uuid}")
                page = f"{reverse(_LIST)}?endpoint__id__exact={given['endpoint'].pk}"
                return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Send again"),
            "opts": self.opts,
            "form": form,
            "has_endpoints": WebhookEndpoint.objects.exists(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/replay.html", context)

    def _tell(self, request: HttpRequest, n_again: int, *, target: str) -> None:
        data: dict[str, object] = {"n": n_again}
        record(action="delivery.replayed", actor=actor(request), target=target, data=data)
        if n_again:
            text = ngettext("%(n)s event is sent again.", "%(n)s events are sent again.", n_again)
            self.message_user(request, text % {"n": n_again}, messages.SUCCESS)
        else:
            text = gettext("There was nothing to send again.")
            self.message_user(request, text, messages.INFO)

    @admin.display(description=_("event"), ordering="event__type")
    def what(self, obj: Delivery) -> str:
        """What has happened."""
        return event_words.name(obj.event.type)

    @admin.display(description=_("sequence"))
    def sequence(self, obj: Delivery) -> str:
        """Its place among those of its conversation."""
        return self.empty_value_display if obj.event.sequence is None else str(obj.event.sequence)

    @admin.display(description=_("status"), ordering="status")
    def state(self, obj: Delivery) -> SafeString:
        """How far it is."""
        is_tried = obj.status == Delivery.Status.PENDING and obj.n_attempts
        tone = "warn" if is_tried else _TONES.get(Delivery.Status(obj.status), "")
        return badge(_("tried again") if is_tried else obj.get_status_display(), tone)

    @admin.display(description=_("last answer"))
    def answered(self, obj: Any) -> str:
        """How the last try ended."""
        if obj.last_status is None and not obj.last_error:
            return self.empty_value_display
        last = DeliveryAttempt(status_code=obj.last_status, error=obj.last_error or "")
        return event_words.answer(last)

    @admin.display(description=_("tries"))
    def tries(self, obj: Delivery) -> SafeString:
        """Every call with its answer."""
        rows = [
            (one, event_words.answer(one))
            for one in DeliveryAttempt.objects.filter(delivery=obj).order_by("-pk")[:50]
        ]
        return render_to_string("integrations/_attempts.html", {"rows": rows})

    @admin.display(description=_("again"))
    def replay_button(self, obj: Delivery) -> SafeString | str:
        """The way to have it told again; the page's own form carries it."""
        if obj.status == Delivery.Status.PENDING and not obj.n_attempts:
            return self.empty_value_display
        url = reverse("admin:integrations_delivery_replay_one", args=[obj.pk])
        button = '<button class="pz-button" type="submit" formaction="{}">{}</button>'
        return format_html(button, url, _("Send it again now"))

    @admin.display(description="webhook-id")
    def message_id(self, obj: Delivery) -> str:
        """The id by which the receiver knows a repeat."""
        return str(obj.event.uuid)

    @admin.display(description=_("happened at"))
    def occurred_at(self, obj: Delivery) -> str:
        """When it happened."""
        return date_format(timezone.localtime(obj.event.occurred_at), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("body"))
    def body(self, obj: Delivery) -> SafeString:
        """What is sent."""
        return as_json(json.loads(obj.event.body))


def _yesterday() -> dict[str, object]:
    """Return the span that is offered: since yesterday's midnight."""
    now = timezone.localtime()
    since = datetime.combine(now.date() - timedelta(days=1), time(), now.tzinfo)
    form = "%Y-%m-%dT%H:%M"
    until = now + timedelta(minutes=1)
    return {"since": since.strftime(form), "until": until.strftime(form), "what": "failed"}
