"""Filling the fields of a lead: a model names value and quote, code looks the quote up.

What stands in no message of the contact is not taken, whoever says so. A value that states a
number, date or address which the quote does not hold gives way to the quote itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agents.runtime import briefing, claims, outputs, prompts, remembering, routing, supporting
from agents.runtime.tools import Risk, ToolResult, TryAgain
from agents.types import RunRequest, TranscriptLine
from agents.types_leads import LeadField, LeadFound
from integrations.llm import words
from integrations.llm.types import ChatMessage, ChatRequest, Purpose

MAX_VALUE = 300
MAX_WORDS = 400
"""Characters of a quote that are kept: three sentences."""

MAX_AT_ONCE = 40
"""Values of one call; more than there can be fields."""

ANSWER_TOKENS = 800
ANSWER_S = 30.0
PROMPT_TOKENS = 6_000
"""Tokens of messages that are read at once, estimated: the newest."""

BY_RULES = 40
"""Confidence of what a rule found: it knows the words and not what they mean."""

Line = tuple[str, str]  # what a contact wrote, and the message's reference

_MEANS_MONEY = ("orcamento", "gastar", "investir", "investimento", "pagar", "budget", "spend")


class _Value(BaseModel):
    model_config = ConfigDict(extra="ignore")

    field: str
    value: str = Field(min_length=1, max_length=2_000)
    quote: str = Field(min_length=1, max_length=4_000)
    confidence: float = Field(70, ge=0, le=100)
    against: bool = False


class _Values(BaseModel):
    model_config = ConfigDict(extra="ignore")

    values: list[_Value] = Field(max_length=MAX_AT_ONCE)


def lines_of(request: RunRequest) -> list[Line]:
    """Return what the contact wrote and a run was shown, the newest first."""
    burst = list(zip(request.burst, request.burst_refs, strict=False))
    earlier = [(one.text, one.ref) for one in request.transcript if one.role == "contact"]
    return [*burst[::-1], *earlier[::-1]]


@dataclass(frozen=True)
class RecordLead:
    """Keeps what the contact said of their project, their money, their time and themselves.

    Args:
        lines: where a quote may stand, the newest first.
        keep: takes what is borne out.
    """

    fields: Sequence[LeadField]
    lines: Sequence[Line]
    keep: Callable[[LeadFound], None]
    name: str = "record_lead"
    risk: Risk = Risk.READ
    description: str = (
        "Keep what the contact tells about what they need and about themselves. Call it in the"
        " same turn in which they tell something of these fields, and then answer them. Each value"
        " needs the contact's own words, copied letter by letter."
    )

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of the arguments."""
        about = "; ".join(f"{one.key}: {described(one)}" for one in self.fields)
        return {
            "type": "object",
            "properties": {
                "values": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": {
                                "type": "string",
                                "enum": [one.key for one in self.fields],
                                "description": about,
                            },
                            "value": {"type": "string", "description": "Short and plain."},
                            "quote": {
                                "type": "string",
                                "description": "The contact's own words, copied exactly.",
                            },
                            "confidence": {
                                "type": "integer",
                                "description": "0 to 100: how clearly the words say it.",
                            },
                            "against": {
                                "type": "boolean",
                                "description": "True where it speaks against buying.",
                            },
                        },
                        "required": ["field", "value", "quote", "confidence"],
                    },
                }
            },
            "required": ["values"],
        }

    def call(self, arguments: Mapping[str, object]) -> ToolResult:
        """Keep what stands in the contact's messages.

        Raises:
            TryAgain: nothing of it does.
        """
        try:
            given = _Values.model_validate(arguments)
        except ValidationError as error:
            raise TryAgain("values is a list of field, value, quote and confidence.") from error
        taken, refused = _checked(given, self.fields, self.lines)
        if refused and not taken:
            raise TryAgain(" ".join(refused))
        for one in taken:
            self.keep(one)
        kept = ", ".join(one.key for one in taken) or "nothing new"
        return ToolResult(" ".join([f"Kept: {kept}.", *refused]))


def described(field: LeadField) -> str:
    """Return what belongs into a field, for a model."""
    text = field.about or field.label
    return f"{text} (one of: {', '.join(field.choices)})" if field.choices else text


def request(
    lines: Sequence[TranscriptLine], *, fields: Sequence[LeadField], language: str
) -> ChatRequest:
    """Return what a model is asked at the end of a conversation.

    Args:
        language: such as ``"Brazilian Portuguese"``.
    """
    shown = remembering.fitting(lines, budget=PROMPT_TOKENS)
    rules = prompts.LeadRules(language, tuple((one.key, described(one)) for one in fields))
    return ChatRequest(
        messages=(
            ChatMessage("system", prompts.render(rules)),
            ChatMessage("user", prompts.render(prompts.LeadPrompt(shown))),
        ),
        max_output_tokens=ANSWER_TOKENS,
        timeout_s=ANSWER_S,
        purpose=Purpose.SUMMARISE,
    )


def read(
    answer: str, lines: Sequence[TranscriptLine], *, fields: Sequence[LeadField]
) -> list[LeadFound]:
    """Return what a model found, as far as the contact's messages bear it out."""
    found = outputs.json_object(outputs.without_thoughts(answer))
    try:
        given = _Values.model_validate(found)
    except ValidationError:  # no JSON, or of another shape
        return []
    return _checked(given, fields, _of_contact(lines))[0]


def by_rules(lines: Sequence[TranscriptLine], *, fields: Sequence[LeadField]) -> list[LeadFound]:
    """Return what can be found without a model: what is wanted, for how much, until when.

    What is wanted alone makes no lead: nothing is found where neither money nor time was named.
    """
    wanted = {one.key for one in fields}
    found: dict[str, LeadFound] = {}

    def note(key: str, shown: str, ref: str) -> None:
        if key in wanted and key not in found:
            found[key] = LeadFound(key, shown[:MAX_VALUE], BY_RULES, shown[:MAX_WORDS], ref)

    for text, ref in _of_contact(lines)[::-1]:
        shown = " ".join(prompts.visible(text).split())
        if not shown or routing.small_talk(shown) is not None:
            continue
        plain = words.fold(shown)
        note("need", shown, ref)
        if any(word in plain for word in _MEANS_MONEY) and any(
            claim.kind == "money" for claim in claims.claims(shown)
        ):
            note("budget", shown, ref)
        if briefing.is_deadline(shown):
            note("timing", shown, ref)
    return list(found.values()) if found.keys() & {"budget", "timing"} else []


def _of_contact(lines: Sequence[TranscriptLine]) -> list[Line]:
    return [(one.text, one.ref) for one in reversed(lines) if one.role == "contact" and one.ref]


def _checked(
    given: _Values, fields: Sequence[LeadField], lines: Sequence[Line]
) -> tuple[list[LeadFound], list[str]]:
    """Return what is borne out, and of the rest why it was not taken."""
    known = {one.key: one for one in fields}
    taken: list[LeadFound] = []
    refused: list[str] = []
    for one in given.values:
        field = known.get(one.field)
        if field is None:
            refused.append(f"There is no field {one.field[:40]!r}.")
            continue
        found = _found(one, field, lines)
        if isinstance(found, str):
            refused.append(f"{field.key}: {found}")
        else:
            taken.append(found)
    return taken, refused


def _found(given: _Value, field: LeadField, lines: Sequence[Line]) -> LeadFound | str:
    standing = ((passage(given.quote, text), ref) for text, ref in lines)
    said, ref = next((one for one in standing if one[0]), ("", ""))
    if not said:
        return "this quote stands in no message of the contact; copy their words exactly."
    value = " ".join(prompts.visible(given.value).split())[:MAX_VALUE]
    if field.choices:
        value = next((one for one in field.choices if words.fold(one) == words.fold(value)), "")
        if not value:
            return f"the value is one of: {', '.join(field.choices)}."
    elif field.is_literal:
        value = passage(value, said)
        if not value:
            return "the value itself must stand in the quote."
    elif not all(supporting.index([said]).holds(one) for one in claims.claims(value)):
        value = said
    return LeadFound(
        field.key, value[:MAX_VALUE], round(given.confidence), said, ref, given.against
    )


def passage(quote: str, text: str) -> str:
    """Return a quote as it stands in a text; empty where it does not.

    Words are compared, so that accents, capitals and the signs between them do not matter: a model
    copies the words and mends the rest.
    """
    shown = prompts.visible(text)
    spans = [(words.fold(one[0]), one.start(), one.end()) for one in words.WORD.finditer(shown)]
    wanted = [words.fold(one) for one in words.WORD.findall(prompts.visible(quote))]
    n = len(wanted)
    if not n:
        return ""
    for at in range(len(spans) - n + 1):
        if [word for word, _, _ in spans[at : at + n]] == wanted:
            return " ".join(shown[spans[at][1] : spans[at + n - 1][2]].split())[:MAX_WORDS]
    return ""
