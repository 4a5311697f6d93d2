import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import pgvector.django.vector
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    """One step where there were many; an installation from before must have taken all of them."""

    replaces = [
        ("knowledge", "0001_initial"),
        ("knowledge", "0002_knowledge_that_answers"),
        ("knowledge", "0003_moved"),
        ("knowledge", "0004_gathering_and_comparing"),
        ("knowledge", "0005_evaluation_runs_in_turn"),
        ("knowledge", "0006_web_pages"),
        ("knowledge", "0007_pruned_originals"),
    ]

    initial = True

    dependencies = [
        ("integrations", "0001_squashed_0007_lost_tool_calls"),
    ]

    operations = [
        migrations.CreateModel(
            name="Category",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "category",
                "verbose_name_plural": "categories",
            },
        ),
        migrations.CreateModel(
            name="EvaluationQuestion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ref", models.CharField(max_length=80, verbose_name="id")),
                ("position", models.PositiveIntegerField(verbose_name="position")),
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("answerable", "has an answer"),
                            ("unanswerable", "has no answer"),
                            ("followup", "follows another one"),
                        ],
                        max_length=12,
                        verbose_name="type",
                    ),
                ),
                ("question", models.TextField(verbose_name="question")),
                ("history", models.JSONField(default=list, verbose_name="history")),
                ("docs", models.JSONField(default=list, verbose_name="documents")),
                ("evidence", models.JSONField(default=list, verbose_name="evidence")),
                ("key_facts", models.JSONField(default=list, verbose_name="key facts")),
                ("reason", models.CharField(blank=True, max_length=40, verbose_name="reason")),
                ("is_active", models.BooleanField(default=True, verbose_name="in use")),
            ],
            options={
                "verbose_name": "evaluation question",
                "verbose_name_plural": "evaluation questions",
            },
        ),
        migrations.CreateModel(
            name="EvaluationRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("ready", "ready"),
                            ("failed", "failed"),
                        ],
                        default="queued",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "progress",
                    models.PositiveSmallIntegerField(default=0, verbose_name="progress in percent"),
                ),
                ("failure_reason", models.TextField(blank=True, verbose_name="reason of failure")),
                ("metrics", models.JSONField(default=dict, verbose_name="figures")),
                ("settings", models.JSONField(default=dict, verbose_name="settings")),
                (
                    "requested_by",
                    models.CharField(blank=True, max_length=150, verbose_name="requested by"),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("n_attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
            ],
            options={
                "verbose_name": "evaluation run",
                "verbose_name_plural": "evaluation runs",
            },
        ),
        migrations.CreateModel(
            name="EvaluationSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "evaluation set",
                "verbose_name_plural": "evaluation sets",
            },
        ),
        migrations.CreateModel(
            name="Document",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=200, verbose_name="file name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("md", "Markdown"),
                            ("txt", "plain text"),
                            ("csv", "CSV"),
                            ("pdf", "PDF"),
                            ("docx", "Word (DOCX)"),
                            ("xlsx", "Excel (XLSX)"),
                            ("html", "web page (HTML)"),
                            ("faq", "question and answer"),
                        ],
                        max_length=4,
                        verbose_name="kind",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("processing", "being read"),
                            ("ready", "ready"),
                            ("failed", "failed"),
                        ],
                        default="queued",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "progress",
                    models.PositiveSmallIntegerField(default=0, verbose_name="progress in percent"),
                ),
                ("n_chunks", models.PositiveIntegerField(default=0, verbose_name="passages")),
                ("failure_reason", models.TextField(blank=True, verbose_name="reason of failure")),
                ("failure_code", models.CharField(blank=True, editable=False, max_length=20)),
                ("notice", models.TextField(blank=True, verbose_name="notice")),
                ("n_bytes", models.PositiveIntegerField(default=0, verbose_name="size in bytes")),
                ("content_sha256", models.CharField(editable=False, max_length=64)),
                ("version", models.PositiveIntegerField(default=1, verbose_name="version")),
                ("language", models.CharField(blank=True, max_length=8, verbose_name="language")),
                ("valid_from", models.DateField(blank=True, null=True, verbose_name="valid from")),
                (
                    "valid_until",
                    models.DateField(blank=True, null=True, verbose_name="valid until"),
                ),
                (
                    "source_url",
                    models.URLField(
                        blank=True, editable=False, max_length=1000, verbose_name="address"
                    ),
                ),
                (
                    "deleted_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="thrown away at"),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("n_attempts", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("compared_version", models.PositiveIntegerField(default=0, editable=False)),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="updated at")),
                ("ready_at", models.DateTimeField(blank=True, null=True, verbose_name="ready at")),
                (
                    "category",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="documents",
                        to="knowledge.category",
                        verbose_name="category",
                    ),
                ),
            ],
            options={
                "verbose_name": "document",
                "verbose_name_plural": "documents",
            },
        ),
        migrations.CreateModel(
            name="Chunk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("active", models.BooleanField(default=False, verbose_name="in use")),
                ("position", models.PositiveIntegerField(verbose_name="position")),
                ("heading_path", models.CharField(max_length=500, verbose_name="titles")),
                ("body", models.TextField(verbose_name="text")),
                ("page", models.PositiveIntegerField(null=True, verbose_name="page")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "text"),
                            ("row", "row of a table"),
                            ("faq", "question and answer"),
                        ],
                        max_length=4,
                        verbose_name="kind",
                    ),
                ),
                ("lexemes", django.contrib.postgres.search.SearchVectorField()),
                ("grams", django.contrib.postgres.search.SearchVectorField()),
                ("n_lexemes", models.PositiveIntegerField()),
                ("n_grams", models.PositiveIntegerField()),
                (
                    "phrasings",
                    models.JSONField(blank=True, default=list, verbose_name="other wordings"),
                ),
                ("content_sha256", models.CharField(max_length=64)),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="chunks",
                        to="knowledge.document",
                    ),
                ),
            ],
            options={
                "verbose_name": "passage",
                "verbose_name_plural": "passages",
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("active", True)),
                        fields=["lexemes"],
                        name="chunk_lexemes",
                    ),
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("active", True)), fields=["grams"], name="chunk_grams"
                    ),
                    models.Index(fields=["content_sha256"], name="chunk_content"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document", "version", "position"),
                        name="chunk_position_once_per_version",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DocumentVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                ("original", models.BinaryField(null=True, verbose_name="file")),
                ("n_bytes", models.PositiveIntegerField(verbose_name="size in bytes")),
                ("content_sha256", models.CharField(editable=False, max_length=64)),
                ("text", models.TextField(blank=True, verbose_name="what the machine read")),
                ("n_chunks", models.PositiveIntegerField(default=0, verbose_name="passages")),
                (
                    "uploaded_by",
                    models.CharField(blank=True, max_length=150, verbose_name="uploaded by"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("ready_at", models.DateTimeField(blank=True, null=True, verbose_name="ready at")),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="knowledge.document",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of a document",
                "verbose_name_plural": "versions of documents",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("document", "number"), name="document_version_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EmbeddingSpace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("provider", models.CharField(max_length=20, verbose_name="provider")),
                ("model", models.CharField(max_length=100, verbose_name="model")),
                ("dimensions", models.PositiveIntegerField(verbose_name="dimensions")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("building", "being built"),
                            ("active", "in use"),
                            ("retired", "no longer used"),
                            ("failed", "failed"),
                        ],
                        default="building",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("n_total", models.PositiveIntegerField(default=0, verbose_name="texts")),
                ("n_done", models.PositiveIntegerField(default=0, verbose_name="texts done")),
                ("n_tokens", models.PositiveBigIntegerField(default=0, verbose_name="tokens")),
                ("failure_reason", models.TextField(blank=True, verbose_name="reason of failure")),
                ("rests_until", models.DateTimeField(editable=False, null=True)),
                (
                    "requested_by",
                    models.CharField(blank=True, max_length=150, verbose_name="requested by"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "activated_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="in use since"),
                ),
                (
                    "credential",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="integrations.credential",
                        verbose_name="credential",
                    ),
                ),
            ],
            options={
                "verbose_name": "embedding model",
                "verbose_name_plural": "embedding models",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "active")),
                        fields=("status",),
                        name="embedding_space_one_active",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "building")),
                        fields=("status",),
                        name="embedding_space_one_building",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="EmbeddedText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content_sha256", models.CharField(max_length=64)),
                ("embedding", pgvector.django.vector.VectorField()),
                ("created_at", models.DateTimeField()),
                (
                    "space",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="knowledge.embeddingspace"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("space", "content_sha256"), name="embedded_text_once_per_space"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ChunkVector",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0)),
                ("content_sha256", models.CharField(max_length=64)),
                ("embedding", pgvector.django.vector.VectorField()),
                (
                    "chunk",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="vectors",
                        to="knowledge.chunk",
                    ),
                ),
                (
                    "space",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="vectors",
                        to="knowledge.embeddingspace",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["space", "content_sha256"], name="chunk_vector_content")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("chunk", "space", "position"), name="chunk_vector_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="EvaluationResult",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rank", models.PositiveSmallIntegerField(null=True, verbose_name="rank")),
                ("n_characters", models.PositiveIntegerField(null=True)),
                ("confidence", models.FloatField(verbose_name="confidence")),
                ("decision", models.CharField(max_length=7, verbose_name="decision")),
                ("passages", models.JSONField(default=list, verbose_name="passages")),
                (
                    "question",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="knowledge.evaluationquestion",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="results",
                        to="knowledge.evaluationrun",
                    ),
                ),
            ],
            options={
                "verbose_name": "evaluation result",
                "verbose_name_plural": "evaluation results",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("run", "question"), name="evaluation_result_once"
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="evaluationrun",
            name="set",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="runs",
                to="knowledge.evaluationset",
            ),
        ),
        migrations.AddField(
            model_name="evaluationquestion",
            name="set",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="questions",
                to="knowledge.evaluationset",
            ),
        ),
        migrations.CreateModel(
            name="Finding",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("contradiction", "contradiction"), ("duplicate", "duplicate")],
                        max_length=13,
                        verbose_name="kind",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("settled", "settled"),
                            ("dismissed", "dismissed"),
                        ],
                        default="open",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("text", models.TextField(verbose_name="says")),
                ("other_text", models.TextField(verbose_name="the other says")),
                ("subject", models.CharField(max_length=300, verbose_name="about")),
                ("values", models.JSONField(default=list, verbose_name="values")),
                ("other_values", models.JSONField(default=list, verbose_name="other values")),
                ("fingerprint", models.CharField(editable=False, max_length=64, unique=True)),
                ("settlement", models.JSONField(default=dict, editable=False)),
                ("found_at", models.DateTimeField(verbose_name="found at")),
                (
                    "settled_by",
                    models.CharField(blank=True, max_length=150, verbose_name="settled by"),
                ),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="settled at"),
                ),
                (
                    "category",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="knowledge.category",
                        verbose_name="category",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings",
                        to="knowledge.document",
                        verbose_name="document",
                    ),
                ),
                (
                    "other",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="findings_of_others",
                        to="knowledge.document",
                        verbose_name="other document",
                    ),
                ),
            ],
            options={
                "verbose_name": "contradiction or duplicate",
                "verbose_name_plural": "contradictions and duplicates",
            },
        ),
        migrations.CreateModel(
            name="KnowledgeSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "answer_threshold",
                    models.FloatField(blank=True, null=True, verbose_name="answer from (0 to 1)"),
                ),
                (
                    "ask_threshold",
                    models.FloatField(blank=True, null=True, verbose_name="ask back from (0 to 1)"),
                ),
                (
                    "n_passages",
                    models.PositiveSmallIntegerField(
                        default=5, verbose_name="passages for an answer"
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "knowledge settings",
                "verbose_name_plural": "knowledge settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="knowledge_settings_one_row"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("answer_threshold__isnull", True),
                            models.Q(("answer_threshold__gte", 0), ("answer_threshold__lte", 1)),
                            _connector="OR",
                        ),
                        name="knowledge_answer_threshold_is_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ask_threshold__isnull", True),
                            models.Q(("ask_threshold__gte", 0), ("ask_threshold__lte", 1)),
                            _connector="OR",
                        ),
                        name="knowledge_ask_threshold_is_share",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("n_passages__gte", 1), ("n_passages__lte", 20)),
                        name="knowledge_n_passages_sane",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="UnansweredQuestion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("question", models.TextField(verbose_name="question")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("answered", "answered"),
                            ("dismissed", "dismissed"),
                        ],
                        default="open",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("n_asked", models.PositiveIntegerField(default=0, verbose_name="times asked")),
                ("first_asked_at", models.DateTimeField(verbose_name="first asked")),
                ("last_asked_at", models.DateTimeField(verbose_name="last asked")),
                ("embedding", pgvector.django.vector.VectorField(editable=False, null=True)),
                (
                    "settled_by",
                    models.CharField(blank=True, max_length=150, verbose_name="settled by"),
                ),
                (
                    "settled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="settled at"),
                ),
                (
                    "faq",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="knowledge.document",
                        verbose_name="FAQ",
                    ),
                ),
                (
                    "space",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="knowledge.embeddingspace",
                    ),
                ),
            ],
            options={
                "verbose_name": "unanswered question",
                "verbose_name_plural": "unanswered questions",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "open")),
                        fields=["-n_asked", "-last_asked_at"],
                        name="unanswered_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Search",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "origin",
                    models.CharField(
                        choices=[("chat", "conversation"), ("test", "test page")],
                        max_length=4,
                        verbose_name="origin",
                    ),
                ),
                ("question", models.TextField(verbose_name="question")),
                ("previous", models.TextField(blank=True, verbose_name="message before")),
                ("normalised", models.TextField(blank=True, verbose_name="as searched")),
                (
                    "decision",
                    models.CharField(
                        choices=[
                            ("answer", "answer"),
                            ("ask", "ask back"),
                            ("unknown", "not known"),
                        ],
                        max_length=7,
                        verbose_name="decision",
                    ),
                ),
                ("answered", models.BooleanField(null=True, verbose_name="answered")),
                ("confidence", models.FloatField(verbose_name="confidence")),
                ("best_cosine", models.FloatField(null=True, verbose_name="best similarity")),
                ("threshold", models.FloatField(verbose_name="threshold")),
                ("passages", models.JSONField(default=list, verbose_name="passages")),
                ("settings", models.JSONField(default=dict, verbose_name="settings")),
                ("category_ids", models.JSONField(null=True)),
                ("turn_uuid", models.UUIDField(null=True)),
                ("agent_name", models.CharField(blank=True, max_length=80, verbose_name="agent")),
                (
                    "duration_ms",
                    models.PositiveIntegerField(default=0, verbose_name="duration in ms"),
                ),
                ("asked_by", models.CharField(blank=True, max_length=150, verbose_name="asked by")),
                ("created_at", models.DateTimeField(verbose_name="asked at")),
                (
                    "unanswered",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="searches",
                        to="knowledge.unansweredquestion",
                    ),
                ),
            ],
            options={
                "verbose_name": "search",
                "verbose_name_plural": "searches",
                "indexes": [
                    models.Index(fields=["origin", "-created_at"], name="search_recent"),
                    models.Index(fields=["turn_uuid"], name="search_turn"),
                    models.Index(
                        condition=models.Q(
                            ("answered", False), ("origin", "chat"), ("unanswered__isnull", True)
                        ),
                        fields=["created_at"],
                        name="search_unclustered",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("url", models.URLField(max_length=1000, verbose_name="address")),
                (
                    "kind",
                    models.CharField(
                        choices=[("page", "one page"), ("sitemap", "all pages of a sitemap")],
                        default="page",
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                (
                    "every_hours",
                    models.PositiveIntegerField(
                        default=24, verbose_name="read again every (hours)"
                    ),
                ),
                (
                    "max_pages",
                    models.PositiveIntegerField(default=50, verbose_name="pages at most"),
                ),
                (
                    "is_active",
                    models.BooleanField(default=True, verbose_name="read again by itself"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("reading", "being read"),
                            ("ready", "read"),
                            ("failed", "failed"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "progress",
                    models.PositiveSmallIntegerField(default=0, verbose_name="progress in percent"),
                ),
                ("n_pages", models.PositiveIntegerField(default=0, verbose_name="pages")),
                ("failure_reason", models.TextField(blank=True, verbose_name="reason of failure")),
                ("started_at", models.DateTimeField(editable=False, null=True)),
                ("synced_at", models.DateTimeField(blank=True, null=True, verbose_name="read at")),
                (
                    "deleted_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="thrown away at"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                (
                    "category",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="web_sources",
                        to="knowledge.category",
                        verbose_name="category",
                    ),
                ),
            ],
            options={
                "verbose_name": "web source",
                "verbose_name_plural": "web sources",
                "constraints": [
                    models.UniqueConstraint(fields=("category", "url"), name="web_source_once"),
                    models.CheckConstraint(
                        condition=models.Q(("every_hours__gte", 1), ("max_pages__gte", 1)),
                        name="web_source_sane",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebPage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("url", models.URLField(max_length=1000, verbose_name="address")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("read", "read"),
                            ("skipped", "left out"),
                            ("failed", "failed"),
                            ("gone", "gone"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                ("reason", models.TextField(blank=True, verbose_name="reason")),
                ("etag", models.CharField(blank=True, max_length=300)),
                ("last_modified", models.CharField(blank=True, max_length=100)),
                ("checked_at", models.DateTimeField(null=True, verbose_name="read at")),
                ("gone_at", models.DateTimeField(null=True)),
                ("is_unwanted", models.BooleanField(default=False)),
                (
                    "document",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="web_pages",
                        to="knowledge.document",
                        verbose_name="document",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pages",
                        to="knowledge.websource",
                    ),
                ),
            ],
            options={
                "verbose_name": "page of a web source",
                "verbose_name_plural": "pages of web sources",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "url"), name="web_page_once_per_source"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "gone"), _negated=True),
                            ("gone_at__isnull", False),
                            _connector="OR",
                        ),
                        name="web_page_gone_has_instant",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="document",
            name="web_source",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="documents",
                to="knowledge.websource",
            ),
        ),
        migrations.AddIndex(
            model_name="evaluationrun",
            index=models.Index(
                condition=models.Q(("status__in", ["queued", "running"])),
                fields=["lease_until"],
                name="evaluation_run_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluationrun",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status__in", ["queued", "running"])),
                fields=("set",),
                name="evaluation_run_one_open_per_set",
            ),
        ),
        migrations.AddConstraint(
            model_name="evaluationquestion",
            constraint=models.UniqueConstraint(
                fields=("set", "ref"), name="evaluation_question_once"
            ),
        ),
        migrations.AddIndex(
            model_name="document",
            index=models.Index(
                condition=models.Q(("status__in", ["queued", "processing"])),
                fields=["lease_until"],
                name="document_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.UniqueConstraint(
                fields=("category", "name"), name="document_name_once_per_category"
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=models.Q(("progress__lte", 100)), name="document_progress_is_percent"
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "processing"), _negated=True),
                    ("lease_token__isnull", False),
                    _connector="OR",
                ),
                name="document_processing_has_lease",
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "failed"), _negated=True),
                    models.Q(("failure_reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="document_failed_has_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="document",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_from__isnull", True),
                    ("valid_until__isnull", True),
                    ("valid_from__lte", models.F("valid_until")),
                    _connector="OR",
                ),
                name="document_validity_in_order",
            ),
        ),
    ]
