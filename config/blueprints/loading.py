"""Reading a blueprint file: from YAML to a checked value, or a list of all that is wrong."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from pathlib import Path
from typing import Any, NoReturn

import yaml
from pydantic import ValidationError

from config.blueprints.fields import surroundings
from config.blueprints.schema import Blueprint
from tenants.errors import DomainError

_SAYINGS = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "literal_error": "must be {expected}",
    "model_type": "must be a mapping of keys to values",
    "dict_type": "must be a mapping of keys to values",
    "list_type": "must be a list",
    "date_type": "must be a day, such as 2026-01-31",
    "is_instance_of": "must be a number",
    "decimal_type": "must be a number",
    "decimal_max_places": "must have at most {decimal_places} decimal places",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "decimal_whole_digits": "must have at most {whole_digits} digits before the point",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_pattern_mismatch": "does not match {pattern}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
}
"""Pydantic's kinds of error in the words of somebody who writes YAML."""


class BadBlueprint(DomainError):
    """The blueprint cannot be applied.

    Attributes:
        problems: one line each, ``path in the file: what is wrong``.
    """

    code = "bad_blueprint"
    http_status = 422

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, which a key that is written twice doesn't get past."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return the mapping.

        Raises:
            ConstructorError: a key occurs twice, of which YAML would silently keep the last.
        """
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f'the key "{key}" occurs twice', key_node.start_mark
                )
            seen.add(key if isinstance(key, Hashable) else id(key))
        return super().construct_mapping(node, deep=deep)


MAX_DEPTH = 30
"""How deep a file from outside may nest; ours go to seven, a tool's parameters deeper."""

MAX_DIGITS = 40
"""Of a number in a file from outside: YAML's of base 60 take the square of their length."""


class _ForeignLoader(_Loader):
    """The same for a file from outside, which may mean to cost more than its length."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return the next node.

        Raises:
            ComposerError: it is an alias, which could repeat itself without end, or lies too deep.
        """
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._refuse("a file from outside has no aliases (*name)", event)
        if self._depth >= MAX_DEPTH:
            self._refuse("lies too deep", event)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        """Return a value.

        Raises:
            ComposerError: no database takes it, or it is an absurd number.
        """
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_scalar_node(anchor)
        text = str(node.value)
        if "\x00" in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            self._refuse("holds a sign that is none", event)
        if node.tag in _NUMBERS and len(text) > MAX_DIGITS:
            self._refuse("is no number", event)
        return node

    def _refuse(self, problem: str, event: Any) -> NoReturn:
        raise yaml.composer.ComposerError(None, None, problem, event.start_mark)


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def load(path: Path) -> Blueprint:
    """Return the blueprint in the file `path`.

    Raises:
        BadBlueprint: with everything that is wrong in it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadBlueprint([f"{path}: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise BadBlueprint([f"{path}: is not UTF-8 text"]) from error
    return parse(text, folder=path.parent)


def parse(text: str, *, folder: Path) -> Blueprint:
    """Return the blueprint in `text`, its documents looked for below `folder`.

    Raises:
        BadBlueprint: with everything that is wrong in it.
    """
    return checked(read(text), folder=folder)


def read(text: str, *, is_foreign: bool = False) -> Any:
    """Return what a file holds, unchecked.

    Args:
        is_foreign: it comes from outside, and may cost no more than its length.

    Raises:
        BadBlueprint: it is no YAML.
    """
    try:
        return yaml.load(text, Loader=_ForeignLoader if is_foreign else _Loader)  # noqa: S506 - subclasses of the safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise BadBlueprint([f"{where}: {error.problem or 'is no YAML'}"]) from error
    except yaml.YAMLError as error:
        raise BadBlueprint([f"the file: is no YAML ({error})"]) from error
    except RecursionError as error:
        raise BadBlueprint(["the file: lies too deep"]) from error
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        # PyYAML's constructors raise these: a day that is none, a tag on what is no such thing.
        raise BadBlueprint([f"the file: a value cannot be read ({error})"]) from error


def checked(raw: object, *, folder: Path, usernames: Collection[str] = ()) -> Blueprint:
    """Return the blueprint that `read` has read.

    Args:
        usernames: who may be named beside those of the file.

    Raises:
        BadBlueprint: with everything that is wrong in it.
    """
    around = surroundings(raw, folder=folder)
    around.names["user"].update(usernames)
    try:
        return Blueprint.model_validate(raw, context=around)
    except ValidationError as error:
        raise BadBlueprint(
            [
                f"{path_of(problem['loc'])}: {_in_words(problem)}"
                for problem in error.errors(include_url=False, include_input=False)
            ]
        ) from error


def path_of(location: tuple[int | str, ...]) -> str:
    """Return a location as people write it: ``agents[1].handoffs[0]``."""
    path = ""
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step != "[key]":
            path += f".{step}" if path else str(step)
    return path or "the file"


def _in_words(problem: Any) -> str:
    saying = _SAYINGS.get(problem["type"])
    if saying is None:
        return str(problem["msg"])
    return saying.format(**problem.get("ctx", {}))
