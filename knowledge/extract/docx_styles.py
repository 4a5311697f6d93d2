"""What a Word document's styles and lists say of a paragraph: its rank, its look, its number."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from knowledge.extract.package import Package

MAX_STYLES = 20_000
MAX_INHERITED = 20  # styles based on each other
MAX_LIST_LEVEL = 8
_HEADING_NAME = re.compile(r"^(?:heading|título|titulo|cabeçalho)\s*([1-9])$", re.IGNORECASE)
_TITLE_NAMES = {"title", "título", "titulo"}
_CONTENTS_NAME = re.compile(r"^(?:toc|sumário|sumario)\b", re.IGNORECASE)
_OFF = {"0", "false", "off", "none"}
_ROMAN = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


def is_on(attributes: dict[str, str]) -> bool:
    """Read a switch of the format: there without a value, it is on."""
    return attributes.get("val", "1") not in _OFF


@dataclass(frozen=True, slots=True)
class Look:
    """How letters are set; `size` in points, 0 where nothing says."""

    is_bold: bool = False
    is_hidden: bool = False
    is_struck: bool = False
    is_struck_twice: bool = False
    size: float = 0.0

    @property
    def is_read(self) -> bool:
        """What is crossed out, such as the price of last year, no longer holds."""
        return not (self.is_hidden or self.is_struck or self.is_struck_twice)

    def changed(self, name: str, attributes: dict[str, str]) -> Look:
        """Return the look after a property of a run."""
        if name == "b":
            return replace(self, is_bold=is_on(attributes))
        if name == "vanish":
            return replace(self, is_hidden=is_on(attributes))
        if name == "strike":
            return replace(self, is_struck=is_on(attributes))
        if name == "dstrike":
            return replace(self, is_struck_twice=is_on(attributes))
        if name == "sz" and attributes.get("val", "").isdecimal():
            return replace(self, size=int(attributes["val"]) / 2)
        return self


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph gets from its style.

    Args:
        level: of the title that it is; None for running text.
        list: the id and the level of the list that it numbers in.
        is_contents: an entry of the table of contents.
    """

    look: Look = Look()
    level: int | None = None
    list: tuple[str, int] | None = None
    is_contents: bool = False


@dataclass(slots=True)
class _Written:
    """A style as it stands in the file, before what it is based on is added."""

    name: str = ""
    based_on: str = ""
    outline: int | None = None
    num_id: str = ""
    num_level: int = 0
    changes: tuple[tuple[str, dict[str, str]], ...] = ()


class Styles:
    """The styles of one document."""

    def __init__(self, written: dict[str, _Written], *, default: str, look: Look) -> None:
        self._written = written
        self._known: dict[str, Style] = {}
        self._look = look
        self.default = self.get(default).look

    @classmethod
    def read(cls, package: Package, part: str) -> Styles:
        """Read the part that defines them; without one, nothing has a style."""
        written: dict[str, _Written] = {}
        default, look, is_default, held = "", Look(), False, _Written()
        for what, name, attributes in package.events(part) if package.has(part) else ():
            if name == "rPrDefault":
                is_default = what == "start"
            elif what != "start":
                continue
            elif name == "style" and len(written) < MAX_STYLES:
                held = written.setdefault(attributes.get("styleId", ""), _Written())
                if attributes.get("default") == "1" and attributes.get("type") == "paragraph":
                    default = attributes.get("styleId", "")
            elif is_default:
                look = look.changed(name, attributes)
            else:
                _add(held, name, attributes)
        return cls(written, default=default, look=look)

    def get(self, style_id: str) -> Style:
        """Return a style with what it inherits; one without anything if there is none."""
        if style_id not in self._known:
            self._known[style_id] = self._resolve(style_id)
        return self._known[style_id]

    def _resolve(self, style_id: str) -> Style:
        chain: list[_Written] = []
        while style_id in self._written and len(chain) < MAX_INHERITED:
            chain.append(self._written[style_id])
            style_id = chain[-1].based_on
        style = Style(look=self._look)
        for one in reversed(chain):
            for name, attributes in one.changes:
                style = replace(style, look=style.look.changed(name, attributes))
            if one.num_id:
                style = replace(style, list=(one.num_id, one.num_level))
            level = _level(one)
            if level is not None:
                style = replace(style, level=level)
            if _CONTENTS_NAME.match(one.name):
                style = replace(style, is_contents=True)
        return style


def _add(held: _Written, name: str, attributes: dict[str, str]) -> None:
    value = attributes.get("val", "")
    match name:
        case "name":
            held.name = value.strip()
        case "basedOn":
            held.based_on = value
        case "outlineLvl" if value.isdecimal():
            held.outline = int(value)
        case "numId":
            held.num_id = value
        case "ilvl" if value.isdecimal():
            held.num_level = int(value)
        case "b" | "sz" | "vanish" | "strike" | "dstrike":
            held.changes = (*held.changes[-50:], (name, attributes))


def _level(style: _Written) -> int | None:
    if style.name.lower() in _TITLE_NAMES:
        return 1
    if found := _HEADING_NAME.match(style.name):
        return int(found[1]) + 1
    if style.outline is not None and style.outline < 9:
        return style.outline + 2
    return None


@dataclass(slots=True)
class _Level:
    form: str = "decimal"
    pattern: str = ""
    start: int = 1

    def take(self, name: str, value: str) -> None:
        """Take over what the file says of it."""
        if name == "numFmt":
            self.form = value
        elif name == "lvlText":
            self.pattern = value[:40]
        elif name == "start" and value.isdecimal():
            self.start = int(value)


class Numbering:
    """The lists of one document, and how far each has got."""

    def __init__(
        self, levels: dict[str, dict[int, _Level]], lists: dict[str, str], restarted: set[str]
    ) -> None:
        self._levels = levels
        self._lists = lists
        self._restarted = restarted  # lists that do not go on from others of their definition
        self._counts: dict[str, dict[int, int]] = {}

    @classmethod
    def read(cls, package: Package, part: str) -> Numbering:
        """Read the part that defines them; without one, nothing is numbered."""
        levels: dict[str, dict[int, _Level]] = {}
        lists: dict[str, str] = {}
        restarted: set[str] = set()
        definition, number, level = "", "", _Level()
        for what, name, attributes in package.events(part) if package.has(part) else ():
            if what != "start":
                continue
            if name == "abstractNum":
                definition = attributes.get("abstractNumId", "")
            elif name == "num":
                number = attributes.get("numId", "")
            elif name == "abstractNumId" and number:
                lists[number] = attributes.get("val", "")
            elif name == "startOverride" and number:
                restarted.add(number)
            elif name == "lvl":
                level = _Level()
                at = attributes.get("ilvl", "0")
                if not number and at.isdecimal():
                    levels.setdefault(definition, {})[int(at)] = level
            else:
                level.take(name, attributes.get("val", ""))
        return cls(levels, lists, restarted)

    def next(self, num_id: str, at: int) -> str | None:
        """Return the number of the next item, empty for a bullet; None when it is in no list."""
        definition = self._lists.get(num_id, "")
        levels = self._levels.get(definition)
        if levels is None or num_id == "0" or not 0 <= at <= MAX_LIST_LEVEL:
            return None
        is_restarted = num_id in self._restarted
        counts = self._counts.setdefault(f"{num_id}." if is_restarted else definition, {})
        level = levels.get(at, _Level(form="bullet"))
        counts[at] = counts.get(at, level.start - 1) + 1
        for deeper in [one for one in counts if one > at]:
            del counts[deeper]
        if level.form in ("bullet", "none"):
            return ""
        return re.sub(
            r"%([1-9])", lambda m: self._one(levels, counts, int(m[1]) - 1), level.pattern
        )

    @staticmethod
    def _one(levels: dict[int, _Level], counts: dict[int, int], at: int) -> str:
        level = levels.get(at, _Level())
        return _in_form(counts.get(at, level.start), level.form)


def _in_form(number: int, form: str) -> str:
    match form:
        case "lowerLetter" | "upperLetter" if 1 <= number <= 26:
            letter = chr(ord("a") + number - 1)
            return letter.upper() if form == "upperLetter" else letter
        case "lowerRoman" | "upperRoman" if 1 <= number < 40:
            return _roman(number).upper() if form == "upperRoman" else _roman(number)
        case "ordinal":
            return f"{number}º"
        case _:
            return str(number)


def _roman(number: int) -> str:
    letters = ""
    for value, sign in _ROMAN:
        while number >= value:
            letters += sign
            number -= value
    return letters
