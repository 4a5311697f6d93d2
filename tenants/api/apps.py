from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiConfig(AppConfig):
    """Who may call the API of a tenant, and what every resource of it has in common."""

    name = "tenants.api"
    label = "api"
    verbose_name = _("API")
