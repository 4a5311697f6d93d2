from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    """Tenants, and what every tenant's work needs: inbox, timers, tasks, secrets."""

    name = "tenants"
    verbose_name = _("Platform")

    def ready(self) -> None:
        """Register the start-up checks."""
        from tenants import checks  # noqa: F401
