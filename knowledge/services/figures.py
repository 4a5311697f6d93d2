"""The figures of evaluation runs: one run summed up, and two runs side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge import scoring
from knowledge.models import Document, EvaluationQuestion, EvaluationResult, EvaluationRun
from knowledge.scoring import Placed

Type = EvaluationQuestion.Type

NO_CATEGORY = "–"
"""Stands for documents that the tenant does not have."""

SHOWN = ("recall_1", "recall_3", "recall_5", "mrr", "ndcg", "in_context")


def of_run(run_id: int) -> dict[str, Any]:
    """Return the figures of a run from its results, as they are kept in its row.

    Keys: ``by_type`` and ``by_category`` (name -> `scoring.Figures.as_json`), ``decisions`` (type
    -> decision -> n), ``reasons`` (reason -> decision -> n), ``abstention`` (``auroc``,
    ``auroc_by_reason``, ``n_answerable``, ``n_unanswerable``, ``thresholds``).
    """
    rows = list(
        EvaluationResult.objects.filter(run_id=run_id, question__is_active=True)
        .select_related("question")
        .order_by("question__position", "pk")
    )
    categories = dict(
        Document.objects.filter(deleted_at=None)
        .order_by("pk")
        .values_list("name", "category__name")
    )
    by_type: dict[str, list[Placed]] = defaultdict(list)
    by_category: dict[str, list[Placed]] = defaultdict(list)
    decisions: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        question = row.question
        decisions[question.type][row.decision] += 1
        if question.type == Type.UNANSWERABLE:
            reasons[question.reason or NO_CATEGORY][row.decision] += 1
            continue
        placed = Placed(rank=row.rank, n_characters=row.n_characters)
        by_type[question.type].append(placed)
        shelf = categories.get(question.evidence[0]["doc"], NO_CATEGORY)
        by_category[shelf].append(placed)
    return {
        "by_type": {key: scoring.figures(one).as_json() for key, one in sorted(by_type.items())},
        "by_category": {
            key: scoring.figures(one).as_json() for key, one in sorted(by_category.items())
        },
        "decisions": {key: dict(one) for key, one in sorted(decisions.items())},
        "reasons": {key: dict(one) for key, one in sorted(reasons.items())},
        "abstention": _abstention(rows),
    }


def _abstention(rows: Iterable[EvaluationResult]) -> dict[str, Any]:
    """Return how well confidence tells questions with an answer from those without.

    Follow-ups stay out, as in the published figures: their confidence leans on the message before.
    """
    positive: list[float] = []
    negative: list[float] = []
    by_reason: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.question.type == Type.ANSWERABLE:
            positive.append(row.confidence)
        elif row.question.type == Type.UNANSWERABLE:
            negative.append(row.confidence)
            by_reason[row.question.reason or NO_CATEGORY].append(row.confidence)
    return {
        "n_answerable": len(positive),
        "n_unanswerable": len(negative),
        "auroc": _rounded(scoring.auroc(positive, negative)),
        "auroc_by_reason": {
            key: _rounded(scoring.auroc(positive, one)) for key, one in sorted(by_reason.items())
        },
        "thresholds": [
            {
                "threshold": cut,
                "let_through": _rounded(scoring.share_from(positive, cut)),
                "stopped": _rounded(_complement(scoring.share_from(negative, cut))),
            }
            for cut in scoring.THRESHOLDS
        ],
    }


def _complement(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


@dataclass(frozen=True, slots=True)
class Moved:
    """A question that two runs ranked differently; a rank of None is below the tenth place."""

    question: EvaluationQuestion
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed from one run to a later one."""

    worse: tuple[Moved, ...]
    better: tuple[Moved, ...]


def compare(before: EvaluationRun, after: EvaluationRun) -> Comparison:
    """Return the questions whose right passage stands elsewhere; the largest moves first."""
    ranks = dict(EvaluationResult.objects.filter(run=before).values_list("question_id", "rank"))
    rows = (
        EvaluationResult.objects.filter(run=after, question_id__in=ranks)
        .exclude(question__type=Type.UNANSWERABLE)
        .select_related("question")
        .order_by("question__position", "pk")
    )
    moved = [
        Moved(row.question, before=ranks[row.question_id], after=row.rank)
        for row in rows
        if ranks[row.question_id] != row.rank
    ]
    moved.sort(key=lambda one: -abs(_gain(one.after) - _gain(one.before)))
    return Comparison(
        worse=tuple(one for one in moved if _gain(one.after) < _gain(one.before)),
        better=tuple(one for one in moved if _gain(one.after) > _gain(one.before)),
    )


def _gain(rank: int | None) -> float:
    return 0.0 if rank is None else scoring.gain(rank)


def failed(run: EvaluationRun, *, limit: int) -> Sequence[EvaluationResult]:
    """Return the results whose right passage is not the first, the worst first."""
    rows = (
        EvaluationResult.objects.filter(run=run)
        .exclude(question__type=Type.UNANSWERABLE)
        .exclude(rank=1)
        .select_related("question")
    )
    return sorted(rows, key=lambda row: (_gain(row.rank), row.question.position))[:limit]


def wrongly_answered(run: EvaluationRun, *, limit: int) -> Sequence[EvaluationResult]:
    """Return the questions without an answer that would have been answered, the surest first."""
    rows = EvaluationResult.objects.filter(
        run=run, question__type=Type.UNANSWERABLE, decision="answer"
    )
    return list(rows.select_related("question").order_by("-confidence", "pk")[:limit])
