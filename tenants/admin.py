"""Admin pages of the platform, and of the people and the audit trail on both sites."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Model, Prefetch, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm

from tenants import inbox
from tenants.audit.models import AuditEntry
from tenants.forms import (
    ROLE_NAMES,
    MemberChangeForm,
    MemberCreationForm,
    OperatorCreationForm,
    TenantForm,
)
from tenants.models import Domain, InboundRoute, InboxEntry, Tenant, Timer
from tenants.panel import NOTHING, PanelAdmin, ReadOnlyAdmin, actor, as_json, badge, masked
from tenants.services import routes, tenants
from tenants.services.staff import Role
from tenants.sites import public_site, tenant_site


def shown_time(instant: datetime | None) -> str:
    """Return an instant in the active time zone; a dash where there is none."""
    if instant is None:
        return NOTHING
    return date_format(timezone.localtime(instant), "SHORT_DATETIME_FORMAT")


_TENANT_TONES = {Tenant.Status.READY: "good", Tenant.Status.SUSPENDED: "bad"}


@admin.register(Tenant, site=public_site)
class TenantAdmin(PanelAdmin):
    """Tenants: made with their schema, renamed, suspended; never removed by a click."""

    is_audited_by_service = True
    form = TenantForm
    list_display = ("name", "slug", "status_badge", "main_domain", "timezone", "created_at")
    list_filter = ("status",)
    search_fields = ("name", "slug", "domains__domain")
    ordering = ("name", "pk")
    readonly_fields = ("schema", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tenant]:
        """Leave out the row that stands for the platform itself."""
        primary = Domain.objects.filter(is_primary=True)
        found = super().get_queryset(request).exclude(schema_name="public")
        listed: QuerySet[Tenant] = found.prefetch_related(
            Prefetch("domains", queryset=primary, to_attr="main_domains")
        )
        return listed

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Ask for less where the tenant is made."""
        asked = ("name", "slug", "domains", "timezone", "language")
        if obj is None:
            return asked
        return (*asked, "status", "schema", "created_at")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """Keep the slug, which names the schema."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "slug")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A schema with everything in it is not dropped by a click; suspend the tenant."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the tenant through its services."""
        data = form.cleaned_data
        if not change:
            made = tenants.create_tenant(
                slug=data["slug"],
                name=data["name"],
                domains=data["domains"],
                timezone=data["timezone"],
                language=data["language"],
                actor=actor(request),
            )
            obj.pk, obj.schema_name, obj.uuid = made.pk, made.schema_name, made.uuid
            return
        stored = Tenant.objects.get(pk=obj.pk)
        changes = {name: data[name] for name in ("name", "timezone", "language", "status")}
        if stored.status == Tenant.Status.CREATING:  # left so by a crash
            stored = tenants.create_tenant(
                slug=stored.slug, name=data["name"], domains=data["domains"], actor=actor(request)
            )
            changes["status"] = stored.status
        changed = tenants.update_tenant(
            tenant=stored, actor=actor(request), domains=data["domains"], **changes
        )
        if "status" in changed:
            routes.announce_change()  # the bridge's door serves ready tenants only

    @admin.display(description=_("status"), ordering="status")
    def status_badge(self, obj: Tenant) -> SafeString:
        """The status as a label."""
        return badge(obj.get_status_display(), _TENANT_TONES.get(Tenant.Status(obj.status), "warn"))

    @admin.display(description=_("schema"))
    def schema(self, obj: Tenant) -> str:
        """Where its rows are."""
        return str(obj.schema_name)

    @admin.display(description=_("main domain"))
    def main_domain(self, obj: Any) -> str:
        """The host name on which its pages are served first."""
        return obj.main_domains[0].domain if obj.main_domains else self.empty_value_display


@admin.register(Domain, site=public_site)
class DomainAdmin(ReadOnlyAdmin):
    """Host names; they are edited with their tenant."""

    # The library that keeps these rows names its fields in English only.
    list_display = ("host_name", "its_tenant", "is_main")
    list_select_related = ("tenant",)
    search_fields = ("domain", "tenant__name")
    ordering = ("domain", "pk")
    fields = list_display

    @admin.display(description=_("domain"), ordering="domain")
    def host_name(self, obj: Domain) -> str:
        """The host name."""
        return str(obj.domain)

    @admin.display(description=_("tenant"), ordering="tenant__name")
    def its_tenant(self, obj: Domain) -> str:
        """Whose pages it serves."""
        return str(obj.tenant)

    @admin.display(description=_("main domain"), boolean=True)
    def is_main(self, obj: Domain) -> bool:
        """Whether it is the one that is shown."""
        return bool(obj.is_primary)


@admin.register(InboundRoute, site=public_site)
class InboundRouteAdmin(ReadOnlyAdmin):
    """Which webhook address belongs to which tenant; the addresses themselves are secret."""

    list_display = (
        "masked_key",
        "schema_name",
        "channel_kind",
        "device_ref",
        "is_enabled",
        "created_at",
    )
    list_filter = ("is_enabled",)
    search_fields = ("schema_name", "device_ref")
    ordering = ("schema_name", "pk")
    fields = (
        "masked_key",
        "schema_name",
        "channel_kind",
        "device_ref",
        "is_enabled",
        "bridge_user_ref",
        "bridge_instance",
        "old_key_until",
        "created_at",
    )

    @admin.display(description=_("previous signing key accepted until"))
    def old_key_until(self, obj: InboundRoute) -> str:
        """When the key before this one ends."""
        return shown_time(obj.previous_hmac_key_until)

    @admin.display(description=_("route key"))
    def masked_key(self, obj: InboundRoute) -> str:
        """Both ends of the key."""
        return masked(obj.route_key)


_UNREADABLE = {
    "the body has no event": _("it tells of no event"),
    "the body is not JSON": _("it is not JSON"),
    "the body is not a JSON object": _("it is not a JSON object"),
    "the body holds half of a character": _("half of a character is missing in it"),
}
"""What readers of webhooks say of one, in the words of operators."""


def _why_parked(entry: InboxEntry) -> str:
    if entry.parked_reason.startswith("failed "):
        text = ngettext("it failed %(n)s time", "it failed %(n)s times", entry.n_attempts)
        return text % {"n": entry.n_attempts}
    return str(_UNREADABLE.get(entry.parked_reason, entry.parked_reason))


@admin.register(InboxEntry, site=public_site)
class InboxEntryAdmin(ReadOnlyAdmin):
    """Webhooks in transit, without what is in them."""

    list_display = (
        "number",
        "schema_name",
        "state_badge",
        "received_at",
        "done_at",
        "n_attempts",
        "size",
    )
    list_filter = (("parked_reason", admin.EmptyFieldListFilter),)
    actions = ("try_again",)
    search_fields = ("schema_name",)
    date_hierarchy = "received_at"
    ordering = ("-pk",)
    fields = (
        "schema_name",
        "state_badge",
        "written_as",
        "received_at",
        "done_at",
        "n_attempts",
        "leased",
        "tried_again_at",
        "size",
    )

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        """Test whether somebody may let entries wait again: nothing else of them can be changed."""
        return request.user.has_perm("tenants.change_inboxentry")

    @action(description=_("Try the selected parked entries again"), permissions=["requeue"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[InboxEntry]) -> None:
        """Let those wait again that were parked."""
        ids = list(queryset.values_list("pk", flat=True))
        n = inbox.try_again(entry_ids=ids, actor=actor(request))
        if not n:
            self.message_user(request, _("None of them was parked."), messages.INFO)
            return
        text = ngettext("%(n)s entry is tried again.", "%(n)s entries are tried again.", n)
        self.message_user(request, text % {"n": n}, messages.SUCCESS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboxEntry]:
        """Leave the bodies where they are: nobody looks into them here, and they may be large."""
        found: QuerySet[InboxEntry] = super().get_queryset(request)
        return found.defer("body").annotate(n_bytes=Length("body"))

    @admin.display(description=_("number"), ordering="pk")
    def number(self, obj: InboxEntry) -> int:
        """Its place in the order of arrival."""
        return int(obj.pk)

    @admin.display(description=_("encoding"))
    def written_as(self, obj: InboxEntry) -> str:
        """How the bridge wrote it."""
        return str(obj.encoding).upper()

    @admin.display(description=_("leased until"))
    def leased(self, obj: InboxEntry) -> str:
        """Until when a worker holds it."""
        return shown_time(obj.lease_until)

    @admin.display(description=_("state"))
    def state_badge(self, obj: InboxEntry) -> SafeString:
        """Where the entry is on its way."""
        if obj.done_at is not None:
            return badge(_("written"), "good")
        if obj.parked_reason:
            return badge(_("parked: %(reason)s") % {"reason": _why_parked(obj)}, "bad")
        return badge(_("waiting"), "warn")

    @admin.display(description=_("bytes"), ordering="n_bytes")
    def size(self, obj: Any) -> int:
        """How much it is; cleared when it is written."""
        return int(obj.n_bytes)


@admin.register(Timer, site=public_site)
class TimerAdmin(ReadOnlyAdmin):
    """Work that is due: for whom, when, and whether somebody is at it."""

    list_display = ("kind", "schema_name", "due_at", "state_badge", "n_rings", "n_attempts")
    list_filter = ("kind",)
    search_fields = ("schema_name",)
    ordering = ("due_at", "pk")
    fields = ("kind", "schema_name", "ref", "due_at", "lease_until", "n_rings", "n_attempts")

    @admin.display(description=_("state"))
    def state_badge(self, obj: Timer) -> SafeString:
        """Whether it waits, is due or is being worked on."""
        now: datetime = timezone.now()
        if obj.lease_until is not None and obj.lease_until > now:
            return badge(_("running"), "good")
        return badge(_("due"), "warn") if obj.due_at <= now else badge(_("waiting"))


@admin.register(AuditEntry, site=public_site)
@admin.register(AuditEntry, site=tenant_site)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what and when."""

    list_display = ("occurred_at", "actor", "action", "target")
    search_fields = ("actor", "action", "target")
    date_hierarchy = "occurred_at"
    ordering = ("-occurred_at", "-pk")
    fields = ("occurred_at", "actor", "action", "target", "details")

    @admin.display(description=_("details"))
    def details(self, obj: AuditEntry) -> SafeString:
        """The data of the entry."""
        return as_json(obj.data)


# The theme has no types, so its classes and Django's cannot be seen to agree.
class PersonAdmin(PanelAdmin, DjangoUserAdmin):  # type: ignore[misc,type-arg]
    """What the pages of operators and of members of staff have in common."""

    change_password_form = AdminPasswordChangeForm
    list_display: tuple[str, ...] = (
        "username",
        "full_name",
        "email",
        "is_active",
        "last_login",
    )
    list_filter: ClassVar[tuple[str, ...]] = ("is_active",)
    search_fields = ("username", "first_name", "last_name", "email")
    readonly_fields = ("last_login", "date_joined")
    ordering = ("username",)
    filter_horizontal = ()

    @admin.display(description=_("name"))
    def full_name(self, obj: User) -> str:
        """First and last name."""
        return obj.get_full_name() or self.empty_value_display

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        """Keep the user name: conversations, notes, files and the trail know the person by it."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "username")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever once acted stays known to the trail; switch the account off."""
        return False


_WHO: Any = (_("Person"), {"fields": ("first_name", "last_name", "email")})
_WHEN: Any = (_("Dates"), {"fields": ("last_login", "date_joined")})


@admin.register(User, site=public_site)
class OperatorAdmin(PersonAdmin):
    """Operators of the platform, with every right on the platform's own site."""

    form = UserChangeForm
    add_form = OperatorCreationForm
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password", "is_active")}),
        _WHO,
        _WHEN,
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Give every operator the same rights."""
        obj.is_staff = obj.is_superuser = True
        super().save_model(request, obj, form, change)


@admin.register(User, site=tenant_site)
class MemberAdmin(PersonAdmin):
    """The people of a tenant, each with one role."""

    form = MemberChangeForm
    add_form = MemberCreationForm
    list_display = ("username", "full_name", "email", "role", "is_active", "last_login")
    list_filter = ("is_active", "groups")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password", "role", "is_active")}),
        _WHO,
        _WHEN,
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "role", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Bring the roles along."""
        found: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return found

    @admin.display(description=_("role"))
    def role(self, obj: User) -> str:
        """The role, in one word."""
        names = [group.name for group in obj.groups.all()]
        return ", ".join(role_name(name) for name in names) or self.empty_value_display

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep a tenant's people to what roles allow."""
        obj.is_staff, obj.is_superuser = True, False
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Set the one role."""
        super().save_related(request, form, formsets, change)
        if form.cleaned_data.get("role") is not None:
            form.instance.groups.set([form.cleaned_data["role"]])


def role_name(name: str) -> str:
    """Return a role in one word of the active language."""
    return str(ROLE_NAMES[Role(name)]).partition(":")[0] if name in set(Role) else name


@admin.register(Group, site=tenant_site)
class RoleAdmin(ReadOnlyAdmin):
    """The roles, and what each allows."""

    list_display = ("role", "meaning")
    list_display_links = ("role",)
    ordering = ("pk",)
    fields = ("role", "meaning")

    @admin.display(description=_("role"))
    def role(self, obj: Group) -> str:
        """The role, in one word."""
        return role_name(obj.name)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the role under its name in the reader's language."""
        response = super().render_change_form(request, context, *args, **kwargs)
        name = role_name(context["original"].name)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            response.context_data.update(title=name, original="")
        return response

    @admin.display(description=_("may"))
    def meaning(self, obj: Group) -> str:
        """What it allows."""
        if obj.name not in set(Role):
            return self.empty_value_display
        return str(ROLE_NAMES[Role(obj.name)]).partition(": ")[2]
