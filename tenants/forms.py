"""Forms of the admin pages of tenants and of the people who work in them."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _
from unfold.forms import UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from tenants.models import Domain, Tenant
from tenants.services.staff import Role

HOST_NAME = RegexValidator(
    r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z",
    _("Use a host name in lower case, such as clinica.example.com."),
)

ROLE_NAMES = {
    Role.OWNER: _("Owner: everything, users included"),
    Role.MANAGER: _("Manager: everything but users"),
    Role.ATTENDANT: _("Attendant: conversations and contacts"),
    Role.AUDITOR: _("Auditor: sees everything, changes nothing"),
}


class TenantForm(forms.ModelForm):  # type: ignore[type-arg]
    """A tenant with its host names, one a line."""

    domains = forms.CharField(
        label=_("Domains"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("Host names, one a line; the first is the main one."),
    )
    timezone = forms.ChoiceField(label=_("Time zone"), widget=UnfoldAdminSelectWidget)
    language = forms.ChoiceField(label=_("Language"), widget=UnfoldAdminSelectWidget)

    class Meta:
        model = Tenant
        fields = ("slug", "name", "status", "timezone", "language")
        help_texts = {
            "status": _(
                "Of a suspended business no message is taken and none is sent; what stands in line"
                " waits. Its people can still log in and read."
            )
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = sorted(available_timezones(), key=lambda zone: (zone != "America/Sao_Paulo", zone))
        self.fields["timezone"].choices = [(zone, zone) for zone in zones]  # type: ignore[attr-defined]
        self.fields["language"].choices = settings.LANGUAGES  # type: ignore[attr-defined]
        # Only making one ends `creating`: a schema that is missing is not there by being chosen.
        is_half_made = self.instance.status == Tenant.Status.CREATING
        offered = {one for one in Tenant.Status if (one == Tenant.Status.CREATING) == is_half_made}
        if "status" in self.fields:
            self.fields["status"].choices = [  # type: ignore[attr-defined]
                one for one in Tenant.Status.choices if one[0] in offered
            ]
        if self.instance.pk:
            names = Domain.objects.filter(tenant=self.instance).order_by("-is_primary", "domain")
            self.fields["domains"].initial = "\n".join(names.values_list("domain", flat=True))

    def clean_domains(self) -> list[str]:
        """Return the host names; each may belong to one tenant only.

        Raises:
            ValidationError: not a host name, or another tenant's.
        """
        names = list(dict.fromkeys(self.cleaned_data["domains"].lower().split()))
        for name in names:
            HOST_NAME(name)
        taken = Domain.objects.filter(domain__in=names)
        if self.instance.pk:
            taken = taken.exclude(tenant=self.instance)
        if (other := taken.first()) is not None:
            raise ValidationError(
                _("%(domain)s is used by another tenant."), params={"domain": other.domain}
            )
        return names

    def clean_slug(self) -> str:
        """Refuse a slug whose schema is taken.

        Raises:
            ValidationError: there is such a tenant.
        """
        slug = str(self.cleaned_data["slug"])
        if Tenant.objects.filter(schema_name=f"t_{slug}").exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("There is a tenant with this slug."))
        return slug


class RoleField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """The one role that a member of staff has."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            Group.objects.filter(name__in=[role.value for role in Role]).order_by("pk"),
            label=_("Role"),
            widget=UnfoldAdminSelectWidget,
            **kwargs,
        )

    def label_from_instance(self, obj: Any) -> str:
        """Return the role in words."""
        return str(ROLE_NAMES[Role(obj.name)])


class OperatorCreationForm(UserCreationForm):
    """A new operator of the platform."""

    usable_password = None  # everybody logs in with a password here


class MemberCreationForm(UserCreationForm):
    """A new member of a tenant's staff."""

    usable_password = None
    role = RoleField()


class MemberChangeForm(UserChangeForm):
    """A member of a tenant's staff."""

    role = RoleField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            self.fields["role"].initial = self.instance.groups.first()

    def clean(self) -> dict[str, Any]:
        """Keep at least one owner who can log in.

        Raises:
            ValidationError: this was the last one.
        """
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        role = cleaned.get("role")
        stays = cleaned.get("is_active") and role is not None and role.name == Role.OWNER
        # One after the other: two owners who demote each other would both see another one.
        Group.objects.select_for_update(no_key=True).get(name=Role.OWNER)
        others = User.objects.filter(groups__name=Role.OWNER, is_active=True)
        if not stays and not others.exclude(pk=self.instance.pk).exists():
            raise ValidationError(_("The business needs at least one active owner."))
        return cleaned
