"""The figures of an evaluation run as a person at a terminal likes to read them, or as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from knowledge.models import EvaluationRun
from knowledge.question_files import BadLine
from knowledge.services import figures

N_MOVED = 15
"""Questions that a comparison names at most in each direction."""

_COLUMNS = (
    ("n", "n"),
    ("recall_1", "r@1"),
    ("recall_3", "r@3"),
    ("recall_5", "r@5"),
    ("mrr", "MRR"),
    ("ndcg", "nDCG@10"),
    ("in_context", "in 2,000"),
)


def as_dict(
    run: EvaluationRun, *, before: EvaluationRun | None, bad_lines: Iterable[BadLine]
) -> dict[str, Any]:
    """Return a run, and what changed since the one before, JSON-safe."""
    report: dict[str, Any] = {
        "set": run.set.name,
        "run": str(run.uuid),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "knowledge": run.settings,
        "bad_lines": [{"line": one.number, "reason": one.reason} for one in bad_lines],
        "figures": run.metrics,
        "before": None,
    }
    if before is not None:
        moved = figures.compare(before, run)
        report["before"] = {
            "run": str(before.uuid),
            "figures": before.metrics,
            "worse": [_moved(one) for one in moved.worse],
            "better": [_moved(one) for one in moved.better],
        }
    return report


def _moved(one: figures.Moved) -> dict[str, Any]:
    return {
        "id": one.question.ref,
        "question": one.question.question,
        "rank_before": one.before,
        "rank": one.after,
    }


def as_table(run: EvaluationRun, *, before: EvaluationRun | None) -> str:
    """Return a run as lines of text."""
    return "\n".join(_lines(run, before))


def _lines(run: EvaluationRun, before: EvaluationRun | None) -> Iterator[str]:
    metrics, then = run.metrics, before.metrics if before else {}
    about = run.settings
    yield (
        f"{run.set.name}: {about.get('n_documents')} documents, "
        f"{about.get('n_passages')} passages, {about.get('model')}"
    )
    if before is not None and before.finished_at is not None:
        at = timezone.localtime(before.finished_at)
        yield f"differences from the run of {at:%Y-%m-%d %H:%M}, in points"
    yield ""
    names = [*metrics["by_type"], *metrics["by_category"]]
    width = max([12, *(len(name) for name in names)])
    yield f"{'':{width}}" + "".join(f"{title:>15}" for _key, title in _COLUMNS)
    for group in ("by_type", "by_category"):
        for name, row in sorted(metrics[group].items()):
            yield _row(name, row, then.get(group, {}).get(name), width)
        yield ""
    yield from _abstention(metrics["abstention"], then.get("abstention", {}))
    yield ""
    yield from _decisions("what would be done", metrics["decisions"])
    yield from _decisions("without an answer, by reason", metrics["reasons"])
    if before is not None:
        moved = figures.compare(before, run)
        yield from _moves("worse", moved.worse)
        yield from _moves("better", moved.better)


def _row(name: str, row: dict[str, Any], then: dict[str, Any] | None, width: int) -> str:
    cells = [f"{row['n']:>15}"]
    for key, _title in _COLUMNS[1:]:
        cells.append(f"{_value(row[key], (then or {}).get(key)):>15}")
    return f"{name:{width}}" + "".join(cells)


def _value(now: float | None, then: float | None = None) -> str:
    """Return a share with, where it is known and moved, the difference in points."""
    if now is None:
        return "not measured"
    points = 0.0 if then is None else round(100 * (now - then), 1)
    return f"{now:.3f} ({points:+.1f})" if points else f"{now:.3f}"


def _abstention(now: dict[str, Any], then: dict[str, Any]) -> Iterator[str]:
    yield (
        f"confidence tells {now['n_answerable']} questions with an answer from "
        f"{now['n_unanswerable']} without: AUROC {_value(now['auroc'], then.get('auroc'))}"
    )
    for reason, value in sorted(now["auroc_by_reason"].items()):
        yield f"  {reason:24} {_value(value, then.get('auroc_by_reason', {}).get(reason))}"
    for cut in now["thresholds"]:
        yield (
            f"  from {cut['threshold']:.2f}: let through {_value(cut['let_through'])} of those "
            f"with an answer, stopped {_value(cut['stopped'])} of those without"
        )


def _decisions(title: str, rows: dict[str, dict[str, int]]) -> Iterator[str]:
    if not rows:
        return
    yield f"{title:28}" + "".join(f"{name:>10}" for name in ("answer", "ask", "unknown"))
    for name, counts in sorted(rows.items()):
        cells = "".join(f"{counts.get(one, 0):>10}" for one in ("answer", "ask", "unknown"))
        yield f"  {name:26}{cells}"


def _moves(title: str, moved: tuple[figures.Moved, ...]) -> Iterator[str]:
    yield ""
    yield f"{title}: {len(moved)}"
    for one in moved[:N_MOVED]:
        ranks = f"{one.before or '>10'} -> {one.after or '>10'}"
        yield f"  {ranks:>11}  {one.question.ref}  {one.question.question}"
