"""Prices and exchange rates: the platform's list on its own site, a tenant's own beside it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from integrations.models import Credential
from integrations.prices.models import ExchangeRate, ModelPrice
from integrations.services import credentials, price_lists, words
from tenants.panel import PanelAdmin, badge, muted
from tenants.sites import public_site, tenant_site
from tenants.widgets import SuggestingInput

_PROVIDERS = [one for one in Credential.Kind.choices if one[0] != Credential.Kind.OFFLINE]


_AMOUNTS = ("input_usd", "output_usd", "cached_input_usd", "cache_write_usd", "minute_usd")


def _amount_input() -> Any:
    """Return a field that takes a decimal comma, which a browser's number field would not."""
    return UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"})


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a model takes from a day on."""

    provider = forms.ChoiceField(
        label=_("Provider"), choices=_PROVIDERS, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = ModelPrice
        fields = (
            "provider",
            "model",
            "valid_from",
            *_AMOUNTS,
            "source",
            "checked_on",
            "note",
        )
        localized_fields = _AMOUNTS
        widgets = {name: _amount_input() for name in _AMOUNTS}
        help_texts = {
            "valid_from": _(
                "Calls keep the price that they were made at; a new price is a new row with its"
                " first day."
            ),
            "source": _("The page on which the provider says so."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _AMOUNTS:
            amount = self.initial.get(name)
            if isinstance(amount, Decimal):  # without the zeros behind it
                self.initial[name] = amount.quantize(Decimal(1).scaleb(-_digits(amount)))

    def clean_model(self) -> str:
        """Return the name as it is looked up."""
        return str(self.cleaned_data["model"]).strip().lower()


class OwnPriceForm(PriceForm):
    """What this business pays, with the models known by its keys on offer."""

    class Meta(PriceForm.Meta):
        widgets = {**PriceForm.Meta.widgets, "model": SuggestingInput}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "model" in self.fields:
            widget: Any = self.fields["model"].widget
            widget.suggestions = credentials.suggestions()


class _PriceAdmin(PanelAdmin):
    form = PriceForm
    search_fields = ("model", "note")
    list_filter: tuple[str, ...] = ("provider",)
    ordering = ("model", "-valid_from", "pk")
    sortable_by = ("model", "provider_name")

    @admin.display(description=_("provider"), ordering="provider")
    def provider_name(self, obj: ModelPrice) -> str:
        """The provider as it writes itself."""
        return words.provider(obj.provider)

    @admin.display(description=_("valid from"), ordering="valid_from")
    def since(self, obj: ModelPrice) -> str:
        """The first day that it holds."""
        return date_format(obj.valid_from, "SHORT_DATE_FORMAT")

    @admin.display(description=_("input"), ordering="input_usd")
    def input_price(self, obj: ModelPrice) -> str:
        """For a million tokens that go in."""
        return _price(obj.input_usd)

    @admin.display(description=_("cached input"))
    def cached_price(self, obj: ModelPrice) -> str:
        """For a million tokens that the provider remembered."""
        return _price(obj.cached_input_usd)

    @admin.display(description=_("output"), ordering="output_usd")
    def output_price(self, obj: ModelPrice) -> str:
        """For a million tokens that come out."""
        return _price(obj.output_usd)

    @admin.display(description=_("minute of sound"))
    def minute_price(self, obj: ModelPrice) -> str:
        """For a minute of sound."""
        return _price(obj.minute_usd)


def _confirmed(*, is_shipped: bool, source: str, checked_on: date | None) -> SafeString | str:
    """Say where a price was read and when; of a shipped one without that, that nobody is sure."""
    if checked_on is None:
        return badge(_("unconfirmed"), "warn") if is_shipped else PanelAdmin.empty_value_display
    day = date_format(checked_on, "SHORT_DATE_FORMAT")
    if not source:
        return day
    link = '<a class="pz-link" href="{}" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html(link, source, day)


_COLUMNS = (
    "model",
    "provider_name",
    "input_price",
    "cached_price",
    "output_price",
    "minute_price",
    "since",
)


@admin.register(ModelPrice, site=public_site)
class PlatformPriceAdmin(_PriceAdmin):
    """The list that counts for every tenant without a price of its own."""

    list_display = (*_COLUMNS, "origin", "confirmed")
    list_before_template = "integrations/_unconfirmed.html"
    list_filter = ("provider", "is_shipped")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A price that came with the product would be back after the next start; change it."""
        if obj is not None and obj.is_shipped:
            return False
        return bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A price that somebody changed is no longer the one that came with the product."""
        if change and form.changed_data:
            obj.is_shipped = False
        super().save_model(request, obj, form, change)

    @admin.display(description=_("confirmed on"), ordering="checked_on")
    def confirmed(self, obj: ModelPrice) -> SafeString | str:
        """Where the price was read, and when."""
        return _confirmed(is_shipped=obj.is_shipped, source=obj.source, checked_on=obj.checked_on)

    @admin.display(description=_("origin"), ordering="is_shipped")
    def origin(self, obj: ModelPrice) -> SafeString:
        """Whether the row came with the product or was written here."""
        if obj.is_shipped:
            return muted(_("came with the product"))
        return badge(_("written here"), "good")


@admin.register(ModelPrice, site=tenant_site)
class OwnPriceAdmin(_PriceAdmin):
    """What this business pays instead of the platform's price."""

    form = OwnPriceForm
    list_display = _COLUMNS
    list_before_template = "integrations/_own_prices.html"
    list_after_template = "integrations/_platform_prices.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the platform's list below one's own."""
        listed = [
            {
                "provider": words.provider(one.provider),
                "provider_code": one.provider,
                "model": one.model,
                "valid_from": one.valid_from,
                "is_replaced": one.is_replaced,
                "confirmed": _confirmed(
                    is_shipped=one.is_shipped, source=one.source, checked_on=one.checked_on
                ),
                "prices": [
                    _price(one.input_usd),
                    _price(one.cached_input_usd),
                    _price(one.cache_write_usd),
                    _price(one.output_usd),
                    _price(one.minute_usd),
                ],
            }
            for one in price_lists.platform_prices(on=_today())
        ]
        more = {"platform_prices": listed, "can_add": self.has_add_permission(request)}
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return response


class RateForm(forms.ModelForm):  # type: ignore[type-arg]
    """How many reais a dollar is worth from a day on."""

    class Meta:
        model = ExchangeRate
        fields = ("valid_from", "usd_brl")
        localized_fields = ("usd_brl",)
        widgets = {"usd_brl": _amount_input()}


class _RateAdmin(PanelAdmin):
    form = RateForm
    list_display = ("valid_from", "rate")
    ordering = ("-valid_from", "pk")

    @admin.display(description=_("R$ for a US$"), ordering="usd_brl")
    def rate(self, obj: ExchangeRate) -> str:
        """How many reais a dollar is worth."""
        return number_format(obj.usd_brl, decimal_pos=4)


@admin.register(ExchangeRate, site=public_site)
class PlatformRateAdmin(_RateAdmin):
    """The rate that counts for every tenant without one of its own."""


@admin.register(ExchangeRate, site=tenant_site)
class OwnRateAdmin(_RateAdmin):
    """The rate that this business reckons with instead of the platform's."""

    list_before_template = "integrations/_platform_rate.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the platform's rate beside one's own."""
        found = price_lists.platform_rate(on=_today())
        more = (
            {}
            if found is None
            else {"rate_since": found[0], "platform_rate": number_format(found[1], decimal_pos=4)}
        )
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **more})
        return response


def _price(amount: Decimal | None) -> str:
    """Return a price without the zeros behind it."""
    if amount is None:
        return PanelAdmin.empty_value_display
    return number_format(amount, decimal_pos=_digits(amount))


def _digits(amount: Decimal) -> int:
    return max(2, -int(amount.normalize().as_tuple().exponent))


def _today() -> date:
    return timezone.localdate()
