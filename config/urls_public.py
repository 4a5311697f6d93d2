"""Addresses on the platform's own host."""

from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from config import pages
from tenants.sites import public_site

pages.register()

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", public_site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
