from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="PatchedDeviceChangeRequest")


@_attrs_define
class PatchedDeviceChangeRequest:
    """A device as it is changed; its name stays, because the bridge knows it by that.

    Attributes:
        entry_agent (None | Unset | UUID):
        quiet_s (float | Unset):
        max_wait_s (float | Unset):
        max_messages (int | Unset):
        freshness_s (float | Unset):
        is_enabled (bool | Unset):
    """

    entry_agent: None | Unset | UUID = UNSET
    quiet_s: float | Unset = UNSET
    max_wait_s: float | Unset = UNSET
    max_messages: int | Unset = UNSET
    freshness_s: float | Unset = UNSET
    is_enabled: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
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

        field_dict.update({})
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

        patched_device_change_request = cls(
            entry_agent=entry_agent,
            quiet_s=quiet_s,
            max_wait_s=max_wait_s,
            max_messages=max_messages,
            freshness_s=freshness_s,
            is_enabled=is_enabled,
        )

        return patched_device_change_request
