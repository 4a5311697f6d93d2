"""MCP servers, and the tools that they say they have, as far as people have approved them."""

from __future__ import annotations

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from tenants import crypto
from tenants.context import current_schema


class McpServer(models.Model):
    """A system that describes its tools itself, over the Model Context Protocol."""

    class Auth(models.TextChoices):
        NONE = "none", _("nothing")
        BEARER = "bearer", _("a token (Bearer)")
        HEADER = "header", _("a key in a header of its own")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(
        _("name"),
        max_length=20,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[a-z][a-z0-9_]+\Z",
                _("Small letters without accents, digits and _, such as agenda."),
            )
        ],
        help_text=_("Short, such as agenda or erp: the names of its tools begin with it."),
    )
    url = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        default="",
        validators=[
            RegexValidator(
                r"\Ahttps?://[^\s@\\{}/?#]+([/?][^\s\\{}]*)?\Z",
                _("An address such as https://agenda.example/mcp"),
            )
        ],
        help_text=_("Of its streamable HTTP, such as https://agenda.example/mcp"),
    )
    command = models.CharField(_("program"), max_length=60, blank=True, default="")
    auth_kind = models.CharField(
        _("it asks for"), max_length=6, choices=Auth.choices, default=Auth.NONE.value
    )
    auth_name = models.CharField(_("name of the header"), max_length=100, blank=True, default="")
    secret_encrypted = models.TextField(blank=True, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    protocol = models.CharField(max_length=20, blank=True, default="", editable=False)
    about = models.CharField(_("what it calls itself"), max_length=200, blank=True, default="")
    looked_at = models.DateTimeField(_("looked at"), null=True, blank=True, editable=False)
    trouble = models.CharField(max_length=200, blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("MCP server")
        verbose_name_plural = _("MCP servers")
        constraints = [
            models.CheckConstraint(
                name="mcp_server_one_way_to_it",
                condition=(Q(url="") & ~Q(command="")) | (~Q(url="") & Q(command="")),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def _place(self) -> str:
        return f"{current_schema()}:mcp-server:{self.uuid}:secret"

    def set_secret(self, plain: str) -> None:
        """Keep the token or key encrypted for this row; the caller saves."""
        self.secret_encrypted = crypto.encrypt(plain, context=self._place()) if plain else ""

    def secret(self) -> str:
        """Return the token or key; empty where none is set.

        Raises:
            CannotDecrypt: no key reads it, or it was copied from another row or tenant.
        """
        if not self.secret_encrypted:
            return ""
        return crypto.decrypt(self.secret_encrypted, context=self._place())


class McpToolQuerySet(models.QuerySet["McpTool"]):
    """Found tools."""

    def refused(self) -> McpToolQuerySet:
        """Return those that were approved, and are now another thing or gone."""
        return self.exclude(pinned_hash="").exclude(is_offered=True, found_hash=F("pinned_hash"))


class McpTool(models.Model):
    """A tool as its server describes it, beside the description that a person has approved.

    Its server writes `found`, so nothing of it is believed: it is shown escaped, and what agents
    call is made of `pinned`.
    """

    server = models.ForeignKey(
        McpServer, models.CASCADE, related_name="tools", verbose_name=_("MCP server")
    )
    name = models.CharField(_("name at the server"), max_length=128)
    found = models.JSONField(default=dict, editable=False)
    found_hash = models.CharField(max_length=64, editable=False)
    found_at = models.DateTimeField(_("found"))
    is_offered = models.BooleanField(default=True, editable=False)
    pinned = models.JSONField(null=True, editable=False)
    pinned_hash = models.CharField(max_length=64, blank=True, default="", editable=False)
    approved_by = models.CharField(_("approved by"), max_length=150, blank=True, default="")
    approved_at = models.DateTimeField(_("approved"), null=True, blank=True)

    objects = McpToolQuerySet.as_manager()

    class Meta:
        verbose_name = _("tool of an MCP server")
        verbose_name_plural = _("tools of MCP servers")
        constraints = [
            # Two workers can find the same tool; it is kept once.
            models.UniqueConstraint(fields=["server", "name"], name="mcp_tool_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_as_approved(self) -> bool:
        """Whether its server still says what a person has approved."""
        return bool(self.pinned_hash) and self.is_offered and self.found_hash == self.pinned_hash
