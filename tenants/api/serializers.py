"""What goes in and comes out, as all resources have it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, TypeVar

from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _
from rest_framework import serializers

from tenants.api.paging import LIMIT, MAX_LIMIT

_Time = TypeVar("_Time", bound=date)


class Text(serializers.CharField):
    """A text that PostgreSQL takes; every one of ours has an end."""

    def __init__(self, *, max_length: int = 20_000, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, **kwargs)


FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Outside of them are typos, and days around which nobody can reckon."""


class Day(serializers.DateField):
    """A day that a business could mean."""

    def to_internal_value(self, value: Any) -> date:
        """Return the day.

        Raises:
            ValidationError: it is none, or of another age.
        """
        return _of_our_age(super().to_internal_value(value))


class Instant(serializers.DateTimeField):
    """An instant that a business could mean."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return the instant with its time zone.

        Raises:
            ValidationError: it is of another age.
        """
        return super().enforce_timezone(_of_our_age(value))


def _of_our_age(value: _Time) -> _Time:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise serializers.ValidationError(_("Choose a day from 2000 to 2100."))
    return value


class Input(serializers.Serializer):  # type: ignore[type-arg]
    """What a program sends. A name that nobody knows is refused: it is a typo, and what it was
    meant for would silently not happen.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the values.

        Raises:
            ValidationError: by field.
        """
        is_json = isinstance(data, Mapping) and not isinstance(data, MultiValueDict)
        if is_json and not self.context.get("is_text"):
            self._refuse_other_types(data)
        found = super().to_internal_value(data)
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := sorted(set(data) - known):
                text = _("There is no such field.")
                raise serializers.ValidationError({str(name)[:80]: [text] for name in unknown})
        return found

    def _refuse_other_types(self, data: Mapping[str, Any]) -> None:
        """Refuse values of another JSON type: a number for a text, 0 for false.

        Raises:
            ValidationError: by field.
        """
        wrong = [n for n, one in self.fields.items() if n in data and not _is_typed(one, data[n])]
        if wrong:
            text = _("This is not of the right type.")
            raise serializers.ValidationError({name: [text] for name in wrong})


def _is_typed(field: Any, value: Any) -> bool:
    """Test whether a JSON value is of the type that its field is described with."""
    match field:
        case serializers.BooleanField():
            return value is None or isinstance(value, bool)
        case serializers.IntegerField() | serializers.FloatField():
            return not isinstance(value, bool | str)
        case serializers.ListField():
            values = value if isinstance(value, list) else ()
            return all(_is_typed(field.child, one) for one in values)
        case serializers.DictField():
            inner = value.values() if isinstance(value, Mapping) else ()
            return all(_is_typed(field.child, one) for one in inner)
        case serializers.ManyRelatedField():
            values = value if isinstance(value, list) else ()
            return all(_is_typed(field.child_relation, one) for one in values)
        case serializers.RelatedField():
            return value is None or (isinstance(value, str) and value != "")
        case (
            serializers.CharField()
            | serializers.ChoiceField()
            | serializers.UUIDField()
            | serializers.DateField()
            | serializers.DateTimeField()
        ):
            return value is None or isinstance(value, str)
    return True


class Nothing(Input):
    """An empty body."""


class Page(Input):
    """Which page of a list."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=LIMIT, help_text="Rows of a page."
    )
    cursor = serializers.CharField(
        required=False, max_length=2000, help_text="`next_cursor` of the page before."
    )


class Fields(Input):
    """Which fields of wide rows."""

    fields_ = serializers.RegexField(
        r"^[a-z_]+(,[a-z_]+)*$",
        required=False,
        max_length=1000,
        help_text="Names of the fields that are wanted, divided by commas; `uuid` always comes.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields under the names that are sent: `fields` is taken by the framework."""
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}


class Refusal(serializers.Serializer):  # type: ignore[type-arg]
    """Why something was refused: a code that stays, and words for people."""

    code = serializers.CharField(help_text="Stable, English, for programs.")
    message = serializers.CharField(help_text="For people, in their language.")
    fields_ = serializers.DictField(
        help_text="What is wrong with which field; the path of an inner one has dots."
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields under the names that are sent."""
        found = super().get_fields()
        return {name.rstrip("_"): field for name, field in found.items()}
