from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="VersionData")


@_attrs_define
class VersionData:
    """What an agent was when it was published.

    Attributes:
        uuid (UUID):
        number (int):
        published_at (datetime.datetime):
        published_by (str):
        snapshot (Any):
    """

    uuid: UUID
    number: int
    published_at: datetime.datetime
    published_by: str
    snapshot: Any
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        uuid = str(self.uuid)

        number = self.number

        published_at = self.published_at.isoformat()

        published_by = self.published_by

        snapshot = self.snapshot

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "number": number,
                "published_at": published_at,
                "published_by": published_by,
                "snapshot": snapshot,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        number = d.pop("number")

        published_at = datetime.datetime.fromisoformat(d.pop("published_at"))

        published_by = d.pop("published_by")

        snapshot = d.pop("snapshot")

        version_data = cls(
            uuid=uuid,
            number=number,
            published_at=published_at,
            published_by=published_by,
            snapshot=snapshot,
        )

        version_data.additional_properties = d
        return version_data

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
