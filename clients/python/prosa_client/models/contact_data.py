from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.address_data import AddressData
    from ..models.automation_data import AutomationData


T = TypeVar("T", bound="ContactData")


@_attrs_define
class ContactData:
    """A person who writes to the business.

    Attributes:
        uuid (UUID):
        addresses (list[AddressData]):
        opted_out_at (datetime.datetime | None):
        automation (AutomationData): Whether the assistant answers a contact, until when not, and why not.
        created_at (datetime.datetime):
        name (str | Unset):
        is_blocked (bool | Unset):
    """

    uuid: UUID
    addresses: list[AddressData]
    opted_out_at: datetime.datetime | None
    automation: AutomationData
    created_at: datetime.datetime
    name: str | Unset = UNSET
    is_blocked: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.address_data import AddressData  # noqa: PLC0415
        from ..models.automation_data import AutomationData  # noqa: PLC0415

        uuid = str(self.uuid)

        addresses = []
        for addresses_item_data in self.addresses:
            addresses_item = addresses_item_data.to_dict()
            addresses.append(addresses_item)

        opted_out_at: None | str
        if isinstance(self.opted_out_at, datetime.datetime):
            opted_out_at = self.opted_out_at.isoformat()
        else:
            opted_out_at = self.opted_out_at

        automation = self.automation.to_dict()

        created_at = self.created_at.isoformat()

        name = self.name

        is_blocked = self.is_blocked

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "addresses": addresses,
                "opted_out_at": opted_out_at,
                "automation": automation,
                "created_at": created_at,
            }
        )
        if name is not UNSET:
            field_dict["name"] = name
        if is_blocked is not UNSET:
            field_dict["is_blocked"] = is_blocked

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.address_data import AddressData  # noqa: PLC0415
        from ..models.automation_data import AutomationData  # noqa: PLC0415

        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        addresses = []
        _addresses = d.pop("addresses")
        for addresses_item_data in _addresses:
            addresses_item = AddressData.from_dict(addresses_item_data)

            addresses.append(addresses_item)

        def _parse_opted_out_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                opted_out_at_type_0 = datetime.datetime.fromisoformat(data)

                return opted_out_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        opted_out_at = _parse_opted_out_at(d.pop("opted_out_at"))

        automation = AutomationData.from_dict(d.pop("automation"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        name = d.pop("name", UNSET)

        is_blocked = d.pop("is_blocked", UNSET)

        contact_data = cls(
            uuid=uuid,
            addresses=addresses,
            opted_out_at=opted_out_at,
            automation=automation,
            created_at=created_at,
            name=name,
            is_blocked=is_blocked,
        )

        contact_data.additional_properties = d
        return contact_data

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
