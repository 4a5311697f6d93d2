from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.events_enum import EventsEnum
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.patched_endpoint_change_request_headers import PatchedEndpointChangeRequestHeaders


T = TypeVar("T", bound="PatchedEndpointChangeRequest")


@_attrs_define
class PatchedEndpointChangeRequest:
    """An endpoint as it is changed; its name stays, because files know it by that.

    Attributes:
        url (str | Unset): Where events are posted to, such as https://crm.example/hooks
        events (list[EventsEnum] | Unset):
        headers (PatchedEndpointChangeRequestHeaders | Unset): Sent with each call; they take the place of those there
            are.
        is_active (bool | Unset):
    """

    url: str | Unset = UNSET
    events: list[EventsEnum] | Unset = UNSET
    headers: PatchedEndpointChangeRequestHeaders | Unset = UNSET
    is_active: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.patched_endpoint_change_request_headers import PatchedEndpointChangeRequestHeaders  # noqa: PLC0415

        url = self.url

        events: list[str] | Unset = UNSET
        if not isinstance(self.events, Unset):
            events = []
            for events_item_data in self.events:
                events_item = events_item_data.value
                events.append(events_item)

        headers: dict[str, Any] | Unset = UNSET
        if not isinstance(self.headers, Unset):
            headers = self.headers.to_dict()

        is_active = self.is_active

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if url is not UNSET:
            field_dict["url"] = url
        if events is not UNSET:
            field_dict["events"] = events
        if headers is not UNSET:
            field_dict["headers"] = headers
        if is_active is not UNSET:
            field_dict["is_active"] = is_active

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.patched_endpoint_change_request_headers import PatchedEndpointChangeRequestHeaders  # noqa: PLC0415

        d = dict(src_dict)
        url = d.pop("url", UNSET)

        _events = d.pop("events", UNSET)
        events: list[EventsEnum] | Unset = UNSET
        if _events is not UNSET:
            events = []
            for events_item_data in _events:
                events_item = EventsEnum(events_item_data)

                events.append(events_item)

        _headers = d.pop("headers", UNSET)
        headers: PatchedEndpointChangeRequestHeaders | Unset
        if isinstance(_headers, Unset):
            headers = UNSET
        else:
            headers = PatchedEndpointChangeRequestHeaders.from_dict(_headers)

        is_active = d.pop("is_active", UNSET)

        patched_endpoint_change_request = cls(
            url=url,
            events=events,
            headers=headers,
            is_active=is_active,
        )

        return patched_endpoint_change_request
