"""Writing what an agent's section says of people."""

from __future__ import annotations

from typing import Any

from agents.models import Agent
from conversations.models import PeopleQueue
from tenants.services.staff import Role


def section(agent: Agent) -> dict[str, Any]:
    """Return the keys of an agent's entry that are about people, without what is the default."""
    entry: dict[str, Any] = {}
    if agent.needs_approval:
        entry["approval"] = {"within_min": agent.approval_within_min, "then": agent.approval_then}
    if agent.return_after_min != Agent._meta.get_field("return_after_min").default:
        entry["return_after_min"] = agent.return_after_min
    queue = PeopleQueue.objects.select_related("escalate_to").filter(agent=agent).first()
    if queue is not None:
        entry["queue"] = _queue(queue)
    return entry


def _queue(queue: PeopleQueue) -> dict[str, Any]:
    # Only those who are exported themselves: a file must not name somebody it does not define.
    members = queue.members.filter(
        is_staff=True, is_active=True, is_superuser=False, groups__name__in=list(Role)
    ).distinct()
    roles = queue.groups.filter(name__in=list(Role))
    given: dict[str, Any] = {
        "members": list(members.order_by("username").values_list("username", flat=True)),
        "roles": list(roles.order_by("name").values_list("name", flat=True)),
        "text_open": queue.text_open,
        "text_closed": queue.text_closed,
        "answer_within_min": queue.answer_within_min,
        "escalate_to": queue.escalate_to.name if queue.escalate_to else None,
        "tells_owners": queue.tells_owners,
        "staff_phones": list(queue.staff_phones),
        "promise_text": queue.promise_text,
    }
    return {name: value for name, value in given.items() if value not in ("", [], None)}
