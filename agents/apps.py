from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgentsConfig(AppConfig):
    """Configured personas and the runtime that answers for them."""

    name = "agents"
    verbose_name = _("Agents")
