from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PricesConfig(AppConfig):
    """What models cost: the platform's list in `public`, a tenant's own prices in its schema."""

    name = "integrations.prices"
    label = "prices"
    verbose_name = _("Prices")
