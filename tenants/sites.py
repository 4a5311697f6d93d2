"""The two admin sites: one for the platform's operators, one for a tenant's own people.

They are separate objects, each named in one URL configuration only, because a page that does not
exist on a host cannot be reached there by any mistake in a filter or a permission.
"""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

from tenants.context import current_schema


class _Site(UnfoldAdminSite):
    """What both sites have in common."""

    final_catch_all_view = False  # an address of the other site is a 404 for everybody

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return Django's own list of all models, made when it is read: our pages have a menu
        instead, and it would be an eighth of what each costs."""
        make = super().get_app_list
        return cast("list[Any]", SimpleLazyObject(lambda: make(request, app_label)))


class PublicSite(_Site):
    """What operators of the platform see: tenants and machinery, and nothing of a tenant's own."""

    settings_name = "UNFOLD_PUBLIC"
    site_title = _("Prosa platform")
    site_header = _("Prosa platform")
    index_title = _("Platform")
    index_template = "tenants/platform.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in operators, and only on the platform's own host."""
        return current_schema() == "public" and bool(super().has_permission(request))


class TenantSite(_Site):
    """What the people of one tenant see: their own rows, of the schema of their host."""

    site_title = _("Prosa")
    site_header = _("Prosa")
    index_title = _("Today")
    index_template = "conversations/today.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in the tenant's staff, and never anybody on the platform's own host."""
        return current_schema() != "public" and bool(super().has_permission(request))


public_site = PublicSite(name="admin")
tenant_site = TenantSite(name="admin")
