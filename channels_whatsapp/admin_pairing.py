"""The page of a device's link: pairing it, what the test after that showed, removing it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from channels_whatsapp.models import Device
from channels_whatsapp.services import links, pairing, removing, selftest
from conversations.services import words as conversation_words
from tenants.errors import DomainError
from tenants.panel import PanelAdmin, actor

State = Device.State

PAGE = "channels_whatsapp_device_pairing"


@dataclass(frozen=True)
class Sign:
    """One step of the test: done, under way or not."""

    text: str
    is_done: bool
    at: str = ""


class PairingPages(PanelAdmin):
    """Adds the pages of the link to the pages of the devices."""

    def get_urls(self) -> list[Any]:
        """Add the page, what it asks for every two seconds, and what its buttons do."""
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/pairing/", view(self.pairing_view), name=PAGE),
            path("<int:pk>/pairing/state/", view(self.state_view), name=f"{PAGE}_state"),
            path("<int:pk>/pairing/do/", view(require_POST(self.do_view)), name=f"{PAGE}_do"),
            *super().get_urls(),
        ]

    def _find_device(self, request: HttpRequest, pk: int) -> Device | None:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return Device.objects.filter(pk=pk).first()

    def _list_instead(self, request: HttpRequest) -> str:
        """Return where to go who asks for a device that is not here, mostly as it was removed."""
        messages.info(
            request, _("This device is not here. Conversations of one that was removed stay.")
        )
        return reverse("admin:channels_whatsapp_device_changelist")

    def pairing_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the page."""
        device = self._find_device(request, pk)
        if device is None:
            return HttpResponseRedirect(self._list_instead(request))
        now = timezone.now()
        context = {
            **self.admin_site.each_context(request),
            "title": device.name,
            "content_title": device.name,
            "opts": self.opts,
            "device_url": reverse("admin:channels_whatsapp_device_change", args=[pk]),
            "state_url": reverse(f"admin:{PAGE}_state", args=[pk]),
            "live": self._live(request, device, now=now),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "channels_whatsapp/pairing.html", context)

    def state_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the part of the page that changes by itself."""
        device = self._find_device(request, pk)
        if device is None:
            return JsonResponse({"gone": self._list_instead(request)})
        return JsonResponse({"html": self._live(request, device, now=timezone.now())})

    def do_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do what a button asks for."""
        device = self._find_device(request, pk)
        if not self.has_change_permission(request):
            raise PermissionDenied
        if device is None:
            return HttpResponseRedirect(self._list_instead(request))
        try:
            self._do(request, device, now=timezone.now())
        except DomainError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse(f"admin:{PAGE}", args=[pk]))

    def _do(self, request: HttpRequest, device: Device, *, now: datetime) -> None:
        who = actor(request)
        match request.POST.get("what"):
            case "start":
                phone = request.POST.get("phone", "")[:40]
                if phone and not request.POST.get("is_sure"):
                    cautions = pairing.warnings_of_number(device, phone=phone)
                    if cautions:
                        for caution in cautions:
                            messages.warning(request, caution.text)
                        request.session[f"pairing-{device.pk}"] = phone
                        return
                request.session.pop(f"pairing-{device.pk}", None)
                pairing.start(device=device, phone=phone, actor=who, now=now)
            case "cancel":
                pairing.cancel(device=device, now=now)
            case "test":
                selftest.ask_for_test(device=device, actor=who, now=now)
            case "remove":
                if not request.user.has_perm("channels_whatsapp.delete_device"):
                    raise PermissionDenied
                removing.ask_to_remove(device=device, actor=who, now=now)

    def _live(self, request: HttpRequest, device: Device, *, now: datetime) -> str:
        ends_at = pairing.code_ends_at(device)
        context = {
            "device": device,
            "phase": _phase(device, now=now),
            "link": links.link(device),
            "detail": conversation_words.reason(links.detail(device)),
            "cautions": pairing.warnings(device, now=now),
            "is_known": bool(device.phone),
            "qr_ends_at": ends_at.isoformat() if ends_at else "",
            "has_run_out": pairing.has_run_out(device, now=now),
            "problem": pairing.problem_in_words(device.pairing_problem),
            "asked_phone": request.session.get(f"pairing-{device.pk}", ""),
            "test": selftest.report(device, now=now),
            "signs": _signs(device, now=now),
            "facts": _facts(device),
            "may_change": self.has_change_permission(request),
            "may_remove": request.user.has_perm("channels_whatsapp.delete_device"),
            "do_url": reverse(f"admin:{PAGE}_do", args=[device.pk]),
        }
        return render_to_string("channels_whatsapp/_pairing.html", context, request=request)


def _phase(device: Device, *, now: datetime) -> str:
    """Return which face of the page is shown."""
    if device.removing_at is not None:
        return "removing"
    if not device.is_enabled:
        return "off"
    if device.state in (State.CONNECTED, State.STALLED):
        return "connected"
    if not device.is_pairing(now):
        # It comes back by itself, or its time has to pass; a new pairing helps neither.
        by_itself = (State.DISCONNECTED, State.UNREACHABLE, State.BANNED, State.OUTDATED)
        return "waiting" if device.phone and device.state in by_itself else "idle"
    if device.state == State.PAIRED:
        return "accepted"
    if pairing.has_run_out(device, now=now):
        return "run_out"
    if device.state == State.QR and device.qr_code:
        return "code" if device.pairing_phone else "qr"
    return "starting"


def _signs(device: Device, *, now: datetime) -> list[Sign]:
    report = selftest.report(device, now=now)
    if report.sent_at is None:
        return []
    return [
        Sign(_("A message to your own number was sent"), True, _shown(report.sent_at)),
        Sign(_("WhatsApp has taken it"), report.acked_at is not None, _shown(report.acked_at)),
        Sign(
            _("A sign of it has come back"),
            report.received_at is not None,
            _shown(report.received_at),
        ),
    ]


def _facts(device: Device) -> list[tuple[str, str]]:
    """Return what is known of a link, as pairs of a name and a value."""
    is_banned = device.state == Device.State.BANNED
    known = (
        (_("Number"), f"+{device.phone}" if device.phone else ""),
        (_("Paused until"), _shown(device.state_until) if is_banned else ""),
        (_("Paired at"), _shown(device.paired_at)),
        (_("Last seen connected"), _shown(device.online_at)),
        (_("Compared with the bridge at"), _shown(device.caught_up_at)),
        (_("Messages recovered"), str(device.n_caught_up) if device.n_caught_up else ""),
    )
    return [(name, value) for name, value in known if value]


def _shown(instant: datetime | None) -> str:
    if instant is None:
        return ""
    return date_format(timezone.localtime(instant), "SHORT_DATETIME_FORMAT")
