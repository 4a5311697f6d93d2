from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    """What the assistants may answer from."""

    name = "knowledge"
    verbose_name = _("Knowledge")
