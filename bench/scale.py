"""How long a search takes among very many passages, and whether it finds what exactness finds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from django.db import connection

from bench import harness, synthetic
from knowledge import chunking, retrieval, scanning, spaces
from knowledge.extract import reader
from knowledge.models import Category
from knowledge.services import vector_indexes
from knowledge.types import Draft, SearchOptions

N_QUESTIONS = 60
N_EXACT = 12
"""Questions of which an exact search is made where that takes seconds."""
P95_MS = 30.0
"""Required of 100,000 passages filtered to one in a hundred, beyond the embedding."""
RECALL = 0.98


def measure(n_passages: int, *, kit: Path) -> list[harness.Measure]:
    """Fill the current schema, ask, and return what it took; some minutes for 100,000."""
    space = spaces.active_space()
    drafts = _drafts(kit)
    texts = [chunking.embedding_text(draft) for draft in drafts]
    vectors = spaces.embedder(space).embed_passages(texts)
    source = synthetic.Source(
        titles=[draft.heading_path for draft in drafts],
        bodies=[draft.body for draft in drafts],
        vectors=np.asarray(vectors, dtype=np.float32),
    )
    began = time.perf_counter()
    synthetic.fill(source, n_chunks=n_passages, space=space)
    harness.say(f"{n_passages:,} passages put in after {time.perf_counter() - began:.0f} s")
    measures = []
    began = time.perf_counter()
    if vector_indexes.index_vectors() is vector_indexes.Outcome.MADE:
        seconds = time.perf_counter() - began
        measures.append(harness.told(f"index over {n_passages:,} vectors", seconds, "s"))
        measures.append(harness.told("its size", _index_mb(space.pk), "MB"))
    questions = _questions(kit)
    measures.append(_warm_up(questions, n_passages))
    for name, share in {"everywhere": 1.0, **synthetic.SHARES}.items():
        chosen = None if share == 1.0 else [Category.objects.get(name=name).pk]
        measures += _ask(questions, chosen, f"{n_passages:,}, {name}", n=round(n_passages * share))
    return measures


def _ask(
    questions: Sequence[str], category_ids: list[int] | None, name: str, *, n: int
) -> list[harness.Measure]:
    took, recalls, same_first = [], [], 0
    usual, exact = SearchOptions(), SearchOptions(exact=True)
    compared = questions if n <= retrieval.EXACT_UP_TO else questions[:: len(questions) // N_EXACT]
    for question in questions:
        began = time.perf_counter()
        found = retrieval.search(query=question, category_ids=category_ids, k=10, options=usual)
        took.append((time.perf_counter() - began) * 1000)
        if question in compared:
            best = retrieval.search(query=question, category_ids=category_ids, k=10, options=exact)
            wanted = [passage.chunk_id for passage in best.passages]
            got = {passage.chunk_id for passage in found.passages}
            recalls.append(len(got & set(wanted)) / max(1, len(wanted)))
            same_first += found.passages[0].chunk_id == wanted[0]
    p50, p95 = harness.percentile(took, 0.5), harness.percentile(took, 0.95)
    recall = sum(recalls) / max(1, len(recalls))
    note = f"p50 {p50:.0f} ms; first the same in {same_first} of {len(recalls)}"
    if name.startswith("100,000, one in a hundred"):
        return [
            harness.at_most(f"{name}: p95", p95, P95_MS, "ms", note=note),
            harness.at_least(f"{name}: recall@10", recall, RECALL, "", 1.0),
        ]
    return [
        harness.told(f"{name}: p95", p95, "ms", note),
        harness.told(f"{name}: recall@10", recall, ""),
    ]


def _warm_up(questions: Sequence[str], n_passages: int) -> harness.Measure:
    """Ask until the words of all passages are known and all questions are embedded."""
    took = []
    for number in range(max(len(questions), 2 + n_passages // 1_500)):
        began = time.perf_counter()
        retrieval.search(query=questions[number % len(questions)], category_ids=None, k=10)
        took.append((time.perf_counter() - began) * 1000)
    note = "with the embedding, reading the words of the passages meanwhile"
    return harness.told(f"{n_passages:,}: slowest of the first searches", max(took), "ms", note)


def _drafts(kit: Path) -> list[Draft]:
    drafts = []
    for path in sorted(kit.glob("*/docs/*")):
        kind = reader.find_kind(path.name)
        if kind is not None:
            blocks = reader.extract(path.read_bytes(), kind=kind).blocks
            drafts += chunking.cut(blocks, name=path.name)
    return drafts


def _questions(kit: Path) -> list[str]:
    asked = [
        str(question["question"])
        for path in sorted(kit.glob("*/questions.jsonl"))
        for question in map(_parsed, path.read_text(encoding="utf-8").splitlines())
    ]
    return asked[:: max(1, len(asked) // N_QUESTIONS)]


def _parsed(line: str) -> dict[str, object]:
    parsed: dict[str, object] = json.loads(line)
    return parsed


def _index_mb(space_id: int) -> float:
    with connection.cursor() as cursor:
        cursor.execute("select pg_relation_size(%s::regclass)", [scanning.index_name(space_id)])
        return float(cursor.fetchone()[0]) / 2**20
