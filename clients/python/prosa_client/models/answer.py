from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.decision_enum import DecisionEnum
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.found import Found


T = TypeVar("T", bound="Answer")


@_attrs_define
class Answer:
    """What the documents say to a question, and whether an agent would answer from it.

    Attributes:
        uuid (UUID):
        decision (DecisionEnum): * `answer` - answer
            * `ask` - ask back
            * `unknown` - not known
        confidence (float):
        threshold (float):
        duration_ms (int):
        passages (list[Found]):
    """

    uuid: UUID
    decision: DecisionEnum
    confidence: float
    threshold: float
    duration_ms: int
    passages: list[Found]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.found import Found  # noqa: PLC0415

        uuid = str(self.uuid)

        decision = self.decision.value

        confidence = self.confidence

        threshold = self.threshold

        duration_ms = self.duration_ms

        passages = []
        for passages_item_data in self.passages:
            passages_item = passages_item_data.to_dict()
            passages.append(passages_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "decision": decision,
                "confidence": confidence,
                "threshold": threshold,
                "duration_ms": duration_ms,
                "passages": passages,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.found import Found  # noqa: PLC0415

        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        decision = DecisionEnum(d.pop("decision"))

        confidence = d.pop("confidence")

        threshold = d.pop("threshold")

        duration_ms = d.pop("duration_ms")

        passages = []
        _passages = d.pop("passages")
        for passages_item_data in _passages:
            passages_item = Found.from_dict(passages_item_data)

            passages.append(passages_item)

        answer = cls(
            uuid=uuid,
            decision=decision,
            confidence=confidence,
            threshold=threshold,
            duration_ms=duration_ms,
            passages=passages,
        )

        answer.additional_properties = d
        return answer

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
