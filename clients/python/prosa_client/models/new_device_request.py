from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="NewDeviceRequest")


@_attrs_define
class NewDeviceRequest:
    """A new device; without a bridge the platform's own is taken.

    Attributes:
        name (str):
        entry_agent (None | Unset | UUID):
        quiet_s (float | Unset):
        max_wait_s (float | Unset):
        max_messages (int | Unset):
        freshness_s (float | Unset):
        is_enabled (bool | Unset):
        bridge_base_url (str | Unset):  Default: ''.
        bridge_token (str | Unset):  Default: ''.
    """

    name: str
    entry_agent: None | Unset | UUID = UNSET
    quiet_s: float | Unset = UNSET
    max_wait_s: float | Unset = UNSET
    max_messages: int | Unset = UNSET
    freshness_s: float | Unset = UNSET
    is_enabled: bool | Unset = UNSET
    bridge_base_url: str | Unset = ""
    bridge_token: str | Unset = ""
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        entry_agent: None | str | Unset
        if isinstance(self.entry_agent, Unset):
            entry_agent = UNSET
        elif isinstance(self.entry_agent, UUID):
            entry_agent = str(self.entry_agent)
        else:
            entry_agent = self.entry_agent

        quiet_s = self.quiet_s

        max_wait_s = self.max_wait_s

        max_messages = self.max_messages

        freshness_s = self.freshness_s

        is_enabled = self.is_enabled

        bridge_base_url = self.bridge_base_url

        bridge_token = self.bridge_token

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
            }
        )
        if entry_agent is not UNSET:
            field_dict["entry_agent"] = entry_agent
        if quiet_s is not UNSET:
            field_dict["quiet_s"] = quiet_s
        if max_wait_s is not UNSET:
            field_dict["max_wait_s"] = max_wait_s
        if max_messages is not UNSET:
            field_dict["max_messages"] = max_messages
        if freshness_s is not UNSET:
            field_dict["freshness_s"] = freshness_s
        if is_enabled is not UNSET:
            field_dict["is_enabled"] = is_enabled
        if bridge_base_url is not UNSET:
            field_dict["bridge_base_url"] = bridge_base_url
        if bridge_token is not UNSET:
            field_dict["bridge_token"] = bridge_token

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        def _parse_entry_agent(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                entry_agent_type_0 = UUID(data)

                return entry_agent_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        entry_agent = _parse_entry_agent(d.pop("entry_agent", UNSET))

        quiet_s = d.pop("quiet_s", UNSET)

        max_wait_s = d.pop("max_wait_s", UNSET)

        max_messages = d.pop("max_messages", UNSET)

        freshness_s = d.pop("freshness_s", UNSET)

        is_enabled = d.pop("is_enabled", UNSET)

        bridge_base_url = d.pop("bridge_base_url", UNSET)

        bridge_token = d.pop("bridge_token", UNSET)

        new_device_request = cls(
            name=name,
            entry_agent=entry_agent,
            quiet_s=quiet_s,
            max_wait_s=max_wait_s,
            max_messages=max_messages,
            freshness_s=freshness_s,
            is_enabled=is_enabled,
            bridge_base_url=bridge_base_url,
            bridge_token=bridge_token,
        )

        new_device_request.additional_properties = d
        return new_device_request

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
