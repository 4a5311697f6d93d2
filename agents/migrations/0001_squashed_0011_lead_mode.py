import django.core.validators
import django.db.models.deletion
import pgvector.django.vector
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    """One step where there were many; an installation from before must have taken all of them."""

    replaces = [
        ("agents", "0001_initial"),
        ("agents", "0002_outside_hours"),
        ("agents", "0003_guards"),
        ("agents", "0004_personas_and_examples"),
        ("agents", "0005_people_settings"),
        ("agents", "0006_history_mode"),
        ("agents", "0007_experiments"),
        ("agents", "0008_kept_versions"),
        ("agents", "0009_mark_kept_versions"),
        ("agents", "0010_agent_tools"),
        ("agents", "0011_lead_mode"),
    ]

    initial = True

    dependencies = [
        ("integrations", "0001_squashed_0007_lost_tool_calls"),
        ("knowledge", "0001_squashed_0007_pruned_originals"),
    ]

    operations = [
        migrations.CreateModel(
            name="Agent",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("general", "General: front desk, routes"),
                            ("specialist", "Specialist: one subject"),
                            ("integration", "Integration: acts on another system"),
                            ("human", "Human: a queue of people"),
                            ("personal", "Personal: only for its owner's numbers"),
                        ],
                        default="general",
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                (
                    "instructions",
                    models.TextField(blank=True, max_length=20000, verbose_name="instructions"),
                ),
                (
                    "keywords",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="Words that lead a contact here from an agent that may hand off to this one.",
                        verbose_name="keywords",
                    ),
                ),
                ("chat_model", models.CharField(blank=True, max_length=120, verbose_name="model")),
                (
                    "timeout_s",
                    models.PositiveSmallIntegerField(
                        default=20,
                        help_text="Seconds for one answer, fallbacks included.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="time limit (s)",
                    ),
                ),
                ("fallbacks", models.JSONField(blank=True, default=list, verbose_name="fallbacks")),
                (
                    "outside_hours",
                    models.CharField(
                        choices=[
                            ("answer", "Answer as usual"),
                            (
                                "tell",
                                "Answer, and send the away text when something is left to people",
                            ),
                            ("away", "Only the away text; people answer when they are back"),
                        ],
                        default="answer",
                        help_text="The hours and the away text are on the page “Opening hours”.",
                        max_length=6,
                        verbose_name="outside opening hours",
                    ),
                ),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("guards", models.JSONField(blank=True, default=dict, verbose_name="checks")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
                (
                    "role",
                    models.CharField(
                        blank=True, db_default="", max_length=300, verbose_name="role"
                    ),
                ),
                (
                    "tone",
                    models.CharField(
                        blank=True, db_default="", max_length=300, verbose_name="tone"
                    ),
                ),
                (
                    "dos",
                    models.JSONField(
                        blank=True, db_default=[], default=list, verbose_name="always"
                    ),
                ),
                (
                    "donts",
                    models.JSONField(blank=True, db_default=[], default=list, verbose_name="never"),
                ),
                (
                    "policies",
                    models.JSONField(
                        blank=True, db_default=[], default=list, verbose_name="policies"
                    ),
                ),
                (
                    "examples",
                    models.JSONField(
                        blank=True, db_default=[], default=list, verbose_name="example messages"
                    ),
                ),
                (
                    "owner_numbers",
                    models.JSONField(
                        blank=True, db_default=[], default=list, verbose_name="owner's numbers"
                    ),
                ),
                (
                    "needs_approval",
                    models.BooleanField(
                        default=False,
                        help_text="What this agent writes waits for a person before it is sent.",
                        verbose_name="a person approves each answer",
                    ),
                ),
                (
                    "approval_within_min",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="approval within (minutes)",
                    ),
                ),
                (
                    "approval_then",
                    models.CharField(
                        choices=[
                            ("send", "it is sent all the same"),
                            ("people", "the conversation is left to people"),
                        ],
                        default="people",
                        max_length=6,
                        verbose_name="when nobody approves in time",
                    ),
                ),
                (
                    "return_after_min",
                    models.PositiveSmallIntegerField(
                        default=30,
                        help_text="How long after a person's last message this agent answers again. 0: only when it is given back. It holds at once, without publishing.",
                        validators=[django.core.validators.MaxValueValidator(10080)],
                        verbose_name="comes back after (minutes)",
                    ),
                ),
                (
                    "history",
                    models.CharField(
                        choices=[
                            ("whole", "The whole conversation, the older part as a summary"),
                            ("handoff", "Only since it was handed the conversation, and the brief"),
                            ("none", "Nothing but the new messages and the brief"),
                        ],
                        db_default="whole",
                        default="whole",
                        max_length=7,
                        verbose_name="remembers",
                    ),
                ),
                (
                    "leads",
                    models.CharField(
                        choices=[
                            ("off", "No"),
                            ("end", "When the conversation is over, from what was said"),
                            (
                                "live",
                                "While it answers: it asks what is missing, and keeps what is told",
                            ),
                        ],
                        db_default="off",
                        default="off",
                        max_length=4,
                        verbose_name="fills leads",
                    ),
                ),
                (
                    "categories",
                    models.ManyToManyField(
                        blank=True,
                        help_text="What this agent may search. Without any it answers nothing but greetings.",
                        related_name="agents",
                        to="knowledge.category",
                        verbose_name="knowledge",
                    ),
                ),
                (
                    "chat_credential",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: no model; the best passage is quoted.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="agents",
                        to="integrations.credential",
                        verbose_name="credential",
                    ),
                ),
                (
                    "handoffs",
                    models.ManyToManyField(
                        blank=True,
                        related_name="handed_from",
                        to="agents.agent",
                        verbose_name="may hand off to",
                    ),
                ),
                (
                    "tools",
                    models.ManyToManyField(
                        blank=True,
                        related_name="agents",
                        to="integrations.httptool",
                        verbose_name="tools",
                    ),
                ),
            ],
            options={
                "verbose_name": "agent",
                "verbose_name_plural": "agents",
            },
        ),
        migrations.CreateModel(
            name="AgentVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("snapshot", models.JSONField(verbose_name="snapshot")),
                ("published_at", models.DateTimeField(verbose_name="published at")),
                ("published_by", models.CharField(max_length=150, verbose_name="published by")),
                (
                    "is_published",
                    models.BooleanField(db_default=True, default=True, editable=False),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="agents.agent",
                        verbose_name="agent",
                    ),
                ),
            ],
            options={
                "verbose_name": "agent version",
                "verbose_name_plural": "agent versions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("agent", "number"), name="agent_version_number"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("number__gte", 1)), name="agent_version_number_from_one"
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="agent",
            name="published_version",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="agents.agentversion",
                verbose_name="published version",
            ),
        ),
        migrations.CreateModel(
            name="BusinessFacts",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=120, verbose_name="name")),
                (
                    "about",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="what the business does"
                    ),
                ),
                ("address", models.CharField(blank=True, max_length=300, verbose_name="address")),
                ("site", models.CharField(blank=True, max_length=200, verbose_name="site")),
                ("phone", models.CharField(blank=True, max_length=60, verbose_name="phone")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                ("facts", models.JSONField(blank=True, default=list, verbose_name="other facts")),
            ],
            options={
                "verbose_name": "business facts",
                "verbose_name_plural": "business facts",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="one_row_of_business_facts"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ExampleVector",
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
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="knowledge.embeddingspace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("space", "content_sha256"), name="example_vector_once_per_space"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Experiment",
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
                        choices=[("running", "running"), ("stopped", "ended")],
                        default="running",
                        max_length=7,
                        verbose_name="status",
                    ),
                ),
                (
                    "max_conversations",
                    models.PositiveIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(20),
                            django.core.validators.MaxValueValidator(100000),
                        ],
                        verbose_name="conversations",
                    ),
                ),
                (
                    "stops_when_clear",
                    models.BooleanField(verbose_name="ends as soon as the difference is clear"),
                ),
                (
                    "publishes_winner",
                    models.BooleanField(verbose_name="the winner is published by itself"),
                ),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("started_by", models.CharField(max_length=150, verbose_name="started by")),
                (
                    "stopped_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="ended at"),
                ),
                (
                    "stopped_by",
                    models.CharField(blank=True, max_length=150, verbose_name="ended by"),
                ),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("person", "ended by a person"),
                            ("enough", "enough conversations"),
                            ("significant", "the difference is clear"),
                            ("published", "something else was published"),
                        ],
                        max_length=11,
                        verbose_name="why it ended",
                    ),
                ),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="experiments",
                        to="agents.agent",
                        verbose_name="agent",
                    ),
                ),
                (
                    "winner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agentversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "experiment",
                "verbose_name_plural": "experiments",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "running")),
                        fields=("agent",),
                        name="one_running_experiment",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "running"), ("stopped_at", None)),
                            models.Q(("status", "stopped"), ("stopped_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="experiment_ended_at_some_instant",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="GuardSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("checks", models.JSONField(blank=True, default=dict, verbose_name="checks")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "safety settings",
                "verbose_name_plural": "safety settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="guard_settings_one_row"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Variant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "weight",
                    models.PositiveSmallIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="weight",
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="variants",
                        to="agents.experiment",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agentversion",
                    ),
                ),
            ],
            options={
                "verbose_name": "variant",
                "verbose_name_plural": "variants",
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "version"), name="variant_once"),
                    models.UniqueConstraint(
                        fields=("experiment", "position"), name="variant_position"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("weight__range", (1, 100))),
                        name="variant_weight_in_range",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["general", "specialist", "integration", "human", "personal"])
                ),
                name="agent_known_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(("timeout_s__range", (1, 60))), name="agent_timeout_in_range"
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(("history__in", ["whole", "handoff", "none"])),
                name="agent_known_history",
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(("leads__in", ["off", "end", "live"])), name="agent_known_leads"
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(("outside_hours__in", ["answer", "tell", "away"])),
                name="agent_known_outside_hours",
            ),
        ),
        migrations.AddConstraint(
            model_name="agent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approval_within_min__range", (1, 10080)), ("return_after_min__lte", 10080)
                ),
                name="agent_waits_in_range",
            ),
        ),
    ]
