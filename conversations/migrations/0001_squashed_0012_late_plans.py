import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """One step where there were many; an installation from before must have taken all of them."""

    replaces = [
        ("conversations", "0001_initial"),
        ("conversations", "0002_hours"),
        ("conversations", "0003_handoffs"),
        ("conversations", "0004_people"),
        ("conversations", "0005_fill_people"),
        ("conversations", "0006_attachments"),
        ("conversations", "0007_memory_and_archive"),
        ("conversations", "0008_fill_closed_at"),
        ("conversations", "0009_index_what_was_taken"),
        ("conversations", "0010_sending"),
        ("conversations", "0011_leads"),
        ("conversations", "0012_late_plans"),
    ]

    initial = True

    dependencies = [
        ("agents", "0001_squashed_0011_lead_mode"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("auth", "__first__"),
    ]

    operations = [
        migrations.CreateModel(
            name="Conversation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("channel_kind", models.CharField(max_length=20, verbose_name="channel")),
                ("channel_account_ref", models.UUIDField(verbose_name="channel account")),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "open"), ("archived", "archived")],
                        default="open",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "mode",
                    models.CharField(
                        choices=[("ai", "assistant"), ("human", "person")],
                        default="ai",
                        max_length=5,
                        verbose_name="answered by",
                    ),
                ),
                (
                    "mode_reason",
                    models.CharField(blank=True, max_length=200, verbose_name="reason"),
                ),
                (
                    "mode_changed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="since"),
                ),
                ("first_pending_at", models.DateTimeField(blank=True, null=True)),
                ("n_pending", models.PositiveIntegerField(default=0)),
                ("n_superseded", models.PositiveSmallIntegerField(default=0)),
                ("waits_until", models.DateTimeField(blank=True, null=True)),
                ("handled_upto", models.BigIntegerField(default=0)),
                ("opened_at", models.DateTimeField(verbose_name="opened at")),
                ("last_message_at", models.DateTimeField(verbose_name="last message at")),
                ("recent_hops", models.JSONField(blank=True, db_default=[], default=list)),
                ("claimed_by", models.CharField(blank=True, max_length=150, verbose_name="with")),
                (
                    "waiting_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="waiting since"),
                ),
                (
                    "answer_due_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="answer due at"),
                ),
                ("n_escalations", models.PositiveSmallIntegerField(default=0)),
                ("promised_at", models.DateTimeField(blank=True, null=True)),
                (
                    "returns_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="assistant returns at"
                    ),
                ),
                ("has_draft", models.BooleanField(default=False)),
                (
                    "summary",
                    models.TextField(blank=True, db_default="", default="", verbose_name="summary"),
                ),
                ("summarised_until", models.DateTimeField(blank=True, null=True)),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="closed at"),
                ),
                (
                    "closed_by",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=150,
                        verbose_name="closed by",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("resolved", "answered"),
                            ("person", "by a person"),
                            ("unresolved", "unanswered"),
                            ("abandoned", "contact gone"),
                            ("nothing", "nothing asked"),
                            ("opted_out", "opted out"),
                        ],
                        db_default="",
                        default="",
                        max_length=10,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "topics",
                    models.JSONField(
                        blank=True, db_default=[], default=list, verbose_name="topics"
                    ),
                ),
                ("follow_up_at", models.DateTimeField(blank=True, null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="agents.agent",
                        verbose_name="agent",
                    ),
                ),
                (
                    "queue",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="agents.agent",
                        verbose_name="queue",
                    ),
                ),
            ],
            options={
                "verbose_name": "conversation",
                "verbose_name_plural": "conversations",
            },
        ),
        migrations.CreateModel(
            name="ArchiveWord",
            fields=[
                ("word", models.CharField(max_length=60, primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("media_type", models.CharField(blank=True, max_length=60, verbose_name="type")),
                ("declared_type", models.CharField(blank=True, max_length=100)),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="file name")),
                (
                    "n_bytes",
                    models.BigIntegerField(blank=True, null=True, verbose_name="size (bytes)"),
                ),
                ("seconds", models.FloatField(blank=True, null=True, verbose_name="length (s)")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "being fetched"),
                            ("stored", "stored"),
                            ("refused", "left where it is"),
                            ("failed", "not fetched"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "reading",
                    models.CharField(
                        choices=[
                            ("none", "not read"),
                            ("waiting", "being read"),
                            ("done", "read"),
                            ("failed", "could not be read"),
                        ],
                        default="none",
                        max_length=8,
                        verbose_name="reading",
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=20, verbose_name="problem")),
                ("words", models.TextField(blank=True, verbose_name="what it says")),
                ("source", models.JSONField(blank=True, default=dict)),
                ("wait_until", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(verbose_name="created at")),
            ],
            options={
                "verbose_name": "attachment",
                "verbose_name_plural": "attachments",
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(blank=True, max_length=200, verbose_name="name")),
                ("is_blocked", models.BooleanField(default=False, verbose_name="blocked")),
                (
                    "opted_out_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="opted out at"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "contact",
                "verbose_name_plural": "contacts",
            },
        ),
        migrations.CreateModel(
            name="HolidayHours",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=150, unique=True, verbose_name="holiday")),
                (
                    "is_usual",
                    models.BooleanField(default=False, verbose_name="a day like any other"),
                ),
                ("spans", models.JSONField(blank=True, default=list, verbose_name="hours")),
            ],
            options={
                "verbose_name": "hours of a holiday",
                "verbose_name_plural": "hours of holidays",
            },
        ),
        migrations.CreateModel(
            name="LeadSource",
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
                    "channel_kind",
                    models.CharField(default="whatsapp", editable=False, max_length=20),
                ),
                (
                    "account_ref",
                    models.UUIDField(
                        help_text="The number from which the contact is written to.",
                        verbose_name="writes from",
                    ),
                ),
                (
                    "first_message",
                    models.TextField(
                        blank=True,
                        help_text="What the contact is sent, such as: Hello {{ name|first }}, thank you for your interest! Empty: nobody is written to, and the lead waits on the board.",
                        max_length=1000,
                        verbose_name="first message",
                    ),
                ),
                ("fields", models.JSONField(blank=True, default=dict, verbose_name="fields")),
                ("secret_encrypted", models.TextField(editable=False)),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "source of leads",
                "verbose_name_plural": "sources of leads",
            },
        ),
        migrations.CreateModel(
            name="LeadStage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40, unique=True, verbose_name="name")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("open", "in conversation"),
                            ("qualified", "qualified"),
                            ("won", "won"),
                            ("lost", "lost"),
                        ],
                        default="open",
                        help_text="Won and lost end a lead: what the contact says later begins a new one.",
                        max_length=9,
                        verbose_name="means",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="place")),
            ],
            options={
                "verbose_name": "stage",
                "verbose_name_plural": "stages",
            },
        ),
        migrations.CreateModel(
            name="NumberPace",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel_account_ref", models.UUIDField(unique=True)),
                ("next_at", models.DateTimeField(null=True)),
                ("day", models.DateField(null=True)),
                ("n_sent", models.PositiveIntegerField(default=0)),
                ("n_unasked", models.PositiveIntegerField(default=0)),
            ],
            options={
                "verbose_name": "pace of a number",
                "verbose_name_plural": "paces of numbers",
            },
        ),
        migrations.CreateModel(
            name="ArchivedConversation",
            fields=[],
            options={
                "verbose_name": "archived conversation",
                "verbose_name_plural": "archived conversations",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("conversations.conversation",),
        ),
        migrations.CreateModel(
            name="AttachmentContent",
            fields=[
                (
                    "attachment",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="content",
                        serialize=False,
                        to="conversations.attachment",
                    ),
                ),
                ("data", models.BinaryField()),
            ],
            options={
                "verbose_name": "content of an attachment",
                "verbose_name_plural": "contents of attachments",
            },
        ),
        migrations.AddField(
            model_name="conversation",
            name="contact",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="conversations",
                to="conversations.contact",
                verbose_name="contact",
            ),
        ),
        migrations.CreateModel(
            name="ConversationSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "close_after_h",
                    models.PositiveIntegerField(
                        default=24,
                        help_text="0: a conversation stays open until somebody archives it.",
                        validators=[django.core.validators.MaxValueValidator(8760)],
                        verbose_name="closed after (hours of silence)",
                    ),
                ),
                (
                    "close_with_people",
                    models.BooleanField(
                        default=False,
                        help_text="Otherwise what a person has, or what waits for one, is never closed by time.",
                        verbose_name="also those that are with people",
                    ),
                ),
                (
                    "reopen_within_h",
                    models.PositiveIntegerField(
                        default=72,
                        help_text="A contact who writes again within this time goes on in the same conversation; later a new one begins. What a person has archived stays archived. 0: always a new one.",
                        validators=[django.core.validators.MaxValueValidator(8760)],
                        verbose_name="reopened within (hours)",
                    ),
                ),
            ],
            options={
                "verbose_name": "end of conversations",
                "verbose_name_plural": "end of conversations",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="conversation_settings_one_row"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("close_after_h__lte", 8760), ("reopen_within_h__lte", 8760)
                        ),
                        name="conversation_settings_hours_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeliveryDay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel_account_ref", models.UUIDField(verbose_name="channel account")),
                ("day", models.DateField(verbose_name="day")),
                ("n_created", models.PositiveIntegerField(default=0, verbose_name="written")),
                ("n_acked", models.PositiveIntegerField(default=0, verbose_name="sent")),
                ("n_delivered", models.PositiveIntegerField(default=0, verbose_name="delivered")),
                ("n_read", models.PositiveIntegerField(default=0, verbose_name="read")),
                ("n_failed", models.PositiveIntegerField(default=0, verbose_name="failed")),
                ("n_cancelled", models.PositiveIntegerField(default=0, verbose_name="not sent")),
                ("n_waiting", models.PositiveIntegerField(default=0, verbose_name="waiting")),
                ("n_lost", models.PositiveIntegerField(default=0, verbose_name="lost")),
                ("counted_at", models.DateTimeField(verbose_name="counted at")),
            ],
            options={
                "verbose_name": "day of deliveries",
                "verbose_name_plural": "days of deliveries",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel_account_ref", "day"), name="delivery_day_counted_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Handoff",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("keyword", "keyword"),
                            ("embedding", "like its examples"),
                            ("llm", "chosen by the model"),
                            ("tool", "asked for by the agent"),
                            ("rule", "rule"),
                            ("person", "person"),
                        ],
                        max_length=9,
                        verbose_name="cause",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("score", models.FloatField(blank=True, null=True, verbose_name="score")),
                ("brief", models.JSONField(default=dict, verbose_name="brief")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="handoffs",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
                (
                    "from_agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="agents.agent",
                        verbose_name="from",
                    ),
                ),
                (
                    "to_agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="agents.agent",
                        verbose_name="to",
                    ),
                ),
            ],
            options={
                "verbose_name": "handoff",
                "verbose_name_plural": "handoffs",
            },
        ),
        migrations.AddField(
            model_name="conversation",
            name="last_handoff",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="conversations.handoff",
            ),
        ),
        migrations.CreateModel(
            name="HoursSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("week", models.JSONField(default=list, verbose_name="week")),
                ("region", models.CharField(blank=True, max_length=5, verbose_name="holidays of")),
                (
                    "away_text",
                    models.TextField(blank=True, max_length=1000, verbose_name="away text"),
                ),
                (
                    "note",
                    models.CharField(
                        blank=True, max_length=300, verbose_name="told with the hours"
                    ),
                ),
                ("revision", models.UUIDField(default=uuid.uuid4, editable=False)),
            ],
            options={
                "verbose_name": "opening hours",
                "verbose_name_plural": "opening hours",
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("pk", 1)), name="one_row_of_hours")
                ],
            },
        ),
        migrations.CreateModel(
            name="InboundMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("channel_account_ref", models.UUIDField(verbose_name="channel account")),
                ("provider_ref", models.CharField(max_length=100, verbose_name="channel's id")),
                ("kind", models.CharField(default="text", max_length=12, verbose_name="kind")),
                ("text", models.TextField(blank=True, verbose_name="text")),
                ("media", models.JSONField(blank=True, default=dict, verbose_name="media")),
                (
                    "quoted_ref",
                    models.CharField(blank=True, max_length=100, verbose_name="reply to"),
                ),
                ("sent_at", models.DateTimeField(verbose_name="sent at")),
                ("received_at", models.DateTimeField(verbose_name="received at")),
                (
                    "silence_reason",
                    models.CharField(
                        blank=True, max_length=20, verbose_name="why it stayed silent"
                    ),
                ),
                (
                    "edited_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="edited at"),
                ),
                (
                    "deleted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="deleted at"),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="inbound",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
            ],
            options={
                "verbose_name": "inbound message",
                "verbose_name_plural": "inbound messages",
            },
        ),
        migrations.CreateModel(
            name="ContactFact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("name", "name"),
                            ("email", "e-mail"),
                            ("phone", "phone"),
                            ("cpf", "CPF"),
                            ("cnpj", "CNPJ"),
                            ("address", "address"),
                            ("birthday", "date of birth"),
                            ("order", "order or protocol"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("value", models.CharField(max_length=200, verbose_name="value")),
                ("learnt_at", models.DateTimeField(verbose_name="learnt at")),
                (
                    "valid_until",
                    models.DateField(
                        blank=True,
                        help_text="After this day it is not used any more. Empty: it is kept.",
                        null=True,
                        verbose_name="valid until",
                    ),
                ),
                ("set_by", models.CharField(blank=True, max_length=150, verbose_name="written by")),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="facts",
                        to="conversations.contact",
                        verbose_name="contact",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="conversations.inboundmessage",
                        verbose_name="message",
                    ),
                ),
            ],
            options={
                "verbose_name": "known fact",
                "verbose_name_plural": "known facts",
                "constraints": [
                    models.UniqueConstraint(fields=("contact", "kind"), name="one_fact_per_kind")
                ],
            },
        ),
        migrations.AddField(
            model_name="attachment",
            name="message",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attachment",
                to="conversations.inboundmessage",
                verbose_name="message",
            ),
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=40, unique=True, verbose_name="name")),
                (
                    "conversations",
                    models.ManyToManyField(
                        blank=True,
                        related_name="labels",
                        to="conversations.conversation",
                        verbose_name="conversations",
                    ),
                ),
            ],
            options={
                "verbose_name": "label",
                "verbose_name_plural": "labels",
            },
        ),
        migrations.CreateModel(
            name="Lead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("score", models.PositiveSmallIntegerField(default=0, verbose_name="lead score")),
                ("source", models.CharField(blank=True, max_length=80, verbose_name="came from")),
                (
                    "qualified_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="qualified at"),
                ),
                ("is_placed", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("updated_at", models.DateTimeField(verbose_name="changed at")),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="closed at"),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="leads",
                        to="conversations.contact",
                        verbose_name="contact",
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="leads",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
                (
                    "stage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="leads",
                        to="conversations.leadstage",
                        verbose_name="stage",
                    ),
                ),
            ],
            options={
                "verbose_name": "lead",
                "verbose_name_plural": "leads",
                "indexes": [
                    models.Index(fields=["stage", "-updated_at", "-id"], name="lead_board")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)),
                        fields=("contact",),
                        name="one_open_lead",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("score__lte", 100)), name="lead_score_in_range"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LeadField",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="As other systems see it: small letters, digits and _, such as square_meters. It stays.",
                        max_length=30,
                        unique=True,
                        verbose_name="short name",
                    ),
                ),
                ("label", models.CharField(max_length=60, verbose_name="name")),
                (
                    "about",
                    models.CharField(
                        blank=True,
                        help_text="Told to the assistant, such as: how many square metres the roof has",
                        max_length=200,
                        verbose_name="what belongs there",
                    ),
                ),
                (
                    "choices",
                    models.JSONField(blank=True, default=list, verbose_name="only these values"),
                ),
                (
                    "points",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="What it is worth in the score, 0 to 100.",
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="points",
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="place")),
                ("is_active", models.BooleanField(default=True, verbose_name="active")),
            ],
            options={
                "verbose_name": "field of leads",
                "verbose_name_plural": "fields of leads",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("points__lte", 100)), name="lead_field_points_in_range"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LeadSettings",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("points", models.JSONField(blank=True, default=dict, verbose_name="points")),
                (
                    "qualified_from",
                    models.PositiveSmallIntegerField(
                        default=60,
                        help_text="The score from which a lead counts as qualified, 0 to 100.",
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="qualified from",
                    ),
                ),
            ],
            options={
                "verbose_name": "score of leads",
                "verbose_name_plural": "score of leads",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("pk", 1)), name="lead_settings_one_row"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("qualified_from__lte", 100)),
                        name="lead_settings_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IncomingLead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("dedup_key", models.CharField(max_length=100)),
                ("outcome", models.CharField(blank=True, max_length=20)),
                ("received_at", models.DateTimeField()),
                (
                    "lead",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="incoming",
                        to="conversations.lead",
                    ),
                ),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="incoming",
                        to="conversations.leadsource",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("source", "dedup_key"), name="incoming_lead_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LeadMove",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("by", models.CharField(blank=True, max_length=150)),
                ("moved_at", models.DateTimeField()),
                ("was_placed", models.BooleanField()),
                ("is_undone", models.BooleanField(default=False)),
                (
                    "lead",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="moves",
                        to="conversations.lead",
                    ),
                ),
                (
                    "from_stage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="conversations.leadstage",
                    ),
                ),
                (
                    "to_stage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="conversations.leadstage",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LeadValue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=30)),
                ("value", models.CharField(blank=True, max_length=500)),
                ("confidence", models.PositiveSmallIntegerField()),
                ("words", models.CharField(blank=True, max_length=500)),
                ("is_against", models.BooleanField(default=False)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("contact", "the contact"),
                            ("form", "a form"),
                            ("person", "a person"),
                        ],
                        max_length=7,
                    ),
                ),
                ("set_by", models.CharField(blank=True, max_length=150)),
                ("learnt_at", models.DateTimeField()),
                ("is_current", models.BooleanField()),
                ("is_settled", models.BooleanField(default=False)),
                (
                    "lead",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="values",
                        to="conversations.lead",
                    ),
                ),
                (
                    "message",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="conversations.inboundmessage",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_current", True)),
                        fields=("lead", "key"),
                        name="one_current_value",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("confidence__lte", 100)),
                        name="lead_value_confidence_in_range",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("author", models.CharField(max_length=150, verbose_name="author")),
                ("text", models.TextField(verbose_name="text")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
            ],
            options={
                "verbose_name": "note",
                "verbose_name_plural": "notes",
            },
        ),
        migrations.CreateModel(
            name="OutboundMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("position", models.PositiveSmallIntegerField(default=0, verbose_name="position")),
                ("channel_account_ref", models.UUIDField(verbose_name="channel account")),
                ("provider_ref", models.CharField(max_length=100, verbose_name="channel's id")),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("agent", "agent"),
                            ("person", "person"),
                            ("phone", "paired phone"),
                            ("system", "system"),
                        ],
                        max_length=6,
                        verbose_name="origin",
                    ),
                ),
                ("text", models.TextField(verbose_name="text")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("created", "waiting"),
                            ("handed", "handed to the bridge"),
                            ("acked", "sent"),
                            ("delivered", "delivered"),
                            ("read", "read"),
                            ("failed", "failed"),
                            ("cancelled", "not sent"),
                        ],
                        default="created",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                (
                    "n_attempts",
                    models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
                ),
                (
                    "next_attempt_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="next attempt at"),
                ),
                (
                    "failure_reason",
                    models.CharField(blank=True, max_length=300, verbose_name="failure"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "handed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="handed at"),
                ),
                ("acked_at", models.DateTimeField(blank=True, null=True, verbose_name="sent at")),
                (
                    "delivered_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="delivered at"),
                ),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read at")),
                (
                    "written_by",
                    models.CharField(
                        blank=True, default="", max_length=150, verbose_name="written by"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        db_default="text", default="text", max_length=12, verbose_name="kind"
                    ),
                ),
                (
                    "quoted_ref",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=100,
                        verbose_name="reply to",
                    ),
                ),
                ("details", models.JSONField(blank=True, db_default={}, default=dict)),
                (
                    "is_unasked",
                    models.BooleanField(db_default=False, default=False, verbose_name="unasked"),
                ),
                ("held_by", models.CharField(blank=True, db_default="", default="", max_length=20)),
                ("unknown_at", models.DateTimeField(blank=True, null=True)),
                ("change", models.CharField(blank=True, db_default="", default="", max_length=6)),
                ("changed_text", models.TextField(blank=True, db_default="", default="")),
                (
                    "change_problem",
                    models.CharField(blank=True, db_default="", default="", max_length=300),
                ),
                (
                    "edited_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="edited at"),
                ),
                (
                    "deleted_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="deleted at"),
                ),
                ("compared_at", models.DateTimeField(blank=True, null=True)),
                ("lost_at", models.DateTimeField(blank=True, null=True, verbose_name="lost since")),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="outbound",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
            ],
            options={
                "verbose_name": "outbound message",
                "verbose_name_plural": "outbound messages",
            },
        ),
        migrations.CreateModel(
            name="OutboundFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("media_type", models.CharField(max_length=100, verbose_name="type")),
                ("name", models.CharField(max_length=200, verbose_name="file name")),
                ("n_bytes", models.PositiveIntegerField(verbose_name="size (bytes)")),
                ("data", models.BinaryField()),
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="file",
                        to="conversations.outboundmessage",
                        verbose_name="message",
                    ),
                ),
            ],
            options={
                "verbose_name": "sent file",
                "verbose_name_plural": "sent files",
            },
        ),
        migrations.CreateModel(
            name="FollowUp",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("text", models.TextField(verbose_name="text")),
                ("due_at", models.DateTimeField(verbose_name="planned for")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "planned"),
                            ("sent", "sent"),
                            ("cancelled", "called off"),
                        ],
                        default="waiting",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("late_since", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=100, verbose_name="reason")),
                (
                    "written_by",
                    models.CharField(blank=True, max_length=150, verbose_name="written by"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="follow_ups",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="follow_up",
                        to="conversations.outboundmessage",
                    ),
                ),
            ],
            options={
                "verbose_name": "planned message",
                "verbose_name_plural": "planned messages",
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "waiting")),
                        fields=["conversation", "due_at"],
                        name="follow_up_waiting",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PeopleQueue",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "text_open",
                    models.TextField(
                        blank=True,
                        help_text="What the contact is told when the conversation comes here. Empty: our text.",
                        max_length=1000,
                        verbose_name="text within hours",
                    ),
                ),
                (
                    "text_closed",
                    models.TextField(
                        blank=True,
                        help_text="Empty: the same.",
                        max_length=1000,
                        verbose_name="text outside hours",
                    ),
                ),
                (
                    "answer_within_min",
                    models.PositiveIntegerField(
                        default=15,
                        help_text="Outside hours the time starts to count when you open.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="answer within (minutes)",
                    ),
                ),
                (
                    "tells_owners",
                    models.BooleanField(
                        default=True,
                        help_text="When nobody answers in time and there is no other queue.",
                        verbose_name="tell the owners",
                    ),
                ),
                (
                    "staff_phones",
                    models.JSONField(
                        blank=True, default=list, verbose_name="WhatsApp numbers that are told"
                    ),
                ),
                (
                    "promise_text",
                    models.TextField(
                        blank=True,
                        help_text="Sent to the contact once. Empty: our text.",
                        max_length=1000,
                        verbose_name="text when nobody came in time",
                    ),
                ),
                (
                    "agent",
                    models.OneToOneField(
                        limit_choices_to={"kind": "human"},
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="people_queue",
                        to="agents.agent",
                        verbose_name="agent",
                    ),
                ),
                (
                    "escalate_to",
                    models.ForeignKey(
                        blank=True,
                        help_text="Another queue that gets what nobody here has answered in time.",
                        limit_choices_to={"kind": "human"},
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="agents.agent",
                        verbose_name="then pass to",
                    ),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Everybody of these roles may, too.",
                        related_name="people_queues",
                        to="auth.group",
                        verbose_name="roles",
                    ),
                ),
                (
                    "members",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Who may take a conversation of this queue. Nobody chosen: everybody may.",
                        related_name="people_queues",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="people",
                    ),
                ),
            ],
            options={
                "verbose_name": "queue",
                "verbose_name_plural": "queues",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("answer_within_min__range", (1, 10080))),
                        name="queue_answer_in_range",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SpecialDays",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("first_day", models.DateField(verbose_name="first day")),
                ("last_day", models.DateField(verbose_name="last day")),
                ("every_year", models.BooleanField(default=False, verbose_name="every year")),
                ("spans", models.JSONField(blank=True, default=list, verbose_name="hours")),
                ("reason", models.CharField(max_length=100, verbose_name="reason")),
                (
                    "text",
                    models.TextField(blank=True, max_length=1000, verbose_name="own away text"),
                ),
            ],
            options={
                "verbose_name": "special days",
                "verbose_name_plural": "special days",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("last_day__gte", models.F("first_day"))),
                        name="special_days_in_order",
                    ),
                    models.UniqueConstraint(
                        fields=("first_day", "last_day", "reason"), name="special_days_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel_kind", models.CharField(max_length=20, verbose_name="channel")),
                ("channel_account_ref", models.UUIDField(verbose_name="channel account")),
                ("provider_ref", models.CharField(max_length=100, verbose_name="channel's id")),
                ("phone", models.CharField(max_length=15, verbose_name="phone")),
                ("text", models.TextField(verbose_name="text")),
                (
                    "status",
                    models.CharField(
                        choices=[("created", "waiting"), ("sent", "sent"), ("failed", "failed")],
                        default="created",
                        max_length=7,
                        verbose_name="status",
                    ),
                ),
                (
                    "failure_reason",
                    models.CharField(blank=True, max_length=300, verbose_name="failure"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                ("sent_at", models.DateTimeField(blank=True, null=True, verbose_name="sent at")),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
                (
                    "queue",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="agents.agent",
                        verbose_name="queue",
                    ),
                ),
            ],
            options={
                "verbose_name": "message to staff",
                "verbose_name_plural": "messages to staff",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel_account_ref", "provider_ref"), name="staff_message_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Turn",
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
                            ("running", "running"),
                            ("done", "done"),
                            ("superseded", "superseded"),
                            ("failed", "failed"),
                        ],
                        default="running",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "agent_version",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="agent version"
                    ),
                ),
                ("covered_upto", models.BigIntegerField()),
                ("n_messages", models.PositiveIntegerField(verbose_name="messages in the burst")),
                ("burst_started_at", models.DateTimeField(verbose_name="burst started at")),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                (
                    "finished_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="finished at"),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reply", "replied"),
                            ("handoff", "passed to another agent"),
                            ("needs_human", "left to a person"),
                        ],
                        max_length=12,
                        verbose_name="outcome",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("provider", models.CharField(blank=True, max_length=40, verbose_name="provider")),
                ("model", models.CharField(blank=True, max_length=100, verbose_name="model")),
                (
                    "input_tokens",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="input tokens"),
                ),
                (
                    "output_tokens",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="output tokens"
                    ),
                ),
                (
                    "model_ms",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="model time (ms)"
                    ),
                ),
                ("confidence", models.FloatField(blank=True, null=True, verbose_name="confidence")),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="agents.agent",
                        verbose_name="agent",
                    ),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="turns",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
            ],
            options={
                "verbose_name": "turn",
                "verbose_name_plural": "turns",
                "indexes": [models.Index(fields=["started_at"], name="turn_started")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "running")),
                        fields=("conversation",),
                        name="one_open_turn",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "done")),
                        fields=("conversation", "covered_upto"),
                        name="one_answer_per_burst",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="outboundmessage",
            name="turn",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replies",
                to="conversations.turn",
                verbose_name="turn",
            ),
        ),
        migrations.AddField(
            model_name="inboundmessage",
            name="turn",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="messages",
                to="conversations.turn",
                verbose_name="answered by",
            ),
        ),
        migrations.AddField(
            model_name="handoff",
            name="turn",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="handoffs",
                to="conversations.turn",
                verbose_name="turn",
            ),
        ),
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("text", models.TextField(verbose_name="text")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting for approval"),
                            ("approved", "approved"),
                            ("edited", "approved with changes"),
                            ("rejected", "rejected"),
                            ("superseded", "superseded"),
                            ("sent_late", "sent without approval"),
                            ("left", "left to people"),
                        ],
                        default="waiting",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "then",
                    models.CharField(max_length=6, verbose_name="when nobody approves in time"),
                ),
                ("due_at", models.DateTimeField(verbose_name="due at")),
                ("created_at", models.DateTimeField(verbose_name="created at")),
                (
                    "decided_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="decided at"),
                ),
                (
                    "decided_by",
                    models.CharField(blank=True, max_length=150, verbose_name="decided by"),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to="conversations.conversation",
                        verbose_name="conversation",
                    ),
                ),
                (
                    "message",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="draft",
                        to="conversations.outboundmessage",
                    ),
                ),
                (
                    "turn",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="draft",
                        to="conversations.turn",
                        verbose_name="turn",
                    ),
                ),
            ],
            options={
                "verbose_name": "draft",
                "verbose_name_plural": "drafts",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "waiting")),
                        fields=("conversation",),
                        name="one_waiting_draft",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TurnStep",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField(verbose_name="position")),
                ("kind", models.CharField(max_length=12, verbose_name="kind")),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("duration_ms", models.PositiveIntegerField(verbose_name="duration (ms)")),
                ("data", models.JSONField(default=dict, verbose_name="data")),
                (
                    "turn",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="conversations.turn",
                        verbose_name="turn",
                    ),
                ),
            ],
            options={
                "verbose_name": "step",
                "verbose_name_plural": "steps",
                "constraints": [
                    models.UniqueConstraint(fields=("turn", "position"), name="step_position_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="VetoCount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channel_account_ref", models.UUIDField(verbose_name="channel account")),
                ("day", models.DateField(verbose_name="day")),
                ("reason", models.CharField(max_length=20, verbose_name="reason")),
                ("n_waited", models.PositiveIntegerField(default=0, verbose_name="waited")),
                ("n_refused", models.PositiveIntegerField(default=0, verbose_name="not sent")),
            ],
            options={
                "verbose_name": "rule that was applied",
                "verbose_name_plural": "rules that were applied",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("channel_account_ref", "day", "reason"), name="veto_counted_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ArchiveText",
            fields=[
                (
                    "conversation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="archive_text",
                        serialize=False,
                        to="conversations.conversation",
                    ),
                ),
                ("lexemes", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["lexemes"], name="archive_lexemes"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AwayNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("period", models.CharField(max_length=40)),
                ("told_at", models.DateTimeField(verbose_name="told at")),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="away_notices",
                        to="conversations.contact",
                    ),
                ),
            ],
            options={
                "verbose_name": "away notice",
                "verbose_name_plural": "away notices",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("contact", "period"), name="told_once_in_a_period"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ContactAddress",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("phone", "phone"), ("lid", "LID"), ("group", "group")],
                        max_length=5,
                        verbose_name="kind",
                    ),
                ),
                ("value", models.CharField(max_length=32, verbose_name="address")),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="addresses",
                        to="conversations.contact",
                        verbose_name="contact",
                    ),
                ),
            ],
            options={
                "verbose_name": "address",
                "verbose_name_plural": "addresses",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "value"), name="one_contact_per_address"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(fields=["-last_message_at"], name="conversation_newest"),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("mode", "human"), ("status", "open")),
                fields=["waiting_since"],
                name="conversation_with_people",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("status", "archived")),
                fields=["-closed_at"],
                name="conversation_archive",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("outcome", ""), ("status", "archived")),
                fields=["closed_at"],
                name="conversation_untold",
            ),
        ),
        migrations.AddIndex(
            model_name="conversation",
            index=models.Index(
                condition=models.Q(("status", "open")),
                fields=["last_message_at"],
                name="conversation_silent",
            ),
        ),
        migrations.AddConstraint(
            model_name="conversation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open")),
                fields=("contact", "channel_account_ref"),
                name="one_open_conversation",
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(("media_type", ""), ("status", "stored"), _negated=True),
                name="stored_attachment_has_type",
            ),
        ),
        migrations.AddIndex(
            model_name="outboundmessage",
            index=models.Index(
                condition=models.Q(("status__in", ["created", "handed"])),
                fields=["conversation", "id"],
                name="outbound_line",
            ),
        ),
        migrations.AddIndex(
            model_name="outboundmessage",
            index=models.Index(
                condition=models.Q(("status", "handed")),
                fields=["channel_account_ref", "handed_at"],
                name="outbound_not_taken",
            ),
        ),
        migrations.AddIndex(
            model_name="outboundmessage",
            index=models.Index(
                condition=models.Q(("acked_at__isnull", False)),
                fields=["channel_account_ref", "acked_at"],
                name="outbound_taken",
            ),
        ),
        migrations.AddIndex(
            model_name="outboundmessage",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="outbound_created"
            ),
        ),
        migrations.AddConstraint(
            model_name="outboundmessage",
            constraint=models.UniqueConstraint(
                fields=("channel_account_ref", "provider_ref"), name="outbound_message_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="outboundmessage",
            constraint=models.UniqueConstraint(
                condition=models.Q(("turn", None), _negated=True),
                fields=("turn", "position"),
                name="one_reply_per_place",
            ),
        ),
        migrations.AddIndex(
            model_name="inboundmessage",
            index=models.Index(fields=["received_at"], name="inbound_received"),
        ),
        migrations.AddConstraint(
            model_name="inboundmessage",
            constraint=models.UniqueConstraint(
                fields=("channel_account_ref", "provider_ref"), name="inbound_message_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="handoff",
            constraint=models.UniqueConstraint(
                condition=models.Q(("turn", None), _negated=True),
                fields=("turn", "position"),
                name="one_handoff_per_place",
            ),
        ),
        migrations.AddConstraint(
            model_name="handoff",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("cause__in", ["keyword", "embedding", "llm", "tool", "rule", "person"])
                ),
                name="handoff_known_cause",
            ),
        ),
    ]
