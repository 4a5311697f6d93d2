"""The checks around a model: what the platform sets, and what a business and an agent may change.

Each level gives a check other values; where one would make a check looser than the platform lets
it, the check stays as it was. What is in force has the name of the level that set it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """Who set a check."""

    PLATFORM = "platform"
    TENANT = "tenant"
    AGENT = "agent"


class Then(StrEnum):
    """What follows where a check fails and no other draft passes."""

    PERSON = "person"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Check:
    """A check as the platform knows it.

    Args:
        limit: its number where it has one; a smaller one is always stricter.
        tightest: the smallest number that may be chosen.
        loosest: the largest one.
        is_on: whether it runs unless somebody says otherwise.
        may_be_off: whether a business may switch it off.
        agent_may_loosen: whether an agent may be looser than its business.
        takes_words: whether words can be added to it.
        answers: whether it can end in a text instead of a person.
    """

    name: str
    limit: int | None = None
    tightest: int = 0
    loosest: int = 0
    is_on: bool = True
    may_be_off: bool = False
    agent_may_loosen: bool = False
    takes_words: bool = False
    answers: bool = False


CHECKS = (
    # Of what comes in.
    Check("input_length", limit=4_000, tightest=200, loosest=4_000, agent_may_loosen=True),
    Check("flood_minute", limit=10, tightest=2, loosest=30),
    Check("flood_day", limit=150, tightest=5, loosest=1_000),
    Check("bot_loop", may_be_off=True),
    Check("subjects", takes_words=True, answers=True),
    # Of what goes out.
    Check("length", limit=3_000, tightest=160, loosest=3_000, agent_may_loosen=True, answers=True),
    Check("leak", answers=True),
    Check("links", answers=True),
    Check("markup", answers=True),
    Check("placeholder", answers=True),
    Check("strangers", answers=True),
    Check("payment_data", answers=True),
    Check("grounding", answers=True),
    Check("promises", may_be_off=True, agent_may_loosen=True, answers=True),
    Check("discount", limit=70, tightest=0, loosest=100, answers=True),
    Check("parroting", may_be_off=True, agent_may_loosen=True, answers=True),
    Check("toxicity", may_be_off=True, agent_may_loosen=True, takes_words=True, answers=True),
    Check("strict", is_on=False, may_be_off=True, agent_may_loosen=True, answers=True),
)
"""Every check that has a setting, in the order in which they run and are shown. What is hidden from
models and what opts a contact out are no settings: they always hold."""

BY_NAME: Mapping[str, Check] = {check.name: check for check in CHECKS}

MAX_WORDS = 200
MAX_WORD = 60
MAX_TEXT = 1_000


@dataclass(frozen=True, slots=True)
class Setting:
    """A check as it is in force.

    Args:
        origin: the last level that changed anything of it.
        text: what the contact is told where `then` says so.
    """

    is_on: bool
    limit: int
    words: tuple[str, ...] = ()
    then: Then = Then.PERSON
    text: str = ""
    origin: Level = Level.PLATFORM


Policy = Mapping[str, Setting]
"""Checks by their names."""


class BadSetting(ValueError):
    """A setting that cannot be taken; `problem` is one of the codes below."""

    def __init__(self, check: str, problem: str) -> None:
        super().__init__(f"{check}: {problem}")
        self.check, self.problem = check, problem


def checked(raw: object) -> dict[str, dict[str, Any]]:
    """Return what a level sets, by check, in one form, so that equal settings are equal.

    Raises:
        BadSetting: ``unknown``, ``shape``, ``always_on``, ``no_limit``, ``range``, ``no_words``,
            ``words``, ``no_text`` or ``text``.
    """
    if not isinstance(raw, Mapping):
        raise BadSetting("", "shape")
    for name in raw:
        if name not in BY_NAME:
            raise BadSetting(str(name), "unknown")
    return {
        check.name: found
        for check in CHECKS
        if check.name in raw and (found := _checked(check, raw[check.name]))
    }


def _checked(check: Check, raw: object) -> dict[str, Any]:
    if not isinstance(raw, Mapping) or set(raw) - set(_READERS):
        raise BadSetting(check.name, "shape")
    given = {key: value for key, value in raw.items() if value not in (None, "", [], ())}
    found = {key: read(check, given[key]) for key, read in _READERS.items() if key in given}
    if ("text" in found) != (found.get("then") == Then.TEXT):
        raise BadSetting(check.name, "text" if "then" in found else "no_text")
    return found


def _on(check: Check, raw: object) -> bool:
    if not isinstance(raw, bool):
        raise BadSetting(check.name, "shape")
    if not raw and not check.may_be_off:
        raise BadSetting(check.name, "always_on")
    return raw


def _limit(check: Check, raw: object) -> int:
    if check.limit is None:
        raise BadSetting(check.name, "no_limit")
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise BadSetting(check.name, "shape")
    if not check.tightest <= raw <= check.loosest:
        raise BadSetting(check.name, "range")
    return raw


def _then(check: Check, raw: object) -> str:
    if not check.answers:
        raise BadSetting(check.name, "no_text")
    if raw not in list(Then):
        raise BadSetting(check.name, "shape")
    return str(raw)


def _text(check: Check, raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip() or len(raw) > MAX_TEXT:
        raise BadSetting(check.name, "text")
    return raw.strip()


def _words(check: Check, raw: object) -> list[str]:
    if not check.takes_words:
        raise BadSetting(check.name, "no_words")
    if not isinstance(raw, list) or len(raw) > MAX_WORDS:
        raise BadSetting(check.name, "words")
    for word in raw:
        if not isinstance(word, str) or not 2 <= len(word.strip()) <= MAX_WORD:
            raise BadSetting(check.name, "words")
    return list(dict.fromkeys(word.strip() for word in raw))


_READERS: Mapping[str, Callable[[Check, object], Any]] = {
    "on": _on,
    "limit": _limit,
    "words": _words,
    "then": _then,
    "text": _text,
}


def platform(check: Check) -> Setting:
    """Return a check as the platform sets it."""
    return Setting(check.is_on, check.limit or 0)


def resolve(
    *, tenant: Mapping[str, Mapping[str, Any]], agent: Mapping[str, Mapping[str, Any]]
) -> Policy:
    """Return what is in force for an agent.

    Args:
        tenant: what the business sets, as `checked` returns it.
        agent: what the agent sets beyond it.
    """
    policy = {}
    for check in CHECKS:
        setting = _with(platform(check), tenant.get(check.name, {}), Level.TENANT, True)
        may_loosen = check.agent_may_loosen
        policy[check.name] = _with(setting, agent.get(check.name, {}), Level.AGENT, may_loosen)
    return policy


def _with(setting: Setting, given: Mapping[str, Any], level: Level, may_loosen: bool) -> Setting:
    is_on, limit = given.get("on", setting.is_on), given.get("limit", setting.limit)
    changed = replace(
        setting,
        is_on=is_on if may_loosen or is_on else setting.is_on,
        limit=limit if may_loosen else min(limit, setting.limit),
        # Words of both hold: a subject that the business forbids stays forbidden.
        words=tuple(dict.fromkeys([*setting.words, *given.get("words", ())])),
        then=Then(given.get("then", setting.then)),
        text=given.get("text", "") if "then" in given else setting.text,
    )
    return setting if changed == setting else replace(changed, origin=level)


PLATFORM: Policy = resolve(tenant={}, agent={})
"""What holds where nobody has set anything."""
