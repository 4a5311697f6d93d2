"""Addresses of contacts, conversations, turns and leads."""

from __future__ import annotations

from django.urls import path

from conversations.api.contacts import Contacts
from conversations.api.conversations import Conversations, Labels, Messages
from conversations.api.leads import Leads
from conversations.api.running import Events, Runs
from conversations.api.turns import Triggers, Turns
from tenants.api.routing import router

_router = router()
_router.register("contacts", Contacts, basename="contacts")
_router.register("conversations", Conversations, basename="conversations")
_router.register("messages", Messages, basename="messages")
_router.register("labels", Labels, basename="labels")
_router.register("turns", Turns, basename="turns")
_router.register("leads", Leads, basename="leads")
urlpatterns = [
    *_router.urls,
    path("agents/<uuid:agent_uuid>/trigger/", Triggers.as_view({"post": "trigger"})),
    path("agents/<uuid:agent_uuid>/execute/", Runs.as_view({"post": "execute"})),
    path("agents/<uuid:agent_uuid>/stream/", Runs.as_view({"post": "stream"})),
    path("conversations/<uuid:uuid>/events/", Events.as_view({"get": "events"})),
]
