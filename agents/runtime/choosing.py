"""Whose subject a burst is: by keyword, by likeness to examples, by a model, in this order of cost.

A conversation stays with its agent unless one of them gives a reason. Each way leaves in the step
what it found, so that people can see why it went as it did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agents.runtime import outputs, prompts, routing
from agents.types import AgentProfile, AgentRef, HandoffCause, RunRequest, TranscriptLine
from integrations.llm.types import ChatConfig, ChatMessage, ChatRequest, Purpose

SURE = 0.31
"""Likeness from which a burst is an agent's subject: the cosine between it and the mean of the
agent's examples, after the mean of everyday messages was taken from both. With `MARGIN` it is right
nine times in ten, over random teams of two to four agents with four to eight examples each, and
then finds half of what has an owner. `python -m bench.routing` counts it again."""

MARGIN = 0.08
"""How much liker than to any other agent, the present one included, it has to be."""

MAYBE = 0.2
"""Likeness below which no model is asked either: three of four messages of nobody's subject lie
below it, and one of eight that has an owner."""

CLASSIFY_S = 4.0
"""Longest time for a model's choice, in seconds: the contact is waiting for an answer after it."""

CLASSIFY_TOKENS = 80
MAX_HISTORY = 4
STAY = "stay"


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a burst leads to, and what said so.

    Args:
        reason: the keyword, the example's agent, or a model's short words.
        score: of the likeness; None where none was measured.
    """

    target: AgentRef
    cause: HandoffCause
    reason: str
    score: float | None = None


Ask = Callable[[ChatConfig, ChatRequest], str | None]
"""Asks a model and returns its text; None where it could not be asked."""


def by_keyword(text: str, agent: AgentProfile, allowed: Sequence[AgentRef]) -> Choice | None:
    """Return the handoff that the contact's words name better than the present agent's own."""
    own = AgentRef(agent.agent_id, agent.name, agent.kind, agent.keywords)
    found = routing.route(text, (own, *allowed))
    if found is None or found.target is own:
        return None
    return Choice(found.target, HandoffCause.KEYWORD, found.keyword)


def by_likeness(
    scores: Mapping[int, float], agent: AgentProfile, allowed: Sequence[AgentRef]
) -> tuple[Choice | None, bool]:
    """Return the handoff whose examples a burst is like, and whether a model should be asked.

    Args:
        scores: likeness by agent, the present one's too where it has examples.
    """
    ranked = sorted(
        ((scores[ref.agent_id], ref) for ref in allowed if ref.agent_id in scores),
        key=lambda one: -one[0],
    )
    if not ranked:
        return None, False
    score, best = ranked[0]
    rivals = [other for other, _ in ranked[1:2]] + [scores.get(agent.agent_id, -1.0)]
    margin = score - max(rivals)
    if score >= SURE and margin >= MARGIN:
        return Choice(best, HandoffCause.EMBEDDING, best.name, round(score, 3)), False
    # Clearly its own subject, or nobody's: there is nothing to ask.
    return None, score >= MAYBE and score > scores.get(agent.agent_id, -1.0) - MARGIN


def model_of(agent: AgentProfile) -> ChatConfig | None:
    """Return who chooses where the cheap ways are unsure; None without a model."""
    return agent.model_for(Purpose.CLASSIFY)


def by_model(
    request: RunRequest,
    agent: AgentProfile,
    allowed: Sequence[AgentRef],
    *,
    burst: Sequence[str],
    timeout_s: float,
    ask: Ask,
) -> Choice | None:
    """Return the handoff that a model names; None where it stays, or names none of them."""
    config = model_of(agent)
    if config is None or not allowed:
        return None
    text = ask(config, _classifying(request, agent, allowed, burst=burst, timeout_s=timeout_s))
    chosen = _read(text or "")
    target = next((ref for ref in allowed if ref.name == chosen[0]), None)
    return Choice(target, HandoffCause.LLM, chosen[1]) if target else None


def _classifying(
    request: RunRequest,
    agent: AgentProfile,
    allowed: Sequence[AgentRef],
    *,
    burst: Sequence[str],
    timeout_s: float,
) -> ChatRequest:
    names = [ref.name for ref in allowed]
    present = AgentRef(agent.agent_id, agent.name, agent.kind, agent.keywords, agent.persona.role)
    history: tuple[TranscriptLine, ...] = request.transcript[-MAX_HISTORY:]
    return ChatRequest(
        messages=(
            ChatMessage(
                "system", prompts.render(prompts.RouteRules(present, tuple(allowed), STAY))
            ),
            ChatMessage("user", prompts.render(prompts.RoutePrompt(history, tuple(burst)))),
        ),
        max_output_tokens=CLASSIFY_TOKENS,
        temperature=0.0,
        response_schema={
            "type": "object",
            "properties": {
                "agent": {"type": "string", "enum": [*names, STAY]},
                "reason": {"type": "string"},
            },
            "required": ["agent", "reason"],
            "additionalProperties": False,
        },
        purpose=Purpose.CLASSIFY,
        language=request.language,
        timeout_s=min(CLASSIFY_S, timeout_s),
    )


def _read(text: str) -> tuple[str, str]:
    """Return agent and reason of a model's answer; empty where it is not what was asked for."""
    value = outputs.json_object(text) or {}
    reason = prompts.visible(str(value.get("reason", "")))  # half a character cannot be stored
    return str(value.get("agent", "")), " ".join(reason.split())[:160]
