"""The admin page of what the owners were told."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from integrations.models import Notice
from integrations.services import notices
from tenants.panel import ReadOnlyAdmin, actor, badge, muted
from tenants.sites import tenant_site


@admin.register(Notice, site=tenant_site)
class NoticeAdmin(ReadOnlyAdmin):
    """What the owners were told."""

    list_display = ("title", "state", "created_at", "mailed", "seen")
    list_filter = ("level", "kind", ("seen_at", admin.EmptyFieldListFilter))
    list_before_template = "integrations/_notices.html"
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-pk")
    actions = ("mark_seen",)
    fields = ("title", "text", "state", "created_at", "mailed", "seen", "where")

    def has_see_permission(self, request: HttpRequest) -> bool:
        """Test whether the person may say that it was seen."""
        return bool(request.user.has_perm("integrations.change_notice"))

    @action(description=_("Mark as seen"), permissions=["see"])
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        """Note that somebody has seen these."""
        ids = list(queryset.values_list("pk", flat=True))
        n_seen = notices.mark_seen(notice_ids=ids, actor=actor(request), now=timezone.now())
        text = ngettext("%(n)s notice is seen now.", "%(n)s notices are seen now.", n_seen)
        self.message_user(request, text % {"n": n_seen}, messages.SUCCESS)

    @admin.display(description=_("level"), ordering="level")
    def state(self, obj: Notice) -> SafeString:
        """Whether somebody has to do something."""
        needs = obj.level == Notice.Level.WARNING and obj.seen_at is None
        return badge(obj.get_level_display(), "warn" if needs else "")

    @admin.display(description=_("e-mail"), ordering="mailed_at")
    def mailed(self, obj: Notice) -> SafeString:
        """Whether the owners were sent it."""
        return badge(_("e-mailed"), "good") if obj.mailed_at else muted(_("not e-mailed"))

    @admin.display(description=_("seen"), ordering="seen_at")
    def seen(self, obj: Notice) -> SafeString | str:
        """Who has seen it."""
        return muted(_("not yet")) if obj.seen_at is None else obj.seen_by

    @admin.display(description=_("where it is mended"))
    def where(self, obj: Notice) -> SafeString | str:
        """The page that helps."""
        url = page_of(obj)
        link = '<a class="pz-link" href="{}">{}</a>'
        return format_html(link, url, _("Open the page")) if url else self.empty_value_display


def page_of(notice: Notice) -> str:
    """Return where a notice leads; nothing where there is no such page any more."""
    try:
        return reverse(f"admin:{notice.page}") if notice.page else ""
    except NoReverseMatch:
        return ""
