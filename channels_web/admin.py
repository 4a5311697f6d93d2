"""Admin pages of the web chats."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminTextareaWidget

from channels_web.models import WebChat
from channels_web.services import chats
from channels_web.types import NoOrigin, origin_of
from tenants.panel import PanelAdmin, actor, badge
from tenants.sites import tenant_site

TRY = "channels_web_webchat_try"

_PROBLEMS = {
    "wildcard": _("“%(given)s”: name each site by itself; a star would let in others' pages."),
    "plain": _(
        "“%(given)s”: it must begin with https://. Only for tests, http://localhost will do."
    ),
    "path": _("“%(given)s”: leave out what comes after the name, such as a page's address."),
    "shape": _("“%(given)s” is no site. Write it like https://www.example.com."),
}


class Origins(forms.CharField):
    """Sites, one in a line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        """Return them as they stand in the field."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return them as they are kept.

        Raises:
            ValidationError: for each line that is none.
        """
        found, problems = [], []
        for line in str(value or "").split():
            try:
                found.append(origin_of(line))
            except NoOrigin as error:
                text = _PROBLEMS[str(error)]
                problems.append(forms.ValidationError(text, params={"given": line}))
        if problems:
            raise forms.ValidationError(problems)
        return list(dict.fromkeys(found))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what the lines mean."""
        try:
            return bool(self.to_python(data) != (initial or []))
        except forms.ValidationError:
            return True


class WebChatForm(forms.ModelForm):  # type: ignore[type-arg]
    """A chat and the sites that show it."""

    allowed_origins = Origins(
        label=_("Sites that show it"),
        required=False,
        max_length=3000,
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 3, "placeholder": "https://www.exemplo.com.br"}
        ),
        help_text=_(
            "One in a line, with https:// and without anything behind the name. With and without"
            " www are two sites. You can try the chat before you name any."
        ),
    )

    class Meta:
        model = WebChat
        fields = ("name", *chats.COLUMNS)
        widgets = {
            "colour": UnfoldAdminColorInputWidget(),
            "greeting": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }


@admin.register(WebChat, site=tenant_site)
class WebChatAdmin(PanelAdmin):
    """Chats on the business's own web pages."""

    is_audited_by_service = True
    form = WebChatForm
    list_before_template = "channels_web/_chats.html"
    list_display = ("name", "state_badge", "entry_agent", "sites")
    list_select_related = ("entry_agent",)
    list_filter = ("is_active",)
    search_fields = ("name", "title")
    ordering = ("name", "pk")
    autocomplete_fields = ("entry_agent",)
    readonly_fields = ("state_badge", "snippet")

    def get_urls(self) -> list[Any]:
        """Add the page on which a chat is tried."""
        view = self.admin_site.admin_view(self.try_view)
        return [path("<int:pk>/try/", view, name=TRY), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for less where the chat is made."""
        who: tuple[str, ...] = ("name", "entry_agent", "allowed_origins")
        looks = ("title", "greeting", "colour", "language")
        waits = ("quiet_s", "max_wait_s", "max_messages")
        if obj is not None:
            who = ("state_badge", "snippet", *who, "is_active")
        return (
            (None, {"fields": who}),
            (_("How it looks"), {"fields": looks}),
            (_("Gathering messages"), {"fields": waits, "classes": ("collapse",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name, by which files know the chat."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "name")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Create or change the chat through its service."""
        data = form.cleaned_data
        wanted = {name: data[name] for name in chats.COLUMNS if name in data}
        wanted["allowed_origins"] = tuple(wanted["allowed_origins"])
        edit = chats.ChatEdit(name=obj.name, **wanted)
        saved, _changed = chats.save_chat(edit=edit, actor=actor(request), now=timezone.now())
        obj.pk, obj.uuid = saved.pk, saved.uuid

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the chat and its address through its service."""
        chats.remove_chat(chat=obj, actor=actor(request))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Leave out what a new chat, which goes on to its page, does not do."""
        context.update(show_save_and_add_another=False)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        """Go on to the page with the line that the site needs."""
        super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse("admin:channels_web_webchat_change", args=[obj.pk]))

    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the chat on a page of this host."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        chat = WebChat.objects.filter(pk=pk, is_active=True).first()
        if chat is None:
            raise Http404
        context = {
            "chat": chat,
            "script_url": f"/chat/{chats.key_of(chat)}.js",
            "back_url": reverse("admin:channels_web_webchat_change", args=[pk]),
        }
        return TemplateResponse(request, "channels_web/try.html", context)

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the chat, with the address under which this host is known just now."""
        found = super().get_object(request, *args, **kwargs)
        if found is not None:
            found.base_url = f"{request.scheme}://{request.get_host()}"
        return found

    @admin.display(description=_("state"), ordering="is_active")
    def state_badge(self, obj: WebChat) -> SafeString:
        """The state as a label: what keeps it from being seen, or from answering."""
        if not obj.is_active:
            return badge(_("switched off"))
        if obj.entry_agent_id is None:
            return badge(_("nobody answers: choose an agent"), "bad")
        if not obj.allowed_origins:
            return badge(_("on no site yet"), "warn")
        return badge(_("switched on"), "good")

    @admin.display(description=_("sites"))
    def sites(self, obj: WebChat) -> str:
        """The sites, without what all of them begin with."""
        return ", ".join(one.removeprefix("https://") for one in obj.allowed_origins)

    @admin.display(description=_("line for your pages"))
    def snippet(self, obj: Any) -> SafeString:
        """What is pasted into the site's pages, and where it can be tried."""
        try_url = reverse(f"admin:{TRY}", args=[obj.pk]) if obj.is_active else ""
        line = chats.snippet(base_url=obj.base_url, key=chats.key_of(obj))
        context = {"snippet": line, "try_url": try_url}
        return render_to_string("channels_web/_snippet.html", context)
