"""Categories, documents and searches for programs."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from knowledge.api.serializers import (
    Answer,
    CategoryData,
    DocumentData,
    Question,
    Upload,
    Validity,
)
from knowledge.models import Category, Document
from knowledge.services import bin as paper_bin
from knowledge.services import documents, trying, uploading, versions
from tenants.api.parsers import JsonParser
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Input
from tenants.audit.record import record

READS = Need(Scope.KNOWLEDGE_READ, "knowledge.view_document")
WRITES = Need(Scope.KNOWLEDGE_WRITE, "knowledge.change_document")


class Categories(Listed, Retrieved, Resource):
    """Shelves of documents."""

    reads = Need(Scope.KNOWLEDGE_READ, "knowledge.view_category")
    writes = Need(Scope.KNOWLEDGE_WRITE, "knowledge.change_category")
    needs = {
        "create": Need(Scope.KNOWLEDGE_WRITE, "knowledge.add_category"),
        "destroy": Need(Scope.KNOWLEDGE_WRITE, "knowledge.delete_category"),
    }
    serializer_class = CategoryData
    ordering = ("name", "pk")
    has_etag = True

    def get_queryset(self) -> QuerySet[Category]:
        """Return the categories."""
        return Category.objects.all()

    @extend_schema(responses={201: CategoryData})
    def create(self, request: Request) -> Response:
        """Make a category."""
        values = self.taken(CategoryData)
        made = documents.ensure_category(name=values["name"])
        return self.shown(made, status=201)

    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Rename a category."""
        with transaction.atomic():
            found = get_object_or_404(Category.objects.select_for_update(), uuid=uuid)
            self.unchanged(found)
            values = self.taken(CategoryData, instance=found, partial=True)
            documents.rename_category(
                category=found, name=values.get("name", found.name), actor=self.caller.actor
            )
        return self.shown(found)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, uuid: uuid.UUID) -> Response:
        """Remove a category in which nothing stands, not in the bin either."""
        with transaction.atomic():
            found = get_object_or_404(Category.objects.select_for_update(), uuid=uuid)
            self.unchanged(found)
            documents.remove_category(category=found, actor=self.caller.actor)
        return Response(status=204)


class DocumentFilters(Input):
    """Which documents."""

    category = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(choices=Document.Status.choices, required=False)
    kind = serializers.ChoiceField(choices=Document.Kind.choices, required=False)
    name = serializers.CharField(max_length=200, required=False, help_text="A part of the name.")
    in_bin = serializers.BooleanField(default=False)


class Documents(Listed, Retrieved, Resource):
    """Files that the assistant may answer from."""

    reads, writes = READS, WRITES
    needs = {
        "create": Need(Scope.KNOWLEDGE_WRITE, "knowledge.add_document"),
        "destroy": Need(Scope.KNOWLEDGE_WRITE, "knowledge.delete_document"),
        "search": Need(Scope.KNOWLEDGE_READ, "knowledge.view_search"),
    }
    serializer_class = DocumentData
    parser_classes = (JsonParser, MultiPartParser)
    filters = DocumentFilters
    is_sparse = has_etag = True

    def get_queryset(self) -> QuerySet[Document]:
        """Return the documents; those in the bin only where they are asked for."""
        found = Document.objects.select_related("category")
        if self.action != "list":
            return found
        known = self.known
        found = found.filter(deleted_at__isnull=not known["in_bin"])
        wanted: dict[str, Any] = {n: known[n] for n in ("status", "kind") if n in known}
        if "category" in known:
            wanted["category__uuid"] = known["category"]
        if "name" in known:
            wanted["name__icontains"] = known["name"]
        return found.filter(**wanted)

    @extend_schema(request={"multipart/form-data": Upload}, responses={201: DocumentData})
    def create(self, request: Request) -> Response:
        """Upload a file; it is read in the background, and `status` tells how far that is."""
        values = self.taken(Upload)
        file = values["file"]
        if file.size > documents.MAX_BYTES:
            raise documents.FileTooLarge
        stored = uploading.receive_upload(
            category=values["category"],
            name=file.name or "",
            content=file.read(),
            actor=self.caller.actor,
            now=timezone.now(),
            valid_from=values.get("valid_from"),
            valid_until=values.get("valid_until"),
        )
        return self.shown(self.get_queryset().get(pk=stored.document.pk), status=201)

    def _held(self, uuid: uuid.UUID) -> Document:
        """Return a document, locked, that is as the program believes it to be."""
        rows = Document.objects.select_for_update(of=("self",)).select_related("category")
        found = get_object_or_404(rows, uuid=uuid)
        self.unchanged(found)
        return found

    @extend_schema(request={"application/json": Validity})
    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Set the days on which it may be quoted."""
        with transaction.atomic():
            found = self._held(uuid)
            values = self.taken(Validity)
            if versions.set_validity(document=found, now=timezone.now(), **values):
                self._record(found, "changed", fields=sorted(values))
        return self.shown(self.get_queryset().get(pk=found.pk))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, uuid: uuid.UUID) -> Response:
        """Move it to the bin: no answer comes from it any more, and it can be taken out."""
        with transaction.atomic():
            found = self._held(uuid)
            if paper_bin.throw_away(document=found, now=timezone.now()):
                self._record(found, "deleted")
        return Response(status=204)

    @extend_schema(request=None, responses=DocumentData)
    @action(detail=True, methods=["post"])
    def take_out(self, request: Request, uuid: uuid.UUID) -> Response:
        """Take it out of the bin."""
        found = self.get_object()
        with transaction.atomic():
            if paper_bin.take_out(document=found, now=timezone.now()):
                self._record(found, "restored")
        return self.shown(self.get_queryset().get(pk=found.pk))

    @extend_schema(request=None, responses=DocumentData)
    @action(detail=True, methods=["post"])
    def read_again(self, request: Request, uuid: uuid.UUID) -> Response:
        """Have it read once more."""
        found = self.get_object()
        if documents.retry_document(document=found, now=timezone.now(), is_forced=True):
            self._record(found, "read_again")
        return self.shown(self.get_queryset().get(pk=found.pk))

    @extend_schema(request={"application/json": Question}, responses=Answer)
    @action(detail=False, methods=["post"])
    def search(self, request: Request) -> Response:
        """Ask the documents as a conversation would; it is kept among the tests of the search."""
        values = self.taken(Question)
        category = values.get("category")
        trial = trying.Trial(
            question=values["question"],
            previous=values["previous"],
            scope="all" if category is None else f"category:{category.pk}",
            k=values.get("k"),
        )
        found = trying.try_question(trial=trial, asked_by=self.caller.actor, now=timezone.now())
        return Response(Answer(found).data)

    def _record(self, document: Document, what: str, **data: object) -> None:
        record(
            action=f"document.{what}",
            actor=self.caller.actor,
            target=f"document {document.uuid}",
            data=data,
        )
