"""Opening hours in the words of a language; every figure is the state's own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Protocol

from agents.types_hours import DayHours, HoursReason, HoursState, Span

DAY_MIN = 24 * 60


class Speaker(Protocol):
    """Says hours in one language."""

    def now(self, state: HoursState, now: datetime) -> str:
        """Say whether people are there now, and until when or from when on."""

    def day(self, one: DayHours, state: HoursState, now: datetime, *, alone: bool = False) -> str:
        """Say the hours of one day; `alone` without a word on the days around it."""

    def usual(self, state: HoursState, now: datetime) -> str:
        """Say the week, with what is unlike it in the days to come."""

    def week(self, state: HoursState) -> str:
        """Say the week, a line for the days that are alike."""

    def back(self, state: HoursState, now: datetime) -> str:
        """Say when people are back."""

    def why(self, state: HoursState) -> str:
        """Say why they are away."""


def speaker(language: str) -> Speaker:
    """Return who speaks a tenant's language."""
    return _Portuguese() if language.lower().startswith("pt") else _English()


def _groups(week: Sequence[tuple[Span, ...]]) -> list[tuple[int, int, tuple[Span, ...]]]:
    """Return the days of the week that follow each other and are alike: first, last, spans."""
    found = []
    for spans, days in groupby(range(7), key=lambda day: week[day]):
        alike = list(days)
        found.append((alike[0], alike[-1], spans))
    return found


def _is_whole_day(spans: Sequence[Span]) -> bool:
    return list(spans) == [Span(0, DAY_MIN)]


def _next_open(state: HoursState, after: date) -> DayHours | None:
    return next((one for one in state.days if one.day > after and one.spans), None)


class _Portuguese:
    _DAYS = ("segunda", "terça", "quarta", "quinta", "sexta", "sábado", "domingo")
    _MONTHS = (
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    )

    def now(self, state: HoursState, now: datetime) -> str:
        if not state.is_open:
            why = f" ({self.why(state)})" if state.name or state.reason == "break" else ""
            return f"Agora estamos fechados{why}. Voltamos {self.back(state, now)}."
        if state.closes_at is None:
            return "Sim, estamos atendendo agora: atendemos 24 horas, todos os dias."
        closes = state.closes_at.astimezone(now.tzinfo)
        said = f"Sim, estamos atendendo agora, {self._until(closes, now)}."
        later = [one for one in self._today(state, now) if one.start >= _minute(closes)]
        if closes.date() == now.date() and later:
            said += f" Depois, {self._spans(later)}."
        return said

    def day(self, one: DayHours, state: HoursState, now: datetime, *, alone: bool = False) -> str:
        name = f" ({one.name})" if one.name else ""
        said = f"{self._on(one.day, now).capitalize()}{name}, "
        if one.spans:
            said += f"atendemos {self._spans(one.spans)}."
            if one.day == now.date() and not state.is_open and not alone:
                said += f" Agora estamos fechados; voltamos {self.back(state, now)}."
            return said
        said += "não atendemos."
        after = None if alone else _next_open(state, one.day)
        if after is not None:
            said += f" Voltamos {self._on(after.day, now)}, {self._at(after.spans[0].start)}."
        return said

    def usual(self, state: HoursState, now: datetime) -> str:
        lines = ["Nosso horário de atendimento:", self.week(state)]
        lines += [self.day(one, state, now, alone=True) for one in state.days if one.name]
        return "\n".join(lines)

    def week(self, state: HoursState) -> str:
        return "\n".join(
            f"{self._range(first, last)}: {self._spans(spans) if spans else 'fechado'}"
            for first, last, spans in _groups(state.week)
        )

    def back(self, state: HoursState, now: datetime) -> str:
        if state.opens_at is None:
            return "em breve"
        at = state.opens_at.astimezone(now.tzinfo)
        day = self._on(at.date(), now, short=True)
        return f"{day}{'' if at.date() == now.date() else ','} {self._at(_minute(at))}"

    def why(self, state: HoursState) -> str:
        if state.name:
            return f"feriado: {state.name}" if state.reason == "holiday" else state.name
        if state.reason == HoursReason.BREAK:
            return "intervalo"
        return "fora do horário de atendimento"

    def _today(self, state: HoursState, now: datetime) -> tuple[Span, ...]:
        return next((one.spans for one in state.days if one.day == now.date()), ())

    def _until(self, closes: datetime, now: datetime) -> str:
        at = self._at(_minute(closes)).replace("à", "a", 1)  # "às 18h", but "até as 18h"
        if closes.date() == now.date() or closes - now < timedelta(hours=12):
            return f"até {at}"
        return f"até {self._on(closes.date(), now).removeprefix('na ').removeprefix('no ')}, {at}"

    def _on(self, day: date, now: datetime, *, short: bool = False) -> str:
        """Return "hoje", or a day with its weekday and date."""
        weekday = self._DAYS[day.weekday()]
        full = f"{weekday}-feira" if day.weekday() < 5 else weekday
        dated = f"{full}, {day.day}{'º' if day.day == 1 else ''} de {self._MONTHS[day.month - 1]}"
        ahead = (day - now.date()).days
        if ahead == 0:
            return "hoje" if short else f"hoje, {dated}"
        if ahead == 1:
            return f"amanhã, {dated}"
        if day.year != now.year:
            dated += f" de {day.year}"
        return f"{'na' if day.weekday() < 5 else 'no'} {dated}"

    def _range(self, first: int, last: int) -> str:
        if (first, last) == (0, 6):
            return "todos os dias"
        if first == last:
            return self._DAYS[first]
        joint = "e" if last == first + 1 else "a"
        return f"{self._DAYS[first]} {joint} {self._DAYS[last]}"

    def _spans(self, spans: Sequence[Span]) -> str:
        if _is_whole_day(spans):
            return "24 horas"
        said = [self._span(one) for one in spans]
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} e {said[-1]}"

    def _span(self, one: Span) -> str:
        start = self._at(one.start)
        begin = {"às": "das", "à": "da"}[start.split()[0]] + start[start.index(" ") :]
        night = " do dia seguinte" if one.end > DAY_MIN else ""
        return f"{begin} {self._at(one.end)}{night}"

    def _at(self, minute: int) -> str:
        hour, rest = divmod(minute % DAY_MIN, 60)
        if not hour and not rest:
            return "à meia-noite"
        return f"{'à' if hour in (0, 1) else 'às'} {hour}h{f'{rest:02d}' if rest else ''}"


class _English:
    _DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    _MONTHS = (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    )

    def now(self, state: HoursState, now: datetime) -> str:
        if not state.is_open:
            why = f" ({self.why(state)})" if state.name or state.reason == "break" else ""
            return f"We are closed now{why}. We are back {self.back(state, now)}."
        if state.closes_at is None:
            return "Yes, we are open now: 24 hours, every day."
        closes = state.closes_at.astimezone(now.tzinfo)
        day = "" if closes.date() == now.date() else f" {self._on(closes.date(), now)}"
        return f"Yes, we are open now, until {self._clock(_minute(closes))}{day}."

    def day(self, one: DayHours, state: HoursState, now: datetime, *, alone: bool = False) -> str:
        name = f" ({one.name})" if one.name else ""
        on = self._on(one.day, now)
        said = f"{on[0].upper()}{on[1:]}{name}: "
        if one.spans:
            said += f"{self._spans(one.spans)}."
            if one.day == now.date() and not state.is_open and not alone:
                said += f" We are closed now and back {self.back(state, now)}."
            return said
        said += "closed."
        after = None if alone else _next_open(state, one.day)
        if after is not None:
            at = self._clock(after.spans[0].start)
            said += f" We are back {self._on(after.day, now)} at {at}."
        return said

    def usual(self, state: HoursState, now: datetime) -> str:
        lines = ["Our opening hours:", self.week(state)]
        lines += [self.day(one, state, now, alone=True) for one in state.days if one.name]
        return "\n".join(lines)

    def week(self, state: HoursState) -> str:
        return "\n".join(
            f"{self._range(first, last)}: {self._spans(spans) if spans else 'closed'}"
            for first, last, spans in _groups(state.week)
        )

    def back(self, state: HoursState, now: datetime) -> str:
        if state.opens_at is None:
            return "soon"
        at = state.opens_at.astimezone(now.tzinfo)
        return f"{self._on(at.date(), now)} at {self._clock(_minute(at))}"

    def why(self, state: HoursState) -> str:
        if state.name:
            return state.name
        return "break" if state.reason == HoursReason.BREAK else "outside our opening hours"

    def _on(self, day: date, now: datetime) -> str:
        ahead = (day - now.date()).days
        dated = f"{self._DAYS[day.weekday()]}, {self._MONTHS[day.month - 1]} {day.day}"
        if day.year != now.year:
            dated += f", {day.year}"
        return {0: "today", 1: f"tomorrow, {dated}"}.get(ahead, f"on {dated}")

    def _range(self, first: int, last: int) -> str:
        if (first, last) == (0, 6):
            return "every day"
        if first == last:
            return self._DAYS[first]
        return f"{self._DAYS[first]} to {self._DAYS[last]}"

    def _spans(self, spans: Sequence[Span]) -> str:
        if _is_whole_day(spans):
            return "24 hours"
        said = [
            f"{self._clock(one.start)} to {self._clock(one.end)}"
            f"{' on the next day' if one.end > DAY_MIN else ''}"
            for one in spans
        ]
        return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"

    def _clock(self, minute: int) -> str:
        hour, rest = divmod(minute % DAY_MIN, 60)
        return "midnight" if not hour and not rest else f"{hour}:{rest:02d}"


def _minute(at: datetime) -> int:
    return at.hour * 60 + at.minute
