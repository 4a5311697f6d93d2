"""Addresses of the devices."""

from __future__ import annotations

from channels_whatsapp.api.views import Devices
from tenants.api.routing import router

_router = router()
_router.register("devices", Devices, basename="devices")
urlpatterns = _router.urls
