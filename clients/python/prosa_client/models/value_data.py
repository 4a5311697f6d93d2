from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.value_data_origin_enum import ValueDataOriginEnum
from ..types import UNSET, Unset

T = TypeVar("T", bound="ValueData")


@_attrs_define
class ValueData:
    """What a field of a lead says, and the contact's own words for it.

    Attributes:
        key (str):
        value (str):
        confidence (int):
        words (str):
        message (None | UUID):
        origin (ValueDataOriginEnum): * `contact` - the contact
            * `form` - a form
            * `person` - a person
        set_by (str):
        is_current (bool):
        learnt_at (datetime.datetime):
    """

    key: str
    value: str
    confidence: int
    words: str
    message: None | UUID
    origin: ValueDataOriginEnum
    set_by: str
    is_current: bool
    learnt_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        key = self.key

        value = self.value

        confidence = self.confidence

        words = self.words

        message: None | str
        if isinstance(self.message, UUID):
            message = str(self.message)
        else:
            message = self.message

        origin = self.origin.value

        set_by = self.set_by

        is_current = self.is_current

        learnt_at = self.learnt_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "key": key,
                "value": value,
                "confidence": confidence,
                "words": words,
                "message": message,
                "origin": origin,
                "set_by": set_by,
                "is_current": is_current,
                "learnt_at": learnt_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        key = d.pop("key")

        value = d.pop("value")

        confidence = d.pop("confidence")

        words = d.pop("words")

        def _parse_message(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                message_type_0 = UUID(data)

                return message_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        message = _parse_message(d.pop("message"))

        origin = ValueDataOriginEnum(d.pop("origin"))

        set_by = d.pop("set_by")

        is_current = d.pop("is_current")

        learnt_at = datetime.datetime.fromisoformat(d.pop("learnt_at"))

        value_data = cls(
            key=key,
            value=value,
            confidence=confidence,
            words=words,
            message=message,
            origin=origin,
            set_by=set_by,
            is_current=is_current,
            learnt_at=learnt_at,
        )

        value_data.additional_properties = d
        return value_data

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
