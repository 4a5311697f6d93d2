"""Passages that contradict or repeat each other: found after reading, settled by a person.

A document is compared once for each of its versions, with what all the others say now. A finding
lasts while both its texts are in use; one that a person settled does not come back unless one of
the texts changes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext

from knowledge import comparing, spaces
from knowledge.comparing import Difference, Relation
from knowledge.models import Chunk, Document, Finding
from knowledge.services import bin as paper_bin
from knowledge.services import versions
from knowledge.types import ChunkKind
from tenants.audit.record import record
from tenants.context import current_schema
from tenants.errors import DomainError
from tenants.queueing import enqueue

TASK = "knowledge.tasks.compare_document"

NEAREST = 6
"""Passages of other documents, nearest in meaning, that each passage is compared with."""

NAMED = 20
"""Passages that name a row of a table, likewise."""

MAX_CHUNKS = 3_000
"""Passages of one document that are compared; a longer one is compared in its first part."""

MAX_SCANNED = 5_000_000
"""Vectors that one comparison may look at, about 40 s. In a large tenant the later passages of a
long document are compared by words alone."""

MAX_FINDINGS = 200
"""Findings of one document that are kept; more than a person settles, and a sign that it is a
whole table in another version."""

WAIT_S = 60
"""After so long a document whose doorbell was lost is announced again, in seconds."""

SWEEP_BATCH = 20

Status = Finding.Status

logger = logging.getLogger(__name__)


class FindingSettled(DomainError):
    """Somebody has settled this meanwhile; look at the page again."""

    code = "finding_settled"

    def __init__(self) -> None:
        super().__init__(gettext("Somebody has settled this meanwhile; look at the page again."))


class Outcome(StrEnum):
    """How one comparison ended."""

    COMPARED = "compared"
    NOT_DUE = "not_due"  # gone, not ready, or compared already
    LOST = "lost"  # a newer version came meanwhile


@dataclass(frozen=True, slots=True)
class _Passage:
    chunk_id: int
    document_id: int
    document_uuid: str
    body: str
    side: comparing.Side


@dataclass(frozen=True, slots=True)
class _Found:
    fingerprint: str
    difference: Difference
    mine: _Passage
    other: _Passage


def compare_document(*, document_id: int, now: datetime) -> Outcome:
    """Look for passages of other documents that contradict or repeat those of this one.

    Safe to run twice or in two workers at once. Documents in the bin are compared as well, so that
    nothing is missed when they are taken out; the page leaves them out.
    """
    row = _due().filter(pk=document_id).values_list("version", "category_id").first()
    if row is None:
        return Outcome.NOT_DUE
    version, category_id = row
    found = _find(document_id)
    with transaction.atomic():
        _lock_findings()
        won = _due().filter(pk=document_id, version=version).update(compared_version=version)
        if not won:
            return Outcome.LOST
        _remove_outdated(document_id)
        n_new = _keep(found, category_id=category_id, now=now)
    logger.info("document compared", extra={"document_id": document_id, "n_findings": n_new})
    return Outcome.COMPARED


def _due() -> QuerySet[Document]:
    return Document.objects.filter(status=Document.Status.READY).exclude(
        compared_version=F("version")
    )


def requeue_waiting(*, now: datetime) -> int:
    """Announce documents that were read and not compared; returns how many."""
    late = _due().filter(ready_at__lt=now - timedelta(seconds=WAIT_S)).order_by("ready_at", "pk")
    pks = list(late.values_list("pk", flat=True)[:SWEEP_BATCH])
    for pk in pks:
        enqueue(TASK, document_id=pk)
    return len(pks)


def _lock_findings() -> None:
    """Wait until no other worker of this tenant writes findings; held until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"{current_schema()}:knowledge.findings"],
        )


def _find(document_id: int) -> list[_Found]:
    rows = Chunk.objects.filter(document_id=document_id, active=True).order_by("position")
    own = list(_passages(rows[:MAX_CHUNKS]))
    n_others = Chunk.objects.filter(active=True).exclude(document_id=document_id).count()
    n_near = MAX_SCANNED // max(1, n_others)
    space_id = spaces.active_space().pk
    found: dict[str, _Found] = {}
    prepared: dict[int, _Passage] = {}
    for number, mine in enumerate(own):
        pks = _named_in(mine, document_id)
        if number < n_near:
            pks |= _nearest(mine, document_id, space_id=space_id)
        unknown = Chunk.objects.filter(pk__in=pks - prepared.keys(), active=True)
        prepared.update((one.chunk_id, one) for one in _passages(unknown))
        for pk in sorted(pks & prepared.keys()):
            other = prepared[pk]
            difference = comparing.compare(mine.side, other.side)
            if difference is not None:
                name = comparing.fingerprint(
                    difference.relation,
                    (mine.document_uuid, mine.body),
                    (other.document_uuid, other.body),
                )
                found.setdefault(name, _Found(name, difference, mine, other))
        if len(found) >= MAX_FINDINGS:
            break
    return list(found.values())


def _passages(rows: QuerySet[Chunk]) -> Iterator[_Passage]:
    columns = rows.values_list(
        "pk", "document_id", "document__uuid", "heading_path", "body", "kind"
    )
    for pk, document_id, uuid, path, body, kind in columns:
        side = comparing.prepare(title=path.rpartition(" > ")[2], body=body, kind=ChunkKind(kind))
        yield _Passage(pk, document_id, str(uuid), body, side)


def _nearest(mine: _Passage, document_id: int, *, space_id: int) -> set[int]:
    return _chunk_ids(
        """
        select c.id from knowledge_chunk c
        join knowledge_chunkvector v on v.chunk_id = c.id and v.space_id = %(space)s
            and v.position = 0
        where c.active and c.document_id <> %(document)s
        order by v.embedding <=> (
            select embedding from knowledge_chunkvector
            where chunk_id = %(chunk)s and space_id = %(space)s and position = 0
        ), c.id
        limit %(limit)s
        """,
        space=space_id,
        document=document_id,
        chunk=mine.chunk_id,
        limit=NEAREST,
    )


def _named_in(mine: _Passage, document_id: int) -> set[int]:
    """Return passages that hold all words of a row's name, whatever else they say."""
    words = sorted(mine.side.row_words)
    if not words:
        return set()
    return _chunk_ids(
        """
        select id from knowledge_chunk
        where active and document_id <> %(document)s and lexemes @@ %(words)s::tsquery
        order by n_lexemes, id limit %(limit)s
        """,
        document=document_id,
        words=" & ".join(f"'{word}'" for word in words),  # letters and digits only
        limit=NAMED,
    )


def _chunk_ids(sql: str, **parameters: str | int) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return {int(row[0]) for row in cursor.fetchall()}


def _remove_outdated(document_id: int) -> None:
    """Remove open findings of which a text is no longer in use."""
    touching = Q(document_id=document_id) | Q(other_id=document_id)
    rows = list(Finding.objects.filter(touching, status=Status.OPEN))
    texts = {(row.document_id, row.text) for row in rows}
    texts |= {(row.other_id, row.other_text) for row in rows}
    in_use = set(
        Chunk.objects.filter(
            active=True, document_id__in={pk for pk, _ in texts}, body__in={t for _, t in texts}
        ).values_list("document_id", "body")
    )
    gone = [
        row.pk
        for row in rows
        if not {(row.document_id, row.text), (row.other_id, row.other_text)} <= in_use
    ]
    Finding.objects.filter(pk__in=gone).delete()


def _keep(found: Sequence[_Found], *, category_id: int, now: datetime) -> int:
    """Write what is new; what was settled stays settled, by its fingerprint."""
    others = {one.other.chunk_id for one in found}
    alive = set(Chunk.objects.filter(pk__in=others, active=True).values_list("pk", flat=True))
    known = set(
        Finding.objects.filter(fingerprint__in=[one.fingerprint for one in found]).values_list(
            "fingerprint", flat=True
        )
    )
    made = Finding.objects.bulk_create(
        _row(one, category_id=category_id, now=now)
        for one in found
        if one.other.chunk_id in alive and one.fingerprint not in known
    )
    return len(made)


def _row(found: _Found, *, category_id: int, now: datetime) -> Finding:
    is_contradiction = found.difference.relation is Relation.CONTRADICTION
    return Finding(
        kind=Finding.Kind.CONTRADICTION if is_contradiction else Finding.Kind.DUPLICATE,
        category_id=category_id,
        document_id=found.mine.document_id,
        other_id=found.other.document_id,
        text=found.mine.body,
        other_text=found.other.body,
        subject=found.difference.subject,
        values=list(found.difference.values),
        other_values=list(found.difference.other_values),
        fingerprint=found.fingerprint,
        found_at=now,
    )


def visible(*, status: str, on: date) -> QuerySet[Finding]:
    """Return findings between documents that can both be quoted, contradictions first.

    Args:
        on: today in the tenant's time zone. Documents in the bin, expired, or valid at different
            times say nothing against each other. What was settled is shown whatever became of it.
    """
    rows = Finding.objects.filter(status=status).select_related("document", "other")
    if status == Status.OPEN:
        for one, two in (("document", "other"), ("other", "document")):
            rows = rows.filter(
                Q(**{f"{one}__valid_until__isnull": True})
                | Q(**{f"{one}__valid_until__gte": on})
                & (
                    Q(**{f"{two}__valid_from__isnull": True})
                    | Q(**{f"{one}__valid_until__gte": F(f"{two}__valid_from")})
                ),
                **{f"{one}__deleted_at__isnull": True},
            )
    return rows.order_by("kind", "-found_at", "pk")


def keep_both(*, finding: Finding, now: datetime, actor: str) -> None:
    """Settle that both are right.

    Raises:
        FindingSettled: somebody was faster.
    """
    with transaction.atomic():
        _settle(finding, status=Status.DISMISSED, how={"action": "both"}, now=now, actor=actor)


def end_document(
    *, finding: Finding, document: Document, last_day: date, now: datetime, actor: str
) -> None:
    """Settle that one of the two documents is right only up to a day.

    Args:
        document: either of the finding's.
        last_day: the last one on which it is quoted, in the tenant's time zone.

    Raises:
        FindingSettled: somebody was faster.
        ValidityOutOfOrder: the document begins to be valid after that day.
    """
    before = document.valid_until.isoformat() if document.valid_until else None
    how = {
        "action": "end",
        "document": str(document.uuid),
        "before": before,
        "after": last_day.isoformat(),
    }
    with transaction.atomic():
        _settle(finding, status=Status.SETTLED, how=how, now=now, actor=actor)
        versions.set_validity(
            document=document, valid_from=document.valid_from, valid_until=last_day, now=now
        )


def throw_away(*, finding: Finding, document: Document, now: datetime, actor: str) -> None:
    """Settle that one of the two documents is wrong, and move it to the bin.

    Raises:
        FindingSettled: somebody was faster.
    """
    how: dict[str, str | None] = {"action": "bin", "document": str(document.uuid)}
    with transaction.atomic():
        _settle(finding, status=Status.SETTLED, how=how, now=now, actor=actor)
        paper_bin.throw_away(document=document, now=now)


def _settle(
    finding: Finding, *, status: str, how: dict[str, str | None], now: datetime, actor: str
) -> None:
    won = Finding.objects.filter(pk=finding.pk, status=Status.OPEN).update(
        status=status, settlement=how, settled_by=actor[:150], settled_at=now
    )
    if not won:
        raise FindingSettled
    _audit(finding, what=str(how["action"]), actor=actor)


def undo(*, finding: Finding, now: datetime, actor: str) -> bool:
    """Open a settled finding again and take back what settling did; False when it is open.

    What somebody has changed since then stays as it is.

    Raises:
        FaqExists: the question was written anew since it was thrown away.
    """
    with transaction.atomic():
        held = Finding.objects.select_for_update().exclude(status=Status.OPEN)
        settled = held.filter(pk=finding.pk).first()
        if settled is None:
            return False
        how = settled.settlement
        documents = Document.objects.select_for_update()
        document = documents.filter(uuid=how.get("document")).first()
        if document is not None and how["action"] == "bin":
            # Another moment: somebody else threw it away, before or after, and that stands.
            if document.deleted_at == settled.settled_at:
                paper_bin.take_out(document=document, now=now)
        elif document is not None and document.valid_until == date.fromisoformat(how["after"]):
            versions.set_validity(
                document=document,
                valid_from=document.valid_from,
                valid_until=date.fromisoformat(how["before"]) if how["before"] else None,
                now=now,
            )
        settled.status, settled.settlement = Status.OPEN, {}
        settled.settled_by, settled.settled_at = "", None
        settled.save(update_fields=["status", "settlement", "settled_by", "settled_at"])
        _audit(finding, what="undone", actor=actor)
    return True


def _audit(finding: Finding, *, what: str, actor: str) -> None:
    record(
        action=f"finding.settled_{what}" if what != "undone" else "finding.reopened",
        actor=actor,
        target=f"finding {finding.uuid}",
        data={},
    )
