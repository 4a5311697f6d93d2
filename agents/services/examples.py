"""Example messages of agents as vectors, and how like them a burst is.

The vectors are made by a worker after publishing, with the tenant's embedding model, and are kept
for each text: publishing again makes only those of new sentences. Where some are missing, because a
doorbell was lost or another embedding model was chosen, who misses them rings again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from agents.models import Agent, ExampleVector
from integrations.services.calls import Caller
from knowledge import normaliser, spaces, vocabularies
from knowledge.models import EmbeddingSpace
from knowledge.normaliser import Vocabulary
from tenants.context import current_schema, release_connection
from tenants.errors import Permanent, Temporary
from tenants.queueing import enqueue
from tenants.remembering import Remembered

TASK = "agents.tasks.embed_examples"

RING_S = 60.0
"""Seconds between two doorbells of one process for the same tenant's missing vectors."""

EVERYDAY = (
    "oi, tudo bem?",
    "bom dia, preciso de uma informação",
    "vocês atendem hoje?",
    "qual o endereço de vocês?",
    "que horas vocês abrem?",
    "quanto custa?",
    "aceita cartão de crédito?",
    "posso pagar com pix?",
    "como faço para falar com vocês?",
    "quero marcar um horário",
    "preciso cancelar",
    "vocês entregam em casa?",
    "qual o prazo de entrega?",
    "não recebi o que comprei",
    "tem estacionamento?",
    "tem desconto à vista?",
    "quais os documentos necessários?",
    "esqueci minha senha",
    "vocês têm vagas de emprego?",
    "gostaria de fazer uma reclamação",
    "obrigado pela ajuda",
    "onde vejo o meu boleto?",
    "posso levar meu filho?",
    "qual o telefone do responsável?",
)
"""What is written to any business. Its mean is taken from every vector before it is compared:
sentences of one model all point the same way, so that without it any two of them look alike."""

logger = logging.getLogger(__name__)

Vector = np.ndarray[tuple[int], np.dtype[np.float32]]

_rung_at: dict[str, float] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Known:
    """What a process keeps of a tenant: one vector of unit length for each agent with examples.

    Args:
        mean: of the everyday messages; None while their vectors are not there.
        is_whole: whether every published example has its vector.
    """

    space: EmbeddingSpace
    vocabulary: Vocabulary
    mean: Vector | None
    centres: Mapping[int, Vector]
    is_whole: bool


def likeness(
    query: str, agent_ids: Collection[int], *, caller: Caller | None = None
) -> dict[int, float]:
    """Return how like each agent's published examples a text is, -1 to 1, by agent.

    The text is embedded as the search does it, so that the search that follows finds it done. No
    transaction may be open. Agents whose vectors are not there yet are left out; all are while
    the embedding model cannot be reached.
    """
    known = _remembered.get()
    if not known.is_whole:
        _ring()
    centres = {pk: known.centres[pk] for pk in agent_ids if pk in known.centres}
    if known.mean is None or not centres:
        return {}
    normalised = normaliser.normalise(query, known.vocabulary)
    release_connection()
    vector = (
        spaces.embed_query(known.space, normalised.lower(), caller=caller) if normalised else None
    )
    if vector is None:
        return {}
    asked = _unit(np.asarray(vector, np.float32) - known.mean)
    return {pk: float(asked @ centre) for pk, centre in centres.items()}


def embed_missing(*, now: datetime) -> int:
    """Make the vectors that published examples lack in the space in use; return how many.

    Speaks to the embedding model, so no transaction may be open. Safe to run twice and beside
    itself: a vector that is there already is not made again, and of two the first stays.
    """
    space = spaces.active_space()
    published = _published()
    if not published:
        return 0
    texts = (*EVERYDAY, *(text for own in published.values() for text in own))
    wanted = {_sha(text): text for text in texts}
    have = set(
        ExampleVector.objects.filter(space=space, content_sha256__in=wanted).values_list(
            "content_sha256", flat=True
        )
    )
    missing = [sha for sha in wanted if sha not in have]
    if not missing:
        return 0
    release_connection()
    try:
        client = spaces.embedder(space)
        # As questions, for that is what they are compared with.
        made = [client.embed_query(wanted[sha].lower()) for sha in missing]
    except (Temporary, Permanent) as error:
        logger.warning("examples not embedded", extra={"reason": error.reason})
        return 0
    ExampleVector.objects.bulk_create(
        [
            ExampleVector(space=space, content_sha256=sha, embedding=vector, created_at=now)
            for sha, vector in zip(missing, made, strict=True)
        ],
        ignore_conflicts=True,
    )
    forget()
    return len(missing)


def ask_to_embed() -> None:
    """Have a worker make what is missing; joins the caller's transaction."""
    enqueue(TASK)


def forget() -> None:
    """Have the next burst read the vectors anew."""
    _remembered.forget()
    with _lock:
        _rung_at.clear()


def _read() -> _Known:
    space, published = spaces.active_space(), _published()
    stored = ExampleVector.objects.filter(space=space) if published else ()
    vectors = {one.content_sha256: np.asarray(one.embedding, np.float32) for one in stored}

    def found(texts: Iterable[str]) -> list[Vector]:
        return [vectors[sha] for text in texts if (sha := _sha(text)) in vectors]

    usual = found(EVERYDAY)
    mean = np.mean(usual, axis=0) if len(usual) == len(EVERYDAY) else None
    centres = {}
    for pk, texts in published.items():
        if mean is not None and (own := found(texts)):
            centres[pk] = _unit(np.mean([_unit(one - mean) for one in own], axis=0))
    n_wanted = sum(map(len, published.values())) + (len(EVERYDAY) if published else 0)
    n_found = sum(len(found(texts)) for texts in published.values()) + len(usual)
    return _Known(space, vocabularies.current(), mean, centres, is_whole=n_found == n_wanted)


_remembered: Remembered[_Known] = Remembered(_read)


def _published() -> dict[int, list[str]]:
    """Return the examples of each agent that has some."""
    shots = Agent.objects.filter(is_active=True, published_version__isnull=False).values_list(
        "pk", "published_version__snapshot"
    )
    return {pk: list(shot["examples"]) for pk, shot in shots if shot.get("examples")}


def _ring() -> None:
    schema, now = current_schema(), time.monotonic()
    with _lock:
        if now - _rung_at.get(schema, -RING_S) < RING_S:
            return
        _rung_at[schema] = now
    ask_to_embed()


def _unit(vector: Vector) -> Vector:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def _sha(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).lower().encode()).hexdigest()
