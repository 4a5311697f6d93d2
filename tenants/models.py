from __future__ import annotations

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_tenants.models import DomainMixin, TenantMixin

SLUG = RegexValidator(
    r"^[a-z][a-z0-9_]{1,57}\Z",
    _("Use 2 to 58 lower-case letters, digits or underscores, starting with a letter."),
)


class TenantQuerySet(models.QuerySet["Tenant"]):
    """Questions that are asked of tenants."""

    def ready(self) -> TenantQuerySet:
        """Those whose schema is complete and in use."""
        return self.filter(status=Tenant.Status.READY).exclude(schema_name="public")

    def complete(self) -> TenantQuerySet:
        """Those whose schema is complete, the suspended among them."""
        return self.exclude(status=Tenant.Status.CREATING).exclude(schema_name="public")


class Tenant(TenantMixin):
    """One business, in one PostgreSQL schema; the row of schema `public` is the platform's."""

    class Status(models.TextChoices):
        CREATING = "creating", _("creating")
        READY = "ready", _("ready")  # set last: before it nothing of the tenant is served
        SUSPENDED = "suspended", _("suspended")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.CharField(_("slug"), max_length=58, unique=True, validators=[SLUG])
    name = models.CharField(_("name"), max_length=100)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.CREATING
    )
    timezone = models.CharField(_("time zone"), max_length=50, default="America/Sao_Paulo")
    language = models.CharField(_("language"), max_length=10, default="pt-br")
    # Sections of the tenant's blueprint that wait for the feature that will read them.
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    auto_create_schema = False  # tenants.services.tenants makes schemas, from a template
    auto_drop_schema = False

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        constraints = [
            models.CheckConstraint(
                condition=Q(schema_name="public") | Q(schema_name__regex=r"^t_[a-z0-9_]{1,58}$"),
                name="tenant_schema_is_t_or_public",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Domain(DomainMixin):
    """A host name on which a tenant's pages are served."""

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")

    def __str__(self) -> str:
        return str(self.domain)


class AppliedBlueprint(models.Model):
    """What the last blueprint of a tenant has left, to tell what people have changed since.

    Keyed digests only, of names too: this schema holds nothing of what a tenant has written.
    """

    tenant = models.OneToOneField(Tenant, models.CASCADE, verbose_name=_("tenant"))
    applied_at = models.DateTimeField(_("applied at"))
    digests = models.JSONField(default=dict)  # of an object's field -> of its value

    class Meta:
        verbose_name = _("applied blueprint")
        verbose_name_plural = _("applied blueprints")

    def __str__(self) -> str:
        return _("applied blueprint %(n)s") % {"n": self.pk}


class InboundRoute(models.Model):
    """What a random key in a webhook's address stands for: a tenant and one of its accounts.

    The account is a device or, on another channel, what `device_ref` stands for there.
    """

    route_key = models.CharField(_("route key"), max_length=64, unique=True)
    schema_name = models.CharField(_("schema"), max_length=63)
    channel_kind = models.CharField(
        _("channel"), max_length=20, default="whatsapp", db_default="whatsapp"
    )
    device_ref = models.UUIDField(_("device"), unique=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    # Both keys are good until the old one ends, so that a key is changed without a lost message.
    hmac_key_encrypted = models.TextField(blank=True)
    previous_hmac_key_encrypted = models.TextField(blank=True)
    previous_hmac_key_until = models.DateTimeField(null=True, blank=True)
    # Learned from the first signed event; a later event that contradicts them is refused.
    bridge_user_ref = models.CharField(_("bridge user"), max_length=64, blank=True)
    bridge_instance = models.CharField(_("bridge instance"), max_length=200, blank=True)
    # Where its session is, to spread devices over the platform's bridges.
    bridge_url = models.CharField(
        _("bridge address"), max_length=300, blank=True, default="", db_default=""
    )
    # A digest of its number, to notice one that is paired twice: the number itself stays private.
    number_digest = models.CharField(
        max_length=64, blank=True, default="", db_default="", db_index=True
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("inbound route")
        verbose_name_plural = _("inbound routes")

    def __str__(self) -> str:
        return _("route %(n)s") % {"n": self.pk}


class InboxEntry(models.Model):
    """A webhook in transit, acknowledged to the bridge once this row is committed.

    The body is cleared when the tenant's rows are written; the key stays for some minutes, so that
    the bridge's repeats are answered as duplicates during its whole retry window.
    """

    class Encoding(models.TextChoices):
        JSON = "json"
        FORM = "form"

    route = models.ForeignKey(InboundRoute, models.DO_NOTHING, db_constraint=False)
    schema_name = models.CharField(_("schema"), max_length=63)
    dedup_key = models.CharField(max_length=200)
    # Entries of one line are written one after the other; empty where no order matters.
    line = models.CharField(max_length=32, db_default="")
    encoding = models.CharField(max_length=4, choices=Encoding.choices)
    body = models.BinaryField()
    received_at = models.DateTimeField(_("received at"), db_default=Now())
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    n_attempts = models.PositiveSmallIntegerField(_("attempts"), db_default=0)
    done_at = models.DateTimeField(_("done at"), null=True)
    parked_reason = models.CharField(_("parked because"), max_length=200, blank=True, db_default="")
    # When somebody let it wait again after it was parked.
    tried_again_at = models.DateTimeField(_("tried again at"), null=True)

    class Meta:
        verbose_name = _("inbox entry")
        verbose_name_plural = _("inbox entries")
        constraints = [
            # The bridge repeats what it is not sure about; the database keeps the first.
            models.UniqueConstraint(fields=["route", "dedup_key"], name="inbox_event_once"),
        ]
        indexes = [
            # Read by the dispatcher each tick: what waits.
            models.Index(
                fields=["id"], name="inbox_waiting", condition=Q(done_at=None, parked_reason="")
            ),
            # Read by the clean-up every half minute: what may go.
            models.Index(fields=["done_at"], name="inbox_done", condition=~Q(done_at=None)),
        ]

    def __str__(self) -> str:
        return _("inbox entry %(n)s") % {"n": self.pk}


class Timer(models.Model):
    """Work that is due at an instant, for one row of one tenant: doorbell, lease and fence.

    At most one row for each (tenant, kind, ref), so two workers can never hold the same work.
    See `tenants/timers.py` for the protocol.
    """

    schema_name = models.CharField(_("schema"), max_length=63)
    kind = models.CharField(_("kind"), max_length=16)
    ref = models.BigIntegerField(_("row"))
    due_at = models.DateTimeField(_("due at"))
    lease_until = models.DateTimeField(_("leased until"), null=True)
    lease_token = models.UUIDField(null=True)
    # Raised by each arm: a worker sees at its commit whether something came in meanwhile.
    generation = models.PositiveIntegerField(default=0)
    n_rings = models.PositiveSmallIntegerField(_("rings"), default=0)
    n_attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)

    class Meta:
        verbose_name = _("timer")
        verbose_name_plural = _("timers")
        constraints = [
            models.UniqueConstraint(fields=["schema_name", "kind", "ref"], name="one_timer"),
            models.CheckConstraint(
                condition=Q(lease_until=None, lease_token=None)
                | (~Q(lease_until=None) & ~Q(lease_token=None)),
                name="timer_lease_is_whole",
            ),
        ]
        indexes = [
            # Read by the dispatcher each tick: what is due.
            models.Index(fields=["kind", "due_at"], name="timer_due"),
            # Read by the dispatcher each tick: how much runs, by tenant.
            models.Index(
                F("kind"), F("schema_name"), name="timer_leased", condition=~Q(lease_until=None)
            ),
        ]

    def __str__(self) -> str:
        return _("timer %(n)s") % {"n": self.pk}
