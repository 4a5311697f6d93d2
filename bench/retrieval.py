"""How well and how fast the product finds: kits of questions, noise, and very many passages.

    python -m bench.retrieval [KIT_DIRECTORY] [--verbose] [--sizes 1000,10000,100000]

A kit has one directory per business, each with `docs/` and `questions.jsonl` (`question`, `type`,
`history`, `evidence`); without one, two businesses of `bench/kit` are asked. No word list was made
for them, but weights were chosen and the confidence fitted with a look at all five kits, so none of
these figures is of a business that nobody has seen.

Every business is ingested into a schema of its own by the code that production runs, with
the real embedder, searched through `retrieval.search`, and dropped again. Counted per question is
the first passage that holds the evidence: r@1, r@5, nDCG@10, and whether it is within the first
2,000 characters; for the confidence, how well it tells questions that the documents answer from
those that they do not (AUROC). The same questions are asked again as hurried people type them.

Then the questions are asked of 1,000 to 100,000 passages in one schema (`bench/synthetic.py`), of
all of them and of one category: p50 and p95 beyond the embedding, and how many of the ten best of
an exact search are found. `--sizes 1000` is done in seconds, the last size takes three minutes.
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported.

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.base")

import django

django.setup()

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django_tenants.utils import schema_context

from bench import harness, noise, scale
from knowledge import retrieval, scoring
from knowledge.models import Document
from knowledge.services import documents, ingesting

OWN_KIT = Path(__file__).resolve().parent / "kit"
# By measure: what is required of a kit that is given, and of our own: below what it reached when it
# was made, so that a change for the worse is seen.
TARGETS = {
    "r@1": (0.82, 0.75),
    "r@5": (0.97, 0.95),
    "nDCG@10": (0.91, 0.88),
    "hit in 2,000 characters": (0.97, 0.97),
    "follow-ups r@5": (0.95, 0.95),
    "AUROC": (0.93, 0.84),
}
MAX_LOSS = 0.01  # of r@5 and nDCG@10, by noise


@dataclass
class Scores:
    """Where the first right passages stood, and how long the searches took."""

    places: list[scoring.Placed] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def add(self, other: Scores) -> None:
        self.places += other.places
        self.milliseconds += other.milliseconds

    def figures(self) -> scoring.Figures:
        return scoring.figures(self.places)

    def line(self) -> str:
        middle = harness.percentile(self.milliseconds, 0.5)
        shares = ((name, value) for name, value in self.figures().as_json().items() if name != "n")
        told = "  ".join(f"{name}={value or 0:.3f}" for name, value in shares)
        return f"n={len(self.places):3d}  {told}  p50={middle:.0f} ms"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kit", type=Path, nargs="?", default=OWN_KIT)
    parser.add_argument("--verbose", action="store_true", help="list what was not found first")
    parser.add_argument("--sizes", default="1000,10000,100000", help="numbers of passages; or none")
    parser.add_argument("--no-noise", action="store_true", help="ask once only")


def measure(options: argparse.Namespace) -> list[harness.Measure]:
    logging.disable(logging.WARNING)
    measures = measure_kit(options)
    for size in [] if options.sizes == "none" else options.sizes.split(","):
        with scratch_schema() as schema, schema_context(schema):
            measures += scale.measure(int(size), kit=OWN_KIT)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measures.append(harness.told("memory of this process at its peak", peak, "MB"))
    return measures


def measure_kit(options: argparse.Namespace) -> list[harness.Measure]:
    totals: dict[str, dict[str, Scores]] = {}
    confidences: dict[bool, list[float]] = {True: [], False: []}
    levels: dict[str, Callable[[str], str]] = {"as written": str}
    if not options.no_noise:
        levels |= noise.LEVELS
    n_passages, seconds = 0, 0.0
    for business in sorted(path for path in options.kit.iterdir() if (path / "docs").is_dir()):
        with scratch_schema() as schema, schema_context(schema):
            began = time.perf_counter()
            n_passages += ingest(business / "docs")
            seconds += time.perf_counter() - began
            for level, change in levels.items():
                sums = totals.setdefault(level, {"answerable": Scores(), "followup": Scores()})
                is_first = level == "as written"
                scores = ask(
                    business / "questions.jsonl",
                    confidences if is_first else {True: [], False: []},
                    verbose=options.verbose and is_first,
                    change=change,
                )
                for kind, one in scores.items():
                    harness.say(f"{business.name} {level} {kind:10s} {one.line()}")
                    sums[kind].add(one)
    found = totals["as written"]["answerable"].figures()
    reached = {
        "r@1": found.recall_1,
        "r@5": found.recall_5,
        "nDCG@10": found.ndcg,
        "hit in 2,000 characters": found.in_context,
        "follow-ups r@5": totals["as written"]["followup"].figures().recall_5,
        "AUROC": scoring.auroc(confidences[True], confidences[False]),
    }
    is_own = options.kit.resolve() == OWN_KIT
    measures = [
        harness.at_least(name, value or 0.0, TARGETS[name][is_own], "", 1.0)
        for name, value in reached.items()
    ]
    for level in list(levels)[1:]:
        noisy = totals[level]["answerable"].figures()
        for name, loss in (
            ("r@5", (found.recall_5 or 0.0) - (noisy.recall_5 or 0.0)),
            ("nDCG@10", (found.ndcg or 0.0) - (noisy.ndcg or 0.0)),
        ):
            measures.append(harness.at_most(f"{name} lost, {level}", loss, MAX_LOSS, ""))
    for cut in (0.10, 0.15, 0.25):
        kept = scoring.share_from(confidences[True], cut) or 0.0
        stopped = 1 - (scoring.share_from(confidences[False], cut) or 0.0)
        note = f"unanswerable stopped {stopped:.3f}"
        measures.append(harness.told(f"answerable kept from {cut:.2f}", kept, "", note))
    measures.append(harness.told("ingestion", n_passages / max(0.001, seconds), "passages/s"))
    return measures


@contextmanager
def scratch_schema() -> Iterator[str]:
    """Make a schema with the tables that a search or an answer needs; drop it at the end."""
    schema = f"t_bench_{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute("create extension if not exists vector schema public")
        cursor.execute(f"create schema {schema}")
    try:
        with schema_context(schema):
            executor = MigrationExecutor(connection)
            graph = executor.loader.graph
            apps = ("knowledge", "integrations", "prices")  # a model's calls are counted and priced
            executor.migrate([node for app in apps for node in graph.leaf_nodes(app)])
        yield schema
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"drop schema {schema} cascade")


def ingest(directory: Path) -> int:
    category = documents.ensure_category(name="kit")
    for path in sorted(directory.iterdir()):
        now = timezone.now()
        with without_broker():
            stored = documents.store_document(
                category=category, name=path.name, content=path.read_bytes(), now=now
            )
        outcome = ingesting.ingest_document(document_id=stored.document.pk, now=now)
        if outcome is not ingesting.Outcome.READY:
            stored.document.refresh_from_db()
            sys.exit(f"{path.name}: {outcome}: {stored.document.failure_reason}")
    return sum(Document.objects.values_list("n_chunks", flat=True))


@contextmanager
def without_broker() -> Iterator[None]:
    """Leave no message behind for a worker: the schema is gone before it could answer."""
    connection.set_autocommit(False)
    try:
        yield
        connection.run_on_commit.clear()
        connection.commit()
    finally:
        connection.set_autocommit(True)


def ask(
    questions: Path,
    confidences: dict[bool, list[float]],
    *,
    verbose: bool,
    change: Callable[[str], str] = str,
) -> dict[str, Scores]:
    scores = {"answerable": Scores(), "followup": Scores()}
    for line in questions.read_text(encoding="utf-8").splitlines():
        question: dict[str, Any] = json.loads(line)
        said = [turn["text"] for turn in question["history"] if turn["role"] == "user"]
        began = time.perf_counter()
        result = retrieval.search(
            query=change(question["question"]),
            category_ids=None,
            previous=said[-1] if said else "",
            k=scoring.DEPTH,
        )
        milliseconds = (time.perf_counter() - began) * 1000
        if question["type"] != "followup":
            confidences[question["type"] == "answerable"].append(result.confidence)
        if question["type"] == "unanswerable":
            continue
        placed = scoring.place(result.passages, question["evidence"])
        rank = placed.rank
        one = scores[question["type"]]
        one.places.append(placed)
        one.milliseconds.append(milliseconds)
        if verbose and rank != 1:
            print(f"    rank {rank}: {question['question']!r} as {result.normalised_query!r}")
            print(f"      found  {result.passages[0].body[:110]!r}")
            print(f"      wanted {question['evidence'][0]['quote'][:110]!r}")
    return scores


def words(written: str) -> list[str]:
    return scoring.words(written)


def holds(body: str, quote: str) -> bool:
    """Test for the quote in a text of which it is not known what it was cut from."""
    return scoring.holds(body, quote, is_row=": " in body)


if __name__ == "__main__":
    harness.main("retrieval", __doc__, measure, arguments=arguments)
