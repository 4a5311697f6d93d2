from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.blueprint_input_request_secrets import BlueprintInputRequestSecrets


T = TypeVar("T", bound="BlueprintInputRequest")


@_attrs_define
class BlueprintInputRequest:
    """A file to be applied.

    Attributes:
        blueprint (str): YAML, as it is read from here.
        secrets (BlueprintInputRequestSecrets | Unset): What the file names by `…_env`, by name.
        dry_run (bool | Unset): Only tell what would change; nothing is written. Default: False.
    """

    blueprint: str
    secrets: BlueprintInputRequestSecrets | Unset = UNSET
    dry_run: bool | Unset = False
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.blueprint_input_request_secrets import BlueprintInputRequestSecrets  # noqa: PLC0415

        blueprint = self.blueprint

        secrets: dict[str, Any] | Unset = UNSET
        if not isinstance(self.secrets, Unset):
            secrets = self.secrets.to_dict()

        dry_run = self.dry_run

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "blueprint": blueprint,
            }
        )
        if secrets is not UNSET:
            field_dict["secrets"] = secrets
        if dry_run is not UNSET:
            field_dict["dry_run"] = dry_run

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.blueprint_input_request_secrets import BlueprintInputRequestSecrets  # noqa: PLC0415

        d = dict(src_dict)
        blueprint = d.pop("blueprint")

        _secrets = d.pop("secrets", UNSET)
        secrets: BlueprintInputRequestSecrets | Unset
        if isinstance(_secrets, Unset):
            secrets = UNSET
        else:
            secrets = BlueprintInputRequestSecrets.from_dict(_secrets)

        dry_run = d.pop("dry_run", UNSET)

        blueprint_input_request = cls(
            blueprint=blueprint,
            secrets=secrets,
            dry_run=dry_run,
        )

        blueprint_input_request.additional_properties = d
        return blueprint_input_request

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
