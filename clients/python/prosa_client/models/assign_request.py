from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AssignRequest")


@_attrs_define
class AssignRequest:
    """Who is to answer: a person, or the people of a queue.

    Attributes:
        person (str | Unset): A user name.
        queue (UUID | Unset): An agent of kind `human`.
    """

    person: str | Unset = UNSET
    queue: UUID | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        person = self.person

        queue: str | Unset = UNSET
        if not isinstance(self.queue, Unset):
            queue = str(self.queue)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if person is not UNSET:
            field_dict["person"] = person
        if queue is not UNSET:
            field_dict["queue"] = queue

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        person = d.pop("person", UNSET)

        _queue = d.pop("queue", UNSET)
        queue: UUID | Unset
        if isinstance(_queue, Unset):
            queue = UNSET
        else:
            queue = UUID(_queue)

        assign_request = cls(
            person=person,
            queue=queue,
        )

        assign_request.additional_properties = d
        return assign_request

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
