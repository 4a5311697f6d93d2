from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.differs import Differs


T = TypeVar("T", bound="Draft")


@_attrs_define
class Draft:
    """What publishing would change.

    Attributes:
        is_published (bool):
        differences (list[Differs]):
    """

    is_published: bool
    differences: list[Differs]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.differs import Differs  # noqa: PLC0415

        is_published = self.is_published

        differences = []
        for differences_item_data in self.differences:
            differences_item = differences_item_data.to_dict()
            differences.append(differences_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "is_published": is_published,
                "differences": differences,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.differs import Differs  # noqa: PLC0415

        d = dict(src_dict)
        is_published = d.pop("is_published")

        differences = []
        _differences = d.pop("differences")
        for differences_item_data in _differences:
            differences_item = Differs.from_dict(differences_item_data)

            differences.append(differences_item)

        draft = cls(
            is_published=is_published,
            differences=differences,
        )

        draft.additional_properties = d
        return draft

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
