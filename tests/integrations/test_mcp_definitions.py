"""What servers say of their tools, hostile or odd, becomes parameters or is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from integrations import mcp
from integrations.services import mcp_definitions, tool_requests
from integrations.services.tool_requests import Definition, Parameter
from integrations.services.tool_values import BadArguments, Kind, Known, NotKnown


def tool(properties: Any, *, required: Any = (), **more: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(required), **more}
    return {"name": "t", "description": "D.", "inputSchema": schema}


def test_schemas_become_parameters() -> None:
    guest = {"type": "object", "properties": {"name": {"type": "string"}}, "x-odd": "left out"}
    definition = tool(
        {
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "size": {"$ref": "#/$defs/Size"},
            "n": {"type": "integer", "minimum": 1, "maximum": 9, "examples": [3]},
            "guests": {"type": "array", "items": {"$ref": "#/$defs/Guest"}},
            "email": {"type": ["string", "null"]},
            "customerPhone": {"type": "string"},
            "x-bad name": {"type": "string"},
        },
        required=["n", "size", "unknown"],
        **{"$defs": {"Size": {"enum": ["S", "M"], "type": "string"}, "Guest": guest}},
    )

    reading = {one["name"]: one for one in mcp_definitions.parameters(definition, changes=False)}
    changing = {one["name"]: one for one in mcp_definitions.parameters(definition, changes=True)}

    assert list(reading) == ["size", "n", "note", "guests", "email", "customerPhone"]
    assert reading["customerPhone"]["from"] == "contact_phone"
    assert reading["size"] == {"name": "size", "choices": ["S", "M"]}
    assert reading["n"] == {
        "name": "n",
        "type": "integer",
        "minimum": 1.0,
        "maximum": 9.0,
        "value": "3",
    }
    assert reading["note"] == {"name": "note", "required": False}
    assert reading["email"]["from"] == "contact_email"
    assert "from" not in reading["guests"]
    assert (changing["n"]["from"], changing["guests"]["from"]) == ("said", "said")
    shape = mcp_definitions.shape(definition, "guests")
    assert shape["items"] == {"type": "object", "properties": {"name": {"type": "string"}}}


def test_lists_and_objects_are_bound_like_single_values() -> None:
    stored = {"name": "items", "type": "json", "from": "said"}
    ordering = Definition(None, "t", "D.", "", "", (tool_requests.parameter(stored),), risk="write")
    known = Known(said=("quero 2 pizzas grandes",))

    def bound(value: object) -> object:
        return tool_requests.arguments(ordering, {"items": value}, known)["items"]

    said = [{"what": "pizzas", "n": 2, "now": True}]
    assert bound(said) == said
    assert bound('[{"what": "pizzas"}]') == [{"what": "pizzas"}]
    for value in ([{"n": 3}], [{"what": "refund"}], "no json", 7, [["x" * 5_000]], ["\u202e"]):
        with pytest.raises(BadArguments):
            bound(value)


def test_who_is_meant_is_never_a_models_to_choose() -> None:
    text, number = {"type": "string"}, {"type": "integer"}
    names = {
        "contact_phone": "phone phones tel fone telefone celulares phonenumber customerPhoneNumber"
        " msisdn whatsapp whats_app_number userphone mobile_no toPhone",
        "contact_email": "email emails e_mail userEmail emailAddress customermail",
        "said": "contact_id customer_id customerID orderid user_ids cpf clienteCPF cnpj document"
        " documento to recipient recipients cc id uuid",
        "": "day note grid paid period total valid telling phonetic today store docs",
    }
    for changes in (True, False):
        for wanted, listed in names.items():
            definition = tool(dict.fromkeys(listed.split(), text))
            found = mcp_definitions.parameters(definition, changes=changes)
            assert {one.get("from", "") for one in found} == {wanted}, found
    people = {"type": "array", "items": text}
    odd = tool(
        {
            "phone": number,
            "phones": people,
            "phone_numbers": {"type": "array", "items": number},
            "emails": people,
            "email": {"type": "object"},
            "customer_id": number,
            "to": {"type": "string", "format": "date"},
            "has_phone": {"type": "boolean"},
        }
    )
    stored = mcp_definitions.parameters(odd, changes=False)
    assert [one.get("from") for one in stored] == [
        *("contact_phone", "contact_phone", "contact_phone", "contact_email"),
        *("said", "said", None, None),
    ]
    bound = tuple(map(tool_requests.parameter, stored[:4]))
    shaped = tuple(replace(one, shape=mcp_definitions.shape(odd, one.name)) for one in bound)
    asked = Definition(None, "t", "D.", "", "", shaped)
    known = Known(phone="5511988887777", email="ana@example.org", said=("pedido A-7, CPF 123",))
    assert asked.schema()["properties"] == {}
    assert tool_requests.arguments(asked, {}, known) == {
        "phone": 5511988887777,
        "phones": ["5511988887777"],
        "phone_numbers": [5511988887777],
        "emails": ["ana@example.org"],
    }

    # Within lists and objects, of tools that look something up as well.
    size = {"enum": ["S", "M"]}
    who = {"name": text, "tel": text, "cpf": text, "size": size, "more": {"type": "object"}}
    nested = {"type": "object", "properties": {"customer": {"type": "object", "properties": who}}}
    one = Parameter("data", Kind.JSON, shape={**nested, "required": ["customer"]})
    looking = Definition(None, "t", "D.", "", "", (one,))
    schema: Any = looking.schema()["properties"]
    kept = schema["data"]["properties"]["customer"]["properties"]
    assert set(kept) == {"name", "cpf", "size", "more"}

    def sent(known: Known = known, **customer: object) -> Any:
        given = {"data": {"customer": customer}}
        return tool_requests.arguments(looking, given, known)["data"]["customer"]

    own = {"tel": "5511988887777"}
    assert sent(name="Rui", size="M") == {"name": "Rui", "size": "M", **own}
    assert sent(tel="5511900000000", cpf="123") == {"cpf": "123", **own}
    assert sent(more={"a": [{"fone": "1"}]}) == {"more": {"a": [{"fone": own["tel"]}]}, **own}
    assert sent(Known(), name="Rui") == {"name": "Rui"}
    with pytest.raises(NotKnown):
        sent(Known(), tel="5511900000000")
    wrong: tuple[dict[str, object], ...] = (
        {"cpf": "999"},
        {"size": "L"},
        {"admin": True},
        {"more": {"user_id": 7}},
        {"more": [{"recipients": ["x@evil.example"]}]},
    )
    for values in wrong:
        with pytest.raises(BadArguments):
            sent(**values)


def test_hostile_definitions_are_cut_or_refused() -> None:
    circle = {"type": "object", "properties": {f"p{n}": {"$ref": "#/$defs/a"} for n in range(300)}}
    found = mcp_definitions.properties(
        tool({"a": {"$ref": "#/$defs/a"}}, **{"$defs": {"a": circle}})
    )
    assert set(found) == {"a"}  # and it took no time
    refused = (
        tool({"a b": {"type": "string"}}, required=["a b"]),
        tool({f"p{n}": {} for n in range(30)}, required=[f"p{n}" for n in range(30)]),
        tool({"a": {"type": "array", "items": {"enum": ["x" * 9_000]}}}, required=["a"]),
        {"name": "t", "unreadable": "hash"},
    )
    for definition in refused:
        with pytest.raises(mcp_definitions.Unusable):
            mcp_definitions.parameters(definition, changes=False)
    for odd in (None, [], "x", {"properties": [1]}, {"properties": {"a": 7}, "required": 3}):
        mcp_definitions.parameters({"name": "t", "inputSchema": odd}, changes=True)

    hidden = "Books.\u200b\U000e0041\u202e \x1b[31m"
    assert mcp_definitions.description({"name": "t", "description": hidden}) == "Books. [31m"
    shown = mcp_definitions.visible(hidden)
    assert "⟨U+200B⟩⟨U+E0041⟩⟨U+202E⟩" in shown
    assert len(mcp_definitions.description({"name": "t", "description": "x" * 9_000})) == 1_000
    for value in ({"name": "t", "description": "x" * 30_000}, {"name": "t", "title": "\x00"}):
        assert set(mcp._kept(value)) == {"name", "unreadable"}
    assert mcp._kept({"name": "t", "title": "\ud800", "icons": [1]}) == {"name": "t", "title": "?"}


def test_a_change_is_never_hidden_among_others() -> None:
    before = tool({"n": {"type": "integer", "default": "1", "title": "N"}})
    after = tool({"n": {"type": "integer", "default": 1, "title": ""}})
    noise = {f"x{n}": n for n in range(150)}

    found, n_more = mcp_definitions.differences(
        {"annotations": noise, **before}, {"annotations": {}, **after, "description": "E."}
    )

    assert [one.parts for one in found[:3]] == [
        (("old", "D."), ("new", "E.")),
        (("old", '"1"'), ("new", "1")),
        (("old", '"N"'), ("new", '""')),
    ]
    assert (len(found), n_more) == (100, 3 + 151 - 100)
    assert mcp_definitions.differences(before, before) == ([], 0)


def test_a_fingerprint_is_of_the_meaning() -> None:
    one, other = {"name": "t", "inputSchema": {"a": 1, "b": 2}}, {"name": "t"}
    turned = {"inputSchema": {"b": 2, "a": 1}, "name": "t"}

    assert mcp.fingerprint(one) == mcp.fingerprint(turned)
    assert mcp.fingerprint(one) != mcp.fingerprint(other)
