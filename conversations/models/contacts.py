"""People who write to the tenant."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class Contact(models.Model):
    """A person who writes to the tenant; known by phone, by LID, or by both."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    is_blocked = models.BooleanField(_("blocked"), default=False)
    opted_out_at = models.DateTimeField(_("opted out at"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")

    def __str__(self) -> str:
        return self.name or _("Contact %(n)s") % {"n": self.pk}

    def shown_addresses(self) -> list[str]:
        """Return what people know the contact by: ids of other systems tell them nothing."""
        external = ContactAddress.Kind.EXTERNAL
        return [one.value for one in self.addresses.all() if one.kind != external]


class ContactAddress(models.Model):
    """One name under which a channel knows a contact."""

    class Kind(models.TextChoices):
        PHONE = "phone", _("phone")
        LID = "lid", _("LID")
        GROUP = "group", _("group")
        EXTERNAL = "external", _("other system")

    contact = models.ForeignKey(
        Contact, models.CASCADE, related_name="addresses", verbose_name=_("contact")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    value = models.CharField(_("address"), max_length=32)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [
            # Two deliveries can race to create a contact; the database keeps one.
            models.UniqueConstraint(fields=["kind", "value"], name="one_contact_per_address"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.value}"
