"""The stages of leads and the board: where each stands, who moved it, and the way back."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from conversations.models import Conversation, Lead, LeadMove, LeadStage, LeadValue
from conversations.services import lead_events
from conversations.services.lead_events import Changed
from tenants.audit.record import record
from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.models import Tenant

MAX_CARDS = 50
"""Leads of a column that the board shows; the list has them all."""

SHOWN_CLOSED = timedelta(days=30)
"""How long what was won or lost stays on the board."""

_Kind = LeadStage.Kind

_FIRST = (
    (_("New"), _Kind.OPEN),
    (_("Qualified"), _Kind.QUALIFIED),
    (_("Proposal"), _Kind.QUALIFIED),
    (_("Won"), _Kind.WON),
    (_("Lost"), _Kind.LOST),
)
"""What a business begins with."""


class LeadGone(DomainError):
    """This lead or stage is not there any more."""

    code = "lead_gone"
    http_status = 404


class AnotherIsOpen(DomainError):
    """This contact has another open lead meanwhile."""

    code = "another_lead_is_open"


@dataclass(frozen=True, slots=True)
class Column:
    """A stage with its newest leads; `n` is how many there are."""

    stage: LeadStage
    leads: Sequence[Lead]
    n: int


def stages() -> list[LeadStage]:
    """Return the columns in order; a business that has none gets those to begin with."""
    found = list(LeadStage.objects.order_by("position", "pk"))
    if found:
        return found
    with override(Tenant.objects.get(schema_name=current_schema()).language):
        rows = [
            LeadStage(name=str(name), kind=kind, position=place)
            for place, (name, kind) in enumerate(_FIRST)
        ]
    # Another worker may do the same: a name is there once.
    LeadStage.objects.bulk_create(rows, ignore_conflicts=True)
    return list(LeadStage.objects.order_by("position", "pk"))


def first() -> LeadStage:
    """Return where a new lead stands."""
    found = stages()
    return next((one for one in found if one.kind == _Kind.OPEN), found[0])


def qualified() -> LeadStage | None:
    """Return where a lead goes that has qualified; None where no stage means so."""
    return next((one for one in stages() if one.kind == _Kind.QUALIFIED), None)


def board(*, now: datetime) -> list[Column]:
    """Return all columns with their newest leads."""
    shown = Q(closed_at=None) | Q(closed_at__gte=now - SHOWN_CLOSED)
    counts = dict(
        Lead.objects.filter(shown).values_list("stage").annotate(n=Count("pk")).order_by()
    )
    columns = []
    for stage in stages():
        leads = (
            Lead.objects.filter(shown, stage=stage)
            .select_related("contact")
            .order_by("-updated_at", "-pk")[:MAX_CARDS]
        )
        found = list(leads) if counts.get(stage.pk) else []
        columns.append(Column(stage, found, counts.get(stage.pk, 0)))
    return columns


def lock(lead: Lead) -> Lead:
    """Return a lead locked after its conversation; joins the caller's transaction.

    Raises:
        LeadGone: it was removed.
    """
    conversation = Conversation.objects.lock([lead.conversation_id], wait=True).first()
    found = (
        Lead.objects.select_for_update(of=("self",))
        .select_related("stage", "contact")
        .filter(pk=lead.pk)
        .first()
    )
    if found is None or conversation is None:
        raise LeadGone
    if found.conversation_id == conversation.pk:
        found.conversation = conversation
    return found


def move(*, lead: Lead, stage_id: int, actor: str, now: datetime) -> LeadMove | None:
    """Put a lead into another stage; None where it stands there already.

    Raises:
        LeadGone: the lead or the stage was removed.
        AnotherIsOpen: it was closed, and its contact has begun another one.
    """
    to = LeadStage.objects.filter(pk=stage_id).first()
    if to is None:
        raise LeadGone
    with transaction.atomic():
        found = lock(lead)
        if found.stage_id == to.pk:
            return None
        moved = LeadMove.objects.create(
            lead=found,
            from_stage=found.stage,
            to_stage=to,
            by=actor,
            moved_at=now,
            was_placed=found.is_placed,
        )
        found.is_placed = True
        _stand(found, to, actor=actor, now=now)
    return moved


def undo(*, move_uuid: uuid.UUID, actor: str, now: datetime) -> LeadMove:
    """Put a lead back where it stood before a move, if it is still where that move put it.

    Raises:
        LeadGone: there is no such move, it was taken back, or the lead was moved on since.
        AnotherIsOpen: as in `move`.
    """
    moved = LeadMove.objects.select_related("lead", "from_stage").filter(uuid=move_uuid).first()
    if moved is None:
        raise LeadGone
    with transaction.atomic():
        found = lock(moved.lead)
        n_undone = LeadMove.objects.filter(pk=moved.pk, is_undone=False).update(is_undone=True)
        if not n_undone or found.stage_id != moved.to_stage_id:
            raise LeadGone
        found.is_placed = moved.was_placed
        if found.qualified_at == moved.moved_at:
            found.qualified_at = None  # by that move, which was a mistake
        _stand(found, moved.from_stage, actor=actor, now=now)
    return moved


def _stand(lead: Lead, to: LeadStage, *, actor: str, now: datetime) -> None:
    """Write that a locked lead stands in a stage, and tell of it."""
    lead.stage, lead.updated_at = to, now
    lead.closed_at = now if to.kind in LeadStage.CLOSED else None
    is_qualified_now = lead.qualified_at is None and to.kind in (_Kind.QUALIFIED, _Kind.WON)
    if is_qualified_now:
        lead.qualified_at = now
    try:
        with transaction.atomic():
            lead.save(
                update_fields=["stage", "updated_at", "closed_at", "qualified_at", "is_placed"]
            )
    except IntegrityError as error:
        raise AnotherIsOpen from error
    record(
        action="lead.moved",
        actor=actor,
        target=f"lead {lead.uuid}",
        data={"stage": to.name},
    )
    values = list(LeadValue.objects.filter(lead=lead).select_related("message").order_by("pk"))
    told = Changed(lead, ["stage"], values, is_qualified_now=is_qualified_now)
    lead_events.tell([told], now=now)
