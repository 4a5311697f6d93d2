"""What servers say of their tools, hostile or odd, becomes parameters or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from integrations import mcp
from integrations.services import mcp_definitions, tool_requests
from integrations.services.tool_requests import BadArguments, Definition, Known


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


def test_a_fingerprint_is_of_the_meaning() -> None:
    one, other = {"name": "t", "inputSchema": {"a": 1, "b": 2}}, {"name": "t"}
    turned = {"inputSchema": {"b": 2, "a": 1}, "name": "t"}

    assert mcp.fingerprint(one) == mcp.fingerprint(turned)
    assert mcp.fingerprint(one) != mcp.fingerprint(other)
