"""What contacts and models are told of the opening hours; each figure comes from `HoursState`.

The rule for questions is modest. A question counts as one of opening times where every word of it
belongs to that subject: "vocês abrem amanhã?" does, "vocês atendem convênio amanhã?" and "tem
horário amanhã?", which asks for an appointment, do not. What depends on today (now, today,
tomorrow, a holiday, a day that is unlike its weekday) is answered at once, since no document knows
what day it is. Of the usual hours documents may know more, such as those of each branch, so they
are asked first, and the configured hours stand in where the contact would have been left to people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from agents.runtime import hours_words, prompts, routing
from agents.types import AgentProfile, Away, NeedsHuman, OutsideHours, Reason, Reply, RunRequest
from agents.types_hours import DayHours, HoursReason, HoursState
from integrations.llm import words

PLACEHOLDERS = ("volta", "motivo", "horario")
"""What an away text may hold between braces: when people are back, why, and the week."""

N_HOLIDAYS = 3
"""Days to come with a name that a model is told; a contact seldom asks of later ones."""

_PLACEHOLDER = re.compile(r"\{(\w*)\}")

_VERB = re.compile(
    r"(?:abr(?:e|em|ir|indo|iu|iram|ira|irao)|abert[oa]s?|fech(?:a|am|ar|ando|ou|aram|ad[oa]s?)|"
    r"funcion(?:a|am|ando|ar|arao)|atend(?:e|em|endo|er|erao)|open(?:s|ed|ing)?|clos(?:e|es|ed|ing))"
)
_GOING_ON = re.compile(
    r"(?:abert[oa]s?|fechad[oa]s?|fecharam|fechou|abriu|abriram|atendendo|funcionando|open|closed)"
)
_OF_HOURS = frozenset(
    {"funcionamento", "atendimento", "expediente", "abertura", "fechamento", "opening"}
)
_NOW = frozenset({"agora", "momento", "now"})
_TODAY = frozenset({"hoje", "hj", "today"})
_TOMORROW = frozenset({"amanha", "amnh", "tomorrow"})
_HOLIDAY = frozenset({"feriado", "feriados", "holiday", "holidays"})
_WHOLE_WEEK = frozenset({"fim", "final", "weekend", "semana", "week"})
_WEEKDAYS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "segunda seg monday",
            "terca ter tuesday",
            "quarta qua wednesday",
            "quinta qui thursday",
            "sexta sex friday",
            "sabado sab saturday",
            "domingo dom sunday",
        )
    )
    for name in names.split()
}
_FILLING = frozenset(
    """
    a o as os um e eh de do da dos das em no na nos nas ao aos ate que q qual quando se pra para por
    vc vcs voce voces ai la ja ainda hora horas horario horarios neste nesse nesta nessa este esse
    esta essa estao estou ta tao vai vao ir ser sera serao sao fica ficam ficar oi ola bom boa dia
    dias tarde noite manha favor pf pfv gostaria queria saber me diz dizer informar gente pessoal
    tudo bem obrigado obrigada depois feira proxima proximo normal normalmente tambem so todo todos
    are is you your guys the on at what when time times do does right this till until will be it and
    of hours please hi hello good morning afternoon evening know to can tell me i
    """.split()  # noqa: SIM905 - reads better than quoted words
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of opening times.

    Args:
        kind: of this moment, of one day, or of the usual week.
        day: of a question of one day.
        is_relative: only the calendar answers it, no document.
    """

    kind: Literal["now", "day", "week"]
    day: date | None = None
    is_relative: bool = False


def asked(burst: Sequence[str], state: HoursState, today: date) -> Asked | None:
    """Return what a burst asks of the opening times, where it asks of nothing else.

    Args:
        today: in the business's zone.
    """
    said = [text for text in burst if routing.small_talk(text) is None]
    tokens = words.WORD.findall(words.fold(" ".join(said)))
    given = frozenset(tokens)
    is_verb = any(_VERB.fullmatch(token) for token in tokens)
    if not state.is_configured or not (is_verb or _names_hours(given)):
        return None
    known = _FILLING | _OF_HOURS | _NOW | _TODAY | _TOMORROW | _HOLIDAY | _WHOLE_WEEK
    left = {t for t in given if t not in known and t not in _WEEKDAYS and not _VERB.fullmatch(t)}
    if left:
        named = _named(given, left, state)
        return Asked("day", named.day, is_relative=True) if named and is_verb else None
    return _when(tokens, given, state, today, is_verb=is_verb)


def _names_hours(given: frozenset[str]) -> bool:
    """Test for "qual o horário?"; "horário amanhã?" alone asks for an appointment."""
    if "horario" in given and "qual" in given:
        return True
    return bool(given & {"horario", "horarios", "hours", "hora", "horas"} and given & _OF_HOURS)


def _named(given: frozenset[str], left: set[str], state: HoursState) -> DayHours | None:
    """Return the next day whose name holds the words that are left over, such as "natal"."""
    found = [
        (len(named), one.day, one)
        for one in state.holidays
        if left <= (named := set(words.WORD.findall(words.fold(one.name))))
    ]
    return min(found, key=lambda one: one[:2])[2] if found else None


def _when(
    tokens: Sequence[str], given: frozenset[str], state: HoursState, today: date, *, is_verb: bool
) -> Asked | None:
    weekdays = {_WEEKDAYS[token] for token in tokens if token in _WEEKDAYS}
    if given & _HOLIDAY:
        return Asked("day", state.holidays[0].day, is_relative=True) if state.holidays else None
    if given & _TOMORROW:
        after = timedelta(days=2 if "depois" in given else 1)
        return Asked("day", today + after, is_relative=is_verb)
    if given & _TODAY:
        return Asked("day", today, is_relative=is_verb)
    if given & _WHOLE_WEEK or len(weekdays) > 1:
        return Asked("week")
    if weekdays:
        day = today + timedelta(days=(weekdays.pop() - today.weekday()) % 7)
        return Asked("day", day, is_relative=bool(_day(state, day).name))
    is_of_clock = bool(given & {"hora", "horas", "horario", "horarios", "time", "times", "ate"})
    if given & _NOW or (not is_of_clock and any(_GOING_ON.fullmatch(one) for one in tokens)):
        return Asked("now", is_relative=True)
    return Asked("week")


def told(request: RunRequest, burst: Sequence[str], *, at_once: bool = False) -> str:
    """Return the answer to a question of opening times; empty for anything else.

    Args:
        at_once: only what no document can know.
    """
    state = request.hours
    now = _local(request)
    question = asked(burst, state, now.date())
    if question is None or (at_once and not question.is_relative):
        return ""
    speak = hours_words.speaker(request.language)
    match question.kind:
        case "now":
            parts = [speak.now(state, now)]
        case "day":
            assert question.day is not None  # noqa: S101 - a day is asked for
            parts = [speak.day(_day(state, question.day), state, now)]
        case _:
            parts = [speak.usual(state, now)]
    return "\n\n".join([*parts, state.note] if state.note else parts)


def before_all(
    request: RunRequest, burst: Sequence[str], data: dict[str, object]
) -> Reply | NeedsHuman | None:
    """Decide what the hours alone decide; None for everything else.

    Args:
        data: of the step, which is told what was decided.
    """
    if not request.hours.is_open:
        data["closed"] = request.hours.name or request.hours.reason
    if (left := away(request, request.agent)) is not None:
        data["reason"] = left.reason
        return left
    if text := told(request, burst, at_once=True):
        data["reason"] = "hours"
        return Reply(text)
    return None


def away(request: RunRequest, agent: AgentProfile) -> NeedsHuman | None:
    """Return the end of a run whose agent says nothing but the away text now."""
    if request.hours.is_open or agent.outside_hours is not OutsideHours.AWAY:
        return None
    text = Away(_away_text(request), request.hours.period)
    return NeedsHuman(Reason.OUT_OF_HOURS.value, "", away=text)


def promise(
    request: RunRequest,
    agent: AgentProfile,
    kind: prompts.PromiseKind,
    reason: str,
    to_agent_id: int | None,
) -> NeedsHuman:
    """Leave a conversation to people, and tell the contact, who hears when these are back."""
    language, state = prompts.language(request.language), request.hours
    if state.is_open:
        return NeedsHuman(reason, prompts.render(prompts.PromiseText(language, kind)), to_agent_id)
    text = prompts.render(prompts.PromiseText(language, kind, back(request)))
    if agent.outside_hours is not OutsideHours.TELL:
        return NeedsHuman(reason, text, to_agent_id)
    plain = prompts.render(prompts.PromiseText(language, kind))
    once = Away(_away_text(request), state.period, plain)
    return NeedsHuman(reason, text, to_agent_id, away=once)


def back(request: RunRequest) -> str:
    """Return when people are back, such as "amanhã, domingo, 22 de novembro, às 8h"."""
    return hours_words.speaker(request.language).back(request.hours, _local(request))


def away_text(state: HoursState, *, language: str, now: datetime) -> str:
    """Return what a contact is told who writes while people are away.

    The business's own text with its placeholders filled, or ours where it has none.

    Args:
        language: of the tenant, such as ``"pt-br"``.
        now: in the business's zone.
    """
    speak = hours_words.speaker(language)
    if not state.away_text.strip():
        is_special = state.reason in (HoursReason.HOLIDAY, HoursReason.CLOSURE)
        why = speak.why(state) if is_special else ""
        text = prompts.AwayText(prompts.language(language), speak.back(state, now), why)
        return prompts.render(text)
    values = {
        "volta": speak.back(state, now),
        "motivo": speak.why(state),
        "horario": speak.week(state),
    }
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), state.away_text).strip()


def unknown_placeholders(text: str) -> list[str]:
    """Return what stands between braces in an away text and means nothing, each once."""
    found = dict.fromkeys(one[0] for one in _PLACEHOLDER.finditer(text))
    return [one for one in found if one.strip("{}") not in PLACEHOLDERS]


def facts(request: RunRequest) -> tuple[str, ...]:
    """Return the hours as lines for a model, which may repeat them; none where none are set."""
    state = request.hours
    if not state.is_configured:
        return ()
    now = _local(request)
    speak = hours_words.speaker(request.language)
    lines = [
        speak.now(state, now),
        *(speak.day(one, state, now, alone=True) for one in state.days),
        speak.usual(state, now),
        *(
            speak.day(one, state, now, alone=True)
            for one in state.holidays[:N_HOLIDAYS]
            if one not in state.days
        ),
    ]
    return tuple([*lines, state.note] if state.note else lines)


def _day(state: HoursState, day: date) -> DayHours:
    """Return a day that was asked for; what lies further ahead is as its weekday."""
    for one in (*state.days, *state.holidays):
        if one.day == day:
            return one
    return DayHours(day, state.week[day.weekday()])


def _away_text(request: RunRequest) -> str:
    return away_text(request.hours, language=request.language, now=_local(request))


def _local(request: RunRequest) -> datetime:
    return request.now.astimezone(ZoneInfo(request.timezone))
