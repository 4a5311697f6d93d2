"""What stands behind a reply or a silence: a turn and its steps, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conversations.models import Turn, TurnStep
from conversations.services import briefs, evidencing, words


@dataclass(frozen=True)
class PassageView:
    """A passage that the search brought."""

    source: str
    title: str
    text: str
    score: str
    detail: str
    is_used: bool


@dataclass(frozen=True)
class StepView:
    """A step of a turn; `facts` are pairs of a label and a text."""

    name: str
    kind: str
    duration: str
    facts: tuple[tuple[str, str], ...]
    passages: tuple[PassageView, ...] = ()


@dataclass(frozen=True)
class TurnView:
    """What stands behind a reply, or behind a silence."""

    turn_id: int
    title: str
    burst: str
    agent: str
    outcome: str
    tone: str
    total: str
    facts: tuple[tuple[str, str], ...]
    steps: tuple[StepView, ...]
    n_sources: int
    sentences: tuple[evidencing.SentenceView, ...] = ()
    is_sent: bool = True
    briefs: tuple[briefs.BriefView, ...] = ()

    @property
    def n_unsupported(self) -> int:
        """How many sentences no document supports."""
        return sum(one.is_unsupported for one in self.sentences)


def explain_turn(turn: Turn) -> TurnView:
    """Return a turn in words, with its steps; three queries at most."""
    steps = list(turn.steps.order_by("position"))
    return explain(turn, steps, documents=evidencing.document_pks(steps))


def explain(turn: Turn, steps: list[TurnStep], *, documents: Mapping[str, int]) -> TurnView:
    """Return a turn in words; `steps` are its own, in order, and its agent is loaded.

    Args:
        documents: those that may be linked, by their UUID; see `evidencing.document_pks`.
    """
    used = {ref for step in steps for ref in _list(_data(step).get("evidence_refs"))}
    used |= evidencing.refs(steps)
    views = tuple(_step_view(step, used=used) for step in steps)
    waited = turn.started_at - turn.burst_started_at
    burst = ngettext(
        "%(n)s message joined, waited %(wait)s",
        "%(n)s messages joined, waited %(wait)s",
        turn.n_messages,
    ) % {"n": turn.n_messages, "wait": words.seconds(_ms(waited))}
    total = None if turn.finished_at is None else _ms(turn.finished_at - turn.started_at)
    agent = turn.agent.name if turn.agent else _("agent that was removed")
    if turn.agent_version:
        agent = f"{agent} v{turn.agent_version}"
    title, tone = _title(turn)
    return TurnView(
        turn_id=turn.pk,
        title=title,
        burst=burst,
        agent=agent,
        outcome=turn.outcome,
        tone=tone,
        total=words.seconds(total),
        facts=_turn_facts(turn),
        steps=views,
        n_sources=sum(1 for view in views for passage in view.passages if passage.is_used),
        sentences=tuple(evidencing.sentences(steps, documents=documents)),
        is_sent=turn.outcome == Turn.Outcome.REPLY and turn.status == Turn.Status.DONE,
        briefs=briefs.of_steps(steps),
    )


def _title(turn: Turn) -> tuple[str, str]:
    """Return what became of a turn, and how bad that is."""
    reason = words.reason(turn.reason)
    match turn.status:
        case Turn.Status.RUNNING:
            return _("Writing an answer …"), "warn"
        case Turn.Status.SUPERSEDED:
            return _("Draft thrown away: %(reason)s") % {"reason": reason}, ""
        case Turn.Status.FAILED:
            return _("The answer failed: %(reason)s") % {"reason": reason}, "bad"
    match turn.outcome:
        case Turn.Outcome.NEEDS_HUMAN:
            return _("Left to a person: %(reason)s") % {"reason": reason}, "warn"
        case Turn.Outcome.HANDOFF:
            return _("Passed to another agent: %(reason)s") % {"reason": reason}, ""
    return _("Answered"), "good"


def _turn_facts(turn: Turn) -> tuple[tuple[str, str], ...]:
    confidence = (
        words.not_measured() if turn.confidence is None else f"{round(100 * turn.confidence)}%"
    )
    facts = [
        (_("Confidence"), confidence),
        (_("Provider"), turn.provider or _("no model was asked")),
        (_("Model"), turn.model),
        (_("Model time"), words.seconds(turn.model_ms) if turn.provider else ""),
        (_("Input tokens"), words.count(turn.input_tokens) if turn.provider else ""),
        (_("Output tokens"), words.count(turn.output_tokens) if turn.provider else ""),
    ]
    return tuple((label, text) for label, text in facts if text)


def _step_view(step: TurnStep, *, used: set[str]) -> StepView:
    data = _data(step)
    describe_step = {
        "route": _route_facts,
        "retrieve": _retrieve_facts,
        "generate": _generate_facts,
        "guard": _guard_facts,
        "tool": _tool_facts,
        "handoff": _handoff_facts,
    }.get(step.kind, _plain_facts)
    return StepView(
        name=words.step(step.kind),
        kind=step.kind,
        duration=words.seconds(step.duration_ms),
        facts=tuple((label, text) for label, text in describe_step(data) if text),
        passages=tuple(
            _passage_view(passage, used=used)
            for passage in _list(data.get("passages"))
            if isinstance(passage, dict)
        ),
    )


def _route_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (_("Why"), words.route(str(data.get("reason", "")))),
        (_("Keyword"), str(data.get("keyword", ""))),
        (_("Agent"), str(data.get("agent", ""))),
        (_("Opening hours"), words.closed(str(data.get("closed", "")))),
        (_("Likeness to examples"), _likeness(data.get("likeness"))),
        (_("The model's reason"), str(data.get("why", "")) if data.get("asked") else ""),
        (_("Not passed to"), str(data.get("refused", ""))),
    ]


def _likeness(scores: object) -> str:
    """Return how like each agent's examples a burst was, the likest first."""
    if not isinstance(scores, dict):
        return ""
    ranked = sorted(scores.items(), key=lambda one: -float(one[1]))
    return ", ".join(f"{name} {words.decimal(float(score), 2)}" for name, score in ranked)


def _handoff_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    names = (str(data.get("from_agent", "")), str(data.get("to_agent", "")) or _("a person"))
    return [(_("Passed on"), " → ".join(names))]  # the rest is its brief, above the steps


def _tool_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    refused = str(data.get("refused", ""))
    return [
        (_("Tool"), words.tool(str(data.get("tool", "")))),
        (_("Asked with"), str(data.get("arguments", ""))),
        (_("Refused"), words.tool_refusal(refused)),
        # What a model is told of a refusal is for it alone; the line above says the same to people.
        (_("Result"), "" if refused in words.TOLD_BY_CODE else str(data.get("result", ""))),
    ]


def _retrieve_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    if data.get("category_ids") == []:
        return [(_("Decision"), _("nothing was searched: this agent reads no documents"))]
    confidence, threshold = data.get("confidence"), data.get("threshold") or 0
    rewriting = data["rewriting"] if isinstance(data.get("rewriting"), dict) else {}
    return [
        (_("Question"), str(data.get("query", ""))),
        (_("Searched as"), str(data.get("normalised_query", ""))),
        (
            _("Confidence"),
            f"{round(100 * confidence)}%" if isinstance(confidence, int | float) else "",
        ),
        (_("Decision"), words.decision(str(data.get("decision", "")))),
        (_("Answered from"), f"{round(100 * threshold)}%" if threshold else ""),
        (_("Made whole by the model"), str(rewriting.get("question", ""))),
    ]


def _generate_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    tries = [one for one in _list(data.get("tries")) if isinstance(one, dict)]
    latency = data.get("latency_ms")
    return [
        (_("Provider"), str(data.get("provider", ""))),
        (_("Model"), str(data.get("model", ""))),
        (
            _("Who was asked"),
            _("nobody: from the saved answers") if data.get("saved") is True else "",
        ),
        (_("Draft"), str(data["draft"]) if data.get("draft", 1) != 1 else ""),
        (_("Model time"), words.seconds(latency) if isinstance(latency, int) else ""),
        (_("Ending"), words.finish(str(data.get("finish_reason", "")))),
        (_("Limit"), words.limit(str(data.get("limit", "")))),
        (_("Failure"), str(data.get("failed", ""))),
        (
            _("Tried before"),
            "; ".join(
                f"{one.get('provider', '')} {one.get('model', '')}: {one.get('reason', '')}"
                for one in tries
                if one.get("error")
            ),
        ),
    ]


def _guard_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    facts, passed = [], []
    for verdict in _list(data.get("verdicts")):
        if not isinstance(verdict, dict):
            continue
        code = str(verdict.get("check", ""))
        name, origin = words.check(code), words.origin(str(verdict.get("origin", "")))
        if verdict.get("passed"):
            passed.append(f"{name} ({origin})" if origin else name)
            continue
        found = ", ".join(words.signal(str(one)) for one in _list(verdict.get("found")))
        is_label = code in ("injection", "input_length")
        text = _("noted: %(found)s") if is_label else _("refused: %(found)s")
        result = text % {"found": found}
        facts.append((name, f"{result} ({origin})" if origin else result))
    facts.append((_("Passed"), " · ".join(passed)))
    hidden = data["hidden"] if isinstance(data.get("hidden"), dict) else {}
    facts.append(
        (_("Hidden from the model"), ", ".join(f"{n} × {kind}" for kind, n in hidden.items()))
    )
    set_aside = len(_list(data.get("set_aside")))
    facts.append(
        (
            _("Left out of documents"),
            ngettext(
                "%(n)s passage spoke to the assistant instead of to customers",
                "%(n)s passages spoke to the assistant instead of to customers",
                set_aside,
            )
            % {"n": set_aside}
            if set_aside
            else "",
        )
    )
    return facts


def _plain_facts(data: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(key), str(value)) for key, value in data.items() if value not in (None, "", [])]


def _passage_view(passage: Mapping[str, Any], *, used: set[str]) -> PassageView:
    parts = (
        (_("meaning"), passage.get("cosine")),
        (_("words"), passage.get("lexical")),
        (_("letters"), passage.get("grams")),
    )
    return PassageView(
        source=str(passage.get("source", "")),
        title=str(passage.get("title", "")),
        text=str(passage.get("text", "")),
        score=_score(passage.get("score")),
        detail=" · ".join(f"{name} {_score(value)}" for name, value in parts if value is not None),
        is_used=str(passage.get("ref", "")) in used,
    )


def _score(value: object) -> str:
    return words.decimal(float(value), 2) if isinstance(value, int | float) else ""


def _data(step: TurnStep) -> dict[str, Any]:
    return step.data if isinstance(step.data, dict) else {}


def _list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else []


def _ms(span: timedelta) -> int:
    return max(0, round(span.total_seconds() * 1000))
