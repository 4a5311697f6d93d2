"""Making the people of a tenant and their queues what its blueprint says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils import translation

from agents.models import Agent
from config.blueprints.schema import AgentSection, UserSection
from conversations.models import PeopleQueue
from tenants.services import staff


def apply_users(
    sections: list[UserSection],
    *,
    note: Callable[[str, bool, list[str]], None],
    tell: Callable[[str], None],
) -> None:
    """Write who works there; a password that the panel would refuse is told.

    It is not refused: what installs Prosa by a file must not stop at it.
    """
    for section in sections:
        is_new = not User.objects.filter(username=section.username).exists()
        password = section.reveal("password")
        user, changed = staff.ensure_user(
            username=section.username, email=section.email, role=section.role, password=password
        )
        note(f"user {section.username}", is_new, changed)
        if password is None or "password" not in changed:
            continue
        try:
            with translation.override("en"):  # as all that is said of a file
                validate_password(password, user)
        except ValidationError as error:
            why = " ".join(error.messages)
            tell(f"user {section.username}: choose another password in the panel: {why}")


def agent_fields(section: AgentSection) -> dict[str, Any]:
    """Return the columns of an agent that say how it works together with people."""
    approval = section.approval
    return {
        "needs_approval": approval is not None,
        "approval_within_min": approval.within_min if approval else 10,
        "approval_then": approval.then if approval else "people",
        "return_after_min": section.return_after_min,
    }


def apply_queues(
    sections: list[AgentSection],
    *,
    agents: Mapping[str, Agent],
    note: Callable[[str, bool, list[str]], None],
) -> None:
    """Write the queues that are given; one that is not stays as it is."""
    for section in sections:
        if section.queue is None:
            continue
        given = section.queue
        target = given.escalate_to
        wanted: dict[str, Any] = {
            "text_open": given.text_open,
            "text_closed": given.text_closed,
            "answer_within_min": given.answer_within_min,
            "escalate_to": agents[target] if target else None,
            "tells_owners": given.tells_owners,
            "staff_phones": given.staff_phones,
            "promise_text": given.promise_text,
        }
        queue, is_new = PeopleQueue.objects.get_or_create(
            agent=agents[section.name], defaults=wanted
        )
        fields = [name for name, value in wanted.items() if getattr(queue, name) != value]
        if fields:
            for name in fields:
                setattr(queue, name, wanted[name])
            queue.save(update_fields=fields)
        links = {
            "members": User.objects.filter(username__in=given.members),
            "groups": Group.objects.filter(name__in=given.roles),
        }
        for name, rows in links.items():
            linked = getattr(queue, name)
            pks = set(rows.values_list("pk", flat=True))
            if set(linked.values_list("pk", flat=True)) != pks:
                linked.set(pks)
                fields.append(name)
        note(f"queue {section.name}", is_new, fields)
