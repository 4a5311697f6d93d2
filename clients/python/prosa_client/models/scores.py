from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Scores")


@_attrs_define
class Scores:
    """How well a passage fits: together, and by meaning, words and pieces of words.

    Attributes:
        score (float):
        cosine (float):
        lexical (float):
        grams (float):
    """

    score: float
    cosine: float
    lexical: float
    grams: float
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        score = self.score

        cosine = self.cosine

        lexical = self.lexical

        grams = self.grams

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "score": score,
                "cosine": cosine,
                "lexical": lexical,
                "grams": grams,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        score = d.pop("score")

        cosine = d.pop("cosine")

        lexical = d.pop("lexical")

        grams = d.pop("grams")

        scores = cls(
            score=score,
            cosine=cosine,
            lexical=lexical,
            grams=grams,
        )

        scores.additional_properties = d
        return scores

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
