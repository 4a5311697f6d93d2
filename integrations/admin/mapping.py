"""The page on which an endpoint's body is put into the words of another system."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import mapping
from integrations.models import WebhookEndpoint
from integrations.services import endpoints, samples
from tenants.context import current_schema
from tenants.models import Tenant

if TYPE_CHECKING:
    from unfold.admin import ModelAdmin as _Base
else:
    _Base = object

READY_NAMES = {
    "generic": _("Generic"),
    "rdstation": "RD Station",
    "hubspot": "HubSpot",
    "pipedrive": "Pipedrive",
    "n8n": "n8n",
}


class MappingForm(forms.Form):
    """A template, and the lead that it is tried with."""

    template = forms.CharField(
        label=_("Body"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "false"}),
    )
    sample = forms.ChoiceField(label=_("Try it with"), required=False)

    def __init__(self, *args: Any, offered: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["sample"].choices = offered  # type: ignore[attr-defined]

    def clean_template(self) -> mapping.Json:
        """Return the template; None where there is none and the event goes as it is.

        Raises:
            ValidationError: it cannot be used.
        """
        text = self.cleaned_data["template"].strip()
        if not text:
            return None
        try:
            template = json.loads(text)
            mapping.check(template)
        except json.JSONDecodeError as error:
            raise ValidationError(
                _("This is no JSON: line %(line)s, column %(column)s."),
                params={"line": error.lineno, "column": error.colno},
            ) from error
        except (mapping.BadTemplate, ValueError, RecursionError) as error:
            raise ValidationError(
                _("This body cannot be used: %(why)s"), params={"why": error}
            ) from error
        return template


class MappingPages(_Base):
    """What `EndpointAdmin` offers about the body of what is sent."""

    def get_urls(self) -> list[Any]:
        """Add the page."""
        view = self.admin_site.admin_view(self.mapping_view)
        own = path("<int:pk>/body/", view, name="integrations_webhookendpoint_body")
        return [own, *super().get_urls()]

    def mapping_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the body with what it makes of a real lead, and take a changed one."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        endpoint = WebhookEndpoint.objects.filter(pk=pk).first()
        if endpoint is None:
            raise Http404
        offered = [(str(ref), name) for ref, name in samples.known().offered()]
        form = MappingForm(
            request.POST or None, offered=offered, initial={"template": _as_text(endpoint)}
        )
        preview = ""
        if request.method == "POST" and form.is_valid():
            template = form.cleaned_data["template"]
            if "keep" in request.POST:
                return self._keep(request, endpoint, template)
            preview = _preview(template, form.cleaned_data["sample"])
        elif request.method == "GET" and offered:
            preview = _preview(endpoint.template, offered[0][0])
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Body for %(name)s") % {"name": endpoint.name},
            "opts": self.opts,
            "endpoint": endpoint,
            "form": form,
            "has_samples": bool(offered),
            "preview": preview,
            "ready": [
                (READY_NAMES[name], json.dumps(one, ensure_ascii=False, indent=2))
                for name, one in mapping.READY.items()
            ],
            "names": mapping.lead_fields(),
            "filters": list(mapping.FILTERS),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "integrations/mapping.html", context)

    def _keep(
        self, request: HttpRequest, endpoint: WebhookEndpoint, template: mapping.Json
    ) -> HttpResponse:
        endpoints.set_template(endpoint_id=endpoint.pk, template=template)
        self.audit(request, endpoint, "changed", [{"fields": ["template"]}])
        text = _("Kept. What waits is sent this way, too.")
        self.message_user(request, text, messages.SUCCESS)
        page = reverse("admin:integrations_webhookendpoint_change", args=[endpoint.pk])
        return HttpResponseRedirect(page)


def _as_text(endpoint: WebhookEndpoint) -> str:
    if endpoint.template is None:
        return ""
    return json.dumps(endpoint.template, ensure_ascii=False, indent=2)


def _preview(template: mapping.Json, ref: str) -> str:
    """Return what would be sent for a lead that has just qualified."""
    data = samples.known().sample(uuid.UUID(ref)) if ref else None
    if data is None:
        return ""
    tenant = Tenant.objects.get(schema_name=current_schema())
    envelope = {
        "id": str(uuid.UUID(int=0)),
        "type": "lead.qualified",
        "version": 1,
        "occurred_at": timezone.now().isoformat(timespec="seconds"),
        "tenant": tenant.slug,
        "sequence": 1,
        "data": data,
    }
    shown = envelope
    if template is not None:
        shown = mapping.fill(template, mapping.of_event(envelope)) or {}
    return json.dumps(shown, ensure_ascii=False, indent=2, default=str)
