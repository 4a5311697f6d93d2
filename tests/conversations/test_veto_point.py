"""No way around the veto point: the code is walked for what sends."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from conversations.services import veto, words

ROOT = Path(__file__).parents[2]
APPS = (
    "channels_whatsapp",
    "channels_chatwoot",
    "channels_web",
    "conversations",
    "agents",
    "knowledge",
    "integrations",
    "tenants",
)
VETO = "conversations/services/veto.py"

SENDERS = {"send", "edit", "delete", "show_typing", "show_read", "show"}
"""Methods of a channel's account, and of the bridge beneath it, that a contact notices."""

ALLOWED = {
    # The port's adapters, which pass a leave on.
    "channels_whatsapp/sender.py",
    "channels_chatwoot/sender.py",
    # Those who hold one.
    "conversations/services/outbox.py",
    "conversations/services/telling.py",
    "conversations/services/changing.py",
    "conversations/services/typing.py",
    "channels_whatsapp/services/selftest.py",
}
PATHS = ("/chat/send/", "/chat/delete", "/chat/react", "/chat/presence", "/chat/markread")
"""What WuzAPI is asked by for anything that a contact notices."""

CLIENTS = ("channels_whatsapp/bridge/client.py", "channels_chatwoot/client.py")


Nodes = tuple[ast.AST, ...]


@cache
def sources() -> tuple[tuple[str, Nodes], ...]:
    """Return what the tests look at of each file; to read them all takes two seconds."""
    return tuple(
        (name, tuple(filter(_is_looked_at, ast.walk(ast.parse(file.read_text())))))
        for app in (*APPS, "config")
        for file in sorted((ROOT / app).rglob("*.py"))
        if "/migrations/" not in (name := file.relative_to(ROOT).as_posix())
        and "/simulator/" not in name
    )


def _is_looked_at(node: ast.AST) -> bool:
    return isinstance(node, ast.Call | ast.ImportFrom | ast.ClassDef | ast.Constant)


def calls(nodes: Nodes) -> Iterator[tuple[str, ast.Call]]:
    for node in nodes:
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, node
            elif isinstance(function, ast.Name):
                yield function.id, node


def keywords(call: ast.Call) -> set[str]:
    return {one.arg for one in call.keywords if one.arg}


def test_only_the_veto_point_makes_a_leave() -> None:
    makers = {name for name, nodes in sources() for called, _ in calls(nodes) if called == "Leave"}

    assert makers == {VETO}


def test_nobody_comes_by_a_leave_in_another_way() -> None:
    """Such as `replace`, `copy`, or a name of its own for the class."""
    for name, nodes in sources():
        for node in nodes:
            if isinstance(node, ast.ImportFrom):
                for one in node.names:
                    assert one.name != "Leave" or one.asname is None, name
            if isinstance(node, ast.ClassDef):
                bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
                assert "Leave" not in bases, name


def test_whoever_sends_holds_a_leave() -> None:
    found = set()
    for name, nodes in sources():
        for called, call in calls(nodes):
            if called in SENDERS and "leave" in keywords(call):
                found.add(name)

    assert found == ALLOWED


def test_what_a_contact_notices_is_asked_of_the_bridge_in_one_place() -> None:
    """The calls are built by one module, and made by two methods that want a leave."""
    building = {
        name
        for name, nodes in sources()
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith(PATHS)
    }
    assert building == {"channels_whatsapp/bridge/outgoing.py"}

    for name in CLIENTS:
        client = ast.parse((ROOT / name).read_text())
        taking = {
            node.name: {one.arg for one in node.args.kwonlyargs}
            for node in ast.walk(client)
            if isinstance(node, ast.FunctionDef)
            and any(
                isinstance(one.annotation, ast.Name) and one.annotation.id == "Order"
                for one in node.args.args
            )
        }
        assert set(taking) == {"send", "show"}
        assert all("leave" in names for names in taking.values())


def test_what_chatwoot_is_told_past_the_veto_point_no_contact_can_see() -> None:
    """Its client writes a message itself in one place only, and that one is private."""
    client = ast.parse((ROOT / "channels_chatwoot/client.py").read_text())
    writing = {
        function.name: [ast.unparse(one) for one in ast.walk(function) if isinstance(one, ast.Dict)]
        for function in ast.walk(client)
        if isinstance(function, ast.FunctionDef)
        and "/messages" in ast.unparse(function)
        and "'POST'" in ast.unparse(function)
    }

    assert set(writing) == {"note"}
    assert "'private': True" in writing["note"][0]
    for name, nodes in sources():
        if name not in {"channels_chatwoot/client.py", "channels_chatwoot/outgoing.py"}:
            texts = {one.value for one in nodes if isinstance(one, ast.Constant)}
            assert "/messages" not in texts, name


def test_orders_are_built_by_those_who_send_them() -> None:
    users = {
        name
        for name, nodes in sources()
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        and any(one.name in {"outgoing", "Order"} for one in node.names)
    }

    assert users == {
        "channels_whatsapp/bridge/client.py",
        "channels_whatsapp/sender.py",
        "channels_whatsapp/services/selftest.py",
        "channels_chatwoot/client.py",
        "channels_chatwoot/sender.py",
    }


def test_what_is_exempt_is_in_the_list_with_a_reason() -> None:
    asked = {}
    for name, nodes in sources():
        for called, call in calls(nodes):
            if called == "exempt" and name != VETO:
                (given,) = call.args
                assert isinstance(given, ast.Constant), name
                asked.setdefault(given.value, set()).add(name)

    assert set(asked) == set(veto.EXEMPT)
    assert all(len(reason) > 40 for reason in veto.EXEMPT.values())
    assert asked["self_test"] == {"channels_whatsapp/services/selftest.py"}
    assert asked["typing"] == asked["read"] == {"conversations/services/typing.py"}


def test_every_rule_has_a_reason_that_people_read_in_portuguese() -> None:
    assert set(veto.REASONS) == set(veto.Rule)
    assert all(text in words._REASONS for text in veto.REASONS.values())
