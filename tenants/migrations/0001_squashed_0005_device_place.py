import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import django_tenants.postgresql_backend.base
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    """One step where there were many; an installation from before must have taken all of them."""

    replaces = [
        ("tenants", "0001_initial"),
        ("tenants", "0002_add_vector_extension"),
        ("tenants", "0003_inboxentry_line"),
        ("tenants", "0004_remove_blueprint_extras"),
        ("tenants", "0005_device_place"),
    ]

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="InboundRoute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "route_key",
                    models.CharField(max_length=64, unique=True, verbose_name="route key"),
                ),
                ("schema_name", models.CharField(max_length=63, verbose_name="schema")),
                ("device_ref", models.UUIDField(unique=True, verbose_name="device")),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("hmac_key_encrypted", models.TextField(blank=True)),
                ("previous_hmac_key_encrypted", models.TextField(blank=True)),
                ("previous_hmac_key_until", models.DateTimeField(blank=True, null=True)),
                (
                    "bridge_user_ref",
                    models.CharField(blank=True, max_length=64, verbose_name="bridge user"),
                ),
                (
                    "bridge_instance",
                    models.CharField(blank=True, max_length=200, verbose_name="bridge instance"),
                ),
                (
                    "bridge_url",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        max_length=300,
                        verbose_name="bridge address",
                    ),
                ),
                (
                    "number_digest",
                    models.CharField(
                        blank=True, db_default="", db_index=True, default="", max_length=64
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "inbound route",
                "verbose_name_plural": "inbound routes",
            },
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "schema_name",
                    models.CharField(
                        db_index=True,
                        max_length=63,
                        unique=True,
                        validators=[django_tenants.postgresql_backend.base._check_schema_name],
                    ),
                ),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "slug",
                    models.CharField(
                        max_length=58,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z][a-z0-9_]{1,57}\\Z",
                                "Use 2 to 58 lower-case letters, digits or underscores, starting with a letter.",
                            )
                        ],
                        verbose_name="slug",
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("creating", "creating"),
                            ("ready", "ready"),
                            ("suspended", "suspended"),
                        ],
                        default="creating",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                (
                    "timezone",
                    models.CharField(
                        default="America/Sao_Paulo", max_length=50, verbose_name="time zone"
                    ),
                ),
                (
                    "language",
                    models.CharField(default="pt-br", max_length=10, verbose_name="language"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created at")),
            ],
            options={
                "verbose_name": "tenant",
                "verbose_name_plural": "tenants",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("schema_name", "public"),
                            ("schema_name__regex", "^t_[a-z0-9_]{1,58}$"),
                            _connector="OR",
                        ),
                        name="tenant_schema_is_t_or_public",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Domain",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("domain", models.CharField(db_index=True, max_length=253, unique=True)),
                ("is_primary", models.BooleanField(db_index=True, default=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="domains",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "domain",
                "verbose_name_plural": "domains",
            },
        ),
        migrations.CreateModel(
            name="Timer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("schema_name", models.CharField(max_length=63, verbose_name="schema")),
                ("kind", models.CharField(max_length=16, verbose_name="kind")),
                ("ref", models.BigIntegerField(verbose_name="row")),
                ("due_at", models.DateTimeField(verbose_name="due at")),
                ("lease_until", models.DateTimeField(null=True, verbose_name="leased until")),
                ("lease_token", models.UUIDField(null=True)),
                ("generation", models.PositiveIntegerField(default=0)),
                ("n_rings", models.PositiveSmallIntegerField(default=0, verbose_name="rings")),
                (
                    "n_attempts",
                    models.PositiveSmallIntegerField(default=0, verbose_name="attempts"),
                ),
            ],
            options={
                "verbose_name": "timer",
                "verbose_name_plural": "timers",
                "indexes": [
                    models.Index(fields=["kind", "due_at"], name="timer_due"),
                    models.Index(
                        models.F("kind"),
                        models.F("schema_name"),
                        condition=models.Q(("lease_until", None), _negated=True),
                        name="timer_leased",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("schema_name", "kind", "ref"), name="one_timer"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease_token", None), ("lease_until", None)),
                            models.Q(
                                models.Q(("lease_until", None), _negated=True),
                                models.Q(("lease_token", None), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="timer_lease_is_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InboxEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("schema_name", models.CharField(max_length=63, verbose_name="schema")),
                ("dedup_key", models.CharField(max_length=200)),
                ("line", models.CharField(db_default="", max_length=32)),
                (
                    "encoding",
                    models.CharField(choices=[("json", "Json"), ("form", "Form")], max_length=4),
                ),
                ("body", models.BinaryField()),
                (
                    "received_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        verbose_name="received at",
                    ),
                ),
                ("lease_until", models.DateTimeField(null=True)),
                ("lease_token", models.UUIDField(null=True)),
                (
                    "n_attempts",
                    models.PositiveSmallIntegerField(db_default=0, verbose_name="attempts"),
                ),
                ("done_at", models.DateTimeField(null=True, verbose_name="done at")),
                (
                    "parked_reason",
                    models.CharField(
                        blank=True, db_default="", max_length=200, verbose_name="parked because"
                    ),
                ),
                (
                    "route",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="tenants.inboundroute",
                    ),
                ),
            ],
            options={
                "verbose_name": "inbox entry",
                "verbose_name_plural": "inbox entries",
                "indexes": [
                    models.Index(
                        condition=models.Q(("done_at", None), ("parked_reason", "")),
                        fields=["id"],
                        name="inbox_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("done_at", None), _negated=True),
                        fields=["done_at"],
                        name="inbox_done",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("route", "dedup_key"), name="inbox_event_once")
                ],
            },
        ),
        migrations.RunSQL(
            sql="create extension if not exists vector schema public",
            reverse_sql="",
        ),
    ]
