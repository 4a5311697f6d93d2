"""Admin pages of contacts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from conversations.admin_archive import FactInline, keep_facts
from conversations.models import Contact, ContactAddress, ContactFact
from conversations.services import contacts
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, ReadOnlyInline, actor, badge, muted
from tenants.sites import tenant_site


def short_name(contact: Contact) -> str:
    """Return what a contact calls itself, no longer than a list can bear."""
    return Truncator(contact.name).chars(60) or str(_("Contact %(n)s") % {"n": contact.pk})


class AddressInline(ReadOnlyInline):
    """Under which numbers and identities a contact is known; they come from the channel."""

    model = ContactAddress
    fields = ("kind", "value")
    readonly_fields = fields


@admin.register(Contact, site=tenant_site)
class ContactAdmin(PanelAdmin):
    """The people who write."""

    inlines = (AddressInline, FactInline)
    list_display = ("shown_name", "addresses", "blocked", "opted_out_at", "created_at")
    list_filter = ("is_blocked", ("opted_out_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "addresses__value")
    date_hierarchy = "created_at"
    ordering = ("-pk",)
    fields = ("name", "is_blocked", "opted_out_at", "created_at")
    readonly_fields = ("opted_out_at", "created_at")
    actions = ("merge_selected",)
    is_audited_by_service = True

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Change the name, and block or unblock through the service."""
        if "name" in form.changed_data:
            contacts.rename(contact=obj, name=obj.name, actor=actor(request))
        if "is_blocked" in form.changed_data:
            contacts.set_blocked(
                contact=obj,
                is_blocked=form.cleaned_data["is_blocked"],
                actor=actor(request),
                now=timezone.now(),
            )

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Store what a person wrote of the contact under their name."""
        if formset.model is ContactFact:
            keep_facts(request, formset)
        else:
            super().save_formset(request, form, formset, change)

    @admin.action(description=_("Join two records of one person …"), permissions=["change"])
    def merge_selected(
        self, request: HttpRequest, queryset: QuerySet[Contact]
    ) -> HttpResponse | None:
        """Ask whether the two are one person, and join them."""
        chosen = list(queryset.order_by("pk")[:3])
        if len(chosen) != 2:
            self.message_user(request, _("Choose exactly two contacts."), messages.ERROR)
            return None
        if "confirmed" not in request.POST:
            request.current_app = self.admin_site.name
            return TemplateResponse(
                request,
                "conversations/merge.html",
                {
                    **self.admin_site.each_context(request),
                    "title": _("Are they the same person?"),
                    "opts": self.opts,
                    "contacts": [
                        {
                            "pk": one.pk,
                            "name": short_name(one),
                            "addresses": one.shown_addresses(),
                            "n_conversations": one.conversations.count(),
                            "created_at": one.created_at,
                        }
                        for one in chosen
                    ],
                },
            )
        try:
            kept = contacts.merge(first=chosen[0], second=chosen[1], actor=actor(request))
        except DomainError as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        text = _("%(name)s is one contact now, with both histories.") % {"name": short_name(kept)}
        self.message_user(request, text, messages.SUCCESS)
        return None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Contact]:
        """Bring the addresses along."""
        found: QuerySet[Contact] = super().get_queryset(request).prefetch_related("addresses")
        return found

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A contact begins by writing."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Erasing a person reaches further than one row; it is a service of its own."""
        return False

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, obj: Contact) -> str:
        """What the contact calls itself."""
        return short_name(obj)

    @admin.display(description=_("blocked"), ordering="is_blocked")
    def blocked(self, obj: Contact) -> SafeString:
        """Whether the assistant leaves the contact alone; only that is worth a colour."""
        return badge(_("blocked"), "bad") if obj.is_blocked else muted(_("no"))

    @admin.display(description=_("addresses"))
    def addresses(self, obj: Contact) -> str:
        """Phone and other identities."""
        return ", ".join(obj.shown_addresses()) or self.empty_value_display
