import django.core.validators
import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    """One step where there were many; an installation from before must have taken all of them."""

    replaces = [
        ("integrations", "0001_initial"),
        ("integrations", "0002_spending"),
        ("integrations", "0003_events_and_notices"),
        ("integrations", "0004_saved_answers"),
        ("integrations", "0005_http_tools"),
        ("integrations", "0006_endpoint_template"),
        ("integrations", "0007_lost_tool_calls"),
    ]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line", models.UUIDField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("pending", "waiting"),
                            ("delivered", "delivered"),
                            ("failed", "given up"),
                        ],
                        default="pending",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                (
                    "n_attempts",
                    models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
                ),
                ("next_attempt_at", models.DateTimeField(null=True, verbose_name="next attempt")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("delivered_at", models.DateTimeField(null=True, verbose_name="delivered at")),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
            },
        ),
        migrations.CreateModel(
            name="EventLine",
            fields=[
                ("conversation_uuid", models.UUIDField(primary_key=True, serialize=False)),
                ("last_sequence", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                (
                    "url",
                    models.CharField(
                        help_text="Where events are posted to, such as https://crm.example/hooks",
                        max_length=500,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\Ahttps?://[^\\s@\\\\]+\\Z",
                                "An address such as https://crm.example/hooks",
                            )
                        ],
                        verbose_name="address",
                    ),
                ),
                ("events", models.JSONField(default=list, verbose_name="events")),
                ("secret_encrypted", models.TextField(editable=False)),
                ("previous_secret_encrypted", models.TextField(blank=True, editable=False)),
                (
                    "previous_secret_until",
                    models.DateTimeField(blank=True, editable=False, null=True),
                ),
                ("headers_encrypted", models.TextField(blank=True, editable=False)),
                ("template", models.JSONField(blank=True, editable=False, null=True)),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "disabled_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("by_hand", "switched off"),
                            ("gone", "it answered that it is gone (410)"),
                            ("failing", "it failed for five days"),
                        ],
                        editable=False,
                        max_length=8,
                        verbose_name="why it is off",
                    ),
                ),
                (
                    "failing_since",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="failing since"
                    ),
                ),
                (
                    "last_success_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last success"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "webhook endpoint",
                "verbose_name_plural": "webhook endpoints",
            },
        ),
        migrations.CreateModel(
            name="AnswerSaving",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "is_on",
                    models.BooleanField(
                        default=False,
                        help_text="When a conversation begins with a question that was answered today in the same words, that answer is sent without asking the model. A changed document or agent makes it ask again.",
                        verbose_name="give saved answers again",
                    ),
                ),
                (
                    "hours",
                    models.PositiveSmallIntegerField(
                        default=24,
                        help_text="From 1 to 24. A new day always begins without saved answers.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(24),
                        ],
                        verbose_name="for how many hours",
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "saved answers",
                "verbose_name_plural": "saved answers",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="answer_saving_one_row"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("hours__gte", 1), ("hours__lte", 24)),
                        name="answer_saving_hours_sane",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Breaker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("provider", models.CharField(max_length=20, verbose_name="provider")),
                (
                    "credential",
                    models.CharField(blank=True, max_length=36, verbose_name="credential"),
                ),
                ("model", models.CharField(blank=True, max_length=120, verbose_name="model")),
                (
                    "state",
                    models.CharField(
                        choices=[("closed", "works"), ("open", "paused")],
                        default="closed",
                        max_length=6,
                        verbose_name="state",
                    ),
                ),
                (
                    "n_failures",
                    models.PositiveIntegerField(default=0, verbose_name="failures in a row"),
                ),
                (
                    "n_openings",
                    models.PositiveIntegerField(default=0, verbose_name="times paused in a row"),
                ),
                (
                    "reason",
                    models.CharField(blank=True, max_length=200, verbose_name="last failure"),
                ),
                (
                    "opened_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="paused since"),
                ),
                (
                    "retry_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="tried again at"),
                ),
                ("changed_at", models.DateTimeField(verbose_name="changed at")),
            ],
            options={
                "verbose_name": "pause after failures",
                "verbose_name_plural": "pauses after failures",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "credential", "model"), name="breaker_once_per_target"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Budget",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("tenant", "the whole business"),
                            ("agent", "an agent"),
                            ("contact", "each contact"),
                            ("conversation", "each conversation"),
                        ],
                        max_length=12,
                        verbose_name="for",
                    ),
                ),
                ("agent_uuid", models.UUIDField(blank=True, null=True, verbose_name="agent")),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "a day"), ("month", "a month")],
                        default="month",
                        max_length=5,
                        verbose_name="per",
                    ),
                ),
                (
                    "limit_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=2,
                        max_digits=14,
                        null=True,
                        verbose_name="limit in US$",
                    ),
                ),
                (
                    "limit_calls",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="limit of calls"
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "budget",
                "verbose_name_plural": "budgets",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("level", "agent_uuid", "period"),
                        name="budget_once",
                        nulls_distinct=False,
                        violation_error_message="There is a budget for this and this period already.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("limit_usd__isnull", False),
                            ("limit_calls__isnull", False),
                            _connector="OR",
                        ),
                        name="budget_has_a_limit",
                        violation_error_message="Give a limit in US$, a limit of calls, or both.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("agent_uuid__isnull", False), ("level", "agent")),
                            models.Q(
                                models.Q(("level", "agent"), _negated=True),
                                ("agent_uuid__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="budget_of_agent_names_it",
                        violation_error_message="Only the budget of an agent names one, and it must.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("limit_usd__isnull", True), ("limit_usd__gte", 0), _connector="OR"
                        ),
                        name="budget_limit_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Credential",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=80, unique=True, verbose_name="name")),
                (
                    "provider",
                    models.CharField(
                        choices=[
                            ("openai", "OpenAI"),
                            ("gemini", "Gemini"),
                            ("deepseek", "DeepSeek"),
                            ("anthropic", "Anthropic"),
                            ("openai_compatible", "OpenAI-compatible server (Ollama, vLLM, …)"),
                            ("offline", "No model: quotes the best passage"),
                        ],
                        max_length=20,
                        verbose_name="provider",
                    ),
                ),
                (
                    "base_url",
                    models.CharField(
                        blank=True,
                        help_text="Only for OpenAI-compatible servers, such as http://127.0.0.1:11434/v1",
                        max_length=300,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\Ahttps?://[^\\s@\\\\]+\\Z",
                                "An address such as http://127.0.0.1:11434/v1",
                            )
                        ],
                        verbose_name="base URL",
                    ),
                ),
                (
                    "api_key_encrypted",
                    models.TextField(blank=True, editable=False, verbose_name="key"),
                ),
                (
                    "tested_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="tested at"
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        blank=True, editable=False, max_length=12, verbose_name="test"
                    ),
                ),
                ("verdict_detail", models.CharField(blank=True, editable=False, max_length=200)),
                (
                    "known_models",
                    models.JSONField(
                        blank=True, default=list, editable=False, verbose_name="models"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "credential",
                "verbose_name_plural": "credentials",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "provider__in",
                                [
                                    "openai",
                                    "gemini",
                                    "deepseek",
                                    "anthropic",
                                    "openai_compatible",
                                    "offline",
                                ],
                            )
                        ),
                        name="credential_known_provider",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("base_url", ""), ("provider", "openai_compatible"), _negated=True
                        ),
                        name="compatible_credential_has_base_url",
                        violation_error_message="An OpenAI-compatible server needs its base URL.",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempted_at", models.DateTimeField(verbose_name="at")),
                ("status_code", models.PositiveSmallIntegerField(null=True, verbose_name="answer")),
                ("error", models.CharField(blank=True, max_length=200, verbose_name="error")),
                ("duration_ms", models.PositiveIntegerField(verbose_name="duration in ms")),
                ("reply", models.TextField(blank=True, verbose_name="beginning of the answer")),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attempts",
                        to="integrations.delivery",
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt",
                "verbose_name_plural": "attempts",
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("type", models.CharField(max_length=40, verbose_name="event")),
                ("conversation_uuid", models.UUIDField(null=True)),
                ("sequence", models.PositiveBigIntegerField(null=True, verbose_name="sequence")),
                ("body", models.TextField(verbose_name="body")),
                ("occurred_at", models.DateTimeField(verbose_name="happened at")),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "indexes": [models.Index(fields=["occurred_at"], name="event_when")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("conversation_uuid", None), _negated=True),
                        fields=("conversation_uuid", "sequence"),
                        name="event_sequence_once",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="event",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="integrations.event",
                verbose_name="event",
            ),
        ),
        migrations.CreateModel(
            name="HttpTool",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "name",
                    models.CharField(
                        help_text="A verb and what it is about, such as consultar_pedido or marcar_horario: the model calls it by this name.",
                        max_length=40,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z][a-z0-9_]+\\Z",
                                "Small letters without accents, digits and _, such as consultar_pedido.",
                            )
                        ],
                        verbose_name="name",
                    ),
                ),
                (
                    "description",
                    models.TextField(
                        help_text="What it does, when it is the right one, and what has to be known before; the model reads this.",
                        max_length=1000,
                        verbose_name="when to use it",
                    ),
                ),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("GET", "GET"),
                            ("POST", "POST"),
                            ("PUT", "PUT"),
                            ("PATCH", "PATCH"),
                            ("DELETE", "DELETE"),
                        ],
                        default="GET",
                        max_length=6,
                        verbose_name="method",
                    ),
                ),
                (
                    "url",
                    models.CharField(
                        help_text="With the parameters in braces where they belong, such as https://erp.example/orders/{order}. Those that do not stand in it are sent as ?name=value by GET and DELETE, else as JSON.",
                        max_length=500,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\Ahttps?://[^\\s@\\\\{}/?#]+([/?][^\\s\\\\]*)?\\Z",
                                "An address such as https://erp.example/orders/{order}",
                            )
                        ],
                        verbose_name="address",
                    ),
                ),
                ("headers_encrypted", models.TextField(blank=True, editable=False)),
                (
                    "auth_kind",
                    models.CharField(
                        choices=[
                            ("none", "nothing"),
                            ("bearer", "a token (Bearer)"),
                            ("basic", "user and password (Basic)"),
                            ("header", "a key in a header of its own"),
                        ],
                        default="none",
                        max_length=6,
                        verbose_name="it asks for",
                    ),
                ),
                (
                    "auth_name",
                    models.CharField(
                        blank=True,
                        default="",
                        max_length=100,
                        verbose_name="user, or name of the header",
                    ),
                ),
                ("secret_encrypted", models.TextField(blank=True, editable=False)),
                (
                    "parameters",
                    models.JSONField(blank=True, default=list, verbose_name="parameters"),
                ),
                (
                    "shows",
                    models.JSONField(
                        blank=True,
                        default=list,
                        verbose_name="what of the answer the model may see",
                    ),
                ),
                (
                    "risk",
                    models.CharField(
                        choices=[
                            ("read", "only looks something up"),
                            ("write", "changes something"),
                            ("approval", "changes something, and a person says yes first"),
                        ],
                        default="read",
                        max_length=8,
                        verbose_name="what it does",
                    ),
                ),
                (
                    "repeats_safely",
                    models.BooleanField(
                        default=False,
                        help_text="Each change carries a key of its own. A system that knows it does nothing twice, so a change whose outcome is unknown is asked for again. Without it such a change is left to a person.",
                        verbose_name="the system knows the header Idempotency-Key",
                    ),
                ),
                (
                    "timeout_s",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(30),
                        ],
                        verbose_name="time limit (s)",
                    ),
                ),
                (
                    "max_kb",
                    models.PositiveSmallIntegerField(
                        default=64,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(1024),
                        ],
                        verbose_name="largest answer (KiB)",
                    ),
                ),
                (
                    "max_calls",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Empty: 3 of those that look up, 1 of those that change something.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10),
                        ],
                        verbose_name="calls for one answer",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "tool",
                "verbose_name_plural": "tools",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("risk__in", ["read", "write", "approval"])),
                        name="http_tool_known_risk",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_kb__range", (1, 1024)),
                            ("timeout_s__range", (1, 30)),
                            models.Q(
                                ("max_calls", None), ("max_calls__range", (1, 10)), _connector="OR"
                            ),
                        ),
                        name="http_tool_limits_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("called_at", models.DateTimeField(verbose_name="called at")),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("chat", "answer"),
                            ("classify", "classify"),
                            ("rewrite", "rewrite"),
                            ("summarise", "summarise"),
                            ("embed", "embed"),
                            ("transcribe", "transcribe"),
                            ("vision", "look at an image"),
                        ],
                        max_length=12,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("customer", "customers"),
                            ("knowledge", "knowledge"),
                            ("playground", "playground"),
                            ("evaluation", "evaluation"),
                            ("test", "test of a key"),
                        ],
                        max_length=10,
                        verbose_name="origin",
                    ),
                ),
                ("provider", models.CharField(max_length=20, verbose_name="provider")),
                ("model", models.CharField(blank=True, max_length=120, verbose_name="model")),
                (
                    "credential",
                    models.CharField(blank=True, max_length=36, verbose_name="credential"),
                ),
                ("agent_uuid", models.UUIDField(null=True)),
                ("agent_name", models.CharField(blank=True, max_length=80, verbose_name="agent")),
                ("contact_uuid", models.UUIDField(null=True)),
                ("conversation_uuid", models.UUIDField(null=True)),
                ("turn_uuid", models.UUIDField(null=True)),
                ("hop", models.PositiveSmallIntegerField(default=0, verbose_name="hop")),
                ("failure", models.CharField(blank=True, max_length=200, verbose_name="failure")),
                (
                    "degraded",
                    models.CharField(blank=True, max_length=40, verbose_name="degraded because of"),
                ),
                (
                    "input_tokens",
                    models.PositiveIntegerField(null=True, verbose_name="input tokens"),
                ),
                (
                    "output_tokens",
                    models.PositiveIntegerField(null=True, verbose_name="output tokens"),
                ),
                (
                    "cached_input_tokens",
                    models.PositiveIntegerField(null=True, verbose_name="cached input tokens"),
                ),
                (
                    "reasoning_tokens",
                    models.PositiveIntegerField(null=True, verbose_name="reasoning tokens"),
                ),
                ("seconds", models.FloatField(null=True, verbose_name="seconds of sound")),
                (
                    "latency_ms",
                    models.PositiveIntegerField(default=0, verbose_name="duration in ms"),
                ),
                (
                    "cost_kind",
                    models.CharField(
                        choices=[
                            ("exact", "measured"),
                            ("estimated", "estimated"),
                            ("unknown", "not measured"),
                        ],
                        max_length=9,
                        verbose_name="cost is",
                    ),
                ),
                (
                    "cost_usd",
                    models.DecimalField(
                        decimal_places=8, max_digits=14, null=True, verbose_name="cost in US$"
                    ),
                ),
                (
                    "usd_brl",
                    models.DecimalField(
                        decimal_places=4, max_digits=10, null=True, verbose_name="R$ for a US$"
                    ),
                ),
                ("price", models.JSONField(default=dict, verbose_name="price")),
            ],
            options={
                "verbose_name": "call of a model",
                "verbose_name_plural": "calls of models",
                "indexes": [
                    models.Index(fields=["-called_at"], name="model_call_newest"),
                    models.Index(fields=["conversation_uuid"], name="model_call_conversation"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("cost_kind", "unknown"), ("cost_usd__isnull", True)),
                            models.Q(
                                models.Q(("cost_kind", "unknown"), _negated=True),
                                ("cost_usd__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="model_call_unknown_has_no_cost",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("kind", models.CharField(max_length=40, verbose_name="kind")),
                ("subject", models.CharField(max_length=100)),
                ("day", models.DateField()),
                (
                    "level",
                    models.CharField(
                        choices=[("info", "for your information"), ("warning", "needs attention")],
                        max_length=7,
                        verbose_name="level",
                    ),
                ),
                ("title", models.CharField(max_length=200, verbose_name="notice")),
                ("text", models.TextField(max_length=1000, verbose_name="what it means")),
                ("page", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField(verbose_name="since")),
                ("seen_at", models.DateTimeField(null=True, verbose_name="seen at")),
                ("seen_by", models.CharField(blank=True, max_length=150, verbose_name="seen by")),
                ("mailed_at", models.DateTimeField(null=True, verbose_name="e-mailed at")),
                ("mail_lease_until", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "indexes": [
                    models.Index(
                        condition=models.Q(("seen_at", None)),
                        fields=["-created_at"],
                        name="notice_unseen",
                    ),
                    models.Index(
                        condition=models.Q(("mailed_at", None)),
                        fields=["created_at"],
                        name="notice_unmailed",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "subject", "day"), name="notice_once_a_day"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reservation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("spend_ids", models.JSONField(default=list)),
                ("usd", models.DecimalField(decimal_places=8, max_digits=14)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="reservation_expiry")],
            },
        ),
        migrations.CreateModel(
            name="SavedAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=64, unique=True)),
                ("text", models.TextField()),
                ("evidence_refs", models.JSONField(default=list)),
                ("provider", models.CharField(max_length=20)),
                ("model", models.CharField(max_length=120)),
                ("usd", models.DecimalField(decimal_places=8, max_digits=14, null=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="saved_answer_expiry")],
            },
        ),
        migrations.CreateModel(
            name="SavedCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("called_at", models.DateTimeField()),
                ("provider", models.CharField(max_length=20)),
                ("model", models.CharField(max_length=120)),
                ("agent_uuid", models.UUIDField(null=True)),
                ("agent_name", models.CharField(blank=True, max_length=80)),
                ("conversation_uuid", models.UUIDField(null=True)),
                ("turn_uuid", models.UUIDField(null=True)),
                ("usd", models.DecimalField(decimal_places=8, max_digits=14, null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["-called_at"], name="saved_call_newest")],
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="endpoint",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="deliveries",
                to="integrations.webhookendpoint",
                verbose_name="endpoint",
            ),
        ),
        migrations.CreateModel(
            name="HttpToolCall",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("tool_name", models.CharField(max_length=40, verbose_name="tool")),
                ("dedup_key", models.CharField(blank=True, default="", max_length=64)),
                ("burst_key", models.CharField(blank=True, default="", max_length=64)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("started", "under way"),
                            ("done", "done"),
                            ("failed", "not done"),
                            ("unknown", "outcome unknown"),
                            ("waiting", "waits for a person"),
                            ("declined", "declined"),
                        ],
                        default="started",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "agent_name",
                    models.CharField(blank=True, default="", max_length=80, verbose_name="agent"),
                ),
                ("conversation_uuid", models.UUIDField(null=True)),
                ("turn_uuid", models.UUIDField(null=True)),
                ("arguments", models.TextField(blank=True, default="", verbose_name="asked with")),
                ("arguments_encrypted", models.TextField(blank=True, default="", editable=False)),
                (
                    "result",
                    models.TextField(blank=True, default="", verbose_name="what the model saw"),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="failure"
                    ),
                ),
                ("status_code", models.PositiveSmallIntegerField(null=True, verbose_name="answer")),
                ("started_at", models.DateTimeField(verbose_name="at")),
                (
                    "duration_ms",
                    models.PositiveIntegerField(null=True, verbose_name="duration in ms"),
                ),
                (
                    "decided_by",
                    models.CharField(
                        blank=True, default="", max_length=150, verbose_name="decided by"
                    ),
                ),
                (
                    "tool",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="calls",
                        to="integrations.httptool",
                        verbose_name="tool",
                    ),
                ),
            ],
            options={
                "verbose_name": "call of a tool",
                "verbose_name_plural": "calls of tools",
                "indexes": [
                    models.Index(
                        condition=models.Q(("burst_key", ""), _negated=True),
                        fields=["burst_key"],
                        name="tool_call_burst",
                    ),
                    models.Index(fields=["-started_at"], name="tool_call_newest"),
                    models.Index(
                        condition=models.Q(("status", "started")),
                        fields=["started_at"],
                        name="tool_call_started",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("dedup_key", ""), _negated=True),
                        fields=("dedup_key",),
                        name="tool_change_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("chat", "answer"),
                            ("classify", "classify"),
                            ("rewrite", "rewrite questions"),
                            ("summarise", "summarise"),
                            ("transcribe", "transcribe voice notes"),
                            ("vision", "look at images"),
                        ],
                        max_length=12,
                        unique=True,
                        verbose_name="purpose",
                    ),
                ),
                ("model", models.CharField(blank=True, max_length=120, verbose_name="model")),
                (
                    "timeout_s",
                    models.PositiveSmallIntegerField(
                        default=20,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="time limit (s)",
                    ),
                ),
                (
                    "fallback_model",
                    models.CharField(
                        blank=True, max_length=120, verbose_name="model when the first fails"
                    ),
                ),
                (
                    "cheaper_model",
                    models.CharField(
                        blank=True, max_length=120, verbose_name="model from 95 % of a budget"
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "cheaper_credential",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="integrations.credential",
                        verbose_name="credential from 95 % of a budget",
                    ),
                ),
                (
                    "credential",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: no model; the best passage is quoted.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="integrations.credential",
                        verbose_name="credential",
                    ),
                ),
                (
                    "fallback_credential",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="integrations.credential",
                        verbose_name="credential when the first fails",
                    ),
                ),
            ],
            options={
                "verbose_name": "model by purpose",
                "verbose_name_plural": "models by purpose",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("credential__isnull", True),
                            models.Q(("model", ""), _negated=True),
                            ("purpose", "chat"),
                            _connector="OR",
                        ),
                        name="model_choice_names_its_model",
                        violation_error_message="Name the model.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Spend",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.UUIDField()),
                ("period_start", models.DateField(verbose_name="since")),
                (
                    "spent_usd",
                    models.DecimalField(
                        decimal_places=8, default=0, max_digits=14, verbose_name="spent in US$"
                    ),
                ),
                (
                    "reserved_usd",
                    models.DecimalField(
                        decimal_places=8, default=0, max_digits=14, verbose_name="reserved in US$"
                    ),
                ),
                ("n_calls", models.PositiveIntegerField(default=0, verbose_name="calls")),
                ("warned_at_percent", models.PositiveSmallIntegerField(default=0)),
                (
                    "budget",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="spends",
                        to="integrations.budget",
                    ),
                ),
            ],
            options={
                "verbose_name": "spending",
                "verbose_name_plural": "spending",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("budget", "subject", "period_start"), name="spend_once_per_period"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "next_attempt_at", "id"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("status", "pending")),
                fields=["endpoint", "line", "id"],
                name="delivery_line",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["endpoint", "-created_at"], name="delivery_newest"),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.UniqueConstraint(fields=("event", "endpoint"), name="delivery_once"),
        ),
    ]
