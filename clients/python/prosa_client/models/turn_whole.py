from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.blank_enum import BlankEnum
from ..models.turn_outcome import TurnOutcome
from ..models.turn_state import TurnState
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.step_data import StepData


T = TypeVar("T", bound="TurnWhole")


@_attrs_define
class TurnWhole:
    """A turn with its steps: why it was answered so.

    Attributes:
        uuid (UUID):
        conversation (UUID):
        status (TurnState): * `queued` - queued
            * `cancelled` - cancelled
            * `running` - running
            * `done` - done
            * `superseded` - superseded
            * `failed` - failed
        outcome (BlankEnum | TurnOutcome):
        reason (str):
        agent (None | UUID):
        agent_version (int | None):
        n_messages (int):
        burst_started_at (datetime.datetime | None):
        started_at (datetime.datetime | None):
        finished_at (datetime.datetime | None):
        provider (str):
        model (str):
        input_tokens (int | None):
        output_tokens (int | None):
        model_ms (int | None):
        confidence (float | None):
        continued_by (None | str): The turn that took its messages over, where this one was thrown away.
        replies (list[str]):
        steps (list[StepData]):
    """

    uuid: UUID
    conversation: UUID
    status: TurnState
    outcome: BlankEnum | TurnOutcome
    reason: str
    agent: None | UUID
    agent_version: int | None
    n_messages: int
    burst_started_at: datetime.datetime | None
    started_at: datetime.datetime | None
    finished_at: datetime.datetime | None
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    model_ms: int | None
    confidence: float | None
    continued_by: None | str
    replies: list[str]
    steps: list[StepData]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.step_data import StepData  # noqa: PLC0415

        uuid = str(self.uuid)

        conversation = str(self.conversation)

        status = self.status.value

        outcome: str
        if isinstance(self.outcome, TurnOutcome):
            outcome = self.outcome.value
        else:
            outcome = self.outcome.value

        reason = self.reason

        agent: None | str
        if isinstance(self.agent, UUID):
            agent = str(self.agent)
        else:
            agent = self.agent

        agent_version: int | None
        agent_version = self.agent_version

        n_messages = self.n_messages

        burst_started_at: None | str
        if isinstance(self.burst_started_at, datetime.datetime):
            burst_started_at = self.burst_started_at.isoformat()
        else:
            burst_started_at = self.burst_started_at

        started_at: None | str
        if isinstance(self.started_at, datetime.datetime):
            started_at = self.started_at.isoformat()
        else:
            started_at = self.started_at

        finished_at: None | str
        if isinstance(self.finished_at, datetime.datetime):
            finished_at = self.finished_at.isoformat()
        else:
            finished_at = self.finished_at

        provider = self.provider

        model = self.model

        input_tokens: int | None
        input_tokens = self.input_tokens

        output_tokens: int | None
        output_tokens = self.output_tokens

        model_ms: int | None
        model_ms = self.model_ms

        confidence: float | None
        confidence = self.confidence

        continued_by: None | str
        continued_by = self.continued_by

        replies = self.replies

        steps = []
        for steps_item_data in self.steps:
            steps_item = steps_item_data.to_dict()
            steps.append(steps_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "conversation": conversation,
                "status": status,
                "outcome": outcome,
                "reason": reason,
                "agent": agent,
                "agent_version": agent_version,
                "n_messages": n_messages,
                "burst_started_at": burst_started_at,
                "started_at": started_at,
                "finished_at": finished_at,
                "provider": provider,
                "model": model,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
                "model_ms": model_ms,
                "confidence": confidence,
                "continued_by": continued_by,
                "replies": replies,
                "steps": steps,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.step_data import StepData  # noqa: PLC0415

        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        conversation = UUID(d.pop("conversation"))

        status = TurnState(d.pop("status"))

        def _parse_outcome(data: object) -> BlankEnum | TurnOutcome:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                outcome_type_0 = TurnOutcome(data)

                return outcome_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, str):
                raise TypeError()
            outcome_type_1 = BlankEnum(data)

            return outcome_type_1

        outcome = _parse_outcome(d.pop("outcome"))

        reason = d.pop("reason")

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

        def _parse_agent_version(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        agent_version = _parse_agent_version(d.pop("agent_version"))

        n_messages = d.pop("n_messages")

        def _parse_burst_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                burst_started_at_type_0 = datetime.datetime.fromisoformat(data)

                return burst_started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        burst_started_at = _parse_burst_started_at(d.pop("burst_started_at"))

        def _parse_started_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                started_at_type_0 = datetime.datetime.fromisoformat(data)

                return started_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        started_at = _parse_started_at(d.pop("started_at"))

        def _parse_finished_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                finished_at_type_0 = datetime.datetime.fromisoformat(data)

                return finished_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        finished_at = _parse_finished_at(d.pop("finished_at"))

        provider = d.pop("provider")

        model = d.pop("model")

        def _parse_input_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        input_tokens = _parse_input_tokens(d.pop("input_tokens"))

        def _parse_output_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        output_tokens = _parse_output_tokens(d.pop("output_tokens"))

        def _parse_model_ms(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        model_ms = _parse_model_ms(d.pop("model_ms"))

        def _parse_confidence(data: object) -> float | None:
            if data is None:
                return data
            return cast(float | None, data)

        confidence = _parse_confidence(d.pop("confidence"))

        def _parse_continued_by(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        continued_by = _parse_continued_by(d.pop("continued_by"))

        replies = cast(list[str], d.pop("replies"))

        steps = []
        _steps = d.pop("steps")
        for steps_item_data in _steps:
            steps_item = StepData.from_dict(steps_item_data)

            steps.append(steps_item)

        turn_whole = cls(
            uuid=uuid,
            conversation=conversation,
            status=status,
            outcome=outcome,
            reason=reason,
            agent=agent,
            agent_version=agent_version,
            n_messages=n_messages,
            burst_started_at=burst_started_at,
            started_at=started_at,
            finished_at=finished_at,
            provider=provider,
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            model_ms=model_ms,
            confidence=confidence,
            continued_by=continued_by,
            replies=replies,
            steps=steps,
        )

        turn_whole.additional_properties = d
        return turn_whole

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
