from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.direction_enum import DirectionEnum
from ..models.message_data_origin_enum import MessageDataOriginEnum
from ..models.message_data_status_enum import MessageDataStatusEnum
from ..types import UNSET, Unset

T = TypeVar("T", bound="MessageData")


@_attrs_define
class MessageData:
    """A message of the contact (`in`) or to the contact (`out`).

    Attributes:
        uuid (UUID):
        direction (DirectionEnum): * `in` - in
            * `out` - out
        kind (str):
        text (str):
        at (datetime.datetime): When it came in, or was written.
        origin (MessageDataOriginEnum): * `contact` - contact
            * `agent` - agent
            * `person` - person
            * `phone` - phone
            * `system` - system
        written_by (str): The user who wrote it.
        status (MessageDataStatusEnum): * `received` - received
            * `created` - created
            * `handed` - handed
            * `acked` - acked
            * `delivered` - delivered
            * `read` - read
            * `failed` - failed
            * `cancelled` - cancelled
        failure_reason (str):
        silence_reason (str): Why the assistant did not answer it.
        turn (None | UUID):
        edited_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
    """

    uuid: UUID
    direction: DirectionEnum
    kind: str
    text: str
    at: datetime.datetime
    origin: MessageDataOriginEnum
    written_by: str
    status: MessageDataStatusEnum
    failure_reason: str
    silence_reason: str
    turn: None | UUID
    edited_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        uuid = str(self.uuid)

        direction = self.direction.value

        kind = self.kind

        text = self.text

        at = self.at.isoformat()

        origin = self.origin.value

        written_by = self.written_by

        status = self.status.value

        failure_reason = self.failure_reason

        silence_reason = self.silence_reason

        turn: None | str
        if isinstance(self.turn, UUID):
            turn = str(self.turn)
        else:
            turn = self.turn

        edited_at: None | str
        if isinstance(self.edited_at, datetime.datetime):
            edited_at = self.edited_at.isoformat()
        else:
            edited_at = self.edited_at

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "direction": direction,
                "kind": kind,
                "text": text,
                "at": at,
                "origin": origin,
                "written_by": written_by,
                "status": status,
                "failure_reason": failure_reason,
                "silence_reason": silence_reason,
                "turn": turn,
                "edited_at": edited_at,
                "deleted_at": deleted_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        direction = DirectionEnum(d.pop("direction"))

        kind = d.pop("kind")

        text = d.pop("text")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        origin = MessageDataOriginEnum(d.pop("origin"))

        written_by = d.pop("written_by")

        status = MessageDataStatusEnum(d.pop("status"))

        failure_reason = d.pop("failure_reason")

        silence_reason = d.pop("silence_reason")

        def _parse_turn(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                turn_type_0 = UUID(data)

                return turn_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        turn = _parse_turn(d.pop("turn"))

        def _parse_edited_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                edited_at_type_0 = datetime.datetime.fromisoformat(data)

                return edited_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        edited_at = _parse_edited_at(d.pop("edited_at"))

        def _parse_deleted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deleted_at = _parse_deleted_at(d.pop("deleted_at"))

        message_data = cls(
            uuid=uuid,
            direction=direction,
            kind=kind,
            text=text,
            at=at,
            origin=origin,
            written_by=written_by,
            status=status,
            failure_reason=failure_reason,
            silence_reason=silence_reason,
            turn=turn,
            edited_at=edited_at,
            deleted_at=deleted_at,
        )

        message_data.additional_properties = d
        return message_data

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
