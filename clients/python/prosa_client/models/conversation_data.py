from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.blank_enum import BlankEnum
from ..models.conversation_outcome import ConversationOutcome
from ..models.conversation_status import ConversationStatus
from ..models.mode_enum import ModeEnum
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.contact_ref import ContactRef


T = TypeVar("T", bound="ConversationData")


@_attrs_define
class ConversationData:
    """One contact on one device, from the first message to the archive.

    Attributes:
        uuid (UUID):
        contact (ContactRef): Who it is with.
        channel (str):
        device (UUID):
        status (ConversationStatus): * `open` - open
            * `archived` - archived Default: ConversationStatus.OPEN.
        mode (ModeEnum): * `ai` - assistant
            * `human` - person
        mode_reason (str):
        agent (None | UUID):
        queue (None | UUID):
        claimed_by (str):
        waiting_since (datetime.datetime | None):
        answer_due_at (datetime.datetime | None):
        returns_at (datetime.datetime | None):
        has_draft (bool):
        labels (list[str]):
        summary (str):
        outcome (BlankEnum | ConversationOutcome):
        topics (list[str]):
        opened_at (datetime.datetime):
        last_message_at (datetime.datetime):
        closed_at (datetime.datetime | None):
        closed_by (str):
    """

    uuid: UUID
    contact: ContactRef
    channel: str
    device: UUID
    mode: ModeEnum
    mode_reason: str
    agent: None | UUID
    queue: None | UUID
    claimed_by: str
    waiting_since: datetime.datetime | None
    answer_due_at: datetime.datetime | None
    returns_at: datetime.datetime | None
    has_draft: bool
    labels: list[str]
    summary: str
    outcome: BlankEnum | ConversationOutcome
    topics: list[str]
    opened_at: datetime.datetime
    last_message_at: datetime.datetime
    closed_at: datetime.datetime | None
    closed_by: str
    status: ConversationStatus = ConversationStatus.OPEN
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.contact_ref import ContactRef  # noqa: PLC0415

        uuid = str(self.uuid)

        contact = self.contact.to_dict()

        channel = self.channel

        device = str(self.device)

        status = self.status.value

        mode = self.mode.value

        mode_reason = self.mode_reason

        agent: None | str
        if isinstance(self.agent, UUID):
            agent = str(self.agent)
        else:
            agent = self.agent

        queue: None | str
        if isinstance(self.queue, UUID):
            queue = str(self.queue)
        else:
            queue = self.queue

        claimed_by = self.claimed_by

        waiting_since: None | str
        if isinstance(self.waiting_since, datetime.datetime):
            waiting_since = self.waiting_since.isoformat()
        else:
            waiting_since = self.waiting_since

        answer_due_at: None | str
        if isinstance(self.answer_due_at, datetime.datetime):
            answer_due_at = self.answer_due_at.isoformat()
        else:
            answer_due_at = self.answer_due_at

        returns_at: None | str
        if isinstance(self.returns_at, datetime.datetime):
            returns_at = self.returns_at.isoformat()
        else:
            returns_at = self.returns_at

        has_draft = self.has_draft

        labels = self.labels

        summary = self.summary

        outcome: str
        if isinstance(self.outcome, ConversationOutcome):
            outcome = self.outcome.value
        else:
            outcome = self.outcome.value

        topics = self.topics

        opened_at = self.opened_at.isoformat()

        last_message_at = self.last_message_at.isoformat()

        closed_at: None | str
        if isinstance(self.closed_at, datetime.datetime):
            closed_at = self.closed_at.isoformat()
        else:
            closed_at = self.closed_at

        closed_by = self.closed_by

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "contact": contact,
                "channel": channel,
                "device": device,
                "status": status,
                "mode": mode,
                "mode_reason": mode_reason,
                "agent": agent,
                "queue": queue,
                "claimed_by": claimed_by,
                "waiting_since": waiting_since,
                "answer_due_at": answer_due_at,
                "returns_at": returns_at,
                "has_draft": has_draft,
                "labels": labels,
                "summary": summary,
                "outcome": outcome,
                "topics": topics,
                "opened_at": opened_at,
                "last_message_at": last_message_at,
                "closed_at": closed_at,
                "closed_by": closed_by,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.contact_ref import ContactRef  # noqa: PLC0415

        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        contact = ContactRef.from_dict(d.pop("contact"))

        channel = d.pop("channel")

        device = UUID(d.pop("device"))

        status = ConversationStatus(d.pop("status"))

        mode = ModeEnum(d.pop("mode"))

        mode_reason = d.pop("mode_reason")

        def _parse_agent(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                agent_type_0 = UUID(data)

                return agent_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        agent = _parse_agent(d.pop("agent"))

        def _parse_queue(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                queue_type_0 = UUID(data)

                return queue_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        queue = _parse_queue(d.pop("queue"))

        claimed_by = d.pop("claimed_by")

        def _parse_waiting_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                waiting_since_type_0 = datetime.datetime.fromisoformat(data)

                return waiting_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        waiting_since = _parse_waiting_since(d.pop("waiting_since"))

        def _parse_answer_due_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                answer_due_at_type_0 = datetime.datetime.fromisoformat(data)

                return answer_due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        answer_due_at = _parse_answer_due_at(d.pop("answer_due_at"))

        def _parse_returns_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                returns_at_type_0 = datetime.datetime.fromisoformat(data)

                return returns_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        returns_at = _parse_returns_at(d.pop("returns_at"))

        has_draft = d.pop("has_draft")

        labels = cast(list[str], d.pop("labels"))

        summary = d.pop("summary")

        def _parse_outcome(data: object) -> BlankEnum | ConversationOutcome:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                outcome_type_0 = ConversationOutcome(data)

                return outcome_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, str):
                raise TypeError()
            outcome_type_1 = BlankEnum(data)

            return outcome_type_1

        outcome = _parse_outcome(d.pop("outcome"))

        topics = cast(list[str], d.pop("topics"))

        opened_at = datetime.datetime.fromisoformat(d.pop("opened_at"))

        last_message_at = datetime.datetime.fromisoformat(d.pop("last_message_at"))

        def _parse_closed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                closed_at_type_0 = datetime.datetime.fromisoformat(data)

                return closed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        closed_at = _parse_closed_at(d.pop("closed_at"))

        closed_by = d.pop("closed_by")

        conversation_data = cls(
            uuid=uuid,
            contact=contact,
            channel=channel,
            device=device,
            status=status,
            mode=mode,
            mode_reason=mode_reason,
            agent=agent,
            queue=queue,
            claimed_by=claimed_by,
            waiting_since=waiting_since,
            answer_due_at=answer_due_at,
            returns_at=returns_at,
            has_draft=has_draft,
            labels=labels,
            summary=summary,
            outcome=outcome,
            topics=topics,
            opened_at=opened_at,
            last_message_at=last_message_at,
            closed_at=closed_at,
            closed_by=closed_by,
        )

        conversation_data.additional_properties = d
        return conversation_data

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
