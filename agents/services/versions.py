"""Versions of an agent beside each other, in words, and the way back to an older one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, Literal

from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.db.models import Field
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from agents.guard_names import guard_name
from agents.models import Agent, AgentVersion, ApprovalThen
from agents.services import publishing
from integrations.models import Credential, HttpTool, ModelChoice
from knowledge.models import Category
from tenants.audit.record import record

Sign = Literal["same", "added", "removed"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one of two texts; `parts` are pieces of it, each with whether it differs."""

    sign: Sign
    parts: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(part for part, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that two versions have otherwise."""

    field: str
    label: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of going back; `left_out` names what is gone since and could not come along."""

    version: AgentVersion | None
    left_out: tuple[str, ...]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Return what differs between two snapshots, in the words of the form."""
    credentials = _credential_names(before, after)
    old, new = _fields(before, credentials), _fields(after, credentials)
    labels = {name: label for name, label, _text in (*old, *new)}
    was = {name: text for name, _label, text in old}
    now = {name: text for name, _label, text in new}
    return tuple(
        Difference(name, label, compare(was.get(name, ()), now.get(name, ())))
        for name, label in labels.items()
        if was.get(name, ()) != now.get(name, ())
    )


def compare(before: Sequence[str], after: Sequence[str]) -> tuple[Line, ...]:
    """Return two texts as lines that stayed, went and came; a changed line shows its words."""
    lines: list[Line] = []
    for change, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if change == "equal":
            lines += [Line("same", ((text, False),)) for text in before[a:b]]
            continue
        if b - a == d - c:
            pairs = [_words(*pair) for pair in zip(before[a:b], after[c:d], strict=True)]
            olds, news = [old for old, _new in pairs], [new for _old, new in pairs]
        else:
            olds, news = [_whole(one) for one in before[a:b]], [_whole(one) for one in after[c:d]]
        lines += [Line("removed", parts) for parts in olds]
        lines += [Line("added", parts) for parts in news]
    return tuple(lines)


_Parts = tuple[tuple[str, bool], ...]


def _whole(text: str) -> _Parts:
    return ((text, True),)


def _words(before: str, after: str) -> tuple[_Parts, _Parts]:
    """Return two lines with the words marked in which they differ."""
    olds, news = before.split(" "), after.split(" ")
    matcher = SequenceMatcher(None, olds, news, autojunk=False)
    if matcher.ratio() < 0.4:  # another sentence: single words that recur say nothing
        return _whole(before), _whole(after)
    old: list[tuple[str, bool]] = []
    new: list[tuple[str, bool]] = []
    for change, a, b, c, d in matcher.get_opcodes():
        for parts, found in ((old, olds[a:b]), (new, news[c:d])):
            if found:
                parts.append((("" if not parts else " ") + " ".join(found), change != "equal"))
    return tuple(old), tuple(new)


_Text = tuple[str, ...]
_Field = tuple[str, str, _Text]


def _fields(shot: Mapping[str, Any], credentials: Mapping[str, str]) -> list[_Field]:
    """Return the fields of a snapshot: name, label and text as lines."""
    found: list[_Field] = []
    for name, value in publishing.complete(shot).items():
        match name:
            case "chat":
                found += _chat(value, credentials)
            case "purposes":
                asked = (_purpose(key, value[key], credentials) for key in sorted(value))
                found.append((name, label(name), tuple(asked)))
            case "categories" | "handoffs" | "tools":
                found.append((name, label(name), tuple(one["name"] for one in value)))
            case "guards":
                found.append((name, label(name), tuple(map(_check, sorted(value.items())))))
            case "approval":
                found += _approval(value)
            case _:
                found.append((name, label(name), _lines(name, value)))
    return found


def label(name: str) -> str:
    """Return what the form calls a field."""
    if name == "fallbacks":
        return _("Other models to ask when this one fails")
    field = _field(name)
    return name if field is None else capfirst(str(field.verbose_name))


def _field(name: str) -> Field[Any, Any] | None:
    try:
        found = Agent._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, Field) else None


def _lines(name: str, value: object) -> _Text:
    if isinstance(value, list):
        return tuple(map(str, value))
    field = _field(name)
    choices: dict[Any, Any] = dict(field.flatchoices) if field is not None else {}
    text = str(choices.get(value, "" if value is None else value))
    return tuple(line for line in text.splitlines() if line.strip())


def _chat(chat: Mapping[str, Any], credentials: Mapping[str, str]) -> list[_Field]:
    fallbacks = tuple(_who(one, credentials) for one in chat["fallbacks"])
    key = _key(chat["credential"], credentials) if chat["credential"] else ""
    return [
        ("chat_credential", label("chat_credential"), (key,) if key else ()),
        ("chat_model", label("chat_model"), (chat["model"],) if chat["model"] else ()),
        ("timeout_s", label("timeout_s"), (str(chat["timeout_s"]),)),
        ("fallbacks", label("fallbacks"), fallbacks),
    ]


def _purpose(purpose: str, chosen: Mapping[str, Any], credentials: Mapping[str, str]) -> str:
    seconds = _("%(n)s s") % {"n": chosen["timeout_s"]}
    chain = [_who(one, credentials) for one in (chosen, *chosen["fallbacks"])]
    name = str(ModelChoice.PurposeKind(purpose).label)
    return f"{capfirst(name)}: {' → '.join(chain)} ({seconds})"


def _who(one: Mapping[str, Any], credentials: Mapping[str, str]) -> str:
    return f"{_key(one['credential'], credentials)} · {one['model']}"


def _key(uuid: str, credentials: Mapping[str, str]) -> str:
    return credentials.get(uuid, _("a key that is gone"))


def _check(one: tuple[str, Mapping[str, Any]]) -> str:
    name, setting = one
    said = []
    if "on" in setting:
        said.append(_("on") if setting["on"] else _("off"))
    if "limit" in setting:
        said.append(str(setting["limit"]))
    if setting.get("words"):
        said.append(", ".join(setting["words"]))
    if setting.get("text"):
        said.append(f"“{setting['text']}”")
    return f"{guard_name(name)}: {' · '.join(said)}"


def _approval(value: Mapping[str, Any]) -> list[_Field]:
    within = ngettext("within %(n)s minute", "within %(n)s minutes", value["within_min"])
    then = str(ApprovalThen(value["then"]).label)
    text = (within % {"n": value["within_min"]}, then)
    return [("needs_approval", label("needs_approval"), text)]


def _credential_names(*shots: Mapping[str, Any]) -> dict[str, str]:
    chains = [
        chain for shot in shots for chain in (shot["chat"], *shot.get("purposes", {}).values())
    ]
    named = {one["credential"] for chain in chains for one in (chain, *chain["fallbacks"])}
    wanted = named - {None}
    found = Credential.objects.filter(uuid__in=wanted) if wanted else ()
    return {str(one.uuid): one.name for one in found}


def restore(*, version: AgentVersion, publish: bool, actor: str, now: datetime) -> Restored:
    """Make an agent what it was in one of its versions; answers under way keep theirs.

    Args:
        publish: as a new version that answers from here on; else the draft alone is replaced.
        actor: a user name.
    """
    with transaction.atomic():
        agent = Agent.objects.select_for_update(of=("self",)).get(pk=version.agent_id)
        left_out = _write(agent, publishing.complete(version.snapshot))
        record(
            action="agent.restored",
            actor=actor,
            target=f"agent {agent.uuid}",
            data={"version": version.number},
        )
        made = publishing.publish_agent(agent=agent, actor=actor, now=now) if publish else None
    return Restored(made, tuple(left_out))


def _write(agent: Agent, shot: Mapping[str, Any]) -> list[str]:
    """Store what a snapshot says; return what is gone."""
    chat, approval = shot["chat"], shot.get("approval")
    key = Credential.objects.filter(uuid=chat["credential"]).first() if chat["credential"] else None
    left_out = [] if key or not chat["credential"] else [label("chat_credential")]
    purposes = _with_keys(shot["purposes"], left_out)
    values = {
        name: value
        for name, value in shot.items()
        if name not in ("chat", "approval", "categories", "handoffs", "tools")
    }
    if Agent.objects.filter(name=shot["name"]).exclude(pk=agent.pk).exists():
        left_out.append(_("the name “%(name)s”, which another agent has") % {"name": shot["name"]})
        del values["name"]
    values |= {
        "chat_credential": key,
        "chat_model": chat["model"],
        "timeout_s": chat["timeout_s"],
        "fallbacks": chat["fallbacks"],
        "purposes": purposes,
        "needs_approval": approval is not None,
    }
    if approval is not None:
        values |= {
            "approval_within_min": approval["within_min"],
            "approval_then": approval["then"],
        }
    for name, value in values.items():
        if _field(name) is not None:
            setattr(agent, name, value)
    agent.save()
    categories = Category.objects.filter(uuid__in=_uuids(shot["categories"]))
    handoffs = Agent.objects.filter(uuid__in=_uuids(shot["handoffs"])).exclude(pk=agent.pk)
    agent.categories.set(categories)
    agent.handoffs.set(handoffs)
    tools = HttpTool.objects.filter(uuid__in=_uuids(shot["tools"]))
    agent.tools.set(tools)
    left_out += _missing(shot["categories"], {str(one.uuid) for one in categories})
    left_out += _missing(shot["tools"], {str(one.uuid) for one in tools})
    return left_out + _missing(shot["handoffs"], {str(one.uuid) for one in handoffs})


def _with_keys(purposes: Mapping[str, Any], left_out: list[str]) -> dict[str, Any]:
    """Return the models whose keys there still are; the others are added to `left_out`."""
    wanted = {one["credential"] for one in purposes.values()}
    known = set(map(str, Credential.objects.filter(uuid__in=wanted).values_list("uuid", flat=True)))
    kept = {name: one for name, one in purposes.items() if one["credential"] in known}
    left_out += [
        str(ModelChoice.PurposeKind(name).label) for name in sorted(purposes.keys() - kept.keys())
    ]
    return kept


def _uuids(named: Iterable[Mapping[str, str]]) -> list[str]:
    return [one["uuid"] for one in named]


def _missing(named: Iterable[Mapping[str, str]], found: set[str]) -> list[str]:
    return [one["name"] for one in named if one["uuid"] not in found]
