from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.changed import Changed


T = TypeVar("T", bound="Differs")


@_attrs_define
class Differs:
    """A field of the draft that is not as it was published.

    Attributes:
        field (str):
        label (str):
        lines (list[Changed]):
    """

    field: str
    label: str
    lines: list[Changed]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.changed import Changed  # noqa: PLC0415

        field = self.field

        label = self.label

        lines = []
        for lines_item_data in self.lines:
            lines_item = lines_item_data.to_dict()
            lines.append(lines_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "field": field,
                "label": label,
                "lines": lines,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.changed import Changed  # noqa: PLC0415

        d = dict(src_dict)
        field = d.pop("field")

        label = d.pop("label")

        lines = []
        _lines = d.pop("lines")
        for lines_item_data in _lines:
            lines_item = Changed.from_dict(lines_item_data)

            lines.append(lines_item)

        differs = cls(
            field=field,
            label=label,
            lines=lines,
        )

        differs.additional_properties = d
        return differs

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
