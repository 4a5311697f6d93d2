"""What the tests of embedding spaces share: credentials, doorbells, and a look at the vectors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

from integrations.models import Credential
from integrations.services.credentials import ensure_credential
from knowledge.models import Chunk, ChunkVector, EmbeddingSpace
from knowledge.services import spaces
from knowledge.services.spaces import Outcome
from tenants import timers
from tenants.context import current_schema
from tests.fakes.embeddings import FakeEmbeddings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = "sk-test-0123456789"
SMALL = "text-embedding-3-small"


def credential(server: FakeEmbeddings, *, name: str = "remota", provider: str = "") -> Credential:
    """Return a credential that leads to a server of embeddings."""
    provider = provider or "openai_compatible"
    base_url = server.url if provider == "gemini" else server.base_url
    return ensure_credential(
        name=name, provider=provider, base_url=base_url, api_key=KEY
    ).credential


def choose(
    credential: Credential | None, *, model: str = "small", now: datetime = NOW
) -> EmbeddingSpace:
    return spaces.choose(credential=credential, model=model, now=now, actor="ana")


def bells(kind: str = spaces.KIND) -> list[timers.Doorbell]:
    """Claim what is due in the current tenant, as the dispatcher does."""
    due = timers.claim_due(kind=kind, max_running=50, limit=50)
    timers.release([one for one in due if one.schema_name != current_schema()])
    return [one for one in due if one.schema_name == current_schema()]


def bell(kind: str = spaces.KIND) -> timers.Doorbell | None:
    """Claim what is due in the current tenant; its first, if there is any."""
    return next(iter(bells(kind)), None)


def work(*, slice_s: float = spaces.SLICE_S) -> Outcome:
    """Answer the doorbell that is due."""
    found = bell()
    assert found is not None, "no timer is due"
    return spaces.fill_space(timer_id=found.timer_id, token=found.token, slice_s=slice_s)


def switch_to(credential: Credential | None, *, model: str = "small") -> EmbeddingSpace:
    """Choose a model and prepare it to the end."""
    space = choose(credential, model=model)
    assert work() is Outcome.SWITCHED
    space.refresh_from_db()
    return space


def make_due(kind: str = spaces.KIND) -> None:
    """Let a timer of the current tenant that waits be due now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update public.tenants_timer set due_at = clock_timestamp(), lease_until = null,"
            " lease_token = null"
            " where schema_name = %s and kind = %s",
            [current_schema(), kind],
        )


def wait_s(kind: str = spaces.KIND) -> float | None:
    """Return in how many seconds the timer of the current tenant is due; None if there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select due_at - clock_timestamp() from public.tenants_timer"
            " where schema_name = %s and kind = %s",
            [current_schema(), kind],
        )
        row = cursor.fetchone()
    left: timedelta | None = row[0] if row else None
    return None if left is None else left.total_seconds()


def n_missing(space: EmbeddingSpace) -> int:
    """Return how many passages in use have no vector in a space."""
    made = ChunkVector.objects.filter(space=space).values("chunk")
    return Chunk.objects.filter(active=True).exclude(pk__in=made).count()
