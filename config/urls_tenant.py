"""Addresses on a tenant's host."""

from django.contrib.admin import autodiscover
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from conversations.webhooks import bring_lead
from tenants.sites import tenant_site

autodiscover()  # the pages, here and not at each start: see config.pages

handler500 = "tenants.api.errors.broken"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", tenant_site.urls),
    path("api/v1/", include("config.api_v1")),
    path("chat/", include("channels_web.api.urls")),
    path("hooks/leads/<uuid:source_uuid>/", bring_lead, name="bring_lead"),
    path("i18n/", include("django.conf.urls.i18n")),
]
