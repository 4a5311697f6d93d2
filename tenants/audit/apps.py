from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    """The audit trail, one in each schema."""

    name = "tenants.audit"
    label = "audit"
    verbose_name = _("Audit")
