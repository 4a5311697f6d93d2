"""Words by which people find conversations again."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import transaction

from conversations.models import Conversation, Label
from conversations.services import memory
from tenants.audit.record import record
from tenants.errors import DomainError

MAX_LABELS = 12
MAX_LABEL = 40


class BadLabels(DomainError):
    """A conversation bears up to 12 labels of up to 40 characters."""

    code = "bad_labels"
    http_status = 422


def names() -> list[str]:
    """Return the labels that there are, in order."""
    return list(Label.objects.order_by("name").values_list("name", flat=True))


def set_labels(*, conversation_uuid: uuid.UUID, text: str, actor: str, now: datetime) -> bool:
    """Give a conversation the labels of a text, divided by commas; False where it had just these.

    A label that is new is made.

    Raises:
        BadLabels: too many, or one is too long.
    """
    typed = [" ".join(one.replace("\x00", "").split()) for one in text.split(",")]
    wanted = list({one.casefold(): one for one in typed if one}.values())
    if len(wanted) > MAX_LABELS or any(len(one) > MAX_LABEL for one in wanted):
        raise BadLabels
    with transaction.atomic():
        conversation = Conversation.objects.select_for_update().get(uuid=conversation_uuid)
        found = []
        for one in sorted(wanted):
            row = Label.objects.filter(name__iexact=one).first()
            found.append(row or Label.objects.get_or_create(name=one)[0])
        if {one.pk for one in conversation.labels.all()} == {one.pk for one in found}:
            return False
        conversation.labels.set(found)
        memory.reindex_if_archived(conversation)
        record(
            action="conversation.labelled",
            actor=actor,
            target=f"conversation {conversation.uuid}",
            data={"n_labels": len(found)},
        )
    return True
