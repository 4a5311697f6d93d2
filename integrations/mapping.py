"""A body in the words of another system: JSON whose texts name the fields of what happened.

``{"email": "{{ email }}"}`` puts the field's value there; alone in its text it keeps its type, and
among other words it is written out. What has no value goes away with its key. After a bar stands
what is done with the value, one of `FILTERS`. Nothing in it is a program: names are looked up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from integrations.payloads import TYPES, InConversation, LeadQualified, known

Json = Any
"""What JSON can hold; of a template, once `check` has passed it."""

MAX_TEMPLATE = 10_000
"""Characters of a template, which is filled for each call."""

MAX_DEPTH = 8

_PLACE = re.compile(r"\{\{\s*([a-z_][a-z0-9_]{0,60})\s*(?:\|\s*([a-z]{1,12})\s*)?\}\}")

FILTERS: Mapping[str, Callable[[str], str]] = {
    "first": lambda text: text.split()[0] if text.split() else "",
    "last": lambda text: " ".join(text.split()[1:]),
    "digits": lambda text: re.sub(r"\D", "", text),
    "upper": str.upper,
}
"""First word, the words after it, only the digits, capitals."""

ENVELOPE = ("event_id", "event_type", "occurred_at", "tenant", "sequence")


class BadTemplate(ValueError):
    """A template that cannot be used; the message says why."""


def check(template: Json, *, names: Iterable[str] | None = None) -> None:
    """Refuse a template that is no object, too large, or names what there is not.

    Args:
        names: the fields that there are; None for those of every event.

    Raises:
        BadTemplate: says what is wrong.
    """
    if not isinstance(template, dict) or not template:
        raise BadTemplate(_("it must be a JSON object with at least one key"))
    if not _can_be_kept(template):
        raise BadTemplate(_("it holds a sign or a number that cannot be kept"))
    if len(json.dumps(template, ensure_ascii=False)) > MAX_TEMPLATE:
        raise BadTemplate(_("it has more than %(n)s characters") % {"n": MAX_TEMPLATE})
    there_are = frozenset(names) if names is not None else fields()
    for text in _texts(template, 0):
        for name, filter_name in _PLACE.findall(text):
            if name not in there_are and not name.startswith("custom_"):
                raise BadTemplate(_("there is no field %(name)s") % {"name": name})
            if filter_name and filter_name not in FILTERS:
                raise BadTemplate(_("nothing is called |%(name)s") % {"name": filter_name})
        rest = _PLACE.sub("", text)
        if "{{" in rest or "}}" in rest:
            raise BadTemplate(_("this cannot be read: %(text)s") % {"text": text[:80]})


def fields(types: Iterable[str] = TYPES) -> frozenset[str]:
    """Return the names that a template for events of these types may use."""
    wanted = set(types)
    found = {name for one in known() if one.type in wanted for name in one.model_fields}
    return frozenset(found | set(ENVELOPE))


def lead_fields() -> tuple[str, ...]:
    """Return the names of an event of a lead, in the order of its documentation."""
    own = [name for name in LeadQualified.model_fields if name not in InConversation.model_fields]
    return (*own, *InConversation.model_fields, *ENVELOPE)


def of_event(envelope: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names and values that a template sees of an event."""
    return {
        **envelope["data"],
        "event_id": envelope["id"],
        "event_type": envelope["type"],
        "occurred_at": envelope["occurred_at"],
        "tenant": envelope["tenant"],
        "sequence": envelope["sequence"],
    }


def body(template: Json, event_body: str) -> bytes:
    """Return what is sent for an event, the same bytes each time."""
    filled = fill(template, of_event(json.loads(event_body)))
    return json.dumps(filled or {}, ensure_ascii=False).encode()


def fill(template: Json, values: Mapping[str, Any]) -> Json:
    """Return a template with its values; None where none of them is there."""
    match template:
        case dict():
            filled = {key: fill(one, values) for key, one in template.items()}
            return {key: one for key, one in filled.items() if one is not None} or None
        case list():
            return [one for item in template if (one := fill(item, values)) is not None] or None
        case str():
            return text(template, values)
    return template


def text(template: str, values: Mapping[str, Any]) -> Json:
    """Return one text with its values; None where it names only what is not there."""
    places = list(_PLACE.finditer(template))
    if not places:
        return template
    if len(places) == 1 and places[0][0] == template.strip():
        return _value(places[0], values)
    shown = [_value(one, values) for one in places]
    if all(one is None for one in shown):
        return None
    texts = iter(shown)
    return _PLACE.sub(lambda _place: _written(next(texts)), template)


def message(template: str, values: Mapping[str, Any]) -> str:
    """Return a text for people, without the gaps that missing values leave."""
    shown = _PLACE.sub(lambda place: _written(_value(place, values)), template)
    lines = (re.sub(r"[ \t]+", " ", one).strip() for one in shown.split("\n"))
    return re.sub(r" +([,.!?])", r"\1", "\n".join(lines)).strip()


def _value(place: re.Match[str], values: Mapping[str, Any]) -> Json:
    value = values.get(place[1])
    if value is None or value == "":
        return None
    if place[2]:
        return FILTERS[place[2]](_written(value)) or None
    return value


def _written(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _can_be_kept(template: Json) -> bool:
    """Test whether the database takes it: no NaN, no zero byte, no half of a pair (\\ud800)."""
    try:
        text = json.dumps(template, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError):
        return False
    return "\\u0000" not in text


def _texts(template: Json, depth: int) -> Iterable[str]:
    if depth > MAX_DEPTH:
        raise BadTemplate(_("it is more than %(n)s levels deep") % {"n": MAX_DEPTH})
    match template:
        case dict():
            for key, one in template.items():
                if "{{" in key:
                    raise BadTemplate(_("only a text names a field, no key does"))
                yield from _texts(one, depth + 1)
        case list():
            for one in template:
                yield from _texts(one, depth + 1)
        case str():
            yield template
        case None | bool() | int() | float():
            return
        case _:
            raise BadTemplate(_("it holds only texts, numbers, true, false, lists and objects"))


READY: Mapping[str, Json] = {
    "generic": {
        "id": "{{ lead_id }}",
        "event": "{{ event_type }}",
        "name": "{{ name }}",
        "email": "{{ email }}",
        "phone": "{{ phone }}",
        "company": "{{ company }}",
        "need": "{{ need }}",
        "budget": "{{ budget }}",
        "authority": "{{ authority }}",
        "timing": "{{ timing }}",
        "score": "{{ score }}",
        "stage": "{{ stage }}",
    },
    # POST https://api.rd.services/platform/conversions?api_key=…
    "rdstation": {
        "event_type": "CONVERSION",
        "event_family": "CDP",
        "payload": {
            "conversion_identifier": "Prosa WhatsApp",
            "name": "{{ name }}",
            "email": "{{ email }}",
            "mobile_phone": "+{{ phone|digits }}",
            "company_name": "{{ company }}",
            "cf_necessidade": "{{ need }}",
            "cf_orcamento": "{{ budget }}",
            "cf_decisor": "{{ authority }}",
            "cf_prazo": "{{ timing }}",
            "cf_pontuacao": "{{ score }}",
        },
    },
    # POST https://api.hubapi.com/crm/v3/objects/contacts/batch/upsert: who is there is changed.
    "hubspot": {
        "inputs": [
            {
                "idProperty": "email",
                "id": "{{ email }}",
                "properties": {
                    "email": "{{ email }}",
                    "firstname": "{{ name|first }}",
                    "lastname": "{{ name|last }}",
                    "phone": "+{{ phone|digits }}",
                    "company": "{{ company }}",
                    "message": "{{ need }} {{ budget }} {{ timing }}",
                },
            }
        ]
    },
    # POST https://api.pipedrive.com/v1/persons
    "pipedrive": {
        "name": "{{ name }}",
        "email": [{"value": "{{ email }}", "primary": True, "label": "work"}],
        "phone": [{"value": "+{{ phone|digits }}", "primary": True, "label": "mobile"}],
    },
    "n8n": {name: f"{{{{ {name} }}}}" for name in lead_fields()},
}
"""Bodies to begin with, by system. Sources, November 2026: developers.rdstation.com "Eventos
padrão", developers.hubspot.com "Upsert a batch of contacts", developers.pipedrive.com "Persons"."""
