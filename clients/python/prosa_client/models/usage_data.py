from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.row_data import RowData
    from ..models.sums_data import SumsData


T = TypeVar("T", bound="UsageData")


@_attrs_define
class UsageData:
    """What models cost on some days, both included, in the business's time zone.

    Attributes:
        first (datetime.date):
        last (datetime.date):
        total (SumsData): What calls of models took; null where nobody counted.
        days (list[RowData]):
        models (list[RowData]):
        agents (list[RowData]):
        purposes (list[RowData]):
    """

    first: datetime.date
    last: datetime.date
    total: SumsData
    days: list[RowData]
    models: list[RowData]
    agents: list[RowData]
    purposes: list[RowData]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.row_data import RowData  # noqa: PLC0415
        from ..models.sums_data import SumsData  # noqa: PLC0415

        first = self.first.isoformat()

        last = self.last.isoformat()

        total = self.total.to_dict()

        days = []
        for days_item_data in self.days:
            days_item = days_item_data.to_dict()
            days.append(days_item)

        models = []
        for models_item_data in self.models:
            models_item = models_item_data.to_dict()
            models.append(models_item)

        agents = []
        for agents_item_data in self.agents:
            agents_item = agents_item_data.to_dict()
            agents.append(agents_item)

        purposes = []
        for purposes_item_data in self.purposes:
            purposes_item = purposes_item_data.to_dict()
            purposes.append(purposes_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "first": first,
                "last": last,
                "total": total,
                "days": days,
                "models": models,
                "agents": agents,
                "purposes": purposes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.row_data import RowData  # noqa: PLC0415
        from ..models.sums_data import SumsData  # noqa: PLC0415

        d = dict(src_dict)
        first = datetime.date.fromisoformat(d.pop("first"))

        last = datetime.date.fromisoformat(d.pop("last"))

        total = SumsData.from_dict(d.pop("total"))

        days = []
        _days = d.pop("days")
        for days_item_data in _days:
            days_item = RowData.from_dict(days_item_data)

            days.append(days_item)

        models = []
        _models = d.pop("models")
        for models_item_data in _models:
            models_item = RowData.from_dict(models_item_data)

            models.append(models_item)

        agents = []
        _agents = d.pop("agents")
        for agents_item_data in _agents:
            agents_item = RowData.from_dict(agents_item_data)

            agents.append(agents_item)

        purposes = []
        _purposes = d.pop("purposes")
        for purposes_item_data in _purposes:
            purposes_item = RowData.from_dict(purposes_item_data)

            purposes.append(purposes_item)

        usage_data = cls(
            first=first,
            last=last,
            total=total,
            days=days,
            models=models,
            agents=agents,
            purposes=purposes,
        )

        usage_data.additional_properties = d
        return usage_data

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
