from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.still_working_fields import StillWorkingFields


T = TypeVar("T", bound="StillWorking")


@_attrs_define
class StillWorking:
    """The deadline has passed; the turn goes on, and is read under `turn`.

    Attributes:
        code (str):
        message (str):
        fields (StillWorkingFields):
        turn (UUID):
        conversation (UUID):
        thread (None | str):
    """

    code: str
    message: str
    fields: StillWorkingFields
    turn: UUID
    conversation: UUID
    thread: None | str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.still_working_fields import StillWorkingFields  # noqa: PLC0415

        code = self.code

        message = self.message

        fields = self.fields.to_dict()

        turn = str(self.turn)

        conversation = str(self.conversation)

        thread: None | str
        thread = self.thread

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "message": message,
                "fields": fields,
                "turn": turn,
                "conversation": conversation,
                "thread": thread,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.still_working_fields import StillWorkingFields  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code")

        message = d.pop("message")

        fields = StillWorkingFields.from_dict(d.pop("fields"))

        turn = UUID(d.pop("turn"))

        conversation = UUID(d.pop("conversation"))

        def _parse_thread(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        thread = _parse_thread(d.pop("thread"))

        still_working = cls(
            code=code,
            message=message,
            fields=fields,
            turn=turn,
            conversation=conversation,
            thread=thread,
        )

        still_working.additional_properties = d
        return still_working

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
