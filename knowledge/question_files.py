"""Reading the questions of an evaluation set, one JSON object a line; bad lines are told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from django.utils.translation import gettext
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

MAX_LINE = 50_000
"""Characters of one line; a question with its evidence has hundreds."""

Text = Annotated[str, Field(min_length=1, max_length=4_000)]


class Turn(BaseModel):
    """One message before a follow-up."""

    role: Literal["user", "assistant"]
    text: Text


class Quote(BaseModel):
    """Words that answer, and the document they stand in."""

    doc: Annotated[str, Field(min_length=1, max_length=200)]
    quote: Text


class QuestionLine(BaseModel):
    """One question as the file has it; fields that we do not know are left alone."""

    model_config = ConfigDict(extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=80)]
    type: Literal["answerable", "unanswerable", "followup"]
    question: Text
    history: list[Turn] = []
    docs: list[str] = []
    evidence: list[Quote] = []
    key_facts: list[list[str]] = []
    reason: Annotated[str, Field(max_length=40)] = ""

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> QuestionLine:
        if self.type != "unanswerable" and not self.evidence:
            raise ValueError(gettext("a question with an answer needs evidence"))
        if self.type == "followup" and not any(turn.role == "user" for turn in self.history):
            raise ValueError(gettext("a question that follows another needs its history"))
        return self


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out.

    Args:
        number: from 1, as an editor counts.
        reason: for the person who wrote the file.
    """

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class QuestionFile:
    """What was read of a file."""

    questions: tuple[QuestionLine, ...]
    bad_lines: tuple[BadLine, ...]


def read(content: bytes) -> QuestionFile:
    """Read a file; a line that is no question does not keep the others from being read."""
    questions: dict[str, QuestionLine] = {}
    bad: list[BadLine] = []
    for number, line in _lines(content):
        try:
            one = _question(line)
        except ValueError as error:
            bad.append(BadLine(number, _reason(error)))
            continue
        if one.id in questions:
            bad.append(BadLine(number, gettext('the id "%(id)s" was used before') % {"id": one.id}))
        else:
            questions[one.id] = one
    return QuestionFile(tuple(questions.values()), tuple(bad))


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    # Not `splitlines`: it also cuts at signs that may stand inside a JSON string.
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line.strip()


def _question(line: bytes) -> QuestionLine:
    if len(line) > MAX_LINE:
        raise ValueError(gettext("the line is too long"))
    try:
        # Without NUL, which the database does not keep: one would take all other lines with it.
        return QuestionLine.model_validate_json(line.decode("utf-8").replace("\\u0000", ""))
    except UnicodeDecodeError as error:
        raise ValueError(gettext("not UTF-8")) from error


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first: Any = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return gettext("not JSON: %(error)s") % {"error": first["ctx"]["error"]}
    where = ".".join(map(str, first["loc"]))
    what = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
    return f"{where}: {what}" if where else what
