from __future__ import annotations

import uuid

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from tenants import crypto

# Django's own URL validator refuses the bare host names of a container network.
HTTP_ADDRESS = RegexValidator(
    r"^https?://[^\s/?#@]+(/[^\s?#]*)?\Z", _("Use an address such as http://bridge:8080.")
)


class BridgeServer(models.Model):
    """One bridge of the platform, on which devices of many tenants have their sessions."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=60, unique=True)
    base_url = models.CharField(
        _("bridge address"), max_length=300, unique=True, validators=[HTTP_ADDRESS]
    )
    admin_token_encrypted = models.TextField(blank=True, editable=False)
    max_devices = models.PositiveIntegerField(
        _("most devices"),
        default=50,
        validators=[MinValueValidator(1)],
        help_text=_("New devices go to the server that has the most room left."),
    )
    is_open = models.BooleanField(
        _("takes new devices"),
        default=True,
        help_text=_("Switch it off to let a server run empty; its devices stay."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("bridge server")
        verbose_name_plural = _("bridge servers")

    def __str__(self) -> str:
        return self.name

    @property
    def token_context(self) -> str:
        """The place of the admin token, for encryption."""
        return f"bridge_server:{self.uuid}:token"

    def set_admin_token(self, plain: str) -> None:
        """Keep the admin token encrypted; the row is not saved."""
        self.admin_token_encrypted = crypto.encrypt(plain, context=self.token_context)

    def admin_token(self) -> str:
        """Return the admin token in clear; empty where none is set.

        Raises:
            CannotDecrypt: no key reads it.
        """
        if not self.admin_token_encrypted:
            return ""
        return crypto.decrypt(self.admin_token_encrypted, context=self.token_context)
