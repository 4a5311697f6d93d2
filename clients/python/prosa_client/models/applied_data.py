from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AppliedData")


@_attrs_define
class AppliedData:
    """What changed, or would.

    Attributes:
        is_dry_run (bool):
        changes (list[str]):
        diff (str): Of the file before and after.
    """

    is_dry_run: bool
    changes: list[str]
    diff: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        is_dry_run = self.is_dry_run

        changes = self.changes

        diff = self.diff

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "is_dry_run": is_dry_run,
                "changes": changes,
                "diff": diff,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        is_dry_run = d.pop("is_dry_run")

        changes = cast(list[str], d.pop("changes"))

        diff = d.pop("diff")

        applied_data = cls(
            is_dry_run=is_dry_run,
            changes=changes,
            diff=diff,
        )

        applied_data.additional_properties = d
        return applied_data

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
