"""The fields of a tool's form that are tables: its parameters, and what is shown of an answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from integrations.services import tool_editing
from integrations.services.tool_values import Kind, Source

MAX_ROWS = 12
"""Rows of the form; a blueprint may give more, and all that are there are shown."""

SOURCES = (
    (Source.MODEL, _("the assistant, from the conversation")),
    (Source.SAID, _("the contact: word for word what they wrote")),
    (Source.PHONE, _("the system: the contact's phone")),
    (Source.NAME, _("the system: the contact's name")),
    (Source.EMAIL, _("the system: the contact's e-mail")),
    (Source.CONTACT, _("the system: the contact's id")),
    (Source.CONVERSATION, _("the system: the conversation's id")),
    (Source.FIXED, _("always the value beside")),
)
KINDS = (
    (Kind.TEXT, _("text")),
    (Kind.INTEGER, _("whole number")),
    (Kind.NUMBER, _("number")),
    (Kind.BOOLEAN, _("yes or no")),
)
_MORE_KINDS = ((Kind.JSON, _("list or object")),)
_RANGE = re.compile(r"(-?\d+(?:[.,]\d+)?)?\s*\.\.\s*(-?\d+(?:[.,]\d+)?)?")
_PARTS = ("name", "from", "type", "description", "accepts", "value", "optional")
# What tells a row that says something from a blank one, whose lists always have a choice.
_TYPED = ("name", "description", "accepts", "value")
_HINTS = {
    "name": "day",
    "description": _("What it is, for the assistant"),
    "accepts": _("Such as 1..10, or: morning, afternoon"),
    "value": _("Example, or the fixed value"),
}

Row = Mapping[str, str]


class ParameterRows(forms.Widget):
    """A row for each parameter; those that are empty after the first of them are folded away.

    Attributes:
        most: rows that are offered beside those that are filled.
    """

    most = MAX_ROWS

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        """Return what was typed, row by row."""
        del files
        rows: list[dict[str, str]] = []
        while f"{name}-{len(rows)}-name" in data:
            place = len(rows)
            rows.append({part: str(data.get(f"{name}-{place}-{part}", "")) for part in _PARTS})
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Test whether the form was sent without the rows."""
        del files
        return f"{name}-0-name" not in data

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the rows."""
        del attrs, renderer
        given = [_as_typed(one) for one in value or []]
        blank = dict.fromkeys(_PARTS, "")
        used = [one for one in given if any(one[part] for part in _TYPED)]
        rows = [
            self._row(name, place, {**blank, **one})
            for place, one in enumerate([*used, *[blank] * max(1, self.most - len(used))])
        ]
        shown = max(1, len(used) + 1)
        return render_to_string(
            "integrations/_parameters.html", {"shown": rows[:shown], "more": rows[shown:]}
        )

    def _row(self, name: str, place: int, row: Row) -> dict[str, object]:
        def part(field: str, label: Any, widget: forms.Widget) -> tuple[Any, SafeString, str]:
            ref = f"{name}-{place}-{field}"
            return label, widget.render(ref, row[field], {"id": f"id_{ref}"}), field

        def line(field: str) -> forms.Widget:
            widget: forms.Widget = UnfoldAdminTextInputWidget(attrs={"placeholder": _HINTS[field]})
            return widget

        # Only a server asks for one; nobody begins with it.
        kinds = (*KINDS, *_MORE_KINDS) if row["type"] == Kind.JSON else KINDS
        optional = f"{name}-{place}-optional"
        return {
            "number": place + 1,
            "fields": [
                part("name", _("Name"), line("name")),
                part("from", _("Who fills it in"), UnfoldAdminSelectWidget(choices=SOURCES)),
                part("type", _("Kind"), UnfoldAdminSelectWidget(choices=kinds)),
                part("description", _("What it is"), line("description")),
                part("accepts", _("Only these"), line("accepts")),
                part("value", _("Example or fixed value"), line("value")),
            ],
            "optional": optional,
            "is_optional": bool(row["optional"]),
        }


class ParametersField(forms.Field):
    """A tool's parameters as its row keeps them; rows without a name are left out."""

    widget = ParameterRows

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def clean(self, value: Any) -> list[dict[str, object]]:
        """Return the rows that were filled.

        Raises:
            ValidationError: a row says something and has no name, or its bounds cannot be read.
        """
        found = []
        for place, row in enumerate(value or []):
            typed = {part: row.get(part, "").strip() for part in _PARTS}
            if not typed["name"]:
                if any(typed[part] for part in _TYPED):
                    raise ValidationError(_("Row %(n)s: name the parameter.") % {"n": place + 1})
                continue
            found.append(_as_kept(typed, number=place + 1))
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what the rows mean; a mistake in them is a change."""
        try:
            return bool((initial or []) != self.clean(data))
        except ValidationError:
            return True


def _as_kept(typed: Row, *, number: int) -> dict[str, object]:
    found: dict[str, object] = {"name": typed["name"]}
    if typed["type"] not in ("", Kind.TEXT):
        found["type"] = typed["type"]
    if typed["from"] not in ("", Source.MODEL):
        found["from"] = typed["from"]
    if typed["description"]:
        found["description"] = typed["description"]
    if typed["optional"]:
        found["required"] = False
    found.update(_bounds(typed["accepts"], typed["type"], number=number))
    if typed["value"]:
        found["value"] = typed["value"]
    return found


def _bounds(text: str, kind: str, *, number: int) -> dict[str, object]:
    """Return what a parameter may be: a range of numbers, or a list."""
    if not text:
        return {}
    if kind in (Kind.INTEGER, Kind.NUMBER) and ".." in text:
        found = _RANGE.fullmatch(text)
        if found is None or not (found[1] or found[2]):
            raise ValidationError(_("Row %(n)s: write the range as 1..10.") % {"n": number})
        ends = {"minimum": found[1], "maximum": found[2]}
        return {name: float(end.replace(",", ".")) for name, end in ends.items() if end}
    return {"choices": [one.strip() for one in text.split(",") if one.strip()]}


def _as_typed(stored: Mapping[str, Any]) -> dict[str, str]:
    """Return a parameter as the row shows it, of what is stored or was typed."""
    if "accepts" in stored:
        return {part: str(stored.get(part, "")) for part in _PARTS}
    low, high = stored.get("minimum"), stored.get("maximum")
    accepts = ", ".join(map(str, stored.get("choices", ())))
    if low is not None or high is not None:
        accepts = f"{_end(low)}..{_end(high)}"
    return {
        "name": str(stored.get("name", "")),
        "from": str(stored.get("from", Source.MODEL)),
        "type": str(stored.get("type", Kind.TEXT)),
        "description": str(stored.get("description", "")),
        "accepts": accepts,
        "value": str(stored.get("value", "")),
        "optional": "" if stored.get("required", True) else "on",
    }


def _end(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


class ShownField(forms.CharField):
    """Paths of an answer, one a line, each perhaps with the name it is shown under."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextareaWidget(
            attrs={"rows": 4, "placeholder": "order.status\norder.total = valor"}
        )
        super().__init__(widget=widget, required=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Return a stored list as lines."""
        if not isinstance(value, list):
            return value
        return "\n".join(
            f"{one['path']} = {one['name']}" if one.get("name") else one["path"] for one in value
        )

    def clean(self, value: Any) -> Any:
        """Return the paths as they are kept."""
        return tool_editing.parse_shows(str(super().clean(value) or "").splitlines())

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what the lines mean."""
        return bool((initial or []) != self.clean(data))


def lines_of_headers(text: str) -> dict[str, str]:
    """Return headers typed one a line as ``name: value``.

    Raises:
        ValidationError: a line that is none.
    """
    found = {}
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if line.strip() and not colon:
            raise ValidationError(_("Write each header as “name: value”."))
        if line.strip():
            found[name.strip()] = value.strip()
    return found


def errors_in_words(errors: Mapping[str, Sequence[Any]], labels: Mapping[str, Any]) -> str:
    """Return what is wrong with a form in one text."""
    return " ".join(
        f"{labels[name]}: {' '.join(map(str, found))}"
        if name in labels
        else " ".join(map(str, found))
        for name, found in errors.items()
    )
