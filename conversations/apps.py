from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConversationsConfig(AppConfig):
    """What contacts and the business say to each other."""

    name = "conversations"
    verbose_name = _("Conversations")
