from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="QuestionRequest")


@_attrs_define
class QuestionRequest:
    """A question to the documents, as a contact would ask it.

    Attributes:
        question (str):
        previous (str | Unset):  Default: ''.
        category (UUID | Unset): Look there only; everywhere without it.
        k (int | Unset):
    """

    question: str
    previous: str | Unset = ""
    category: UUID | Unset = UNSET
    k: int | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        question = self.question

        previous = self.previous

        category: str | Unset = UNSET
        if not isinstance(self.category, Unset):
            category = str(self.category)

        k = self.k

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "question": question,
            }
        )
        if previous is not UNSET:
            field_dict["previous"] = previous
        if category is not UNSET:
            field_dict["category"] = category
        if k is not UNSET:
            field_dict["k"] = k

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        question = d.pop("question")

        previous = d.pop("previous", UNSET)

        _category = d.pop("category", UNSET)
        category: UUID | Unset
        if isinstance(_category, Unset):
            category = UNSET
        else:
            category = UUID(_category)

        k = d.pop("k", UNSET)

        question_request = cls(
            question=question,
            previous=previous,
            category=category,
            k=k,
        )

        question_request.additional_properties = d
        return question_request

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
