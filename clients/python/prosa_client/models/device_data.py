from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.device_state import DeviceState
from ..types import UNSET, Unset

T = TypeVar("T", bound="DeviceData")


@_attrs_define
class DeviceData:
    """A WhatsApp number and how it gathers messages.

    Attributes:
        uuid (UUID):
        name (str):
        phone (str):
        state (DeviceState): * `unknown` - unknown
            * `absent` - not started
            * `qr` - waiting for the QR code
            * `paired` - pairing
            * `connected` - connected
            * `disconnected` - reconnecting
            * `logged_out` - logged out on the phone
            * `banned` - temporarily banned
            * `outdated` - bridge outdated
            * `failed` - connection failed
            * `replaced` - taken over elsewhere
            * `stalled` - connected, but nothing gets through
            * `unreachable` - bridge unreachable
        state_changed_at (datetime.datetime | None):
        advice (str): What helps, for people.
        health (int):
        paired_at (datetime.datetime | None):
        online_at (datetime.datetime | None):
        created_at (datetime.datetime):
        entry_agent (None | Unset | UUID):
        quiet_s (float | Unset):
        max_wait_s (float | Unset):
        max_messages (int | Unset):
        freshness_s (float | Unset):
        is_enabled (bool | Unset):
    """

    uuid: UUID
    name: str
    phone: str
    state: DeviceState
    state_changed_at: datetime.datetime | None
    advice: str
    health: int
    paired_at: datetime.datetime | None
    online_at: datetime.datetime | None
    created_at: datetime.datetime
    entry_agent: None | Unset | UUID = UNSET
    quiet_s: float | Unset = UNSET
    max_wait_s: float | Unset = UNSET
    max_messages: int | Unset = UNSET
    freshness_s: float | Unset = UNSET
    is_enabled: bool | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        uuid = str(self.uuid)

        name = self.name

        phone = self.phone

        state = self.state.value

        state_changed_at: None | str
        if isinstance(self.state_changed_at, datetime.datetime):
            state_changed_at = self.state_changed_at.isoformat()
        else:
            state_changed_at = self.state_changed_at

        advice = self.advice

        health = self.health

        paired_at: None | str
        if isinstance(self.paired_at, datetime.datetime):
            paired_at = self.paired_at.isoformat()
        else:
            paired_at = self.paired_at

        online_at: None | str
        if isinstance(self.online_at, datetime.datetime):
            online_at = self.online_at.isoformat()
        else:
            online_at = self.online_at

        created_at = self.created_at.isoformat()

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

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "name": name,
                "phone": phone,
                "state": state,
                "state_changed_at": state_changed_at,
                "advice": advice,
                "health": health,
                "paired_at": paired_at,
                "online_at": online_at,
                "created_at": created_at,
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

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        name = d.pop("name")

        phone = d.pop("phone")

        state = DeviceState(d.pop("state"))

        def _parse_state_changed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                state_changed_at_type_0 = datetime.datetime.fromisoformat(data)

                return state_changed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        state_changed_at = _parse_state_changed_at(d.pop("state_changed_at"))

        advice = d.pop("advice")

        health = d.pop("health")

        def _parse_paired_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                paired_at_type_0 = datetime.datetime.fromisoformat(data)

                return paired_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        paired_at = _parse_paired_at(d.pop("paired_at"))

        def _parse_online_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                online_at_type_0 = datetime.datetime.fromisoformat(data)

                return online_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        online_at = _parse_online_at(d.pop("online_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

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

        device_data = cls(
            uuid=uuid,
            name=name,
            phone=phone,
            state=state,
            state_changed_at=state_changed_at,
            advice=advice,
            health=health,
            paired_at=paired_at,
            online_at=online_at,
            created_at=created_at,
            entry_agent=entry_agent,
            quiet_s=quiet_s,
            max_wait_s=max_wait_s,
            max_messages=max_messages,
            freshness_s=freshness_s,
            is_enabled=is_enabled,
        )

        device_data.additional_properties = d
        return device_data

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
