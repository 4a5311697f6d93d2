from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.sums_data import SumsData


T = TypeVar("T", bound="RowData")


@_attrs_define
class RowData:
    """The sums of one day, model, agent or purpose.

    Attributes:
        label (str):
        sums (SumsData): What calls of models took; null where nobody counted.
    """

    label: str
    sums: SumsData
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.sums_data import SumsData  # noqa: PLC0415

        label = self.label

        sums = self.sums.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "label": label,
                "sums": sums,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.sums_data import SumsData  # noqa: PLC0415

        d = dict(src_dict)
        label = d.pop("label")

        sums = SumsData.from_dict(d.pop("sums"))

        row_data = cls(
            label=label,
            sums=sums,
        )

        row_data.additional_properties = d
        return row_data

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
