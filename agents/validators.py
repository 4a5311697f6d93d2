"""What the lists and settings of an agent may hold, refused in words for its owner.

`Agent.clean` calls them. As validators of its fields a migration would import them.
"""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from agents import guards, owners
from agents.guard_names import guard_name
from integrations.llm.types import Purpose

MAX_KEYWORDS = 100

MAX_LINES = 20
"""Entries of one of an agent's short lists. Every line is read by the model with each message; who
needs more writes a document, which is read where it helps."""

MAX_LINE = 300

MAX_EXAMPLES = 50
"""Example sentences of an agent; each is embedded once. Their mean decides, which hardly changes
after the first twenty."""

MAX_OWNERS = 20

MAX_TIMEOUT_S = 60
"""Longest time for one answer, in seconds: a run's own limit. A contact does not wait longer."""

OWN_PURPOSES = tuple(purpose for purpose in Purpose if purpose not in (Purpose.CHAT, Purpose.EMBED))
"""What an agent may have a model of its own for, beside its answers, which have their columns."""

NO_EMBED = _(
    "An agent cannot have an embedding model of its own: questions are compared with the documents,"
    " which all agents share, and that works only where one model has read both."
)


def validate_keywords(value: object) -> None:
    """Refuse what is not a list of short words or phrases.

    Raises:
        ValidationError: says which entry is wrong.
    """
    if not isinstance(value, list) or len(value) > MAX_KEYWORDS:
        raise ValidationError(_("A list of at most 100 keywords is needed."))
    for keyword in value:
        if not isinstance(keyword, str) or not 1 < len(keyword.strip()) <= 60:
            raise ValidationError(
                _("“%(keyword)s” is not a keyword of 2 to 60 characters."),
                params={"keyword": keyword},
            )


def validate_lines(value: object) -> None:
    """Refuse what is not a short list of sentences.

    Raises:
        ValidationError: says which entry is wrong.
    """
    _validate_texts(value, most=MAX_LINES, shortest=2, longest=MAX_LINE)


def validate_examples(value: object) -> None:
    """Refuse what is not a list of sentences as a contact writes them.

    Raises:
        ValidationError: says which entry is wrong.
    """
    _validate_texts(value, most=MAX_EXAMPLES, shortest=3, longest=MAX_LINE)


def validate_owners(value: object) -> None:
    """Refuse what is not a list of phone numbers or LIDs.

    Raises:
        ValidationError: says which entry is wrong.
    """
    _validate_texts(value, most=MAX_OWNERS, shortest=5, longest=40)
    for one in value if isinstance(value, list) else ():
        if not owners.typed(one):
            raise ValidationError(
                _("“%(number)s” is no phone number, such as +55 11 98888-7777."),
                params={"number": one},
            )


def _validate_texts(value: object, *, most: int, shortest: int, longest: int) -> None:
    if not isinstance(value, list) or len(value) > most:
        raise ValidationError(
            _("A list of at most %(most)s entries is needed."), params={"most": most}
        )
    for one in value:
        if not isinstance(one, str) or not shortest <= len(one.strip()) <= longest:
            raise ValidationError(
                _("“%(text)s” does not have %(shortest)s to %(longest)s characters."),
                params={"text": str(one)[:60], "shortest": shortest, "longest": longest},
            )


def validate_fallbacks(value: object) -> None:
    """Refuse what is not a list of ``{"credential": uuid, "model": text}``.

    Raises:
        ValidationError: says which entry is wrong.
    """
    if not isinstance(value, list) or len(value) > 5:
        raise ValidationError(_("A list of at most 5 fallbacks is needed."))
    for place, one in enumerate(value, start=1):
        if not isinstance(one, dict) or set(one) != {"credential", "model"}:
            raise ValidationError(
                _("Fallback %(place)s needs a credential and a model."), params={"place": place}
            )
        try:
            uuid.UUID(str(one["credential"]))
        except ValueError as error:
            raise ValidationError(
                _("Fallback %(place)s names no credential."), params={"place": place}
            ) from error
        if not isinstance(one["model"], str) or len(one["model"]) > 120:
            raise ValidationError(
                _("Fallback %(place)s needs the name of a model."), params={"place": place}
            )


def validate_purposes(value: object) -> None:
    """Refuse what does not name models by purpose.

    Each is ``{"credential": uuid, "model": text, "timeout_s": int, "fallbacks": [...]}``, with one
    fallback at most, as the tenant's own choices have it.

    Raises:
        ValidationError: says which purpose is wrong, and why none is taken for embedding.
    """
    if not isinstance(value, dict):
        raise ValidationError(_("Models by purpose are needed."))
    if Purpose.EMBED in value:
        raise ValidationError(NO_EMBED)
    for purpose, one in value.items():
        if purpose not in OWN_PURPOSES:
            raise ValidationError(
                _("“%(purpose)s” is no purpose that an agent can have a model of its own for."),
                params={"purpose": purpose},
            )
        if not _is_chain(one):
            raise ValidationError(
                _(
                    "%(purpose)s: a credential, a model, a time limit of 1 to %(most)s seconds and"
                    " at most one fallback are needed."
                ),
                params={"purpose": purpose, "most": MAX_TIMEOUT_S},
            )


def _is_chain(one: object) -> bool:
    keys = {"credential", "model", "timeout_s", "fallbacks"}
    if not isinstance(one, dict) or set(one) != keys:
        return False
    if type(one["timeout_s"]) is not int or not 1 <= one["timeout_s"] <= MAX_TIMEOUT_S:
        return False
    first = {name: one[name] for name in ("credential", "model")}
    try:
        validate_fallbacks([first, *one["fallbacks"]])
    except (ValidationError, TypeError):
        return False
    return len(one["fallbacks"]) <= 1


_PROBLEMS = {
    "always_on": _("this check is always on"),
    "no_limit": _("this check has no number"),
    "range": _("the number must be between %(tightest)s and %(loosest)s"),
    "no_words": _("this check takes no words"),
    "words": _("at most 200 words of 2 to 60 characters are taken"),
    "no_text": _("a text is sent only where “Send a text” is chosen, by a check that can"),
    "text": _("a text of 1 to 1,000 characters is needed"),
}


def validate_guards(value: object) -> None:
    """Refuse settings of checks that cannot be taken.

    Raises:
        ValidationError: says which check and why.
    """
    try:
        guards.checked(value)
    except guards.BadSetting as error:
        check = guards.BY_NAME.get(error.check)
        bounds = {} if check is None else {"tightest": check.tightest, "loosest": check.loosest}
        problem = str(_PROBLEMS.get(error.problem, _("this cannot be read"))) % bounds
        raise ValidationError(
            "%(check)s: %(problem)s",
            params={"check": guard_name(error.check), "problem": problem},
        ) from error


OF_FIELDS = {
    "keywords": validate_keywords,
    "dos": validate_lines,
    "donts": validate_lines,
    "policies": validate_lines,
    "examples": validate_examples,
    "owner_numbers": validate_owners,
    "fallbacks": validate_fallbacks,
    "purposes": validate_purposes,
    "guards": validate_guards,
}
