"""The first page of each admin site: numbers from the apps' reports, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from agents.models import Agent
from channels_whatsapp.services import links
from conversations.services import hours, ladder, reports, words
from integrations.services import budget_use, notices, pauses
from integrations.services import words as money_words
from knowledge.models import Document
from tenants.services import overview


@dataclass(frozen=True)
class Tile:
    """One number; `detail` says what it means."""

    label: str
    value: str
    detail: str = ""
    url: str = ""
    tone: str = ""

    @property
    def is_words(self) -> bool:
        """Test whether there is no number to be shown."""
        return not any(sign.isdigit() for sign in self.value)


@dataclass(frozen=True)
class NextStep:
    """Something that is missing or broken, and where to mend it."""

    text: str
    action: str
    url: str
    tone: str = "warn"


@dataclass(frozen=True)
class Opening:
    """Whether people are there, until when, and where that is set."""

    text: str
    is_open: bool
    url: str


@dataclass(frozen=True)
class Bar:
    """One day of the chart; the heights are percent of the highest bar."""

    label: str
    n_messages: int
    n_answers: int
    messages_height: int
    answers_height: int


def tenant(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page of a tenant's site shows to those who may see it."""
    may = request.user.has_perm
    if may("conversations.view_conversation"):
        now = timezone.now()
        report = reports.today(now=now, zone=ZoneInfo(timezone.get_current_timezone_name()))
        context["tiles"] = [*_tiles(report), _lost_tile(request, now=now)]
        context["opening"] = _opening(request, now=now)
        context["bars"] = _bars(report.days)
        context["report"] = report
        context["oldest_waiting_since"] = words.since(report.oldest_waiting_at, now=now)
        context["oldest_waiting_url"] = (
            reverse("admin:conversations_conversation_change", args=[report.oldest_waiting_id])
            if report.oldest_waiting_id
            else ""
        )
    devices = links.links() if may("channels_whatsapp.view_device") else ()
    context["devices"] = [
        (link, reverse("admin:channels_whatsapp_device_change", args=[link.device_id]))
        for link in devices
    ]
    context["shows_devices"] = may("channels_whatsapp.view_device")
    context["next_steps"] = _next_steps(request, devices)
    return context


def _tiles(report: reports.Today) -> list[Tile]:
    conversations = reverse("admin:conversations_conversation_changelist")
    waits = _("median; 95 of 100 within %(p95)s") % {"p95": _wait(report.p95_s)}
    return [
        Tile(
            _("Waiting for a person"),
            str(report.n_waiting),
            _("open conversations that the assistant left to people"),
            f"{conversations}?who=waiting",
            "warn" if report.n_waiting else "",
        ),
        Tile(_("Open conversations"), str(report.n_open), "", conversations),
        Tile(_("Messages today"), str(report.n_messages), _("from contacts")),
        Tile(_("Answered today"), str(report.n_answered), _("bursts that the assistant answered")),
        Tile(
            _("Time to the answer"),
            _wait(report.p50_s),
            waits if report.p50_s is not None else _("from the last message to the reply"),
        ),
        Tile(
            _("Left to people"),
            words.not_measured()
            if report.people_share is None
            else f"{round(100 * report.people_share)}%",
            _("of the bursts that ended today"),
        ),
        Tile(
            _("Tokens today"),
            words.not_measured() if report.tokens is None else words.decimal(report.tokens, 0),
            _("input and output of the models"),
        ),
        Tile(
            _("Not sent today"),
            str(report.n_unsent),
            _("messages that the bridge refused"),
            f"{reverse('admin:conversations_outboundmessage_changelist')}?status__exact=failed",
            "bad" if report.n_unsent else "",
        ),
    ]


def _lost_tile(request: HttpRequest, *, now: datetime) -> Tile:
    """Return the week's lost messages: none is the promise, so none is said too."""
    found = ladder.week(today=timezone.localtime(now).date())
    page = ""
    if request.user.has_perm("channels_whatsapp.view_sending"):
        page = reverse("admin:channels_whatsapp_sending_changelist")
    return Tile(
        _("Lost in 7 days"),
        str(found.n_lost) if found.is_counted else words.not_measured(),
        _("sent: %(sent)s; delivered: %(delivered)s")
        % {"sent": found.n_acked, "delivered": found.n_delivered},
        page,
        "bad" if found.n_lost else "",
    )


def _opening(request: HttpRequest, *, now: datetime) -> Opening | None:
    """Return whether people are there, for a business that has hours."""
    state = hours.state_at(now=now, zone=timezone.get_current_timezone_name())
    if not state.is_configured or not request.user.has_perm("conversations.view_hourssettings"):
        return None
    return Opening(
        hours.in_words(state, now=timezone.localtime(now), language=get_language() or ""),
        state.is_open,
        reverse("admin:conversations_hourssettings_changelist"),
    )


def _wait(seconds: float | None) -> str:
    return words.seconds(None if seconds is None else round(seconds * 1000))


def _bars(days: tuple[reports.DayCount, ...]) -> list[Bar]:
    highest = max([1, *(day.n_messages for day in days), *(day.n_answers for day in days)])
    names = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    return [
        Bar(
            label=f"{names[day.day.weekday()]} {day.day.day}",
            n_messages=day.n_messages,
            n_answers=day.n_answers,
            messages_height=round(100 * day.n_messages / highest),
            answers_height=round(100 * day.n_answers / highest),
        )
        for day in days
    ]


def _next_steps(request: HttpRequest, devices: tuple[links.DeviceLink, ...]) -> list[NextStep]:
    """Return what keeps the assistant from working, for those who can mend it."""
    steps: list[NextStep] = []
    may = request.user.has_perm
    if may("agents.change_agent") and not Agent.objects.exclude(published_version=None).exists():
        steps.append(
            NextStep(
                _("No agent is published, so nobody answers."),
                _("Describe an agent and publish it"),
                reverse("admin:agents_agent_changelist"),
            )
        )
    if may("channels_whatsapp.change_device"):
        if not devices:
            steps.append(
                NextStep(
                    _("No WhatsApp number is connected yet."),
                    _("Add a device with the address and the token of your bridge"),
                    reverse("admin:channels_whatsapp_device_add"),
                )
            )
        steps += [
            NextStep(
                f"{link.name}: {link.label}.",
                link.advice,
                reverse("admin:channels_whatsapp_device_change", args=[link.device_id]),
                link.tone or "warn",
            )
            for link in devices
            if link.tone != "good"
        ]
    if may("knowledge.change_document"):
        steps += _document_steps()
    if may("integrations.view_breaker"):
        steps += _pause_steps()
    if may("integrations.view_budget"):
        steps += _budget_steps()
    if may("integrations.view_notice"):
        steps += _notice_steps()
    return steps


def _notice_steps() -> list[NextStep]:
    """Return what nobody has seen; what the budgets do now stands here already."""
    page = f"{reverse('admin:integrations_notice_changelist')}?seen_at__isempty=1"
    found = [one for one in notices.unseen() if not one.kind.startswith("budget.")]
    return [NextStep(one.title, _("See the notice"), page) for one in found[:3]]


def _pause_steps() -> list[NextStep]:
    """Return what is paused after failures."""
    return [
        NextStep(
            _("%(model)s is paused: it %(what)s.")
            % {
                "model": one.model or money_words.provider(one.provider),
                "what": money_words.failure(one.reason),
            },
            _("See since when, and try it now"),
            reverse("admin:integrations_breaker_changelist"),
            "bad",
        )
        for one in pauses.paused()[:3]
    ]


def _budget_steps() -> list[NextStep]:
    """Return the budgets that are nearly used up."""
    near = budget_use.nearly_used(now=timezone.now(), timezone=timezone.get_current_timezone_name())
    names = budget_use.agent_names(use.budget for use in near[:3])
    return [
        NextStep(
            _("%(percent)s %% of a budget is used: %(whose)s.")
            % {
                "percent": use.percent,
                "whose": budget_use.whose(use.budget, agents=names),
            },
            _("See what happens now, or raise it"),
            reverse("admin:integrations_budget_change", args=[use.budget.pk]),
            "bad" if use.percent >= 100 else "warn",
        )
        for use in near[:3]
    ]


def _document_steps() -> list[NextStep]:
    documents = reverse("admin:knowledge_document_changelist")
    n_failed = Document.objects.filter(status=Document.Status.FAILED).count()
    if n_failed:
        text = ngettext(
            "%(n)s document could not be read.", "%(n)s documents could not be read.", n_failed
        ) % {"n": n_failed}
        return [NextStep(text, _("See why"), f"{documents}?status__exact=failed", "bad")]
    if not Document.objects.exists():
        return [
            NextStep(
                _("The assistant has no documents to answer from."),
                _("Upload a price list or the questions that people ask most"),
                reverse("admin:knowledge_document_add"),
            )
        ]
    return []


def public(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page of the platform's site shows."""
    now = timezone.now()
    platform = overview.platform(now=now)
    inbox = reverse("admin:tenants_inboxentry_changelist")
    context["platform"] = platform
    context["tiles"] = [
        Tile(
            _("Tenants"),
            str(platform.n_ready),
            _("ready; %(creating)s being made, %(suspended)s suspended")
            % {"creating": platform.n_creating, "suspended": platform.n_suspended},
            reverse("admin:tenants_tenant_changelist"),
        ),
        Tile(
            _("Inbox"),
            str(platform.n_waiting),
            _("webhooks that wait for their tenant"),
            inbox,
        ),
        Tile(
            _("Parked"),
            str(platform.n_parked),
            _("webhooks that failed several times"),
            f"{inbox}?parked_reason__isempty=0",
            "bad" if platform.n_parked else "",
        ),
        Tile(
            _("Most overdue work"),
            _overdue(platform, now),
            _("what is due and not being worked on"),
            reverse("admin:tenants_timer_changelist"),
        ),
    ]
    return context


def _overdue(platform: overview.Platform, now: Any) -> str:
    if platform.oldest_due_at is None:
        return _("none")
    return _wait(max(0.0, (now - platform.oldest_due_at).total_seconds()))
