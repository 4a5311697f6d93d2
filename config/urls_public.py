"""Addresses on the platform's own host."""

from django.contrib.admin import autodiscover
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from tenants.sites import public_site

autodiscover()  # the pages, here and not at each start: see config.pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", public_site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
