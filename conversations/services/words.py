"""The machine's reasons in the words of the people who read them, in the active language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agents.guard_names import guard_name
from agents.types import Reason, StepKind
from agents.types_hours import HoursReason
from conversations.types import Silence

_SILENCES: Mapping[str, object] = {
    Silence.TOO_OLD: gettext_lazy("Not answered: the message was already old when it arrived."),
    Silence.CLOCK_AHEAD: gettext_lazy("Not answered: the sender's clock is far in the future."),
    Silence.HUMAN_MODE: gettext_lazy("Left to a person, who was answering at that time."),
    Silence.OPTED_OUT: gettext_lazy("Not answered: the contact asked not to be written to."),
    Silence.BLOCKED: gettext_lazy("Not answered: the contact is blocked."),
    Silence.REACTION: gettext_lazy("A reaction needs no answer."),
    Silence.STICKER: gettext_lazy("A sticker needs no answer."),
    Silence.TOO_LONG: gettext_lazy("Not answered: longer than WhatsApp lets anybody write."),
    Silence.OPTED_IN: gettext_lazy("The contact asked to be written to again."),
    Silence.UNREADABLE: gettext_lazy(
        "WhatsApp could not decrypt this message. It usually comes again by itself."
    ),
    Silence.ARCHIVED: gettext_lazy("Not answered: the conversation was closed before."),
    Silence.NO_AGENT: gettext_lazy("Not answered: this device has no agent."),
}

_FILE_PROBLEMS: Mapping[str, object] = {
    "view_once": gettext_lazy("A view-once message is not kept; open it on the phone."),
    "kind": gettext_lazy("Files of this kind are not kept for this number."),
    "blocked": gettext_lazy("Not fetched, because the contact is blocked."),
    "too_large": gettext_lazy("The file is larger than this number allows."),
    "too_long": gettext_lazy("Not transcribed: longer than this number allows."),
    "no_device": gettext_lazy("The number is switched off, so the file cannot be fetched."),
    "away": gettext_lazy("The bridge could not be reached for the file."),
    "gone": gettext_lazy("WhatsApp no longer has the file."),
    "no_model": gettext_lazy("No model is chosen that could read it."),
    "budget": gettext_lazy("Not put into words: the budget for models is used up."),
    "unread": gettext_lazy("No model could read it."),
    "not_an_image": gettext_lazy("It is not an image that a model can look at."),
    "error": gettext_lazy("An internal error; see the log."),
}

_REASONS = {
    Reason.PERSON_REQUESTED.value: gettext_lazy("the contact asked for a person"),
    Reason.ROUTED_TO_PERSON.value: gettext_lazy("this subject belongs to people"),
    Reason.NOT_IN_KNOWLEDGE.value: gettext_lazy("the documents do not say"),
    Reason.NO_ANSWER.value: gettext_lazy("no passage answers the question"),
    Reason.UNGROUNDED.value: gettext_lazy("the draft said something that no document supports"),
    Reason.REFUSED.value: gettext_lazy("the model refused to answer"),
    Reason.LLM_UNAVAILABLE.value: gettext_lazy("no model could be reached"),
    Reason.LIMIT_REACHED.value: gettext_lazy("the answer took too long or cost too much"),
    Reason.BUDGET_USED.value: gettext_lazy("the budget for models is used up"),
    Reason.NO_TEXT.value: gettext_lazy("there was nothing that can be read"),
    Reason.ACCOUNT_DATA.value: gettext_lazy("only the contact's own record has the answer"),
    Reason.OUT_OF_HOURS.value: gettext_lazy("it is outside the opening hours"),
    Reason.FLOOD.value: gettext_lazy("the contact wrote far more than one person does"),
    Reason.BOT_LOOP.value: gettext_lazy("a machine seems to be answering"),
    Reason.SUBJECT.value: gettext_lazy("this subject is not talked about here"),
    Reason.HELD_BACK.value: gettext_lazy("a check held the draft back"),
    Reason.AGENT_ASKED.value: gettext_lazy("the agent asked for a person"),
    Reason.HANDOFF_LIMIT.value: gettext_lazy("it was passed on too often; a person ends it"),
    Reason.HANDOFF_LOOP.value: gettext_lazy(
        "two agents kept passing it to each other; a person ends it"
    ),
    Reason.TOOL_LOOP.value: gettext_lazy("the model asked a tool the same again and again"),
    Reason.TOOL_APPROVAL.value: gettext_lazy("the model asked for what only a person may do"),
    Reason.TOOL_UNSURE.value: gettext_lazy("nobody can say whether a tool did what it was asked"),
    Reason.ANGRY.value: gettext_lazy("the contact is angry"),
    Reason.LEGAL.value: gettext_lazy("the contact speaks of the law"),
    Reason.ASKED_AGAIN.value: gettext_lazy("the contact asked the same again"),
    Reason.FAILED_TWICE.value: gettext_lazy("two answers in a row did not help"),
    # The texts below are written by the services that move conversations and send messages.
    "a person took over": gettext_lazy("a person took over"),
    "a newer message arrived": gettext_lazy("a newer message arrived"),
    "its question was changed": gettext_lazy("the contact changed what it answers"),
    "an error, see the log": gettext_lazy("an internal error; it was tried again"),
    "its worker was lost": gettext_lazy("its process stopped; it was tried again"),
    "contacts merged": gettext_lazy("two records of the contact were joined"),
    "no agent answers here": gettext_lazy("no published agent answers here"),
    "answering failed repeatedly": gettext_lazy("answering failed several times"),
    "an answer could not be sent in time": gettext_lazy("an answer could not be sent in time"),
    "the contact is blocked": gettext_lazy("the contact is blocked"),
    "the contact asked not to be written to": gettext_lazy(
        "the contact asked not to be written to"
    ),
    "a person has taken the conversation over": gettext_lazy("a person took over"),
    "taken over by a person": gettext_lazy("a person took over"),
    "a person rejected the draft": gettext_lazy("a person rejected the draft"),
    "nobody approved the answer in time": gettext_lazy("nobody approved the answer in time"),
    "archived": gettext_lazy("the conversation was archived"),
    "a person took it back": gettext_lazy("a person took it back"),
    "it became too old to be sent": gettext_lazy("it became too old to be sent"),
    # These are the rules of the veto point, and what becomes of planned and changed messages.
    "the contact has written since": gettext_lazy("the contact has written since"),
    "the business is suspended": gettext_lazy("the business is suspended: nothing is sent"),
    "WhatsApp takes nothing from this number now": gettext_lazy(
        "the number was logged out or banned: WhatsApp takes nothing from it now"
    ),
    "the bridge of this number fails, and one message at a time is tried": gettext_lazy(
        "the bridge fails; it is tried with one message at a time"
    ),
    "planned messages wait for the opening hours": gettext_lazy("outside the hours for it"),
    "the budget for models is used up, so nobody would answer": gettext_lazy(
        "the budget for models is used up, so the assistant could not answer a reply"
    ),
    "the number's health is bad": gettext_lazy("the number's health is bad"),
    "the day's planned messages are used up": gettext_lazy(
        "the number has sent as many planned messages as it may on a day"
    ),
    "the day's messages of this number are used up": gettext_lazy(
        "the number has sent as many messages as it may on a day"
    ),
    "the number keeps its pace": gettext_lazy("the number keeps its pause between messages"),
    "the contact wrote before it was due": gettext_lazy("the contact wrote before it was due"),
    "a person called it off": gettext_lazy("a person called it off"),
    "nobody knows yet whether it was sent": gettext_lazy(
        "the bridge's answer was lost; it is being asked whether the message left"
    ),
    "nobody knows whether it was sent": gettext_lazy(
        "the bridge's answer was lost, and it cannot say whether the message left"
    ),
    "its number belongs to somebody else now": gettext_lazy(
        "the number it was sent to belongs to somebody else now"
    ),
    "it is gone": gettext_lazy("it is gone"),
    "it was never sent": gettext_lazy("it was never sent"),
    "WhatsApp no longer lets it be changed": gettext_lazy("WhatsApp no longer lets it be changed"),
    # And these by the channel's bridge and the HTTP client beneath it.
    "the device was removed or switched off": gettext_lazy(
        "the device was removed or switched off"
    ),
    "the Chatwoot inbox was removed or switched off": gettext_lazy(
        "the Chatwoot inbox was removed or switched off"
    ),
    "the web chat was removed or switched off": gettext_lazy(
        "the web chat was removed or switched off"
    ),
    "the web chat shows texts only": gettext_lazy("the web chat shows texts only"),
    "Chatwoot refuses the token": gettext_lazy("Chatwoot refuses the token"),
    "Chatwoot does not know this conversation": gettext_lazy(
        "Chatwoot does not know this conversation any more"
    ),
    "there is no conversation in Chatwoot to write in": gettext_lazy(
        "there is no conversation in Chatwoot to write in"
    ),
    "Chatwoot cannot change a message": gettext_lazy("Chatwoot cannot change a message"),
    "Chatwoot lets no bot take a message back": gettext_lazy(
        "Chatwoot lets no bot take a message back"
    ),
    "the bridge refuses the device's token": gettext_lazy("the bridge refuses the device's token"),
    "the bridge's answer cannot be read": gettext_lazy("the bridge's answer cannot be read"),
    "timed out": gettext_lazy("the bridge took too long to answer"),
    "the host name does not resolve": gettext_lazy("the bridge's host name is not known"),
    "refused address: not public (see EGRESS_ALLOWED_PRIVATE)": gettext_lazy(
        "the address is not public, and this installation does not allow it"
    ),
    "refused address: not public (see EGRESS_ALLOWED_TENANTS)": gettext_lazy(
        "the address is not public, and this installation does not allow it"
    ),
}

TAKEN_OVER = "taken over by "
"""How the reason of a conversation begins that a person took; the user name follows."""

PAIRED_PHONE = "paired phone"
"""Stands for who has a conversation where the phone's owner answers; no user name has a space."""

_PREFIXES = {
    TAKEN_OVER: gettext_lazy("taken over by %(rest)s"),
    "an answer could not be sent: ": gettext_lazy("an answer could not be sent: %(rest)s"),
    "network trouble: ": gettext_lazy("the bridge cannot be reached (%(rest)s)"),
    "bridge answered ": gettext_lazy("the bridge answered %(rest)s"),
    "Chatwoot answered ": gettext_lazy("Chatwoot answered %(rest)s"),
}

_STEPS = {
    StepKind.GATHER.value: gettext_lazy("Gather"),
    StepKind.GUARD.value: gettext_lazy("Check"),
    StepKind.ROUTE.value: gettext_lazy("Route"),
    StepKind.RETRIEVE.value: gettext_lazy("Search"),
    StepKind.GENERATE.value: gettext_lazy("Write"),
    StepKind.TOOL.value: gettext_lazy("Tool"),
    StepKind.HANDOFF.value: gettext_lazy("Hand off"),
    StepKind.SEND.value: gettext_lazy("Send"),
}

_ROUTES = {
    "own": gettext_lazy("the agent of the conversation answers"),
    "keyword": gettext_lazy("a keyword leads to another agent"),
    "target_unavailable": gettext_lazy("the agent of the keyword is not available"),
    "embedding": gettext_lazy("it is like another agent's examples"),
    "llm": gettext_lazy("the model chose another agent"),
    "rule": gettext_lazy("back to the front desk, which knows more"),
    "not_its_field": gettext_lazy("its documents do not say: whose field is it?"),
    "cool_down": gettext_lazy("it was passed the same way a moment ago"),
    "greeting": gettext_lazy("a greeting"),
    "thanks": gettext_lazy("a thank you"),
    "assent": gettext_lazy("an “ok”"),
    "hours": gettext_lazy("a question of opening hours, told from the page of hours"),
}

_DECISIONS = {
    "answer": gettext_lazy("answer"),
    "ask": gettext_lazy("a reader decides, or the contact is asked back"),
    "unknown": gettext_lazy("the documents do not know"),
}

_ORIGINS = {
    "tenant": gettext_lazy("set by the business"),
    "agent": gettext_lazy("set by the agent"),
}

_FOUND = {
    "override": gettext_lazy("“ignore your rules”"),
    "print": gettext_lazy("asks for the instructions"),
    "order": gettext_lazy("dictates the answer"),
    "role": gettext_lazy("plays another role"),
    "tool": gettext_lazy("calls a tool by its name"),
    "encoded": gettext_lazy("a hidden order"),
    "markup": gettext_lazy("signs of a prompt"),
    "rules": gettext_lazy("the platform's rules"),
    "instructions": gettext_lazy("the agent's instructions"),
    "canary": gettext_lazy("the mark of the prompt"),
    "secret": gettext_lazy("a code from the instructions"),
    "placeholder": gettext_lazy("a placeholder"),
    "long": gettext_lazy("too long"),
    "cut": gettext_lazy("the rest was not read"),
    "same": gettext_lazy("the same message again and again"),
    "automatic": gettext_lazy("calls itself an automatic message"),
    "quick": gettext_lazy("quicker than anybody reads"),
}

_FINISHES = {
    "stop": gettext_lazy("complete"),
    "length": gettext_lazy("cut at the limit"),
    "tool_calls": gettext_lazy("asked for a tool"),
    "refused": gettext_lazy("refused"),
    "no_answer": gettext_lazy("nothing that fits"),
    "unsure": gettext_lazy("something may fit; only the contact can say"),
}

_LIMITS = {
    "n_turns": gettext_lazy("too many calls of the model"),
    "n_tokens": gettext_lazy("too many tokens"),
    "wall_s": gettext_lazy("too much time"),
}

_TOOLS = {
    "transfer": gettext_lazy("pass to a colleague"),
    "need_person": gettext_lazy("call a person"),
    "search_knowledge": gettext_lazy("search the documents again"),
}

_TOOL_REFUSALS = {
    "unknown": gettext_lazy("there is no such tool"),
    "arguments": gettext_lazy("what was asked cannot be read"),
    "repeated": gettext_lazy("the same was asked before"),
    "out_of_order": gettext_lazy("it failed several times"),
    Reason.TOOL_APPROVAL.value: gettext_lazy("only a person may do it"),
    Reason.TOOL_UNSURE.value: gettext_lazy("nobody can say whether it was done"),
    "no_progress": gettext_lazy("it kept finding the same"),
    "n_tool_calls": gettext_lazy("too many calls of tools"),
    "try_again": gettext_lazy("wrongly asked for"),
    "failed": gettext_lazy("it could not be done"),
}

TOLD_BY_CODE = frozenset(
    {"unknown", "arguments", "repeated", "out_of_order", "no_progress", "n_tool_calls"}
)
"""Refusals of tools whose text for the model holds nothing of its own."""

_TAGS = {"*": "strong", "_": "em", "~": "s"}
_MARKED = re.compile(
    # A mark opens before a sign and closes after one, at the edges of words, within a line. The
    # text between holds no such mark, so a long message is read in one pass.
    r"(?<!\w)([*_~])(?=\S)((?:(?!\1)[^\n])+)(?<=\S)\1(?!\w)"
)


def file_problem(code: str) -> str:
    """Say what is wrong with a file; an unknown code is shown as it is."""
    return str(_FILE_PROBLEMS.get(code, code))


def silence(code: str) -> str:
    """Say why a message did not wake the assistant; empty where it did."""
    return _known(_SILENCES, code)


def reason(text: str) -> str:
    """Say why a turn or a conversation went as it did; an unknown text is shown as it is."""
    for prefix, words in _PREFIXES.items():
        if text.startswith(prefix):
            return str(words) % {"rest": reason(text.removeprefix(prefix))}
    return _known(_REASONS, text)


def taken_over_by(text: str) -> str:
    """Return who took the conversation over; empty where the assistant left it to people."""
    return text.removeprefix(TAKEN_OVER) if text.startswith(TAKEN_OVER) else ""


def holder(name: str) -> str:
    """Name who has a conversation: a user, or whoever holds the paired phone."""
    return _("the paired phone") if name == PAIRED_PHONE else name


def cause(text: str) -> str:
    """Say why a conversation is in people's hands; empty where a person simply took it."""
    return "" if text.startswith(TAKEN_OVER) else reason(text)


def left(instant: datetime, *, now: datetime) -> str:
    """Say how much time is left until an instant."""
    return _("%(time)s left") % {"time": timeuntil(instant, now, depth=1)}


def late(instant: datetime, *, now: datetime) -> str:
    """Say for how long an instant has passed."""
    if (now - instant).total_seconds() < 60:
        return _("late")
    return _("%(time)s late") % {"time": timesince(instant, now, depth=1)}


def since(instant: datetime | None, *, now: datetime) -> str:
    """Return for how long something lasts; empty where nobody knows since when."""
    if instant is None:
        return ""
    if (now - instant).total_seconds() < 60:
        return _("less than a minute")
    return timesince(instant, now)


def formatted(text: str) -> SafeString:
    """Return a text with *bold*, _italic_ and ~strike~ as WhatsApp shows them, all else escaped."""
    parts: list[str] = []
    end = 0
    for found in _MARKED.finditer(text):
        parts.append(text[end : found.start()])
        # What is inside cannot hold the same mark again, so this goes three calls deep at most.
        parts.append(format_html("<{0}>{1}</{0}>", _TAGS[found[1]], formatted(found[2])))
        end = found.end()
    parts.append(text[end:])
    return format_html_join("", "{}", ((part,) for part in parts))


def step(kind: str) -> str:
    """Name a step of a turn."""
    return _known(_STEPS, kind)


def route(code: str) -> str:
    """Say how a burst found its agent."""
    return _known(_ROUTES, code) if code in _ROUTES else reason(code)


def decision(code: str) -> str:
    """Say what was to be done with a search."""
    return _known(_DECISIONS, code)


def check(code: str) -> str:
    """Name a check."""
    return guard_name(code)


def origin(code: str) -> str:
    """Say who set a check; empty for the platform."""
    return _known(_ORIGINS, code) if code in _ORIGINS else ""


def signal(code: str) -> str:
    """Name a sign of a trick, or what else a check found; other findings are texts of their own."""
    return _known(_FOUND, code)


def finish(code: str) -> str:
    """Say how a model ended."""
    return _known(_FINISHES, code)


_CLOSED = {
    HoursReason.CLOSED.value: gettext_lazy("closed"),
    HoursReason.BREAK.value: gettext_lazy("closed for the break"),
    HoursReason.HOLIDAY.value: gettext_lazy("closed for a holiday"),
    HoursReason.CLOSURE.value: gettext_lazy("closed on these days"),
}


def closed(code: str) -> str:
    """Say why people were away; the name of a holiday or closure is shown as it is."""
    return _known(_CLOSED, code)


def limit(code: str) -> str:
    """Name a limit that was reached."""
    return _known(_LIMITS, code)


def tool(name: str) -> str:
    """Name a tool."""
    return _known(_TOOLS, name)


def tool_refusal(code: str) -> str:
    """Say why a tool was not run, or what came of it."""
    return _known(_TOOL_REFUSALS, code)


def seconds(ms: int | None) -> str:
    """Return a duration as people read it; None is what nobody measured."""
    if ms is None:
        return not_measured()
    if ms < 1000:
        return _("%(ms)s ms") % {"ms": ms}
    if ms < 120_000:
        return _("%(s)s s") % {"s": decimal(ms / 1000)}
    return _("%(min)s min") % {"min": decimal(ms / 60_000, 0)}


def count(number: int | None) -> str:
    """Return a number; None is what nobody measured, which is not zero."""
    return not_measured() if number is None else str(number)


def decimal(number: float, digits: int = 1) -> str:
    """Return a number with the active language's decimal sign."""
    return number_format(number, decimal_pos=digits)


def not_measured() -> str:
    """Return what stands for a number that is not known."""
    return _("not measured")


def _known(words: Mapping[str, object], code: str) -> str:
    return str(words[code]) if code in words else code
