from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="TriggerRequest")


@_attrs_define
class TriggerRequest:
    """What an agent is to answer, and in which thread.

    Attributes:
        text (str):
        thread (str | Unset): Your name for it, such as an order's number; without one a thread begins.
        contact (UUID | Unset): In place of a thread: a contact, whose facts the agent knows. Nothing is sent to them.
            Takes the scope `conversations:write` too.
        name (str | Unset): What the agent calls whom it speaks with.
        ttl_s (int | Unset): Seconds after this message for which the thread is remembered. Default: 604800.
    """

    text: str
    thread: str | Unset = UNSET
    contact: UUID | Unset = UNSET
    name: str | Unset = UNSET
    ttl_s: int | Unset = 604800
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        text = self.text

        thread = self.thread

        contact: str | Unset = UNSET
        if not isinstance(self.contact, Unset):
            contact = str(self.contact)

        name = self.name

        ttl_s = self.ttl_s

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "text": text,
            }
        )
        if thread is not UNSET:
            field_dict["thread"] = thread
        if contact is not UNSET:
            field_dict["contact"] = contact
        if name is not UNSET:
            field_dict["name"] = name
        if ttl_s is not UNSET:
            field_dict["ttl_s"] = ttl_s

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        text = d.pop("text")

        thread = d.pop("thread", UNSET)

        _contact = d.pop("contact", UNSET)
        contact: UUID | Unset
        if isinstance(_contact, Unset):
            contact = UNSET
        else:
            contact = UUID(_contact)

        name = d.pop("name", UNSET)

        ttl_s = d.pop("ttl_s", UNSET)

        trigger_request = cls(
            text=text,
            thread=thread,
            contact=contact,
            name=name,
            ttl_s=ttl_s,
        )

        trigger_request.additional_properties = d
        return trigger_request

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
