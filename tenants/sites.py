"""The two admin sites: one for the platform's operators, one for a tenant's own people.

They are separate objects, each named in one URL configuration only, because a page that does not
exist on a host cannot be reached there by any mistake in a filter or a permission.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from tenants.context import current_schema


class PublicSite(UnfoldAdminSite):
    """What operators of the platform see: tenants and machinery, and nothing of a tenant's own."""

    settings_name = "UNFOLD_PUBLIC"
    site_title = _("Prosa platform")
    site_header = _("Prosa platform")
    index_title = _("Platform")
    index_template = "tenants/platform.html"
    final_catch_all_view = False  # an address of the other site is a 404 for everybody

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in operators, and only on the platform's own host."""
        return current_schema() == "public" and bool(super().has_permission(request))


class TenantSite(UnfoldAdminSite):
    """What the people of one tenant see: their own rows, of the schema of their host."""

    site_title = _("Prosa")
    site_header = _("Prosa")
    index_title = _("Today")
    index_template = "conversations/today.html"
    final_catch_all_view = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in the tenant's staff, and never anybody on the platform's own host."""
        return current_schema() != "public" and bool(super().has_permission(request))


public_site = PublicSite(name="admin")
tenant_site = TenantSite(name="admin")
