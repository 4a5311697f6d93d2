from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.stage_data_kind_enum import StageDataKindEnum
from ..types import UNSET, Unset

T = TypeVar("T", bound="StageData")


@_attrs_define
class StageData:
    """A column of the board, and what standing there means.

    Attributes:
        name (str):
        kind (StageDataKindEnum): * `open` - in conversation
            * `qualified` - qualified
            * `won` - won
            * `lost` - lost
        position (int):
    """

    name: str
    kind: StageDataKindEnum
    position: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        kind = self.kind.value

        position = self.position

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "kind": kind,
                "position": position,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        kind = StageDataKindEnum(d.pop("kind"))

        position = d.pop("position")

        stage_data = cls(
            name=name,
            kind=kind,
            position=position,
        )

        stage_data.additional_properties = d
        return stage_data

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
