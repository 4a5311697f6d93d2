from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsWebConfig(AppConfig):
    """Chats on the business's own web pages."""

    name = "channels_web"
    verbose_name = _("Web chat")
