from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ChannelsChatwootConfig(AppConfig):
    """Inboxes of Chatwoot, whose agent bot is the assistant."""

    name = "channels_chatwoot"
    verbose_name = _("Chatwoot")
