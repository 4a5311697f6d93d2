from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    """The outside world that is not a channel."""

    name = "integrations"
    verbose_name = _("Integrations")
