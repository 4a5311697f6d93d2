"""The part of a blueprint that says how people work together with agents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from agents.models import MAX_WAIT_MIN
from config.blueprints.fields import AgentRef, Section, used
from conversations.models.people import MAX_STAFF_PHONES

Text = Annotated[str, Field(max_length=1000)]
ReturnMinutes = Annotated[int, Field(ge=0, le=MAX_WAIT_MIN)]
Minutes = Annotated[int, Field(ge=1, le=MAX_WAIT_MIN)]


class QueueSection(Section):
    """How the people behind an agent of kind `human` work; members are user names."""

    members: list[Annotated[str, AfterValidator(used("user"))]] = []
    roles: list[Literal["owner", "manager", "attendant", "auditor"]] = []
    text_open: Text = ""
    text_closed: Text = ""
    answer_within_min: Minutes = 15
    escalate_to: AgentRef | None = None
    tells_owners: bool = True
    staff_phones: list[Annotated[str, Field(pattern=r"^[1-9]\d{7,14}$")]] = Field(
        [], max_length=MAX_STAFF_PHONES
    )
    promise_text: Text = ""


class ApprovalSection(Section):
    """A person reads each answer before it is sent."""

    within_min: Minutes = 10
    then: Literal["send", "people"] = "people"
