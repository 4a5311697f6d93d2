"""What the two admin sites show around their pages; named by dotted path in the settings."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import get_urlconf, reverse
from django.utils.translation import gettext as _

from conversations.models import Conversation

Item = dict[str, Any]


def stylesheet(request: HttpRequest) -> str:
    """Return the address of the style sheet of our own pages."""
    return static("prosa/admin.css")


def favicon(request: HttpRequest) -> str:
    """Return the address of the little picture in the browser's tab."""
    return static("prosa/favicon.svg")


def business(request: HttpRequest) -> str:
    """Return the name of the tenant whose host this is."""
    tenant = getattr(request, "tenant", None)
    return str(tenant.name) if tenant is not None else ""


def tenant(request: HttpRequest) -> list[Item]:
    """Return the menu of a tenant's site, with what the person may see."""
    groups = [
        _group(
            request,
            "",
            [
                _entry(_("Today"), "space_dashboard", "index"),
                _queue(_("Queue"), n_waiting=_waiting(request)),
                _model(_("Conversations"), "forum", "conversations.conversation"),
                _model(_("Archive"), "inventory_2", "conversations.archivedconversation"),
                _model(_("Contacts"), "group", "conversations.contact"),
                _page(
                    _("Leads"), "view_kanban", "conversations_lead_board", "conversations.view_lead"
                ),
            ],
        ),
        _group(
            request,
            _("Assistant"),
            [
                _model(_("Agents"), "support_agent", "agents.agent"),
                _page(_("Map"), "account_tree", "agents_agent_map", "agents.view_agent"),
                _page(
                    _("Playground"),
                    "science",
                    "conversations_conversation_playground",
                    "agents.change_agent",
                ),
                _model(_("Comparisons"), "balance", "agents.experiment"),
                _model(_("Safety"), "health_and_safety", "agents.guardsettings"),
                _model(_("Queues of people"), "diversity_3", "conversations.peoplequeue"),
                _model(_("Devices"), "smartphone", "channels_whatsapp.device"),
                _model("Chatwoot", "support", "channels_chatwoot.inbox"),
                _model(_("Web chats"), "chat", "channels_web.webchat"),
                _model(_("What is received"), "move_to_inbox", "channels_whatsapp.reception"),
                _model(_("How it is sent"), "send", "channels_whatsapp.sending"),
                _model(_("Opening hours"), "schedule", "conversations.hourssettings"),
                _model(_("The business"), "storefront", "agents.businessfacts"),
                _model(_("Score of leads"), "leaderboard", "conversations.leadsettings"),
                _model(_("Fields of leads"), "list_alt", "conversations.leadfield"),
                _model(
                    _("End of conversations"),
                    "timer_off",
                    "conversations.conversationsettings",
                ),
            ],
        ),
        _group(
            request,
            _("Models and cost"),
            [
                _spending(_("Spending")),
                _model(_("Budgets"), "savings", "integrations.budget"),
                _model(_("Models by purpose"), "tune", "integrations.modelchoice"),
                _model(_("Saved answers"), "bookmark", "integrations.answersaving"),
                _model(_("Credentials"), "key", "integrations.credential"),
                _model(_("Prices"), "sell", "prices.modelprice"),
                _model(_("Exchange rates"), "currency_exchange", "prices.exchangerate"),
                _model(_("Pauses after failures"), "pause_circle", "integrations.breaker"),
            ],
        ),
        _group(
            request,
            _("Other systems"),
            [
                _model(_("Tools"), "construction", "integrations.httptool"),
                _model(_("MCP servers"), "hub", "integrations.mcpserver"),
                _model(_("Calls of tools"), "manufacturing", "integrations.httptoolcall"),
                _model(_("Webhooks"), "webhook", "integrations.webhookendpoint"),
                _model(_("Sources of leads"), "input", "conversations.leadsource"),
                _model(_("Deliveries"), "local_shipping", "integrations.delivery"),
                _model(_("API keys"), "vpn_key", "api.apikey"),
            ],
        ),
        _group(
            request,
            _("Knowledge"),
            [
                _model(_("Documents"), "description", "knowledge.document"),
                _page(
                    _("Questions and answers"),
                    "quiz",
                    "knowledge_faq_list",
                    "knowledge.view_document",
                ),
                _model(_("Web pages"), "language", "knowledge.websource"),
                _model(_("Without an answer"), "contact_support", "knowledge.unansweredquestion"),
                _page(
                    _("Asked and found"),
                    "monitoring",
                    "knowledge_coverage",
                    "knowledge.view_search",
                ),
                _model(_("Contradictions"), "difference", "knowledge.finding"),
                _model(_("Categories"), "folder", "knowledge.category"),
                _page(
                    _("Test the search"), "search_check", "knowledge_test", "knowledge.view_search"
                ),
                _model(_("Evaluations"), "grading", "knowledge.evaluationset"),
                _model(_("Embedding model"), "hub", "knowledge.embeddingspace"),
                _model(_("Knowledge settings"), "tune", "knowledge.knowledgesettings"),
            ],
        ),
        _group(
            request,
            _("What happened"),
            [
                _model(_("Notices"), "notifications", "integrations.notice"),
                _model(_("Answers"), "psychology", "conversations.turn"),
                _model(_("Outbox"), "outbox", "conversations.outboundmessage"),
                _model(_("Calls of models"), "receipt_long", "integrations.modelcall"),
                _model(_("Events of the bridge"), "cell_tower", "channels_whatsapp.bridgeevent"),
                _model(_("Published versions"), "history", "agents.agentversion"),
                _model(_("Audit"), "fact_check", "audit.auditentry"),
            ],
        ),
        _group(
            request,
            _("People"),
            [
                _model(_("Users"), "person", "auth.user"),
                _model(_("Roles"), "shield_person", "auth.group"),
            ],
        ),
    ]
    if settings.SIMULATOR_URL:
        groups[0]["items"].append(
            {"title": _("Simulator"), "icon": "phone_iphone", "link": "/simulator/"}
        )
    _mark_active(request, groups)
    return [group for group in groups if group["items"]]


def _mark_active(request: HttpRequest, groups: list[Item]) -> None:
    """Mark the entry that leads nearest to the page; others only begin like its address."""
    items = [item for group in groups for item in group["items"]]
    index = reverse("admin:index")
    nearest = max(
        (
            len(item["link"])
            for item in items
            if request.path.startswith(item["link"]) and item["link"] != index
        ),
        default=0,
    )
    for item in items:
        is_nearest = len(item["link"]) == nearest and request.path.startswith(item["link"])
        item["active"] = is_nearest or request.path == item["link"] == index


def public(request: HttpRequest) -> list[Item]:
    """Return the menu of the platform's site."""
    return [
        _group(
            request,
            "",
            [
                _entry(_("Platform"), "space_dashboard", "index"),
                _model(_("Tenants"), "domain", "tenants.tenant"),
                _model(_("Domains"), "language", "tenants.domain"),
            ],
        ),
        _group(
            request,
            _("Cost"),
            [
                _model(_("Prices"), "sell", "prices.modelprice"),
                _model(_("Exchange rates"), "currency_exchange", "prices.exchangerate"),
            ],
        ),
        _group(
            request,
            _("Machinery"),
            [
                _model(_("Bridge servers"), "dns", "servers.bridgeserver"),
                _model(_("Inbound routes"), "alt_route", "tenants.inboundroute"),
                _model(_("Inbox"), "inbox", "tenants.inboxentry"),
                _model(_("Timers"), "timer", "tenants.timer"),
            ],
        ),
        _group(
            request,
            _("People"),
            [
                _model(_("Users"), "person", "auth.user"),
                _model(_("Audit"), "fact_check", "audit.auditentry"),
            ],
        ),
    ]


def _group(request: HttpRequest, title: str, items: list[Item]) -> Item:
    seen = [item for item in items if request.user.has_perms(item.pop("permissions"))]
    return {"title": title, "separator": bool(title), "items": seen}


def _entry(title: str, icon: str, name: str) -> Item:
    return {"title": title, "icon": icon, "link": _address(get_urlconf(), name), "permissions": ()}


@cache
def _address(urlconf: str | None, name: str) -> str:
    """Return where a page of this host's site is; a menu has fifty, the same for everybody."""
    return reverse(f"admin:{name}", urlconf=urlconf)


def _page(title: str, icon: str, name: str, permission: str) -> Item:
    """Return an entry for a page that is not a list of rows."""
    return {**_entry(title, icon, name), "permissions": (permission,)}


def _model(title: str, icon: str, label: str, *, badge: int = 0) -> Item:
    app, _dot, name = label.partition(".")
    item: Item = {
        "title": title,
        "icon": icon,
        "link": _address(get_urlconf(), f"{app}_{name}_changelist"),
        "permissions": (f"{app}.view_{name}",),
    }
    return {**item, "badge": badge, "badge_variant": "warning"} if badge else item


def _queue(title: str, *, n_waiting: int) -> Item:
    entry = _page(
        title, "inbox", "conversations_conversation_queue", "conversations.view_conversation"
    )
    return {**entry, "badge": n_waiting, "badge_variant": "warning"} if n_waiting else entry


def _spending(title: str) -> Item:
    entry = _entry(title, "payments", "integrations_modelcall_spending")
    return {**entry, "permissions": ("integrations.view_modelcall",)}


def _waiting(request: HttpRequest) -> int:
    """Return how many contacts wait for a person; nobody, for those who may not know."""
    if not request.user.has_perm("conversations.view_conversation"):
        return 0
    return Conversation.objects.waiting_for_a_person().count()
