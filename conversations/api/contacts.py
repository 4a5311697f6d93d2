"""Contacts for programs: who they are, and whether the assistant answers them."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from conversations.api.serializers import ContactData, Pause
from conversations.models import Contact, ContactAddress, Conversation
from conversations.services import contacts
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Input, Nothing


class ContactFilters(Input):
    """Which contacts."""

    phone = serializers.RegexField(
        r"^\+?\d{4,20}$", required=False, help_text="The number, or a part of it."
    )
    name = serializers.CharField(max_length=200, required=False, help_text="A part of the name.")
    is_blocked = serializers.BooleanField(required=False)
    is_opted_out = serializers.BooleanField(required=False)


class Contacts(Listed, Retrieved, Resource):
    """The people who write."""

    reads = Need(Scope.CONTACTS_READ, "conversations.view_contact")
    writes = Need(Scope.CONTACTS_WRITE, "conversations.change_contact")
    needs = {
        "pause": Need(Scope.CONTACTS_WRITE, "conversations.change_conversation"),
        "resume": Need(Scope.CONTACTS_WRITE, "conversations.change_conversation"),
    }
    serializer_class = ContactData
    filters = ContactFilters
    has_etag = True

    def get_queryset(self) -> QuerySet[Contact]:
        """Return the contacts, with what tells whether the assistant answers them."""
        is_open = Conversation.objects.filter(status=Conversation.Status.OPEN)
        found = Contact.objects.prefetch_related(
            # In one order, or their tag would change with nothing that it names.
            Prefetch("addresses", ContactAddress.objects.order_by("pk")),
            Prefetch("conversations", is_open, to_attr="open_conversations"),
        )
        if self.action != "list":
            return found
        known = self.known
        if "phone" in known:
            # Ids that other channels gave have such digits too, and belong to somebody else.
            found = found.filter(
                addresses__kind=ContactAddress.Kind.PHONE,
                addresses__value__contains=known["phone"].lstrip("+"),
            ).distinct()
        if "name" in known:
            found = found.filter(name__icontains=known["name"])
        if "is_blocked" in known:
            found = found.filter(is_blocked=known["is_blocked"])
        if "is_opted_out" in known:
            found = found.filter(opted_out_at__isnull=not known["is_opted_out"])
        return found

    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Change the name, and leave the contact alone or answer again."""
        now = timezone.now()
        with transaction.atomic():
            contact = get_object_or_404(self.get_queryset(), uuid=uuid)
            Conversation.objects.hold_of([contact.pk])
            Contact.objects.select_for_update().get(pk=contact.pk)
            self.unchanged(self.get_queryset().get(pk=contact.pk))
            values = self.taken(ContactData, instance=contact, partial=True)
            actor = self.caller.actor
            if "name" in values:
                contacts.rename(contact=contact, name=values["name"], actor=actor)
            if "is_blocked" in values:
                contacts.set_blocked(
                    contact=contact, is_blocked=values["is_blocked"], actor=actor, now=now
                )
        return self.shown(self.get_queryset().get(pk=contact.pk))

    @extend_schema(request=Pause, responses=ContactData)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, uuid: uuid.UUID) -> Response:
        """Let people answer the contact's open conversations in place of the assistant."""
        values, contact = self.taken(Pause), self.get_object()
        contacts.pause(
            contact=contact, until=values["until"], actor=self.caller.actor, now=timezone.now()
        )
        return self.shown(self.get_queryset().get(pk=contact.pk))

    @extend_schema(request=Nothing, responses=ContactData)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, uuid: uuid.UUID) -> Response:
        """Let the assistant answer the contact's open conversations again."""
        contact = self.get_object()
        contacts.resume(contact=contact, actor=self.caller.actor, now=timezone.now())
        return self.shown(self.get_queryset().get(pk=contact.pk))
