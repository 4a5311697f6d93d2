"""What the outside world needs from this tenant: keys."""

from __future__ import annotations

import uuid

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from integrations.llm.types import Provider
from tenants import crypto
from tenants.context import current_schema

N_SHOWN = 4
"""Characters of a key that are shown to tell it from others; a key too short shows none."""


class Credential(models.Model):
    """A key for a provider of language models, readable only in the row where it was set."""

    class Kind(models.TextChoices):
        """Who the key is for."""

        OPENAI = Provider.OPENAI.value, "OpenAI"
        GEMINI = Provider.GEMINI.value, "Gemini"
        DEEPSEEK = Provider.DEEPSEEK.value, "DeepSeek"
        ANTHROPIC = Provider.ANTHROPIC.value, "Anthropic"
        OPENAI_COMPATIBLE = (
            Provider.OPENAI_COMPATIBLE.value,
            _("OpenAI-compatible server (Ollama, vLLM, …)"),
        )
        OFFLINE = Provider.OFFLINE.value, _("No model: quotes the best passage")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=80, unique=True)
    provider = models.CharField(_("provider"), max_length=20, choices=Kind.choices)
    base_url = models.CharField(
        _("base URL"),
        max_length=300,
        blank=True,
        # Servers in the same house have names without a dot, so the host is judged when it is
        # connected to and not here.
        validators=[
            RegexValidator(
                r"\Ahttps?://[^\s@\\]+\Z", _("An address such as http://127.0.0.1:11434/v1")
            )
        ],
        help_text=_("Only for OpenAI-compatible servers, such as http://127.0.0.1:11434/v1"),
    )
    api_key_encrypted = models.TextField(_("key"), blank=True, editable=False)
    # How the last try of the key went; emptied when anything that was tried changes.
    tested_at = models.DateTimeField(_("tested at"), null=True, blank=True, editable=False)
    verdict = models.CharField(_("test"), max_length=12, blank=True, editable=False)
    verdict_detail = models.CharField(max_length=200, blank=True, editable=False)
    known_models = models.JSONField(_("models"), default=list, blank=True, editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")
        constraints = [
            models.CheckConstraint(
                name="credential_known_provider",
                condition=models.Q(provider__in=[one.value for one in Provider]),
            ),
            models.CheckConstraint(
                name="compatible_credential_has_base_url",
                condition=~models.Q(provider=Provider.OPENAI_COMPATIBLE.value, base_url=""),
                violation_error_message=_("An OpenAI-compatible server needs its base URL."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def _place(self) -> str:
        return f"{current_schema()}:credential:{self.uuid}"

    def set_api_key(self, plain: str) -> None:
        """Keep `plain` encrypted for this row; the caller saves. An empty key is kept as none."""
        self.api_key_encrypted = crypto.encrypt(plain, context=self._place()) if plain else ""

    def api_key(self) -> str:
        """Return the key, or an empty text where none is set.

        Raises:
            CannotDecrypt: no key reads it, or it was copied from another row or tenant.
        """
        if not self.api_key_encrypted:
            return ""
        return crypto.decrypt(self.api_key_encrypted, context=self._place())

    def shown_key(self) -> str:
        """Return what may be shown of the key: its last characters."""
        try:
            plain = self.api_key()
        except crypto.CannotDecrypt:
            return "?"
        if not plain:
            return ""
        return f"…{plain[-N_SHOWN:]}" if len(plain) >= 4 * N_SHOWN else "…"
