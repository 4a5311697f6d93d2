from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.turn_data import TurnData


T = TypeVar("T", bound="Executed")


@_attrs_define
class Executed:
    """A turn that is over. `result.replies` holds what has left, not what was held back.

    Attributes:
        turn (UUID):
        conversation (UUID):
        message (UUID):
        thread (None | str):
        expires_at (datetime.datetime | None):
        result (TurnData): One answer of an agent to the messages gathered since the one before.
    """

    turn: UUID
    conversation: UUID
    message: UUID
    thread: None | str
    expires_at: datetime.datetime | None
    result: TurnData
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.turn_data import TurnData  # noqa: PLC0415

        turn = str(self.turn)

        conversation = str(self.conversation)

        message = str(self.message)

        thread: None | str
        thread = self.thread

        expires_at: None | str
        if isinstance(self.expires_at, datetime.datetime):
            expires_at = self.expires_at.isoformat()
        else:
            expires_at = self.expires_at

        result = self.result.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "turn": turn,
                "conversation": conversation,
                "message": message,
                "thread": thread,
                "expires_at": expires_at,
                "result": result,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.turn_data import TurnData  # noqa: PLC0415

        d = dict(src_dict)
        turn = UUID(d.pop("turn"))

        conversation = UUID(d.pop("conversation"))

        message = UUID(d.pop("message"))

        def _parse_thread(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        thread = _parse_thread(d.pop("thread"))

        def _parse_expires_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                expires_at_type_0 = datetime.datetime.fromisoformat(data)

                return expires_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        expires_at = _parse_expires_at(d.pop("expires_at"))

        result = TurnData.from_dict(d.pop("result"))

        executed = cls(
            turn=turn,
            conversation=conversation,
            message=message,
            thread=thread,
            expires_at=expires_at,
            result=result,
        )

        executed.additional_properties = d
        return executed

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
