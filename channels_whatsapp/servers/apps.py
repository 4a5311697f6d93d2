from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ServersConfig(AppConfig):
    """The platform's bridge servers: rows of `public`, which no tenant reads."""

    name = "channels_whatsapp.servers"
    label = "servers"
    verbose_name = _("Bridge servers")
