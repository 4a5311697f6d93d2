"""What the child process hands back, as JSON and as values again."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from knowledge.types import Block, Extracted, Heading, Paragraph, Problem, Row, Unreadable


@dataclass(frozen=True, slots=True)
class Crash:
    """A reader of ours failed on a file; `where` is for the log."""

    where: str


class Crashed(Exception):
    """The child says that its reader failed; the message says where."""


def dump(outcome: Extracted | Problem | Crash) -> bytes:
    """Return an outcome as JSON."""
    if isinstance(outcome, Crash):
        return json.dumps({"crash": outcome.where}).encode()
    if isinstance(outcome, Problem):
        return json.dumps({"problem": outcome.value}).encode()
    plain = {one.name: getattr(outcome, one.name) for one in fields(outcome)}
    plain["blocks"] = [_dump_block(block) for block in outcome.blocks]
    return json.dumps(plain, ensure_ascii=True).encode()


def load(raw: bytes) -> Extracted:
    """Return the value that stands in the JSON.

    The child may be in the hands of the file that it read: what it says is taken for data, checked
    for its form.

    Raises:
        Unreadable: the problem that the child found.
        Crashed: its reader failed.
        ValueError: not what a child writes.
    """
    stated = json.loads(raw)
    if not isinstance(stated, dict):
        raise TypeError("not an object")
    if "crash" in stated:
        raise Crashed(_words(stated["crash"])[:200])
    if "problem" in stated:
        raise Unreadable(Problem(stated["problem"]))
    return Extracted(
        blocks=tuple(_load_block(one) for one in _list(stated, "blocks")),
        unread_pages=tuple(_number(one) for one in _list(stated, "unread_pages")),
        hidden_sheets=tuple(_words(one) for one in _list(stated, "hidden_sheets")),
        n_hidden=_number(stated["n_hidden"]),
        phrasings=tuple(_words(one) for one in _list(stated, "phrasings")),
        language=_words(stated["language"])[:8],
    )


def _dump_block(block: Block) -> list[object]:
    match block:
        case Heading():
            return ["h", block.level, block.text, block.page]
        case Row():
            return ["r", block.columns, block.cells, block.page]
        case Paragraph():
            return ["p", block.text, block.page]


def _load_block(stated: object) -> Block:
    match stated:
        case ["h", int(level), str(words), int() | None as page]:
            return Heading(level=level, text=words, page=page)
        case ["p", str(words), int() | None as page]:
            return Paragraph(text=words, page=page)
        case ["r", list(columns), list(cells), int() | None as page]:
            return Row(
                columns=tuple(map(_words, columns)), cells=tuple(map(_words, cells)), page=page
            )
        case _:
            raise ValueError("not a block")


def _list(stated: dict[str, object], name: str) -> list[object]:
    found = stated[name]
    if not isinstance(found, list):
        raise TypeError(name)
    return found


def _number(stated: object) -> int:
    if not isinstance(stated, int):
        raise TypeError("not a number")
    return stated


def _words(stated: object) -> str:
    if not isinstance(stated, str):
        raise TypeError("not text")
    return stated
