from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.blank_enum import BlankEnum
from ..models.disabled_reason_enum import DisabledReasonEnum
from ..models.events_enum import EventsEnum
from ..types import UNSET, Unset

T = TypeVar("T", bound="EndpointData")


@_attrs_define
class EndpointData:
    """An address of a system of the business that is told of events.

    Attributes:
        uuid (UUID):
        name (str):
        url (str): Where events are posted to, such as https://crm.example/hooks
        events (list[EventsEnum]):
        disabled_reason (BlankEnum | DisabledReasonEnum):
        failing_since (datetime.datetime | None):
        last_success_at (datetime.datetime | None):
        created_at (datetime.datetime):
        updated_at (datetime.datetime):
        is_active (bool | Unset):
    """

    uuid: UUID
    name: str
    url: str
    events: list[EventsEnum]
    disabled_reason: BlankEnum | DisabledReasonEnum
    failing_since: datetime.datetime | None
    last_success_at: datetime.datetime | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    is_active: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        uuid = str(self.uuid)

        name = self.name

        url = self.url

        events = []
        for events_item_data in self.events:
            events_item = events_item_data.value
            events.append(events_item)

        disabled_reason: str
        if isinstance(self.disabled_reason, DisabledReasonEnum):
            disabled_reason = self.disabled_reason.value
        else:
            disabled_reason = self.disabled_reason.value

        failing_since: None | str
        if isinstance(self.failing_since, datetime.datetime):
            failing_since = self.failing_since.isoformat()
        else:
            failing_since = self.failing_since

        last_success_at: None | str
        if isinstance(self.last_success_at, datetime.datetime):
            last_success_at = self.last_success_at.isoformat()
        else:
            last_success_at = self.last_success_at

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        is_active = self.is_active

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "name": name,
                "url": url,
                "events": events,
                "disabled_reason": disabled_reason,
                "failing_since": failing_since,
                "last_success_at": last_success_at,
                "created_at": created_at,
                "updated_at": updated_at,
            }
        )
        if is_active is not UNSET:
            field_dict["is_active"] = is_active

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        name = d.pop("name")

        url = d.pop("url")

        events = []
        _events = d.pop("events")
        for events_item_data in _events:
            events_item = EventsEnum(events_item_data)

            events.append(events_item)

        def _parse_disabled_reason(data: object) -> BlankEnum | DisabledReasonEnum:
            try:
                if not isinstance(data, str):
                    raise TypeError()
                disabled_reason_type_0 = DisabledReasonEnum(data)

                return disabled_reason_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, str):
                raise TypeError()
            disabled_reason_type_1 = BlankEnum(data)

            return disabled_reason_type_1

        disabled_reason = _parse_disabled_reason(d.pop("disabled_reason"))

        def _parse_failing_since(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                failing_since_type_0 = datetime.datetime.fromisoformat(data)

                return failing_since_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        failing_since = _parse_failing_since(d.pop("failing_since"))

        def _parse_last_success_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                last_success_at_type_0 = datetime.datetime.fromisoformat(data)

                return last_success_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        last_success_at = _parse_last_success_at(d.pop("last_success_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        is_active = d.pop("is_active", UNSET)

        endpoint_data = cls(
            uuid=uuid,
            name=name,
            url=url,
            events=events,
            disabled_reason=disabled_reason,
            failing_since=failing_since,
            last_success_at=last_success_at,
            created_at=created_at,
            updated_at=updated_at,
            is_active=is_active,
        )

        endpoint_data.additional_properties = d
        return endpoint_data

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
