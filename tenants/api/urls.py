"""Addresses of the logins."""

from __future__ import annotations

from django.urls import path

from tenants.api.views import LoginView, LogoutView, RefreshView

urlpatterns = [
    path("auth/login/", LoginView.as_view(), name="log_in"),
    path("auth/refresh/", RefreshView.as_view(), name="refresh"),
    path("auth/logout/", LogoutView.as_view(), name="log_out"),
]
