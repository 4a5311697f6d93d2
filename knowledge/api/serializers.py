"""How categories, documents and searches look to programs."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from knowledge.models import Category, Document, Search
from tenants.api.serializers import Day, Input, Text


class CategoryData(Input, serializers.ModelSerializer[Category]):
    """A shelf of documents; agents are allowed to read some of them."""

    class Meta:
        model = Category
        fields = ("uuid", "name", "created_at")
        read_only_fields = ("uuid", "created_at")


class DocumentData(serializers.ModelSerializer[Document]):
    """A file that the assistant may answer from, and how far it was read."""

    category = serializers.SlugRelatedField(slug_field="uuid", read_only=True)  # type: ignore[var-annotated]
    source_url = serializers.CharField(read_only=True, help_text="Of a web page; else empty.")

    class Meta:
        model = Document
        fields = (
            "uuid",
            "name",
            "category",
            "kind",
            "status",
            "progress",
            "failure_reason",
            "failure_code",
            "notice",
            "n_chunks",
            "n_bytes",
            "version",
            "language",
            "valid_from",
            "valid_until",
            "source_url",
            "created_at",
            "updated_at",
            "ready_at",
            "deleted_at",
        )
        read_only_fields = fields


class Upload(Input):
    """A file; the same bytes under the same name are no work, others make its next version."""

    file = serializers.FileField(allow_empty_file=True)
    category = serializers.SlugRelatedField(slug_field="uuid", queryset=Category.objects.all())
    valid_from = Day(required=False, allow_null=True)
    valid_until = Day(required=False, allow_null=True)


class Validity(Input):
    """The first and the last day on which a document may be quoted; null for always."""

    valid_from = Day(allow_null=True)
    valid_until = Day(allow_null=True)


class Question(Input):
    """A question to the documents, as a contact would ask it."""

    question = Text(max_length=1000)
    previous = Text(max_length=1000, required=False, default="", allow_blank=True)
    category = serializers.SlugRelatedField(
        slug_field="uuid",
        queryset=Category.objects.all(),
        required=False,
        help_text="Look there only; everywhere without it.",
    )
    k = serializers.IntegerField(min_value=1, max_value=20, required=False)


class Scores(serializers.Serializer[Any]):
    """How well a passage fits: together, and by meaning, words and pieces of words."""

    score = serializers.FloatField()
    cosine = serializers.FloatField()
    lexical = serializers.FloatField()
    grams = serializers.FloatField()


class Found(serializers.Serializer[Any]):
    """A passage that was found."""

    document = serializers.CharField()
    document_uuid = serializers.UUIDField()
    version = serializers.IntegerField()
    category = serializers.CharField()
    title = serializers.CharField()
    text = serializers.CharField()
    page = serializers.IntegerField(allow_null=True)
    scores = Scores()


class Answer(serializers.ModelSerializer[Search]):
    """What the documents say to a question, and whether an agent would answer from it."""

    passages = Found(many=True)

    class Meta:
        model = Search
        fields = ("uuid", "decision", "confidence", "threshold", "duration_ms", "passages")
        read_only_fields = fields
