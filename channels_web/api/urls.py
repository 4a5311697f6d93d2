"""Addresses that a visitor's page asks for, below ``/chat/``."""

from __future__ import annotations

import re

from django.urls import URLPattern, path

from channels_web.api import views

STREAMS = re.compile(r"/chat/[A-Za-z0-9_-]{8,64}/events/?\Z")
"""Paths whose answers wait in front of Django; see `conversations.api.streaming`."""

urlpatterns: list[URLPattern] = [
    path("<slug:key>.js", views.script),
    path("<slug:key>/visits/", views.Visits.as_view()),
    path("<slug:key>/messages/", views.Messages.as_view()),
    path("<slug:key>/events/", views.Events.as_view()),
]
