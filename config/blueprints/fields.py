"""What every section of a blueprint file is made of: checked names, secrets, files and hours.

Names that one section uses and another defines, environment variables and files are checked by the
same pass, through `Surroundings`, so that all mistakes of a file are reported at once, each with
its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from agents import guards, owners
from agents.runtime import hours
from config import env
from conversations import brazil
from conversations.hours import BadSpan, checked_spans, clock_span, parse_span
from knowledge.extract.reader import KINDS

DOCUMENT_KINDS = tuple(sorted(f".{end}" for kind in KINDS.values() for end in kind.extensions))
"""All that can be read; questions and answers too, which an export writes as files."""

MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
"""The largest file that the knowledge base takes; checked here to refuse before writing."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = f"({'|'.join(DAYS)})"


@dataclass(frozen=True)
class Surroundings:
    """What a file is checked against beside its own types.

    Attributes:
        folder: where the file lies; documents are looked for below it.
        names: section -> how often each name is defined there.
        modelless: names of credentials that stand for no model at all.
    """

    folder: Path
    names: dict[str, Counter[str]]
    modelless: frozenset[str]


def surroundings(raw: object, *, folder: Path) -> Surroundings:
    """Collect the names that a file defines, as far as its shape allows."""

    def entries(*path: str) -> list[dict[object, object]]:
        found: object = raw
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        listed = found if isinstance(found, list) else []
        return [entry for entry in listed if isinstance(entry, dict)]

    def names(*path: str, key: str = "name") -> Counter[str]:
        return Counter(name for entry in entries(*path) if isinstance(name := entry.get(key), str))

    def served() -> Counter[str]:
        listed = [entry.get("tools") for entry in entries("mcp_servers")]
        tools = [tool for one in listed if isinstance(one, list) for tool in one]
        named = [tool.get("name") for tool in tools if isinstance(tool, dict)]
        return Counter(name for name in named if isinstance(name, str))

    return Surroundings(
        folder=folder,
        names={
            "user": names("users", key="username"),
            "credential": names("llm", "credentials"),
            "category": names("knowledge", "categories"),
            "agent": names("agents"),
            "device": names("devices"),
            "chatwoot inbox": names("chatwoot"),
            "web chat": names("web_chats"),
            "webhook": names("webhooks"),
            "tool": names("tools") + served(),
            "mcp_server": names("mcp_servers"),
            "lead_source": names("leads", "sources"),
        },
        modelless=frozenset(
            str(entry.get("name"))
            for entry in entries("llm", "credentials")
            if entry.get("provider") == "offline"
        ),
    )


def around(info: ValidationInfo) -> Surroundings:
    """Return what the value is checked against."""
    assert isinstance(info.context, Surroundings)  # noqa: S101 - a programming error, not a file's
    return info.context


def refuse(message: str) -> PydanticCustomError:
    """Return the error to raise, with `message` shown as it is."""
    # The message is not a template: braces in a name must not be looked up.
    return PydanticCustomError("blueprint", "{text}", {"text": message})


def defined(section: str) -> Callable[[str, ValidationInfo], str]:
    """Return a check that a section names something once."""

    def check(name: str, info: ValidationInfo) -> str:
        if around(info).names[section][name] > 1:
            raise refuse(f'there is more than one {section} named "{name}"')
        return name

    return check


def used(section: str) -> Callable[[str, ValidationInfo], str]:
    """Return a check that what is named is defined in that section."""

    def check(name: str, info: ValidationInfo) -> str:
        if not around(info).names[section][name]:
            raise refuse(f'no {section} named "{name}"')
        return name

    return check


def is_set(name: str) -> str:
    """Refuse a variable that is not set."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise refuse(f'"{name}" is no name of an environment variable')
    if not env.text(name):
        raise refuse(f"the environment variable {name} is not set")
    return name


def is_zone(name: str) -> str:
    """Refuse what is no time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise refuse(f'no time zone is named "{name}"') from error
    return name


def is_language(code: str) -> str:
    """Refuse a language that is not spoken here."""
    known = [known for known, _ in settings.LANGUAGES]
    if code not in known:
        raise refuse(f'"{code}" is none of: {", ".join(known)}')
    return code


def is_url(url: str) -> str:
    """Refuse what is no http address; return it without a slash at its end."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise refuse(f'"{url}" is no http or https address')
    return url.rstrip("/")


def is_day_range(text: str) -> str:
    """Refuse what is no day or range of days."""
    if not re.fullmatch(f"{_DAY}(-{_DAY})?", text):
        raise refuse(f'"{text}" is no day or range of days, such as sat or mon-fri')
    return text


def is_number(text: str) -> str:
    """Refuse what is no phone number or LID."""
    if not owners.typed(text):
        raise refuse(f'"{text}" is no phone number, such as "+55 11 98888-7777"')
    return text


def is_interval(text: str) -> str:
    """Refuse what is no span of hours; one that ends before it starts ends on the next day."""
    try:
        return clock_span(parse_span(text))
    except BadSpan as error:
        raise refuse(f'"{text}" is no span of hours, such as 08:00-12:00') from error


def is_day_of_hours(spans: list[str]) -> list[str]:
    """Refuse spans of one day that overlap; return them in order."""
    try:
        return [clock_span(one) for one in checked_spans(parse_span(one) for one in spans)]
    except BadSpan as error:
        raise refuse(f"{error} overlaps other hours of its day") from error


def is_region(code: str) -> str:
    """Refuse a region whose holidays are not known."""
    if code not in brazil.REGIONS:
        raise refuse(f'no holidays are known for "{code}"; use BR or a state such as BR-SP')
    return code


def is_away_text(text: str) -> str:
    """Refuse a text with placeholders that mean nothing."""
    if unknown := hours.unknown_placeholders(text):
        known = ", ".join(f"{{{one}}}" for one in hours.PLACEHOLDERS)
        raise refuse(f"{', '.join(unknown)} means nothing here; use {known}")
    return text.strip()


def matching_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files below `folder` that a document pattern means, in order of their paths.

    Raises:
        PydanticCustomError: none, or one that the knowledge base cannot take.
    """
    pure = PurePosixPath(pattern)
    if pure.is_absolute() or ".." in pure.parts:
        raise refuse(f'"{pattern}" leads out of the folder of this file')
    try:
        # A file's own name first: it may hold signs that mean something in a pattern.
        found = [folder / pattern]
        if not found[0].is_file():
            found = sorted(path for path in folder.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise refuse(f'"{pattern}" is no pattern of files') from error
    if not found:
        raise refuse(f'no file matches "{pattern}"')
    for path in found:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise refuse(f'"{path.name}" leads out of the folder of this file')
        if path.suffix.lower() not in DOCUMENT_KINDS:
            raise refuse(f'"{path.name}" is none of: {", ".join(DOCUMENT_KINDS)}')
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise refuse(f'"{path.name}" is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB')
    return found


def is_pattern(pattern: str, info: ValidationInfo) -> str:
    """Refuse a pattern of documents that means none, or one that cannot be taken."""
    matching_files(around(info).folder, pattern)
    return pattern


def are_guards(given: dict[str, Any]) -> dict[str, Any]:
    """Refuse settings of checks that cannot be taken."""
    try:
        return guards.checked(given)
    except guards.BadSetting as error:
        if error.problem == "unknown":
            raise refuse(f'"{error.check}" is none of: {", ".join(guards.BY_NAME)}') from error
        raise refuse(f"{error.check}: {_GUARD_PROBLEMS[error.problem]}") from error


_GUARD_PROBLEMS = {
    "shape": "takes on (true or false), limit (a whole number), words, then and text",
    "always_on": "cannot be switched off",
    "no_limit": "has no limit",
    "range": "its limit is out of range",
    "no_words": "takes no words",
    "words": "takes at most 200 words of 2 to 60 characters",
    "no_text": "a text belongs to `then: text`, where a check can end in one",
    "text": "`then: text` needs a text of at most 1,000 characters",
}


def is_hmac_key(key: str) -> str:
    """Refuse a key that is too short."""
    if len(key) < 32:
        raise refuse("an HMAC key has at least 32 characters")
    return key


def holds_hmac_key(name: str) -> str:
    """Refuse a variable that holds a key that is too short."""
    is_hmac_key(env.text(name))
    return name


Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]
EnvName = Annotated[str, AfterValidator(is_set)]
Secret = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(is_url)]
CredentialRef = Annotated[str, AfterValidator(used("credential"))]
CategoryRef = Annotated[str, AfterValidator(used("category"))]
AgentRef = Annotated[str, AfterValidator(used("agent"))]
ToolRef = Annotated[str, AfterValidator(used("tool"))]


class Section(BaseModel):
    """A part of the file: no unknown key, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def reveal(self, name: str) -> str | None:
        """Return the value of the secret `name`, given here or by its `<name>_env`; else None."""
        variable = getattr(self, f"{name}_env")
        value: str | None = env.text(variable) if variable else getattr(self, name)
        return value

    def one_of(self, name: str, *, required: bool) -> None:
        """Refuse a secret that is given in both forms, or in none where it must be."""
        given = [key for key in (name, f"{name}_env") if getattr(self, key) is not None]
        if len(given) > 1:
            raise refuse(f"give {name} or {name}_env, not both")
        if required and not given:
            raise refuse(f"{name} or {name}_env is missing")
