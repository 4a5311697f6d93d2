from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.scores import Scores


T = TypeVar("T", bound="Found")


@_attrs_define
class Found:
    """A passage that was found.

    Attributes:
        document (str):
        document_uuid (UUID):
        version (int):
        category (str):
        title (str):
        text (str):
        page (int | None):
        scores (Scores): How well a passage fits: together, and by meaning, words and pieces of words.
    """

    document: str
    document_uuid: UUID
    version: int
    category: str
    title: str
    text: str
    page: int | None
    scores: Scores
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.scores import Scores  # noqa: PLC0415

        document = self.document

        document_uuid = str(self.document_uuid)

        version = self.version

        category = self.category

        title = self.title

        text = self.text

        page: int | None
        page = self.page

        scores = self.scores.to_dict()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "document": document,
                "document_uuid": document_uuid,
                "version": version,
                "category": category,
                "title": title,
                "text": text,
                "page": page,
                "scores": scores,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.scores import Scores  # noqa: PLC0415

        d = dict(src_dict)
        document = d.pop("document")

        document_uuid = UUID(d.pop("document_uuid"))

        version = d.pop("version")

        category = d.pop("category")

        title = d.pop("title")

        text = d.pop("text")

        def _parse_page(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        page = _parse_page(d.pop("page"))

        scores = Scores.from_dict(d.pop("scores"))

        found = cls(
            document=document,
            document_uuid=document_uuid,
            version=version,
            category=category,
            title=title,
            text=text,
            page=page,
            scores=scores,
        )

        found.additional_properties = d
        return found

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
