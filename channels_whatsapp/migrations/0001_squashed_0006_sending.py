import django.core.validators
import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    """One step where there were many; an installation from before must have taken all of them."""

    replaces = [
        ("channels_whatsapp", "0001_initial"),
        ("channels_whatsapp", "0002_watched_links"),
        ("channels_whatsapp", "0003_reception"),
        ("channels_whatsapp", "0004_most_file_mb"),
        ("channels_whatsapp", "0005_files_of_20_mb"),
        ("channels_whatsapp", "0006_sending"),
    ]

    initial = True

    dependencies = [
        ("agents", "0001_squashed_0011_lead_mode"),
    ]

    operations = [
        migrations.CreateModel(
            name="Device",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="name")),
                (
                    "quiet_s",
                    models.FloatField(
                        default=5.0,
                        help_text="How long the contact must be silent before the answer is written.",
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="quiet window (s)",
                    ),
                ),
                (
                    "max_wait_s",
                    models.FloatField(
                        default=60.0,
                        validators=[django.core.validators.MinValueValidator(0)],
                        verbose_name="longest wait (s)",
                    ),
                ),
                (
                    "max_messages",
                    models.PositiveIntegerField(
                        default=20,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="most messages",
                    ),
                ),
                (
                    "freshness_s",
                    models.FloatField(
                        default=900.0,
                        help_text="Older messages are stored and not answered.",
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="freshness (s)",
                    ),
                ),
                (
                    "groups",
                    models.CharField(
                        choices=[
                            ("ignore", "are ignored"),
                            ("mention", "are answered where the number is mentioned or quoted"),
                        ],
                        default="ignore",
                        max_length=8,
                        verbose_name="messages in groups",
                    ),
                ),
                (
                    "unkept_files",
                    models.JSONField(
                        blank=True, default=list, verbose_name="files that are not kept"
                    ),
                ),
                (
                    "file_max_mb",
                    models.PositiveSmallIntegerField(
                        default=16,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(20),
                        ],
                        verbose_name="largest file (MB)",
                    ),
                ),
                (
                    "sound_max_s",
                    models.PositiveSmallIntegerField(
                        default=300,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(3600),
                        ],
                        verbose_name="longest recording that is transcribed (s)",
                    ),
                ),
                (
                    "file_wait_s",
                    models.PositiveSmallIntegerField(
                        default=25,
                        help_text="The answer waits so long for the words of a voice note or an image.",
                        validators=[django.core.validators.MaxValueValidator(120)],
                        verbose_name="longest wait for a transcription (s)",
                    ),
                ),
                ("own_lid", models.CharField(blank=True, editable=False, max_length=32)),
                (
                    "bridge_base_url",
                    models.CharField(
                        max_length=300,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^https?://[^\\s/?#@]+(/[^\\s?#]*)?\\Z",
                                "Use an address such as http://bridge:8080.",
                            )
                        ],
                        verbose_name="bridge address",
                    ),
                ),
                ("bridge_token_encrypted", models.TextField(blank=True, editable=False)),
                ("phone", models.CharField(blank=True, max_length=32, verbose_name="phone")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "unknown"),
                            ("absent", "not started"),
                            ("qr", "waiting for the QR code"),
                            ("paired", "pairing"),
                            ("connected", "connected"),
                            ("disconnected", "reconnecting"),
                            ("logged_out", "logged out on the phone"),
                            ("banned", "temporarily banned"),
                            ("outdated", "bridge outdated"),
                            ("failed", "connection failed"),
                            ("replaced", "taken over elsewhere"),
                            ("stalled", "connected, but nothing gets through"),
                            ("unreachable", "bridge unreachable"),
                        ],
                        default="unknown",
                        max_length=12,
                        verbose_name="link",
                    ),
                ),
                (
                    "state_detail",
                    models.CharField(blank=True, max_length=200, verbose_name="detail"),
                ),
                (
                    "state_changed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="since"),
                ),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
                ("state_until", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                (
                    "checked_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last asked at"),
                ),
                (
                    "online_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="last seen connected"),
                ),
                (
                    "offline_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="offline since"),
                ),
                ("is_told", models.BooleanField(db_default=False, default=False)),
                (
                    "n_tries",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="tries to connect"
                    ),
                ),
                ("tried_at", models.DateTimeField(blank=True, null=True)),
                ("pairing_at", models.DateTimeField(blank=True, null=True)),
                (
                    "pairing_phone",
                    models.CharField(blank=True, db_default="", default="", max_length=32),
                ),
                (
                    "pairing_code",
                    models.CharField(blank=True, db_default="", default="", max_length=20),
                ),
                (
                    "pairing_problem",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                ("qr_code", models.TextField(blank=True, db_default="", default="")),
                ("qr_code_at", models.DateTimeField(blank=True, null=True)),
                ("n_qr_codes", models.PositiveSmallIntegerField(db_default=0, default=0)),
                (
                    "paired_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="paired at"),
                ),
                (
                    "number_since",
                    models.DateTimeField(blank=True, null=True, verbose_name="number here since"),
                ),
                ("is_test_due", models.BooleanField(db_default=False, default=False)),
                (
                    "selftest_ref",
                    models.CharField(blank=True, db_default="", default="", max_length=100),
                ),
                ("selftest_sent_at", models.DateTimeField(blank=True, null=True)),
                ("selftest_acked_at", models.DateTimeField(blank=True, null=True)),
                ("selftest_received_at", models.DateTimeField(blank=True, null=True)),
                (
                    "selftest_problem",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                (
                    "caught_up_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="compared at"),
                ),
                (
                    "caught_up_chat",
                    models.CharField(blank=True, db_default="", default="", max_length=200),
                ),
                (
                    "n_caught_up",
                    models.PositiveIntegerField(
                        db_default=0, default=0, verbose_name="messages recovered"
                    ),
                ),
                ("removing_at", models.DateTimeField(blank=True, null=True)),
                (
                    "gap_s",
                    models.FloatField(
                        db_default=0.0,
                        default=0.0,
                        help_text="At least so long, and up to two thirds more at random. 0: no pause.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(60),
                        ],
                        verbose_name="pause between two messages (s)",
                    ),
                ),
                (
                    "day_cap",
                    models.PositiveIntegerField(
                        db_default=0,
                        default=0,
                        help_text="Answers too; what is beyond it goes to people. 0: no limit.",
                        verbose_name="most messages a day",
                    ),
                ),
                (
                    "unasked_cap",
                    models.PositiveIntegerField(
                        db_default=50,
                        default=50,
                        help_text="Messages to contacts who have not just written. 0: none.",
                        validators=[django.core.validators.MaxValueValidator(2000)],
                        verbose_name="most planned messages a day",
                    ),
                ),
                (
                    "warms_up",
                    models.BooleanField(
                        db_default=True,
                        default=True,
                        help_text="At most 20 planned messages a day at first, 50 from the 5th day on, 100 from the 9th, 200 from the 16th; without this limit after a month.",
                        verbose_name="begin slowly with a new number",
                    ),
                ),
                (
                    "bubble_chars",
                    models.PositiveSmallIntegerField(
                        db_default=600,
                        default=600,
                        help_text="Into up to four messages, with typing in between. 0: never.",
                        validators=[django.core.validators.MaxValueValidator(4000)],
                        verbose_name="divide answers longer than (characters)",
                    ),
                ),
                (
                    "quotes",
                    models.CharField(
                        choices=[
                            ("never", "never"),
                            ("unclear", "where it would not be clear what is answered"),
                            ("always", "always"),
                        ],
                        db_default="unclear",
                        default="unclear",
                        max_length=8,
                        verbose_name="quote the question",
                    ),
                ),
                (
                    "reads",
                    models.CharField(
                        choices=[
                            ("never", "never shown by the assistant"),
                            ("answer", "shown when the answer is sent"),
                        ],
                        db_default="never",
                        default="never",
                        max_length=8,
                        verbose_name="blue ticks",
                    ),
                ),
                (
                    "health",
                    models.PositiveSmallIntegerField(
                        db_default=100, default=100, verbose_name="health"
                    ),
                ),
                ("health_causes", models.JSONField(blank=True, db_default=[], default=list)),
                ("health_at", models.DateTimeField(blank=True, null=True)),
                (
                    "entry_agent",
                    models.ForeignKey(
                        blank=True,
                        help_text="The agent that answers a new conversation.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="agents.agent",
                        verbose_name="entry agent",
                    ),
                ),
            ],
            options={
                "verbose_name": "device",
                "verbose_name_plural": "devices",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("max_messages__gte", 1),
                            ("max_wait_s__gte", models.F("quiet_s")),
                            ("quiet_s__gte", 0),
                        ),
                        name="device_waits_are_sound",
                        violation_error_message="The longest wait is at least the quiet window.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BridgeEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("type", models.CharField(max_length=40, verbose_name="type")),
                ("dedup_key", models.CharField(max_length=200)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("stored", "stored"),
                            ("applied", "applied"),
                            ("silent", "stored, not answered"),
                            ("duplicate", "duplicate"),
                            ("ignored", "ignored"),
                        ],
                        max_length=9,
                        verbose_name="outcome",
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=40, verbose_name="reason")),
                ("n_repeats", models.PositiveIntegerField(default=0, verbose_name="repeats")),
                ("body", models.BinaryField(default=b"")),
                ("received_at", models.DateTimeField(verbose_name="received at")),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="events",
                        to="channels_whatsapp.device",
                        verbose_name="device",
                    ),
                ),
            ],
            options={
                "verbose_name": "bridge event",
                "verbose_name_plural": "bridge events",
                "indexes": [models.Index(fields=["-received_at"], name="bridge_event_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("device", "dedup_key"), name="bridge_event_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Reception",
            fields=[],
            options={
                "verbose_name": "reception",
                "verbose_name_plural": "what is received",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("channels_whatsapp.device",),
        ),
        migrations.CreateModel(
            name="Sending",
            fields=[],
            options={
                "verbose_name": "sending",
                "verbose_name_plural": "how it is sent",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("channels_whatsapp.device",),
        ),
    ]
