from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.agent_data import AgentData


T = TypeVar("T", bound="Restored")


@_attrs_define
class Restored:
    """What came of going back.

    Attributes:
        agent (AgentData): An agent as it is edited; what answers contacts is its published version.
        left_out (list[str]): What is gone since and could not come along.
    """

    agent: AgentData
    left_out: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.agent_data import AgentData  # noqa: PLC0415

        agent = self.agent.to_dict()

        left_out = self.left_out

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "agent": agent,
                "left_out": left_out,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.agent_data import AgentData  # noqa: PLC0415

        d = dict(src_dict)
        agent = AgentData.from_dict(d.pop("agent"))

        left_out = cast(list[str], d.pop("left_out"))

        restored = cls(
            agent=agent,
            left_out=left_out,
        )

        restored.additional_properties = d
        return restored

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
