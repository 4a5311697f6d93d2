"""Choosing another embedding model: its vectors are made beside those in use, then switched to.

The life of a space:

1. `choose` makes it (or takes up one of the same model that is still there) and arms a timer.
2. `fill_space` embeds the passages that have no vector in it, in slices. Killed, it goes on where
   it stopped: what is missing is read from the rows. Documents read meanwhile come last.
3. When nothing is missing one transaction switches. A document that is finishing at that moment
   either comes before it and is waited for, or embeds its passages anew (`spaces.is_active`).
4. The space before keeps its vectors for `KEEP`; going back is choosing it again, and only what
   was added since is embedded.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from django.db import transaction
from django.db.models import Exists, F, Min, OuterRef, QuerySet
from django.utils.translation import gettext

from integrations.llm import embedding_models, factory
from integrations.llm.types import Embedder
from integrations.models import Credential
from integrations.services import pauses
from knowledge import spaces
from knowledge.models import Chunk, ChunkVector, EmbeddingSpace
from knowledge.services import indexing, space_words
from tenants import timers
from tenants.audit.record import record
from tenants.context import database_now, release_connection
from tenants.errors import DomainError, Permanent, Temporary
from tenants.failpoints import reach
from tenants.leases import keep

Status = EmbeddingSpace.Status

KIND = "embed_space"

SLICE_S = 150.0
"""How long one task fills before it makes room for another tenant's, in seconds; well below the
time limit of a task, after which the worker process is killed."""

MAX_ATTEMPTS = 8
"""Tries in a row without any progress before a space is given up: about half an hour."""

RETRY_S, MAX_RETRY_S = 5, 300
"""Pause after the model failed, in seconds: it doubles with each try up to the longer one."""

KEEP = timedelta(days=7)
"""How long the vectors of a model that is no longer used are kept for going back."""

REMOVED_AT_ONCE = 5_000
"""Vectors that one sweep removes; more in one statement would hold the disk for seconds."""

logger = logging.getLogger(__name__)


class AlreadyInUse(DomainError):
    """This embedding model is in use already."""

    code = "embedding_model_in_use"

    def __init__(self) -> None:
        super().__init__(gettext("This embedding model is in use already."))


class AlreadyBuilding(DomainError):
    """Another embedding model is being prepared; wait for it or stop it first."""

    code = "embedding_model_building"

    def __init__(self) -> None:
        super().__init__(
            gettext("Another embedding model is being prepared; wait for it or stop it first.")
        )


class Outcome(StrEnum):
    """What a doorbell for a space led to."""

    NOT_OURS = "not_ours"
    STOPPED = "stopped"  # gone, or a person stopped it
    CONTINUES = "continues"
    SWITCHED = "switched"
    POSTPONED = "postponed"
    FAILED = "failed"
    LEASE_LOST = "lease_lost"


def ensure_space(
    *,
    credential: Credential | None,
    model: str,
    dimensions: int = 0,
    now: datetime,
    actor: str,
) -> tuple[EmbeddingSpace, bool]:
    """Return the space of a model, chosen if it is not; True when anything changed.

    As `choose`, but a model that is in use or on its way already is no refusal.

    Raises:
        AlreadyBuilding: another model is being prepared.
    """
    wanted = _wanted(credential, model=model, dimensions=dimensions)
    with transaction.atomic():
        spaces.active_space()  # where nobody searched yet the built-in one is in use all the same
        _hold_all()
        building = spaces.building_space()
        known = wanted.filter(status=Status.ACTIVE if building is None else Status.BUILDING)
        if (found := known.first()) is not None:
            return found, False
        space = choose(
            credential=credential, model=model, dimensions=dimensions, now=now, actor=actor
        )
    return space, True


def choose(
    *,
    credential: Credential | None,
    model: str,
    dimensions: int = 0,
    now: datetime,
    actor: str,
) -> EmbeddingSpace:
    """Begin to prepare another embedding model; the one in use answers until it is ready.

    Args:
        credential: whose key is used; None for the built-in model.
        model: the provider's name of it; not looked at for the built-in one.
        dimensions: length of the vectors; 0 for the usual one, or what the model gives.
        actor: the user name of who asks for it.

    Raises:
        AlreadyInUse: it is the active one.
        AlreadyBuilding: one is being prepared.
    """
    with transaction.atomic():
        spaces.active_space()  # where nobody searched yet there is none to switch from
        _hold_all()
        wanted = _wanted(credential, model=model, dimensions=dimensions)
        if wanted.filter(status=Status.ACTIVE).exists():
            raise AlreadyInUse
        if spaces.building_space() is not None:
            raise AlreadyBuilding
        space = wanted.exclude(status=Status.ACTIVE).order_by("-pk").first()
        if space is None:
            space = EmbeddingSpace(
                provider=spaces.LOCAL if credential is None else credential.provider,
                credential=credential,
                model=_local_model() if credential is None else model.strip(),
                dimensions=_dimensions(credential, model=model, dimensions=dimensions),
            )
        space.status = Status.BUILDING
        space.n_total, space.n_done = _missing(space.pk or 0).count(), 0
        space.failure_reason, space.requested_by = "", actor
        space.created_at = now
        space.save()
        _record("chosen", space, actor=actor)
        if credential is not None:  # whoever asks for it believes that the provider works again
            pauses.try_now_with(credential=str(credential.uuid), now=now)
        timers.arm(kind=KIND, ref=space.pk, due_at=now)
    return space


def go_back(*, space: EmbeddingSpace, now: datetime, actor: str) -> EmbeddingSpace:
    """Take up a space that was used before, or whose preparation ended early.

    Raises:
        AlreadyInUse: it is the active one.
        AlreadyBuilding: one is being prepared.
    """
    return choose(
        credential=space.credential,
        model=space.model,
        dimensions=space.dimensions,
        now=now,
        actor=actor,
    )


def cancel(*, space: EmbeddingSpace, actor: str) -> bool:
    """Stop the preparation of a space; False when there was nothing to stop.

    What was embedded is kept for `KEEP`, so that it can be taken up again.
    """
    reason = gettext("Stopped by %(who)s.") % {"who": actor}
    with transaction.atomic():
        won = EmbeddingSpace.objects.filter(pk=space.pk, status=Status.BUILDING).update(
            status=Status.FAILED, failure_reason=reason
        )
        if won:
            _record("stopped", space, actor=actor)
    return bool(won)


def last_used() -> EmbeddingSpace | None:
    """Return the space that was in use before the active one, while its vectors are kept."""
    found = EmbeddingSpace.objects.select_related("credential")
    return found.filter(status=Status.RETIRED).order_by("-activated_at", "-pk").first()


def remaining_s(space: EmbeddingSpace, *, now: datetime) -> float | None:
    """Return how long filling goes on at the rate so far, in seconds; None before it is known."""
    spent_s = (now - space.created_at).total_seconds()
    if not space.n_done or spent_s <= 0:
        return None
    return max(0, space.n_total - space.n_done) * spent_s / space.n_done


def fill_space(*, timer_id: int, token: uuid.UUID, slice_s: float = SLICE_S) -> Outcome:
    """Fill the space that a timer announces, and switch to it when nothing is missing.

    Safe to run twice: only the doorbell that begins its timer works, and only the holder of the
    lease may write.

    Args:
        slice_s: after so many seconds a further task goes on.
    """
    claim = next(iter(timers.begin([(timer_id, token)])), None)
    if claim is None:
        return Outcome.NOT_OURS
    began = time.monotonic()
    with keep(claim):
        run = _Filling(claim, until=began + slice_s)
        try:
            outcome = run.go()
        except (_Stopped, timers.LeaseLost) as error:
            outcome = Outcome.STOPPED if isinstance(error, _Stopped) else Outcome.LEASE_LOST
            if outcome is Outcome.STOPPED:
                timers.finish(claim)
        except (Temporary, Permanent) as error:
            try:
                outcome = run.failed(error)
            except timers.LeaseLost:
                outcome = Outcome.LEASE_LOST
    logger.info(
        "space filled",
        extra={
            "space_id": claim.ref,
            "outcome": outcome.value,
            "n_texts": run.n_done,
            "duration_ms": round((time.monotonic() - began) * 1000),
        },
    )
    return outcome


def sweep(*, now: datetime) -> int:
    """Remove the vectors of spaces that were left longer than `KEEP` ago; returns how many.

    Safe to run in several places at once.
    """
    n_removed = 0
    for space in EmbeddingSpace.objects.filter(status__in=[Status.RETIRED, Status.FAILED]):
        left_at = _left_at(space)
        if left_at is None or left_at > now - KEEP:
            continue
        with transaction.atomic():
            held = EmbeddingSpace.objects.select_for_update(skip_locked=True).filter(
                pk=space.pk, status=space.status, created_at=space.created_at
            )
            if held.first() is None:  # taken up again meanwhile: its vectors are wanted
                continue
            some = ChunkVector.objects.filter(space=space).values("pk")[:REMOVED_AT_ONCE]
            n_removed += ChunkVector.objects.filter(pk__in=some).delete()[0]
            if not space.vectors.exists():
                EmbeddingSpace.objects.filter(pk=space.pk).delete()
    return n_removed


class _Stopped(Exception):
    """The space is no longer being prepared."""


class _Filling:
    """One slice of the work on one space.

    Args:
        until: when to make room for others, in seconds of the monotonic clock.
    """

    def __init__(self, claim: timers.Claim, *, until: float) -> None:
        self.claim, self.until = claim, until
        self.n_done = 0

    def go(self) -> Outcome:
        if self.claim.n_attempts > MAX_ATTEMPTS:  # each try before killed its worker
            raise Permanent(space_words.LOST)
        client = self._connect()
        while True:
            after = 0
            while chunks := self._next(after, client.batch):
                after = chunks[-1].pk
                self._embed(client, chunks)
                if time.monotonic() >= self.until:
                    return self._hand_over()
            if self._switch():
                return Outcome.SWITCHED

    def _space(self) -> EmbeddingSpace:
        found = EmbeddingSpace.objects.select_related("credential")
        space = found.filter(pk=self.claim.ref, status=Status.BUILDING).first()
        if space is None:
            raise _Stopped
        return space

    def _connect(self) -> Embedder:
        """Return the client, proved with one question, which shows a wrong key before all else."""
        space = self._space()
        client = spaces.embedder(space)
        release_connection()
        length = len(client.embed_query("bom dia"))
        if not space.dimensions:
            EmbeddingSpace.objects.filter(pk=space.pk).update(dimensions=length)
            client = spaces.embedder(self._space())
        return client

    def _next(self, after: int, limit: int) -> list[Chunk]:
        # Those first that stand in line; a document that is read now adds its passages at the end.
        missing = _missing(self.claim.ref).filter(pk__gt=after).order_by("pk")
        return list(missing.defer("lexemes", "grams")[:limit])

    def _embed(self, client: Embedder, chunks: Sequence[Chunk]) -> None:
        texts = [
            (chunk.pk, position, parts)
            for chunk in chunks
            for position, parts in enumerate(indexing.texts_of(chunk))
        ]
        by_digest = {indexing.digest(parts): parts for _pk, _position, parts in texts}
        known = self._known(list(by_digest))
        asked = [key for key in by_digest if key not in known]
        release_connection()
        n_tokens: int | None = None
        if asked:
            vectors, n_tokens = indexing.embed(client, [by_digest[key] for key in asked])
            known |= zip(asked, vectors, strict=True)
        reach("space_embedded")
        rows = [
            ChunkVector(
                chunk_id=pk,
                space_id=self.claim.ref,
                position=position,
                content_sha256=indexing.digest(parts),
                embedding=known[indexing.digest(parts)],
            )
            for pk, position, parts in texts
        ]
        self._keep(rows, n_tokens=n_tokens or 0)
        reach("space_kept")

    def _known(self, digests: list[str]) -> dict[str, indexing.Vector]:
        """Return the vectors of texts that were embedded before, such as a repeated row's."""
        rows = ChunkVector.objects.filter(space_id=self.claim.ref, content_sha256__in=digests)
        found = rows.values_list("content_sha256", "embedding").iterator()
        return {key: _vector(vector) for key, vector in found}

    def _keep(self, vectors: list[ChunkVector], *, n_tokens: int) -> None:
        with transaction.atomic():
            held = EmbeddingSpace.objects.select_for_update(no_key=True)
            if not held.filter(pk=self.claim.ref, status=Status.BUILDING).exists():
                raise _Stopped
            timers.hold(self.claim)
            # A passage that is replaced at this moment is somebody else's: it is not waited for,
            # and if it is still there afterwards it comes up again.
            chunks = Chunk.objects.filter(pk__in={vector.chunk_id for vector in vectors})
            free = set(
                chunks.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
            )
            ChunkVector.objects.bulk_create(
                [vector for vector in vectors if vector.chunk_id in free], ignore_conflicts=True
            )
            EmbeddingSpace.objects.filter(pk=self.claim.ref).update(
                n_done=F("n_done") + len(free), n_tokens=F("n_tokens") + n_tokens
            )
        self.n_done += len(free)

    def _switch(self) -> bool:
        """Use the space from now on; False when something is missing after all."""
        now = database_now()
        with transaction.atomic():
            held = {space.status: space for space in _hold_all()}
            mine, before = held.get(Status.BUILDING), held.get(Status.ACTIVE)
            if mine is None or mine.pk != self.claim.ref:
                raise _Stopped
            timers.hold(self.claim)
            # Whoever commits passages holds the space in use, so that none can be added here.
            if _missing(self.claim.ref).exists():
                return False
            if before is not None:
                EmbeddingSpace.objects.filter(pk=before.pk).update(status=Status.RETIRED)
            EmbeddingSpace.objects.filter(pk=mine.pk).update(
                status=Status.ACTIVE, activated_at=now, n_total=F("n_done")
            )
            _record("switched", mine, actor=mine.requested_by)
            timers.finish(self.claim)
        reach("space_switched")
        return True

    def _hand_over(self) -> Outcome:
        """Make room for others; progress was made, so the tries are counted anew."""
        with transaction.atomic():
            timers.hold(self.claim)
            timers.arm(kind=KIND, ref=self.claim.ref, due_at=database_now())
            timers.finish(self.claim)
        return Outcome.CONTINUES

    def failed(self, error: Temporary | Permanent) -> Outcome:
        """Try again later where that can help, else say why not."""
        logger.warning(
            "space not filled", extra={"space_id": self.claim.ref, "reason": error.reason}
        )
        n_attempts = 1 if self.n_done else self.claim.n_attempts
        now = database_now()
        if isinstance(error, Temporary) and n_attempts < MAX_ATTEMPTS:
            pause_s = min(MAX_RETRY_S, RETRY_S * 2 ** (n_attempts - 1))
            due_at = now + timedelta(seconds=max(pause_s, min(error.retry_after_s or 0, 3600)))
            with transaction.atomic():
                EmbeddingSpace.objects.filter(pk=self.claim.ref, status=Status.BUILDING).update(
                    failure_reason=space_words.waits(error)
                )
                if self.n_done:
                    timers.hold(self.claim)
                    timers.arm(kind=KIND, ref=self.claim.ref, due_at=due_at)
                    timers.finish(self.claim)
                else:
                    timers.retry(self.claim, due_at=due_at)
            return Outcome.POSTPONED
        with transaction.atomic():
            EmbeddingSpace.objects.filter(pk=self.claim.ref, status=Status.BUILDING).update(
                status=Status.FAILED, failure_reason=space_words.failure(error)
            )
            timers.finish(self.claim)
        return Outcome.FAILED


def _hold_all() -> list[EmbeddingSpace]:
    """Lock the spaces that matter to a choice, in everybody's order, until the transaction ends."""
    rows = EmbeddingSpace.objects.filter(status__in=[Status.ACTIVE, Status.BUILDING])
    return list(rows.select_for_update().order_by("pk"))


def _missing(space_id: int) -> QuerySet[Chunk]:
    """Return the passages in use that have no vector in a space; also those in the bin."""
    made = ChunkVector.objects.filter(chunk=OuterRef("pk"), space_id=space_id)
    return Chunk.objects.filter(~Exists(made), active=True)


def _wanted(
    credential: Credential | None, *, model: str, dimensions: int
) -> QuerySet[EmbeddingSpace]:
    if credential is None:
        return EmbeddingSpace.objects.filter(provider=spaces.LOCAL, model=_local_model())
    found = EmbeddingSpace.objects.filter(
        provider=credential.provider, credential=credential, model=model.strip()
    )
    length = _dimensions(credential, model=model, dimensions=dimensions)
    return found.filter(dimensions=length) if length else found


def _dimensions(credential: Credential | None, *, model: str, dimensions: int) -> int:
    if credential is None:
        return factory.embedder().dimensions
    known = embedding_models.find_model(credential.provider, model.strip())
    return dimensions or (known.dimensions if known else 0)


def _local_model() -> str:
    return factory.embedder().model


def _left_at(space: EmbeddingSpace) -> datetime | None:
    """Return since when a space is not used; None where that is not known."""
    if space.status == Status.FAILED or space.activated_at is None:
        return space.created_at
    later = EmbeddingSpace.objects.filter(activated_at__gt=space.activated_at)
    left: datetime | None = later.aggregate(at=Min("activated_at"))["at"]
    return left


def _vector(values: Sequence[float]) -> indexing.Vector:
    return np.asarray(values, dtype=np.float32)


def _record(what: str, space: EmbeddingSpace, *, actor: str) -> None:
    record(
        action=f"embedding_space.{what}",
        actor=actor,
        target=f"embedding space {space.uuid}",
        data={"provider": space.provider, "model": space.model},
    )
