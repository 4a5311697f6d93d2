"""The admin page of what is paused after failures."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from integrations.models import Breaker
from integrations.services import pauses, words
from tenants.panel import PanelList, ReadOnlyAdmin, badge
from tenants.sites import tenant_site


class _BreakerList(PanelList):
    """Brings along the names of the keys, and whether the person may end a pause."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page."""
        super().get_results(request)
        names = pauses.credential_names(one.credential for one in self.result_list)
        for breaker in self.result_list:
            breaker.credential_name = names.get(breaker.credential, "")
            breaker.may_be_tried = _may_try(request)


@admin.register(Breaker, site=tenant_site)
class BreakerAdmin(ReadOnlyAdmin):
    """Who failed, who is paused, and until when."""

    list_display = ("target", "key", "state_badge", "why", "n_failures", "retry_at", "try_button")
    list_before_template = "integrations/_pauses.html"
    list_filter = ("state", "provider")
    fields = (
        "target",
        "state_badge",
        "why",
        "n_failures",
        "n_openings",
        "opened_at",
        "retry_at",
        "changed_at",
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PanelList]:
        """Return the class of the list."""
        return _BreakerList

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Put what is paused first."""
        place = Case(
            When(state=Breaker.State.OPEN, then=Value(0)),
            default=Value(1),
            output_field=IntegerField(),
        )
        return (place.asc(), "-changed_at", "-pk")

    def get_urls(self) -> list[Any]:
        """Add the button."""
        view = self.admin_site.admin_view(require_POST(self.try_view))
        own = [path("<int:pk>/try-now/", view, name="integrations_breaker_try_now")]
        return [*own, *super().get_urls()]

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let the next call through."""
        if not _may_try(request):
            raise PermissionDenied
        if pauses.try_now(breaker_id=pk, now=timezone.now()):
            text = _("The next call tries it again.")
            self.message_user(request, text, messages.SUCCESS)
        else:
            self.message_user(request, _("It is not paused any more."), messages.INFO)
        return HttpResponseRedirect(reverse("admin:integrations_breaker_changelist"))

    @admin.display(description=_("model"), ordering="model")
    def target(self, obj: Breaker) -> str:
        """Who it is."""
        return " · ".join(part for part in (obj.model, words.provider(obj.provider)) if part)

    @admin.display(description=_("credential"))
    def key(self, obj: Any) -> str:
        """With which key."""
        return getattr(obj, "credential_name", "") or self.empty_value_display

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, obj: Breaker) -> SafeString:
        """Whether it is asked."""
        tone = "bad" if obj.state == Breaker.State.OPEN else "good"
        return badge(obj.get_state_display(), tone)

    @admin.display(description=_("last failure"))
    def why(self, obj: Breaker) -> str:
        """What went wrong last."""
        return words.failure(obj.reason) or self.empty_value_display

    @admin.display(description=_("pause"))
    def try_button(self, obj: Any) -> SafeString | str:
        """The way to end a pause; the list's own form carries it."""
        if obj.state != Breaker.State.OPEN or not getattr(obj, "may_be_tried", False):
            return self.empty_value_display
        return format_html(
            '<button class="pz-button" type="submit" formaction="{}">{}</button>',
            reverse("admin:integrations_breaker_try_now", args=[obj.pk]),
            _("Try now"),
        )


def _may_try(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("integrations.change_breaker"))
