"""What agents may do in other systems, over HTTP or an MCP server, and each time they did."""

from __future__ import annotations

import json
import uuid

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from integrations.models.mcp import McpTool
from tenants import crypto
from tenants.context import current_schema

MAX_TIMEOUT_S = 30
"""Longest wait for one answer, in seconds: half of what one run may take in all."""

MAX_KB = 1_024
"""Largest answer that is read, in KiB; a model is shown a few of them at most."""

MAX_CALLS = 10


class HttpTool(models.Model):
    """A call of another system, made by code for an agent.

    The business describes it, or approves how its MCP server does; then `mcp` is set, and method,
    address, key and headers are not its own. Its name is older than that, and stays: a migration of
    a higher app knows it.
    """

    class Method(models.TextChoices):
        GET = "GET", "GET"
        POST = "POST", "POST"
        PUT = "PUT", "PUT"
        PATCH = "PATCH", "PATCH"
        DELETE = "DELETE", "DELETE"

    class Auth(models.TextChoices):
        NONE = "none", _("nothing")
        BEARER = "bearer", _("a token (Bearer)")
        BASIC = "basic", _("user and password (Basic)")
        HEADER = "header", _("a key in a header of its own")

    class Risk(models.TextChoices):
        READ = "read", _("only looks something up")
        WRITE = "write", _("changes something")
        APPROVAL = "approval", _("changes something, and a person says yes first")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(
        _("name"),
        max_length=40,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[a-z][a-z0-9_]+\Z",
                _("Small letters without accents, digits and _, such as consultar_pedido."),
            )
        ],
        help_text=_(
            "A verb and what it is about, such as consultar_pedido or marcar_horario: the model"
            " calls it by this name."
        ),
    )
    description = models.TextField(
        _("when to use it"),
        max_length=1_000,
        help_text=_(
            "What it does, when it is the right one, and what has to be known before; the model"
            " reads this."
        ),
    )
    method = models.CharField(
        _("method"), max_length=6, choices=Method.choices, default=Method.GET.value
    )
    url = models.CharField(
        _("address"),
        max_length=500,
        # The host is judged when it is connected to and not here; no value may change it.
        validators=[
            RegexValidator(
                r"\Ahttps?://[^\s@\\{}/?#]+([/?][^\s\\]*)?\Z",
                _("An address such as https://erp.example/orders/{order}"),
            )
        ],
        help_text=_(
            "With the parameters in braces where they belong, such as"
            " https://erp.example/orders/{order}. Those that do not stand in it are sent as"
            " ?name=value by GET and DELETE, else as JSON."
        ),
    )
    mcp = models.OneToOneField(
        McpTool,
        models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="tool",
        verbose_name=_("MCP server"),
    )
    headers_encrypted = models.TextField(blank=True, editable=False)
    auth_kind = models.CharField(
        _("it asks for"), max_length=6, choices=Auth.choices, default=Auth.NONE.value
    )
    auth_name = models.CharField(
        _("user, or name of the header"), max_length=100, blank=True, default=""
    )
    secret_encrypted = models.TextField(blank=True, editable=False)
    parameters = models.JSONField(_("parameters"), default=list, blank=True)
    shows = models.JSONField(_("what of the answer the model may see"), default=list, blank=True)
    risk = models.CharField(
        _("what it does"), max_length=8, choices=Risk.choices, default=Risk.READ.value
    )
    repeats_safely = models.BooleanField(
        _("the system knows the header Idempotency-Key"),
        default=False,
        help_text=_(
            "Each change carries a key of its own. A system that knows it does nothing twice, so a"
            " change whose outcome is unknown is asked for again. Without it such a change is left"
            " to a person."
        ),
    )
    timeout_s = models.PositiveSmallIntegerField(
        _("time limit (s)"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_TIMEOUT_S)],
    )
    max_kb = models.PositiveSmallIntegerField(
        _("largest answer (KiB)"),
        default=64,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_KB)],
    )
    max_calls = models.PositiveSmallIntegerField(
        _("calls for one answer"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_CALLS)],
        help_text=_("Empty: 3 of those that look up, 1 of those that change something."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("tool")
        verbose_name_plural = _("tools")
        constraints = [
            models.CheckConstraint(
                name="http_tool_known_risk", condition=Q(risk__in=["read", "write", "approval"])
            ),
            models.CheckConstraint(
                name="http_tool_limits_in_range",
                condition=Q(timeout_s__range=(1, MAX_TIMEOUT_S), max_kb__range=(1, MAX_KB))
                & (Q(max_calls=None) | Q(max_calls__range=(1, MAX_CALLS))),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        """Whether agents may call it: it is on, and of a server it is what was approved."""
        if not self.is_active:
            return False
        return self.mcp is None or (self.mcp.is_as_approved and self.mcp.server.is_active)

    def _place(self, what: str) -> str:
        return f"{current_schema()}:tool:{self.uuid}:{what}"

    def set_secret(self, plain: str) -> None:
        """Keep the token, password or key encrypted for this row; the caller saves."""
        place = self._place("secret")
        self.secret_encrypted = crypto.encrypt(plain, context=place) if plain else ""

    def secret(self) -> str:
        """Return the token, password or key; empty where none is set.

        Raises:
            CannotDecrypt: no key reads it, or it was copied from another row or tenant.
        """
        if not self.secret_encrypted:
            return ""
        return crypto.decrypt(self.secret_encrypted, context=self._place("secret"))

    def set_headers(self, headers: dict[str, str]) -> None:
        """Keep headers, which may hold a key, encrypted for this row; the caller saves."""
        plain, place = json.dumps(headers), self._place("headers")
        self.headers_encrypted = crypto.encrypt(plain, context=place) if headers else ""

    def headers(self) -> dict[str, str]:
        """Return the headers of the business's own.

        Raises:
            CannotDecrypt: as `secret`.
        """
        if not self.headers_encrypted:
            return {}
        plain = crypto.decrypt(self.headers_encrypted, context=self._place("headers"))
        return {str(name): str(value) for name, value in json.loads(plain).items()}


class HttpToolCall(models.Model):
    """One call of a tool; its row is there before the call, and its UUID is sent as the key."""

    class Status(models.TextChoices):
        STARTED = "started", _("under way")
        DONE = "done", _("done")
        FAILED = "failed", _("not done")  # certainly: it may be asked for again
        UNKNOWN = "unknown", _("outcome unknown")  # the other side may have done it
        WAITING = "waiting", _("waits for a person")
        DECLINED = "declined", _("declined")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tool = models.ForeignKey(
        HttpTool, models.SET_NULL, null=True, related_name="calls", verbose_name=_("tool")
    )
    tool_name = models.CharField(_("tool"), max_length=40)
    # What is asked for on the same messages with the same arguments is one change, however often
    # a model, or a turn that is made again, asks for it. Empty for what changes nothing.
    dedup_key = models.CharField(max_length=64, blank=True, default="")
    burst_key = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(
        _("state"), max_length=8, choices=Status.choices, default=Status.STARTED.value
    )
    agent_name = models.CharField(_("agent"), max_length=80, blank=True, default="")
    conversation_uuid = models.UUIDField(null=True)
    turn_uuid = models.UUIDField(null=True)
    arguments = models.TextField(_("asked with"), blank=True, default="")  # masked
    arguments_encrypted = models.TextField(blank=True, default="", editable=False)  # of who waits
    # Of the tool as it was when a person was asked for a yes; a call without one is never made.
    fitting_hash = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    result = models.TextField(_("what the model saw"), blank=True, default="")  # masked
    reason = models.CharField(_("failure"), max_length=200, blank=True, default="")
    status_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    started_at = models.DateTimeField(_("at"))
    duration_ms = models.PositiveIntegerField(_("duration in ms"), null=True)
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True, default="")

    class Meta:
        verbose_name = _("call of a tool")
        verbose_name_plural = _("calls of tools")
        constraints = [
            # Two workers can be asked for the same change; one makes it.
            models.UniqueConstraint(
                fields=["dedup_key"], name="tool_change_once", condition=~Q(dedup_key="")
            ),
        ]
        indexes = [
            # Read before a change is made: how many were made for the same messages.
            models.Index(fields=["burst_key"], name="tool_call_burst", condition=~Q(burst_key="")),
            # Read by the list, its plot, and the sweep that forgets old calls.
            models.Index(fields=["-started_at"], name="tool_call_newest"),
            # Read by the sweep that looks for calls whose process died.
            models.Index(
                fields=["started_at"], name="tool_call_started", condition=Q(status="started")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name} ({self.get_status_display()})"

    def _place(self) -> str:
        return f"{current_schema()}:tool-call:{self.uuid}:arguments"

    def set_plain_arguments(self, arguments: dict[str, object]) -> None:
        """Keep the true arguments of a call that waits encrypted; the caller saves."""
        plain = json.dumps(arguments, ensure_ascii=False)
        self.arguments_encrypted = crypto.encrypt(plain, context=self._place())

    def plain_arguments(self) -> dict[str, object]:
        """Return the true arguments of a call that waits.

        Raises:
            CannotDecrypt: no key reads them, or they were copied from another row or tenant.
        """
        found = json.loads(crypto.decrypt(self.arguments_encrypted, context=self._place()))
        return dict(found)
