"""What models cost: the spending page, the calls behind it, and both as a file."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from integrations.admin import spending_page
from integrations.models import ModelCall
from integrations.services import budget_use, spending, spending_csv, subjects, words
from tenants.errors import DomainError
from tenants.panel import ReadOnlyAdmin, as_json, badge, muted
from tenants.sites import tenant_site

_COST_TONES = {ModelCall.CostKind.ESTIMATED: "warn", ModelCall.CostKind.UNKNOWN: "bad"}


@admin.register(ModelCall, site=tenant_site)
class ModelCallAdmin(ReadOnlyAdmin):
    """The ledger: every call, as it was priced on its day."""

    list_display = (
        "called_at",
        "purpose",
        "model_name",
        "agent_name",
        "tokens",
        "cost",
        "took",
        "outcome",
    )
    list_filter = ("origin", "purpose", "cost_kind", "provider")
    search_fields = ("model", "agent_name", "failure")
    date_hierarchy = "called_at"
    ordering = ("-called_at", "-pk")
    list_before_template = "integrations/_calls.html"
    fieldsets = (
        (
            None,
            {"fields": ("called_at", "origin", "purpose", "model_name", "took", "outcome")},
        ),
        (_("For whom"), {"fields": ("agent_name", "conversation", "contact")}),
        (
            _("Cost"),
            {
                "fields": (
                    "cost",
                    "cost_brl",
                    "input_tokens",
                    "cached_input_tokens",
                    "cache_write_tokens",
                    "output_tokens",
                    "reasoning_tokens",
                    "seconds",
                    "price_then",
                )
            },
        ),
    )

    def get_urls(self) -> list[Any]:
        """Add the page and the file."""
        view = self.admin_site.admin_view
        name = "integrations_modelcall"
        own = [
            path("spending/", view(self.spending_view), name=f"{name}_spending"),
            path("spending.csv", view(self.csv_view), name=f"{name}_csv"),
        ]
        return [*own, *super().get_urls()]

    def spending_view(self, request: HttpRequest) -> HttpResponse:
        """Show what the models cost on some days."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        today = timezone.localdate()
        span = spending_page.read_span(request.GET, today=today)
        zone = timezone.get_current_timezone_name()
        report = spending.report(
            first=span.first, last=span.last, zone=span.zone, origin=span.origin
        )
        sees_conversations = request.user.has_perm("conversations.view_conversation")
        refs = [row.key for row in report.conversations]
        links = subjects.known().conversations(refs) if sees_conversations and refs else {}
        adds_prices = request.user.has_perm("prices.add_modelprice")
        prices_url = reverse("admin:prices_modelprice_changelist") if adds_prices else ""
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            **spending_page.context(report, span, links=links, prices_url=prices_url, today=today),
            "title": _("Spending"),
            "near": spending_page.near_budgets(budget_use.nearly_used(now=now, timezone=zone)),
            "csv_url": f"{reverse('admin:integrations_modelcall_csv')}?{span.query}",
            "calls_url": spending_page.calls_url(span),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/spending.html", context)

    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """Send the calls of some days as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        span = spending_page.read_span(request.GET, today=timezone.localdate())
        calls = spending.calls_between(span.first, span.last, zone=span.zone, origin=span.origin)
        try:
            body = spending_csv.as_csv(calls, zone=span.zone)
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            page = reverse("admin:integrations_modelcall_spending")
            return HttpResponseRedirect(f"{page}?{span.query}")
        name = f"{span.first.isoformat()}_{span.last.isoformat()}_{span.origin}.csv"
        return HttpResponse(
            body,
            content_type="text/csv; charset=utf-8",
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )

    @admin.display(description=_("model"), ordering="model")
    def model_name(self, obj: ModelCall) -> str:
        """Who was asked."""
        parts = (obj.model, words.provider(obj.provider))
        return " · ".join(part for part in parts if part)

    @admin.display(description=_("tokens"))
    def tokens(self, obj: ModelCall) -> str:
        """How much went in and came out."""
        if obj.input_tokens is None and obj.output_tokens is None:
            return self.empty_value_display if obj.failure else words.not_measured()
        return f"{words.number(obj.input_tokens)} + {words.number(obj.output_tokens)}"

    @admin.display(description=_("cost"), ordering="cost_usd")
    def cost(self, obj: ModelCall) -> SafeString | str:
        """What it cost, and how sure that is."""
        if obj.failure and obj.cost_usd is None:
            return self.empty_value_display
        kind = ModelCall.CostKind(obj.cost_kind)
        if kind is ModelCall.CostKind.EXACT:
            return words.usd(obj.cost_usd)
        label = badge(obj.get_cost_kind_display(), _COST_TONES[kind])
        if obj.cost_usd is None:
            return label
        return format_html("{} {}", words.usd(obj.cost_usd), label)

    @admin.display(description=_("cost in R$"))
    def cost_brl(self, obj: ModelCall) -> str:
        """The same at the rate of its day."""
        if obj.cost_usd is None:
            return self.empty_value_display
        return words.brl(None if obj.usd_brl is None else obj.cost_usd * obj.usd_brl)

    @admin.display(description=_("took"), ordering="latency_ms")
    def took(self, obj: ModelCall) -> str:
        """How long it took."""
        return _("%(s)s s") % {"s": words.decimal(obj.latency_ms / 1000)}

    @admin.display(description=_("outcome"))
    def outcome(self, obj: ModelCall) -> SafeString:
        """What came of it."""
        if obj.failure:
            return format_html("{} {}", badge(_("failed"), "bad"), words.failure(obj.failure))
        if obj.degraded:
            return format_html(
                "{} {}", badge(_("cheaper model"), "warn"), words.degraded(obj.degraded)
            )
        return badge(_("fallback"), "warn") if obj.hop else badge(_("answered"), "good")

    @admin.display(description=_("conversation"))
    def conversation(self, obj: ModelCall) -> SafeString | str:
        """The way to the conversation."""
        ref = obj.conversation_uuid
        return self._linked(subjects.known().conversations([ref]).get(ref) if ref else None)

    @admin.display(description=_("contact"))
    def contact(self, obj: ModelCall) -> SafeString | str:
        """The way to the contact."""
        ref = obj.contact_uuid
        return self._linked(subjects.known().contacts([ref]).get(ref) if ref else None)

    def _linked(self, link: subjects.Link | None) -> SafeString | str:
        if link is None:
            return self.empty_value_display
        return format_html('<a class="pz-link" href="{}">{}</a>', link.url, link.label)

    @admin.display(description=_("price on that day"))
    def price_then(self, obj: ModelCall) -> SafeString | str:
        """The price that it was reckoned with."""
        return as_json(obj.price) if obj.price else muted(words.not_measured())
