from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.events_enum import EventsEnum
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.endpoint_data_request_headers import EndpointDataRequestHeaders


T = TypeVar("T", bound="EndpointDataRequest")


@_attrs_define
class EndpointDataRequest:
    """An address of a system of the business that is told of events.

    Attributes:
        name (str):
        url (str): Where events are posted to, such as https://crm.example/hooks
        events (list[EventsEnum]):
        headers (EndpointDataRequestHeaders | Unset): Sent with each call; they take the place of those there are.
        is_active (bool | Unset):
    """

    name: str
    url: str
    events: list[EventsEnum]
    headers: EndpointDataRequestHeaders | Unset = UNSET
    is_active: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.endpoint_data_request_headers import EndpointDataRequestHeaders  # noqa: PLC0415

        name = self.name

        url = self.url

        events = []
        for events_item_data in self.events:
            events_item = events_item_data.value
            events.append(events_item)

        headers: dict[str, Any] | Unset = UNSET
        if not isinstance(self.headers, Unset):
            headers = self.headers.to_dict()

        is_active = self.is_active

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "url": url,
                "events": events,
            }
        )
        if headers is not UNSET:
            field_dict["headers"] = headers
        if is_active is not UNSET:
            field_dict["is_active"] = is_active

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.endpoint_data_request_headers import EndpointDataRequestHeaders  # noqa: PLC0415

        d = dict(src_dict)
        name = d.pop("name")

        url = d.pop("url")

        events = []
        _events = d.pop("events")
        for events_item_data in _events:
            events_item = EventsEnum(events_item_data)

            events.append(events_item)

        _headers = d.pop("headers", UNSET)
        headers: EndpointDataRequestHeaders | Unset
        if isinstance(_headers, Unset):
            headers = UNSET
        else:
            headers = EndpointDataRequestHeaders.from_dict(_headers)

        is_active = d.pop("is_active", UNSET)

        endpoint_data_request = cls(
            name=name,
            url=url,
            events=events,
            headers=headers,
            is_active=is_active,
        )

        endpoint_data_request.additional_properties = d
        return endpoint_data_request

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
