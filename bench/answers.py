"""What contacts get told: every question of a kit through search, model, checks and asking back.

    python -m bench.answers [KIT] [--models offline,key,reader,inventive]

A kit is as for `bench/retrieval.py`. Each business is ingested into a schema of its own, and its
questions go through `agents.runtime.loop`, with these models:

- offline: the provider without a model, which quotes.
- key: a server that answers with the passage that the kit names, where its prompt holds it, and
  says that it does not know otherwise. What it misses, search, thresholds and checks have cost.
- reader: a server that copies the sentences that share most words with the question.
- inventive: the reader with a price, date, link or the like made up in every reply.

A question is answered, asked back, or left to a person. A contact who is asked back chooses the
subject that holds the kit's evidence, if it is offered, and says "não" otherwise; what comes of it
is counted as the end. "Refused wrongly" is an answerable question that ends with a person,
"answered wrongly" one without an answer that gets one. Facts are checked here without the product's
own code: every run of digits, link and e-mail address of a reply must stand in a passage of its
prompt, and none of the inventions may.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported.

from __future__ import annotations

import argparse
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")
os.environ["EGRESS_ALLOWED_TENANTS"] = "127.0.0.0/8"  # where the scripted models listen

import django

django.setup()

from django.core.management import call_command
from django_tenants.utils import schema_context

from agents.runtime import clarifying, loop
from agents.services import assembly
from agents.types import (
    AgentKind,
    AgentProfile,
    NeedsHuman,
    Reason,
    RunRequest,
    RunResult,
    TranscriptLine,
)
from bench import harness, retrieval
from integrations.llm.types import ChatConfig
from integrations.models import ModelCall
from integrations.services.calls import Caller
from knowledge import abstention
from knowledge.models import Category
from tests.fakes import reading
from tests.fakes.llm import FakeLLM, Mode

KIT = Path(__file__).resolve().parent / "kit"
MODELS = ("offline", "key", "reader", "inventive")
NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)

CALLER = Caller(origin=ModelCall.Origin.EVALUATION, zone="America/Sao_Paulo")

MAX_REFUSED = 0.04
MAX_ANSWERED = 0.05

GRID = [round(0.02 * n, 2) for n in range(1, 50)]
"""Thresholds that the cross-validation chooses among."""

KEPT = 0.99
"""Share of answerable questions that the lower threshold has to let through where it is chosen."""

_JUDGED = frozenset({"sim", "nao", "pode", "podem", "nao pode", "aceita", "nao aceita"})
"""Facts that only a judge finds in a reply, because a quote says them in other words."""

_DIGITS = re.compile(r"\d+")
_LINKS = re.compile(r"https?://\S+|www\.\S+|[\w.+-]+@[\w-]+\.[\w.-]+")


@dataclass
class Told:
    """One question and what came of it."""

    question: dict[str, Any]
    first: RunResult
    last: RunResult
    choices: int = 0

    @property
    def is_answerable(self) -> bool:
        return str(self.question["type"]) != "unanswerable"

    @property
    def at_first(self) -> str:
        return "asked back" if self.first.asked_back else _outcome(self.first)

    @property
    def at_last(self) -> str:
        return _outcome(self.last)

    def facts(self) -> tuple[bool, bool]:
        """Return whether all facts of the kit stand in the reply, and all that are literal."""
        said = " ".join(retrieval.words(self.last.outcome.text))
        every = literal = True
        for forms in self.question["key_facts"]:
            plain = [" ".join(retrieval.words(form)) for form in forms]
            # The kit writes "encaix" for all of its forms; a number ends where it ends.
            held = any(form and re.search(rf"\b{re.escape(form)}(?!\d)", said) for form in plain)
            every = every and held
            literal = literal and (held or any(form in _JUDGED for form in plain))
        return every, literal

    def inventions(self) -> list[str]:
        """Return what the replies state that stands in no passage, nor in the contact's words."""
        found = []
        for result in (self.first, self.last):
            if isinstance(result.outcome, NeedsHuman):
                continue
            given = " ".join(f"{one.title} {one.text} {one.source}" for one in result.passages)
            given += f" {self.question['question']}" + " ".join(
                str(line["text"]) for line in self.question["history"]
            )
            text = re.sub(r"(?m)^\d\. ", "", result.outcome.text)
            digits = set(_DIGITS.findall(given))
            found += [one for one in _DIGITS.findall(text) if one not in digits]
            found += [one for one in _LINKS.findall(text) if one.strip(".,;)") not in given]
            found += [one for one in reading.INVENTIONS if one in text and one not in given]
        return found


@dataclass
class Business:
    """A business of the kit as it went with one model."""

    name: str
    told: list[Told] = field(default_factory=list)


def _outcome(result: RunResult) -> str:
    if result.asked_back:  # asked again is as good as a person: it ends there
        return "person"
    return "person" if isinstance(result.outcome, NeedsHuman) else "answered"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kit", type=Path, nargs="?", default=KIT)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--verbose", action="store_true", help="list what went wrong")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    logging.disable(logging.WARNING)
    call_command("migrate_schemas", shared=True, verbosity=0)  # the platform's prices of models
    models = options.models.split(",")
    outcomes: dict[str, list[Business]] = {model: [] for model in models}
    for folder in sorted(path for path in options.kit.iterdir() if (path / "docs").is_dir()):
        harness.say(folder.name)
        with retrieval.scratch_schema() as schema, schema_context(schema):
            retrieval.ingest(folder / "docs")
            questions = _questions(folder)
            for model in models:
                with _config(model, questions) as config:
                    outcomes[model].append(
                        Business(folder.name, [_tell(one, config) for one in questions])
                    )
    if options.verbose:
        for model, businesses in outcomes.items():
            _list(model, businesses)
    measures = [one for model in models for one in _figures(model, outcomes[model])]
    return measures + _cross_validated(outcomes[models[0]])


def _questions(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


@contextmanager
def _config(model: str, questions: list[dict[str, Any]]) -> Iterator[ChatConfig]:
    if model == "offline":
        yield ChatConfig("offline")
        return
    with FakeLLM(Mode(model)) as server:
        server.known = {
            one["question"]: tuple(quote["quote"] for quote in one.get("evidence", ()))
            for one in questions
        }
        yield ChatConfig("openai_compatible", "fake-1", "none", server.base_url, timeout_s=10)


def _tell(question: dict[str, Any], config: ChatConfig) -> Told:
    roles: dict[str, Any] = {"user": "contact", "assistant": "agent"}
    transcript = [
        TranscriptLine(roles[line["role"]], line["text"], NOW) for line in question["history"]
    ]
    first = _ask(question["question"], transcript, config)
    if not first.asked_back:
        return Told(question, first, first)
    choices = re.findall(r"(?m)^(\d)\. (.+)$", first.outcome.text)
    transcript += [
        TranscriptLine("contact", question["question"], NOW),
        TranscriptLine("agent", first.outcome.text, NOW),
    ]
    answer = _chosen(question, first, [label for _, label in choices])
    return Told(question, first, _ask(answer, transcript, config), len(choices))


def _chosen(question: dict[str, Any], first: RunResult, labels: list[str]) -> str:
    """Return the number of the offered subject that the kit's evidence is in, or "não"."""
    for number, label in enumerate(labels, start=1):
        for passage in first.passages:
            if clarifying.label_of(passage) == label and any(
                passage.source.startswith(one["doc"])
                and retrieval.holds(passage.text, one["quote"])
                for one in question.get("evidence", ())
            ):
                return str(number)
    return "não"


def _ask(text: str, transcript: list[TranscriptLine], config: ChatConfig) -> RunResult:
    agent = AgentProfile(
        agent_id=1,
        name="Recepção",
        kind=AgentKind.GENERAL,
        instructions="Seja breve e cordial.",
        keywords=(),
        category_ids=tuple(Category.objects.values_list("pk", flat=True)),
        handoffs=(),
        version_number=1,
        chat=config,
    )
    request = RunRequest(
        tenant_name="Empresa",
        language="pt-br",
        timezone="America/Sao_Paulo",
        agent=agent,
        burst=(text,),
        transcript=tuple(transcript),
        contact_name="Ana",
        now=NOW,
    )
    return loop.answer(request, assembly.run_context(CALLER))


def _figures(model: str, businesses: list[Business]) -> list[harness.Measure]:
    told = [one for business in businesses for one in business.told]
    known = [one for one in told if one.question["type"] == "answerable"]
    follow = [one for one in told if one.question["type"] == "followup"]
    unknown = [one for one in told if not one.is_answerable]

    def share(of: list[Told], test: Callable[[Told], bool]) -> float:
        return sum(map(test, of)) / max(1, len(of))

    def each(of_type: str, test: Callable[[Told], bool]) -> str:
        return ", ".join(
            f"{sum(map(test, mine))}/{len(mine)}"
            for business in businesses
            if (mine := [one for one in business.told if one.question["type"] == of_type])
        )

    def refused(one: Told) -> bool:
        return one.at_last == "person"

    def answered(one: Told) -> bool:
        return one.at_last == "answered"

    reasons = Counter(one.question.get("reason", "") for one in unknown if answered(one))
    bound = model in ("offline", "key")
    limit = harness.at_most if bound else _told_only
    return [
        harness.none_of(f"{model}: facts from nowhere", sum(len(one.inventions()) for one in told)),
        limit(
            f"{model}: answerable refused wrongly",
            share(known, refused),
            MAX_REFUSED,
            "",
            note=f"each: {each('answerable', refused)}",
        ),
        harness.told(
            f"{model}:   at the first message",
            share(known, lambda one: one.at_first == "person"),
            "",
        ),
        harness.told(
            f"{model}:   asked back", share(known, lambda one: one.at_first == "asked back"), ""
        ),
        limit(
            f"{model}: unanswerable answered wrongly",
            share(unknown, answered),
            MAX_ANSWERED,
            "",
            note=f"each: {each('unanswerable', answered)} {dict(reasons) or ''}",
        ),
        harness.told(
            f"{model}:   asked back", share(unknown, lambda one: one.at_first == "asked back"), ""
        ),
        harness.told(
            f"{model}: all key facts",
            share(known, lambda one: answered(one) and one.facts()[0]),
            "",
            note="of all answerable questions, word by word",
        ),
        harness.told(
            f"{model}:   yes and no apart",
            share(known, lambda one: answered(one) and one.facts()[1]),
            "",
            note="facts like 'sim' or 'pode' need a judge and are left out",
        ),
        harness.told(
            f"{model}:   of the answered",
            share([one for one in known if answered(one)], lambda one: one.facts()[1]),
            "",
        ),
        harness.told(
            f"{model}: follow-ups refused",
            share(follow, refused),
            "",
            note=f"asked back {sum(one.at_first == 'asked back' for one in follow)}"
            f" of {len(follow)}",
        ),
    ]


def _told_only(
    name: str, ours: float, limit: float, unit: str, x: float = 1.0, note: str = ""
) -> harness.Measure:
    """Report what is not required of a reader that is weaker than any model."""
    return harness.told(name, ours, unit, note)


def _cross_validated(businesses: list[Business]) -> list[harness.Measure]:
    """Choose both thresholds on all businesses but one, and count on that one; sum over all."""
    sums: Counter[str] = Counter()
    chosen = []
    for held_out in businesses:
        rest = [one for other in businesses if other is not held_out for one in other.told]
        zones = _choose(rest or held_out.told)
        chosen.append(f"{zones.ask_from:.2f}/{zones.answer_from:.2f}")
        for one in held_out.told:
            if one.question["type"] == "followup":
                continue
            zone = abstention.decide(confidence=_confidence(one), settings=zones)
            sums[f"{one.question['type']} {zone}"] += 1
            sums[str(one.question["type"])] += 1
    n_known, n_unknown = max(1, sums["answerable"]), max(1, sums["unanswerable"])
    note = f"thresholds chosen without it: {', '.join(chosen)}"
    return [
        harness.told("held out: answerable below", sums["answerable unknown"] / n_known, "", note),
        harness.told("held out: answerable asked back", sums["answerable ask"] / n_known, ""),
        harness.told("held out: unanswerable above", sums["unanswerable answer"] / n_unknown, ""),
        harness.told("held out: unanswerable asked back", sums["unanswerable ask"] / n_unknown, ""),
    ]


def _choose(told: list[Told]) -> abstention.Thresholds:
    known = [_confidence(one) for one in told if one.question["type"] == "answerable"]
    unknown = [_confidence(one) for one in told if one.question["type"] == "unanswerable"]
    ask = max(
        (cut for cut in GRID if sum(one >= cut for one in known) >= KEPT * len(known)),
        default=GRID[0],
    )
    answer = min(
        (cut for cut in GRID if sum(one >= cut for one in unknown) <= MAX_ANSWERED * len(unknown)),
        default=GRID[-1],
    )
    return abstention.Thresholds(ask, max(ask, answer))


def _confidence(one: Told) -> float:
    """Return the retriever's; what a rule took away before the search never reaches a threshold."""
    outcome = one.first.outcome
    is_taken = isinstance(outcome, NeedsHuman) and outcome.reason == Reason.ACCOUNT_DATA
    return 0.0 if is_taken else one.first.confidence


def _list(model: str, businesses: list[Business]) -> None:
    for one in (told for business in businesses for told in business.told):
        wrong = one.at_last == ("person" if one.is_answerable else "answered")
        missed = one.is_answerable and not wrong and not one.facts()[1]
        if not (wrong or missed or one.inventions()):
            continue
        outcome = one.last.outcome
        what = "WRONG" if wrong else "FACTS" if missed else "INVENTED"
        print(f"{model} {what} {one.first.confidence:.2f} {one.at_first} > {one.at_last}")
        print(f"    {one.question['question']!r} wants {one.question['key_facts']}")
        reason = outcome.reason if isinstance(outcome, NeedsHuman) else ""
        print(f"    {reason} {outcome.text[:300]!r} {one.inventions() or ''}")


if __name__ == "__main__":
    harness.main("answers", __doc__ or "", measure, arguments=arguments)
