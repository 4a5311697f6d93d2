from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewMessageDataRequest")


@_attrs_define
class NewMessageDataRequest:
    """What a person sends.

    Attributes:
        text (str):
        quoted (UUID | Unset): The contact's message that it answers.
    """

    text: str
    quoted: UUID | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        quoted: str | Unset = UNSET
        if not isinstance(self.quoted, Unset):
            quoted = str(self.quoted)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "text": text,
            }
        )
        if quoted is not UNSET:
            field_dict["quoted"] = quoted

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        text = d.pop("text")

        _quoted = d.pop("quoted", UNSET)
        quoted: UUID | Unset
        if isinstance(_quoted, Unset):
            quoted = UNSET
        else:
            quoted = UUID(_quoted)

        new_message_data_request = cls(
            text=text,
            quoted=quoted,
        )

        new_message_data_request.additional_properties = d
        return new_message_data_request

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
