from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.step_data_data import StepDataData


T = TypeVar("T", bound="StepData")


@_attrs_define
class StepData:
    """One thing that a turn did, with what explains it.

    Attributes:
        position (int):
        kind (str):
        started_at (datetime.datetime):
        duration_ms (int):
        data (StepDataData):
    """

    position: int
    kind: str
    started_at: datetime.datetime
    duration_ms: int
    data: StepDataData
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.step_data_data import StepDataData  # noqa: PLC0415

        position = self.position

        kind = self.kind

        started_at = self.started_at.isoformat()

        duration_ms = self.duration_ms

        data = self.data.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "position": position,
                "kind": kind,
                "started_at": started_at,
                "duration_ms": duration_ms,
                "data": data,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.step_data_data import StepDataData  # noqa: PLC0415

        d = dict(src_dict)
        position = d.pop("position")

        kind = d.pop("kind")

        started_at = datetime.datetime.fromisoformat(d.pop("started_at"))

        duration_ms = d.pop("duration_ms")

        data = StepDataData.from_dict(d.pop("data"))

        step_data = cls(
            position=position,
            kind=kind,
            started_at=started_at,
            duration_ms=duration_ms,
            data=data,
        )

        step_data.additional_properties = d
        return step_data

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
