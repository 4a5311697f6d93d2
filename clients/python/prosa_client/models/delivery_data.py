from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.delivery_status import DeliveryStatus
from ..types import UNSET, Unset

T = TypeVar("T", bound="DeliveryData")


@_attrs_define
class DeliveryData:
    """One event for one endpoint; its UUID is the event's, which the receiver knows it by.

    Attributes:
        uuid (UUID):
        endpoint (UUID):
        type_ (str):
        conversation (None | UUID):
        sequence (int | None):
        status (DeliveryStatus): * `pending` - waiting
            * `delivered` - delivered
            * `failed` - given up
        n_attempts (int):
        next_attempt_at (datetime.datetime | None):
        occurred_at (datetime.datetime):
        created_at (datetime.datetime):
        delivered_at (datetime.datetime | None):
    """

    uuid: UUID
    endpoint: UUID
    type_: str
    conversation: None | UUID
    sequence: int | None
    status: DeliveryStatus
    n_attempts: int
    next_attempt_at: datetime.datetime | None
    occurred_at: datetime.datetime
    created_at: datetime.datetime
    delivered_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        uuid = str(self.uuid)

        endpoint = str(self.endpoint)

        type_ = self.type_

        conversation: None | str
        if isinstance(self.conversation, UUID):
            conversation = str(self.conversation)
        else:
            conversation = self.conversation

        sequence: int | None
        sequence = self.sequence

        status = self.status.value

        n_attempts = self.n_attempts

        next_attempt_at: None | str
        if isinstance(self.next_attempt_at, datetime.datetime):
            next_attempt_at = self.next_attempt_at.isoformat()
        else:
            next_attempt_at = self.next_attempt_at

        occurred_at = self.occurred_at.isoformat()

        created_at = self.created_at.isoformat()

        delivered_at: None | str
        if isinstance(self.delivered_at, datetime.datetime):
            delivered_at = self.delivered_at.isoformat()
        else:
            delivered_at = self.delivered_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "endpoint": endpoint,
                "type": type_,
                "conversation": conversation,
                "sequence": sequence,
                "status": status,
                "n_attempts": n_attempts,
                "next_attempt_at": next_attempt_at,
                "occurred_at": occurred_at,
                "created_at": created_at,
                "delivered_at": delivered_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        endpoint = UUID(d.pop("endpoint"))

        type_ = d.pop("type")

        def _parse_conversation(data: object) -> None | UUID:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                conversation_type_0 = UUID(data)

                return conversation_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | UUID, data)

        conversation = _parse_conversation(d.pop("conversation"))

        def _parse_sequence(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        sequence = _parse_sequence(d.pop("sequence"))

        status = DeliveryStatus(d.pop("status"))

        n_attempts = d.pop("n_attempts")

        def _parse_next_attempt_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                next_attempt_at_type_0 = datetime.datetime.fromisoformat(data)

                return next_attempt_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        next_attempt_at = _parse_next_attempt_at(d.pop("next_attempt_at"))

        occurred_at = datetime.datetime.fromisoformat(d.pop("occurred_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        def _parse_delivered_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                delivered_at_type_0 = datetime.datetime.fromisoformat(data)

                return delivered_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        delivered_at = _parse_delivered_at(d.pop("delivered_at"))

        delivery_data = cls(
            uuid=uuid,
            endpoint=endpoint,
            type_=type_,
            conversation=conversation,
            sequence=sequence,
            status=status,
            n_attempts=n_attempts,
            next_attempt_at=next_attempt_at,
            occurred_at=occurred_at,
            created_at=created_at,
            delivered_at=delivered_at,
        )

        delivery_data.additional_properties = d
        return delivery_data

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
