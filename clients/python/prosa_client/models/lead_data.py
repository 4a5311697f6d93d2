from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.contact_ref import ContactRef
    from ..models.stage_data import StageData
    from ..models.value_data import ValueData


T = TypeVar("T", bound="LeadData")


@_attrs_define
class LeadData:
    """What qualification found out about a contact.

    Attributes:
        uuid (UUID):
        contact (ContactRef): Who it is with.
        conversation (UUID):
        stage (StageData): A column of the board, and what standing there means.
        score (int):
        source (str):
        values (list[ValueData]): Those that count.
        qualified_at (datetime.datetime | None):
        created_at (datetime.datetime):
        updated_at (datetime.datetime):
        closed_at (datetime.datetime | None):
    """

    uuid: UUID
    contact: ContactRef
    conversation: UUID
    stage: StageData
    score: int
    source: str
    values: list[ValueData]
    qualified_at: datetime.datetime | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    closed_at: datetime.datetime | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.contact_ref import ContactRef  # noqa: PLC0415
        from ..models.stage_data import StageData  # noqa: PLC0415
        from ..models.value_data import ValueData  # noqa: PLC0415

        uuid = str(self.uuid)

        contact = self.contact.to_dict()

        conversation = str(self.conversation)

        stage = self.stage.to_dict()

        score = self.score

        source = self.source

        values = []
        for values_item_data in self.values:
            values_item = values_item_data.to_dict()
            values.append(values_item)

        qualified_at: None | str
        if isinstance(self.qualified_at, datetime.datetime):
            qualified_at = self.qualified_at.isoformat()
        else:
            qualified_at = self.qualified_at

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        closed_at: None | str
        if isinstance(self.closed_at, datetime.datetime):
            closed_at = self.closed_at.isoformat()
        else:
            closed_at = self.closed_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "contact": contact,
                "conversation": conversation,
                "stage": stage,
                "score": score,
                "source": source,
                "values": values,
                "qualified_at": qualified_at,
                "created_at": created_at,
                "updated_at": updated_at,
                "closed_at": closed_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.contact_ref import ContactRef  # noqa: PLC0415
        from ..models.stage_data import StageData  # noqa: PLC0415
        from ..models.value_data import ValueData  # noqa: PLC0415

        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        contact = ContactRef.from_dict(d.pop("contact"))

        conversation = UUID(d.pop("conversation"))

        stage = StageData.from_dict(d.pop("stage"))

        score = d.pop("score")

        source = d.pop("source")

        values = []
        _values = d.pop("values")
        for values_item_data in _values:
            values_item = ValueData.from_dict(values_item_data)

            values.append(values_item)

        def _parse_qualified_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                qualified_at_type_0 = datetime.datetime.fromisoformat(data)

                return qualified_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        qualified_at = _parse_qualified_at(d.pop("qualified_at"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        def _parse_closed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                closed_at_type_0 = datetime.datetime.fromisoformat(data)

                return closed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        closed_at = _parse_closed_at(d.pop("closed_at"))

        lead_data = cls(
            uuid=uuid,
            contact=contact,
            conversation=conversation,
            stage=stage,
            score=score,
            source=source,
            values=values,
            qualified_at=qualified_at,
            created_at=created_at,
            updated_at=updated_at,
            closed_at=closed_at,
        )

        lead_data.additional_properties = d
        return lead_data

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
