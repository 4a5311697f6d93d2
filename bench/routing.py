"""How often a burst finds its agent by likeness to examples, and how often it is led astray.

    python -m bench.routing [--teams 300]

Random teams of two to four agents, each with four to eight of the messages that `kit/subjects.yaml`
holds for a subject as its examples; the others, messages of subjects that nobody has, and messages
of no subject at all are then asked of a front desk without examples. With the embedding model that
is built in and the decision of `agents.runtime.choosing`; nothing else of the product runs.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported.

from __future__ import annotations

import argparse
import os
import random
from collections import Counter
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

import django

django.setup()

import numpy as np
import yaml

from agents.runtime import choosing
from agents.services.examples import EVERYDAY
from agents.types import AgentKind, AgentProfile, AgentRef
from bench import harness
from integrations.llm import factory
from integrations.llm.types import ChatConfig

SUBJECTS = Path(__file__).resolve().parent / "kit" / "subjects.yaml"
NOBODYS = "nenhum"
MAX_ASTRAY = 0.05
MAX_WRONG = 0.15

DESK = AgentProfile(
    agent_id=0,
    name="desk",
    kind=AgentKind.GENERAL,
    instructions="",
    keywords=(),
    category_ids=(),
    handoffs=(),
    version_number=1,
    chat=ChatConfig("offline"),
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--teams", type=int, default=300)


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    client = factory.embedder()

    def unit(rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))

    def vectors(texts: list[str]) -> np.ndarray:
        return np.asarray([client.embed_query(text.lower()) for text in texts])

    mean = vectors(list(EVERYDAY)).mean(axis=0)
    subjects = yaml.safe_load(SUBJECTS.read_text(encoding="utf-8"))
    known = {name: unit(vectors(texts) - mean) for name, texts in subjects.items()}
    nobodys = known.pop(NOBODYS)
    tally: Counter[str] = Counter()
    for seed in range(options.teams):
        draw = random.Random(seed)
        team = draw.sample(sorted(known), draw.choice([2, 3, 4]))
        n_examples = draw.choice([4, 6, 8])
        centres, asked = {}, [("", row) for row in nobodys]
        for name, rows in known.items():
            order = draw.sample(range(len(rows)), len(rows))
            if name in team:
                centres[name] = unit(rows[order[:n_examples]].mean(axis=0))
                asked += [(name, rows[at]) for at in order[n_examples:]]
            else:
                asked.append(("", rows[order[0]]))
        refs = [AgentRef(n, name, AgentKind.SPECIALIST, ()) for n, name in enumerate(team, 1)]
        for owner, row in asked:
            scores = {ref.agent_id: float(row @ centres[ref.name]) for ref in refs}
            choice, is_unsure = choosing.by_likeness(scores, DESK, refs)
            way = "unsure" if is_unsure else "stays" if choice is None else "goes"
            if choice is not None and choice.target.name == owner:
                way = "right"
            tally[f"{'owned' if owner else 'nobodys'} {way}"] += 1
    owned = sum(n for name, n in tally.items() if name.startswith("owned"))
    others = sum(n for name, n in tally.items() if name.startswith("nobodys"))
    went = tally["owned right"] + tally["owned goes"] + tally["nobodys goes"]
    return [
        harness.at_most(
            "led astray, of all that were led", 1 - tally["owned right"] / went, MAX_WRONG, ""
        ),
        harness.at_most(
            "nobody's message led away", tally["nobodys goes"] / others, MAX_ASTRAY, ""
        ),
        harness.told("found its agent by likeness alone", tally["owned right"] / owned, ""),
        harness.told("left to a model, or to the desk", tally["owned unsure"] / owned, ""),
        harness.told("nobody's of which a model is asked", tally["nobodys unsure"] / others, ""),
    ]


if __name__ == "__main__":
    harness.main("routing", __doc__ or "", measure, arguments=arguments)
