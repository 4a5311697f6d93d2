"""Which embedding model a tenant's knowledge lies in, and the client that reaches it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import OrderedDict

from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.llm import factory, pii
from integrations.llm.errors import BudgetExhausted
from integrations.llm.types import EmbedConfig, Embedder
from integrations.models import Credential, ModelCall
from integrations.services import calls
from integrations.services.calls import Caller
from knowledge.models import EmbeddingSpace
from tenants import crypto
from tenants.context import current_schema, release_connection
from tenants.errors import Permanent, Temporary

LOCAL = "local"

KEPT_QUERIES = 1024
"""Questions whose vectors a process keeps, over all tenants; the oldest go first. Contacts ask the
same things, and each call to a remote model is waited for and paid. About 25 MB at the longest."""

REST_S = 20.0
"""How long a remote model that failed is left alone by questions, in seconds. Without it every
contact would wait for the same silence; searches go on by the words meanwhile."""

logger = logging.getLogger(__name__)

_Key = tuple[str, uuid.UUID]  # of a space: schema and uuid, because ids repeat across tenants
_queries: OrderedDict[tuple[_Key, str], list[float]] = OrderedDict()
_resting_until: dict[_Key, float] = {}  # seconds of the monotonic clock
_refused: set[_Key] = set()  # failed for good, as far as it said; a wrong key, for example
_lock = threading.Lock()


def active_space() -> EmbeddingSpace:
    """Return the space that searches use; the built-in model's where none was chosen yet."""
    active = EmbeddingSpace.objects.select_related("credential").filter(
        status=EmbeddingSpace.Status.ACTIVE
    )
    if (space := active.first()) is not None:
        return space
    local = factory.embedder()
    now = timezone.now()
    try:
        with transaction.atomic():
            return EmbeddingSpace.objects.create(
                provider=LOCAL,
                model=local.model,
                dimensions=local.dimensions,
                status=EmbeddingSpace.Status.ACTIVE,
                created_at=now,
                activated_at=now,
            )
    except IntegrityError:  # another worker was first
        return active.get()


def building_space() -> EmbeddingSpace | None:
    """Return the space that is being filled beside the active one."""
    found = EmbeddingSpace.objects.select_related("credential")
    return found.filter(status=EmbeddingSpace.Status.BUILDING).first()


def is_active(space: EmbeddingSpace) -> bool:
    """Hold a space until the caller's transaction ends; True while searches use it.

    A document that writes its vectors asks this first: either the switch to another model waits for
    it and sees its passages, or it comes too late and embeds them anew.
    """
    held = EmbeddingSpace.objects.raw(
        "select id, status from knowledge_embeddingspace where id = %s for share", [space.pk]
    )
    return any(row.status == EmbeddingSpace.Status.ACTIVE for row in held)


def config(space: EmbeddingSpace) -> EmbedConfig:
    """Return what reaches the model of a space, with its plain key.

    Raises:
        Permanent: the key is gone or cannot be read.
    """
    if space.provider == LOCAL:
        return EmbedConfig()
    if space.credential is None:
        raise Permanent("the credential was removed")
    return config_of(space.credential, model=space.model, dimensions=space.dimensions)


def config_of(
    credential: Credential, *, model: str, dimensions: int, timeout_s: float = 30.0
) -> EmbedConfig:
    """Return what reaches a model with a credential.

    Args:
        dimensions: 0 for what the model gives.
        timeout_s: longest time for one call, in seconds.

    Raises:
        Permanent: the key cannot be read.
    """
    try:
        api_key = credential.api_key()
    except crypto.CannotDecrypt as error:
        raise Permanent("the key cannot be read") from error
    return EmbedConfig(
        provider=credential.provider,
        model=model,
        api_key=api_key,
        base_url=credential.base_url,
        dimensions=dimensions,
        timeout_s=timeout_s,
        credential=str(credential.uuid),
    )


def embedder(space: EmbeddingSpace, *, caller: Caller | None = None) -> Embedder:
    """Return the client of a space's model; `caller` pays, or where there is none the tenant.

    Raises:
        Permanent: it cannot be reached with what is configured.
    """
    made = calls.embedder(
        config(space), caller=caller or calls.caller_of(ModelCall.Origin.KNOWLEDGE)
    )
    if made.model != space.model:
        raise Permanent(f"the model {space.model} is no longer built in")
    return made


def embed_query(
    space: EmbeddingSpace, text: str, *, caller: Caller | None = None
) -> list[float] | None:
    """Return the vector of a question in a space; None while its model cannot be reached.

    Waits for the network where the model is remote, so no transaction may be open. A question that
    was embedded before is answered from memory.

    Args:
        caller: who pays, None for the tenant itself; without money left there is no vector.

    Raises:
        RuntimeError: a transaction is open.
    """
    key = (current_schema(), space.uuid)
    if (known := _known(key, text)) is not None:
        return known
    if _is_resting(key):
        return None
    try:
        client = embedder(space, caller=caller)
        release_connection()
        # Whom a number belongs to means nothing to a search, and is not sent away for one.
        vector = client.embed_query(text if space.provider == LOCAL else pii.bare(text))
    except BudgetExhausted:  # of this contact perhaps: the model is there for others
        return None
    except (Temporary, Permanent) as error:
        logger.warning(
            "question not embedded", extra={"provider": space.provider, "reason": error.reason}
        )
        with _lock:
            _resting_until[key] = time.monotonic() + REST_S
            (_refused.add if isinstance(error, Permanent) else _refused.discard)(key)
        return None
    _remember(key, text, vector)
    return list(vector)


def is_refused(space: EmbeddingSpace) -> bool:
    """Test whether a space's model last refused a question, so that soon again is no use."""
    key = (current_schema(), space.uuid)
    with _lock:
        return key in _refused and key in _resting_until


def forget() -> None:
    """Forget kept questions and failures; for tests, and after a key was changed."""
    with _lock:
        _queries.clear()
        _resting_until.clear()
        _refused.clear()


def _known(key: _Key, text: str) -> list[float] | None:
    with _lock:
        known = _queries.get((key, text))
        if known is None:
            return None
        _queries.move_to_end((key, text))
        return list(known)


def _is_resting(key: _Key) -> bool:
    with _lock:
        until = _resting_until.get(key)
        if until is None or time.monotonic() < until:
            return until is not None
        del _resting_until[key]
        return False


def _remember(key: _Key, text: str, vector: list[float]) -> None:
    with _lock:
        _queries[(key, text)] = vector
        _queries.move_to_end((key, text))
        while len(_queries) > KEPT_QUERIES:
            _queries.popitem(last=False)
