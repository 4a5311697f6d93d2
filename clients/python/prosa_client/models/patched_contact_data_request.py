from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PatchedContactDataRequest")


@_attrs_define
class PatchedContactDataRequest:
    """A person who writes to the business.

    Attributes:
        name (str | Unset):
        is_blocked (bool | Unset):
    """

    name: str | Unset = UNSET
    is_blocked: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        is_blocked = self.is_blocked

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if name is not UNSET:
            field_dict["name"] = name
        if is_blocked is not UNSET:
            field_dict["is_blocked"] = is_blocked

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name", UNSET)

        is_blocked = d.pop("is_blocked", UNSET)

        patched_contact_data_request = cls(
            name=name,
            is_blocked=is_blocked,
        )

        return patched_contact_data_request
