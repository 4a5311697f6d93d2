from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.address_data_kind_enum import AddressDataKindEnum
from ..types import UNSET, Unset

T = TypeVar("T", bound="AddressData")


@_attrs_define
class AddressData:
    """Under which name a channel knows a contact.

    Attributes:
        kind (AddressDataKindEnum): * `phone` - phone
            * `lid` - LID
            * `group` - group
            * `external` - other system
        value (str):
    """

    kind: AddressDataKindEnum
    value: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kind = self.kind.value

        value = self.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kind": kind,
                "value": value,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        kind = AddressDataKindEnum(d.pop("kind"))

        value = d.pop("value")

        address_data = cls(
            kind=kind,
            value=value,
        )

        address_data.additional_properties = d
        return address_data

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
