"""Which questions may be answered with what was answered before, and what names such an answer.

The prompt of such a question holds nothing of the contact and no hour of the day, so its answer
cannot depend on them. The name is made of all that the prompt does hold, the passages among it: a
document that was changed, added, removed or is not valid today gives another name. See ADR 0015.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256

from agents.runtime import prompts, routing, searching
from agents.types import AgentProfile, RunRequest
from integrations.llm import words
from integrations.llm.types import ChatResult, Evidence, FinishReason

MAX_QUESTION = 300
"""Characters of a question that is worth keeping; longer ones are not asked twice."""

_OF_THE_HOUR = re.compile(
    r"\b(?:hoje|amanha|ontem|agora|ja|ainda|aberto?s?|aberta?s?|abriu|abriram|fechado?s?|fechada?s?|"
    r"fechou|fecharam|nest[ea]|dest[ea]|ness[ea]|daqui|que (?:horas?|dia)|today|tonight|tomorrow|"
    r"yesterday|now|open|closed|still|already|this|what (?:time|day))\b"
)
"""Words that ask about the present moment; the passages do not change when it does."""

_OF_SOMEBODY = re.compile(r"\d{4}|@|://|www\.")
"""What looks like a number, an address or a link that somebody gave of themselves."""

_PART_OF_DAY = re.compile(r"\b(?:bom dia|boa tarde|boa noite|good (?:morning|afternoon|evening))\b")


def question(request: RunRequest, burst: Sequence[str]) -> str:
    """Return the normalised question where it depends on nothing else; empty where it may.

    Whatever is added to a prompt about a contact or a conversation has to be refused here.

    Args:
        burst: as it is read, without invisible signs.
    """
    if request.brief is not None or request.contact_facts or request.summary:
        return ""
    if request.told and request.told != request.burst:  # a quote, a recording, who wrote in a group
        return ""
    before = request.transcript
    if before and (before[0].role != "contact" or any(line.role == "person" for line in before)):
        return ""
    if searching.previous(before):
        return ""
    asked = [text for text in burst if routing.small_talk(text) is None]
    plain = words.fold(" ".join(" ".join(asked).split())).strip(" ?!.…")
    if not plain or len(plain) > MAX_QUESTION:
        return ""
    return "" if _OF_THE_HOUR.search(plain) or _OF_SOMEBODY.search(plain) else plain


def key(
    question: str,
    *,
    agent: AgentProfile,
    rules: str,
    hours: Sequence[str],
    passages: Sequence[Evidence],
    unsure: bool,
) -> str:
    """Return the name of the answer, 64 characters.

    Args:
        question: normalised.
        rules: the prompt in the system role, with the day and without the hour.
        hours: what it is told of the opening hours.
    """
    shown = [
        [str(agent.agent_uuid), agent.agent_id, agent.version_number],
        [agent.chat.provider, agent.chat.model, prompts.version()],
        rules,
        list(hours),
        [[one.ref, one.title, one.text] for one in passages],
        [question, unsure],
    ]
    return sha256(json.dumps(shown).encode()).hexdigest()


def is_worth_keeping(result: ChatResult) -> bool:
    """Test whether an answer may be given to others: the chosen model's own, whole and timeless."""
    if result.saved or result.finish_reason is not FinishReason.STOP or result.tool_calls:
        return False
    return not (result.tries or result.degraded or _PART_OF_DAY.search(words.fold(result.text)))
