from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="BudgetData")


@_attrs_define
class BudgetData:
    """How full a budget is.

    Attributes:
        level (str):
        period (str):
        limit_usd (None | str):
        limit_calls (int | None):
        percent (int):
        spent_usd (str):
        n_calls (int):
    """

    level: str
    period: str
    limit_usd: None | str
    limit_calls: int | None
    percent: int
    spent_usd: str
    n_calls: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        level = self.level

        period = self.period

        limit_usd: None | str
        limit_usd = self.limit_usd

        limit_calls: int | None
        limit_calls = self.limit_calls

        percent = self.percent

        spent_usd = self.spent_usd

        n_calls = self.n_calls

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "level": level,
                "period": period,
                "limit_usd": limit_usd,
                "limit_calls": limit_calls,
                "percent": percent,
                "spent_usd": spent_usd,
                "n_calls": n_calls,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        level = d.pop("level")

        period = d.pop("period")

        def _parse_limit_usd(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        limit_usd = _parse_limit_usd(d.pop("limit_usd"))

        def _parse_limit_calls(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        limit_calls = _parse_limit_calls(d.pop("limit_calls"))

        percent = d.pop("percent")

        spent_usd = d.pop("spent_usd")

        n_calls = d.pop("n_calls")

        budget_data = cls(
            level=level,
            period=period,
            limit_usd=limit_usd,
            limit_calls=limit_calls,
            percent=percent,
            spent_usd=spent_usd,
            n_calls=n_calls,
        )

        budget_data.additional_properties = d
        return budget_data

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
