from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.device_state import DeviceState
from ..models.test_enum import TestEnum
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.caution import Caution


T = TypeVar("T", bound="PairingData")


@_attrs_define
class PairingData:
    """How far a pairing is. Ask every two seconds while a person looks at the code.

    Attributes:
        state (DeviceState): * `unknown` - unknown
            * `absent` - not started
            * `qr` - waiting for the QR code
            * `paired` - pairing
            * `connected` - connected
            * `disconnected` - reconnecting
            * `logged_out` - logged out on the phone
            * `banned` - temporarily banned
            * `outdated` - bridge outdated
            * `failed` - connection failed
            * `replaced` - taken over elsewhere
            * `stalled` - connected, but nothing gets through
            * `unreachable` - bridge unreachable
        is_pairing (bool): Return whether a phone is waited for.
        qr_code (str): A data URL of a PNG; may be empty.
        qr_code_ends_at (datetime.datetime | None): Return until when the code on show is good.
        code (str): To be typed on the phone.
        has_run_out (bool): Return whether all codes were shown and none was used.
        problem (str): Return what went wrong, for people.
        cautions (list[Caution]):
        test (TestEnum): * `none` - none
            * `due` - due
            * `sending` - sending
            * `waiting` - waiting
            * `passed` - passed
            * `unheard` - unheard
            * `failed` - failed
    """

    state: DeviceState
    is_pairing: bool
    qr_code: str
    qr_code_ends_at: datetime.datetime | None
    code: str
    has_run_out: bool
    problem: str
    cautions: list[Caution]
    test: TestEnum
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.caution import Caution  # noqa: PLC0415

        state = self.state.value

        is_pairing = self.is_pairing

        qr_code = self.qr_code

        qr_code_ends_at: None | str
        if isinstance(self.qr_code_ends_at, datetime.datetime):
            qr_code_ends_at = self.qr_code_ends_at.isoformat()
        else:
            qr_code_ends_at = self.qr_code_ends_at

        code = self.code

        has_run_out = self.has_run_out

        problem = self.problem

        cautions = []
        for cautions_item_data in self.cautions:
            cautions_item = cautions_item_data.to_dict()
            cautions.append(cautions_item)

        test = self.test.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "state": state,
                "is_pairing": is_pairing,
                "qr_code": qr_code,
                "qr_code_ends_at": qr_code_ends_at,
                "code": code,
                "has_run_out": has_run_out,
                "problem": problem,
                "cautions": cautions,
                "test": test,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.caution import Caution  # noqa: PLC0415

        d = dict(src_dict)
        state = DeviceState(d.pop("state"))

        is_pairing = d.pop("is_pairing")

        qr_code = d.pop("qr_code")

        def _parse_qr_code_ends_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                qr_code_ends_at_type_0 = datetime.datetime.fromisoformat(data)

                return qr_code_ends_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        qr_code_ends_at = _parse_qr_code_ends_at(d.pop("qr_code_ends_at"))

        code = d.pop("code")

        has_run_out = d.pop("has_run_out")

        problem = d.pop("problem")

        cautions = []
        _cautions = d.pop("cautions")
        for cautions_item_data in _cautions:
            cautions_item = Caution.from_dict(cautions_item_data)

            cautions.append(cautions_item)

        test = TestEnum(d.pop("test"))

        pairing_data = cls(
            state=state,
            is_pairing=is_pairing,
            qr_code=qr_code,
            qr_code_ends_at=qr_code_ends_at,
            code=code,
            has_run_out=has_run_out,
            problem=problem,
            cautions=cautions,
            test=test,
        )

        pairing_data.additional_properties = d
        return pairing_data

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
