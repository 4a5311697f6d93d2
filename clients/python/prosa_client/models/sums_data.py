from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="SumsData")


@_attrs_define
class SumsData:
    """What calls of models took; null where nobody counted.

    Attributes:
        n_calls (int):
        n_failed (int):
        n_unknown (int): Calls whose cost nobody knows.
        usd (str):
        estimated_usd (str):
        brl (None | str):
        input_tokens (int | None):
        output_tokens (int | None):
    """

    n_calls: int
    n_failed: int
    n_unknown: int
    usd: str
    estimated_usd: str
    brl: None | str
    input_tokens: int | None
    output_tokens: int | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        n_calls = self.n_calls

        n_failed = self.n_failed

        n_unknown = self.n_unknown

        usd = self.usd

        estimated_usd = self.estimated_usd

        brl: None | str
        brl = self.brl

        input_tokens: int | None
        input_tokens = self.input_tokens

        output_tokens: int | None
        output_tokens = self.output_tokens

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "n_calls": n_calls,
                "n_failed": n_failed,
                "n_unknown": n_unknown,
                "usd": usd,
                "estimated_usd": estimated_usd,
                "brl": brl,
                "input_tokens": input_tokens,
                "output_tokens": output_tokens,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        n_calls = d.pop("n_calls")

        n_failed = d.pop("n_failed")

        n_unknown = d.pop("n_unknown")

        usd = d.pop("usd")

        estimated_usd = d.pop("estimated_usd")

        def _parse_brl(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        brl = _parse_brl(d.pop("brl"))

        def _parse_input_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        input_tokens = _parse_input_tokens(d.pop("input_tokens"))

        def _parse_output_tokens(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        output_tokens = _parse_output_tokens(d.pop("output_tokens"))

        sums_data = cls(
            n_calls=n_calls,
            n_failed=n_failed,
            n_unknown=n_unknown,
            usd=usd,
            estimated_usd=estimated_usd,
            brl=brl,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )

        sums_data.additional_properties = d
        return sums_data

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
