"""Keys and logins of programs, in the schema of the tenant that they belong to."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ApiKey(models.Model):
    """A long-lived credential of a program, which acts as the person whose it is.

    Only a digest is kept: the key itself is shown once, when it is made.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        User, models.CASCADE, related_name="api_keys", verbose_name=_("acts as")
    )
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(_("begins with"), max_length=12, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = models.JSONField(_("may be used for"), default=list)
    # Networks in CIDR notation; without any it is taken from everywhere.
    networks = models.JSONField(_("only from"), default=list, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), editable=False)
    created_by = models.CharField(_("created by"), max_length=150, editable=False)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")

    def __str__(self) -> str:
        return self.name


class TokenFamily(models.Model):
    """A login by name and password: the refresh tokens that follow from it, one after the other."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    # Of the password at the login: who changes the password ends every login.
    password_mark = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    revoked_reason = models.CharField(max_length=20, blank=True)

    class Meta:
        verbose_name = _("login of a program")
        verbose_name_plural = _("logins of programs")
        indexes = [
            # Read by the daily clean-up.
            models.Index(fields=["expires_at"], name="token_family_expiry"),
        ]

    def __str__(self) -> str:
        return f"login {self.uuid}"


class RefreshToken(models.Model):
    """One token of a login, good for one use: the next one takes its place."""

    family = models.ForeignKey(TokenFamily, models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")
        constraints = [
            # Two refreshes race; the database keeps one successor.
            models.UniqueConstraint(
                fields=["family"], condition=Q(used_at=None), name="one_unused_refresh_token"
            ),
        ]

    def __str__(self) -> str:
        return f"refresh token {self.pk}"


class IdempotentCall(models.Model):
    """What was answered to a call with an Idempotency-Key, so that its repeat changes nothing."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    # Of method, path and body: another request under the same key is refused.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("answered call")
        verbose_name_plural = _("answered calls")
        constraints = [
            # Two repeats race; the second waits here for the first one's commit.
            models.UniqueConstraint(fields=["user", "key"], name="one_call_per_idempotency_key"),
        ]
        indexes = [
            # Read by the daily clean-up.
            models.Index(fields=["created_at"], name="idempotent_call_age"),
        ]

    def __str__(self) -> str:
        return f"answered call {self.pk}"
