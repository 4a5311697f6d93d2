"""How well the product finds: each business of a kit, from its files to a ranking.

    python bench/retrieval.py KIT_DIRECTORY [--verbose]

A kit has one directory per business, each with `docs/` and `questions.jsonl` (`question`, `type`,
`history`, `evidence`). Every business is ingested into a schema of its own by the code that
production runs, with the real embedder, searched through `retrieval.search`, and dropped again.
Counted per question is the first passage that holds the evidence: r@1, r@5, nDCG@10, and whether
it is within the first 2,000 characters; for the confidence, how well it tells questions that the
documents answer from those that they do not (AUROC).
"""

# ruff: noqa: E402 - Django is set up before anything of ours is imported.

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import re
import sys
import time
import unicodedata
import uuid
from collections.abc import Iterator
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

from knowledge import retrieval
from knowledge.models import Document
from knowledge.services import documents
from knowledge.types import Passage

DEPTH = 10
CONTEXT = 2_000  # characters
ROW_SHARE = 0.9  # of a table row's words that a passage must hold


@dataclass
class Scores:
    """Ranks of first relevant passages (None: not among the first ten), and confidences."""

    ranks: list[int | None] = field(default_factory=list)
    in_context: list[bool] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)

    def add(self, other: Scores) -> None:
        self.ranks += other.ranks
        self.in_context += other.in_context
        self.milliseconds += other.milliseconds

    def line(self) -> str:
        n = max(1, len(self.ranks))
        found = [rank for rank in self.ranks if rank is not None]
        at = {k: sum(rank <= k for rank in found) / n for k in (1, 3, 5)}
        ndcg = sum(1 / math.log2(rank + 1) for rank in found) / n
        middle = sorted(self.milliseconds)[len(self.milliseconds) // 2] if self.milliseconds else 0
        return (
            f"n={len(self.ranks):3d}  r@1={at[1]:.3f}  r@3={at[3]:.3f}  r@5={at[5]:.3f}  "
            f"nDCG@10={ndcg:.3f}  hit in {CONTEXT} characters={sum(self.in_context) / n:.3f}  "
            f"p50={middle:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kit", type=Path)
    parser.add_argument("--verbose", action="store_true", help="list what was not found first")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    totals = {"answerable": Scores(), "followup": Scores()}
    confidences: dict[bool, list[float]] = {True: [], False: []}
    for business in sorted(path for path in options.kit.iterdir() if (path / "docs").is_dir()):
        with scratch_schema() as schema, schema_context(schema):
            began = time.perf_counter()
            n_chunks = ingest(business / "docs")
            seconds = time.perf_counter() - began
            print(f"{business.name}: {n_chunks} passages in {seconds:.1f} s")
            scores = ask(business / "questions.jsonl", confidences, verbose=options.verbose)
        for kind, one in scores.items():
            print(f"  {kind:10s} {one.line()}")
            totals[kind].add(one)
    for kind, one in totals.items():
        print(f"ALL {kind:10s} {one.line()}")
    print(f"confidence AUROC={auroc(confidences[True], confidences[False]):.3f}")
    for cut in (0.10, 0.15, 0.25):
        kept = sum(p >= cut for p in confidences[True]) / max(1, len(confidences[True]))
        stopped = sum(p < cut for p in confidences[False]) / max(1, len(confidences[False]))
        print(f"  p >= {cut:.2f}: answerable kept {kept:.3f}, unanswerable stopped {stopped:.3f}")


@contextmanager
def scratch_schema() -> Iterator[str]:
    """Make a schema with this app's tables, and drop it at the end."""
    schema = f"t_bench_{uuid.uuid4().hex[:8]}"
    with connection.cursor() as cursor:
        cursor.execute("create extension if not exists vector schema public")
        cursor.execute(f"create schema {schema}")
    try:
        with schema_context(schema):
            executor = MigrationExecutor(connection)
            executor.migrate(list(executor.loader.graph.leaf_nodes("knowledge")))
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
        outcome = documents.ingest_document(document_id=stored.document.pk, now=now)
        if outcome is not documents.Outcome.READY:
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
    questions: Path, confidences: dict[bool, list[float]], *, verbose: bool
) -> dict[str, Scores]:
    scores = {"answerable": Scores(), "followup": Scores()}
    for line in questions.read_text(encoding="utf-8").splitlines():
        question: dict[str, Any] = json.loads(line)
        said = [turn["text"] for turn in question["history"] if turn["role"] == "user"]
        began = time.perf_counter()
        result = retrieval.search(
            query=question["question"],
            category_ids=None,
            previous=said[-1] if said else "",
            k=DEPTH,
        )
        milliseconds = (time.perf_counter() - began) * 1000
        if question["type"] != "followup":
            confidences[question["type"] == "answerable"].append(result.confidence)
        if question["type"] == "unanswerable":
            continue
        relevant = [is_relevant(passage, question["evidence"]) for passage in result.passages]
        rank = relevant.index(True) + 1 if any(relevant) else None
        one = scores[question["type"]]
        one.ranks.append(rank)
        one.in_context.append(is_in_context(result.passages, relevant))
        one.milliseconds.append(milliseconds)
        if verbose and rank != 1:
            print(f"    rank {rank}: {question['question']!r} as {result.normalised_query!r}")
            print(f"      found  {result.passages[0].body[:110]!r}")
            print(f"      wanted {question['evidence'][0]['quote'][:110]!r}")
    return scores


def is_in_context(passages: tuple[Passage, ...], relevant: list[bool]) -> bool:
    length = 0
    for passage, is_hit in zip(passages, relevant, strict=True):
        length += len(passage.body)
        if length > CONTEXT:
            return False
        if is_hit:
            return True
    return False


def is_relevant(passage: Passage, evidence: list[dict[str, str]]) -> bool:
    return any(
        passage.document_name == one["doc"] and holds(passage.body, one["quote"])
        for one in evidence
    )


def holds(body: str, quote: str) -> bool:
    """Test for the quote itself, or for nearly all words of a table's row."""
    if plain(quote) in plain(body):
        return True
    if not re.search(r"[;|,\t]", quote) and " " not in quote:
        return False
    wanted = words(re.sub(r"^[A-Z]{1,3}-?\d+[;,]", "", quote))
    held = set(words(body))
    is_row = ": " in body
    return is_row and bool(wanted) and sum(w in held for w in wanted) >= ROW_SHARE * len(wanted)


def plain(written: str) -> str:
    return "".join(words(written))


def words(written: str) -> list[str]:
    folded = unicodedata.normalize("NFKD", written).lower()
    folded = "".join(c for c in folded if not unicodedata.combining(c))
    return re.findall(r"[a-z0-9]+", folded)


def auroc(positive: list[float], negative: list[float]) -> float:
    """Return how often an answerable question has the higher confidence; ties count half."""
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / max(1, len(positive) * len(negative))


if __name__ == "__main__":
    main()
