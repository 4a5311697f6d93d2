"""A trigger of the measurements that notes when a timer is rung and when a worker begins it."""

from __future__ import annotations

from tests.stack import Stack

_LOG = """
    create table public.bench_wakes
        (event text, schema_name text, kind text, ref bigint, due_at timestamptz, at timestamptz);
    create function public.bench_note() returns trigger language plpgsql as $$
    begin
        if new.n_attempts > old.n_attempts then
            insert into public.bench_wakes values
                ('begin', new.schema_name, new.kind, new.ref, new.due_at, clock_timestamp());
        elsif new.n_rings > old.n_rings then
            insert into public.bench_wakes values
                ('ring', new.schema_name, new.kind, new.ref, new.due_at, clock_timestamp());
        end if;
        return null;
    end $$;
    create trigger bench_note after update on public.tenants_timer
        for each row execute function public.bench_note();
"""


def install(stack: Stack) -> None:
    """Begin to note."""
    stack.rows(_LOG)


def clear(stack: Stack) -> None:
    """Forget what was noted."""
    stack.rows("truncate public.bench_wakes")


def lateness(stack: Stack, event: str) -> list[float]:
    """Return how long after `due_at` each timer of a turn had its event, in seconds.

    Args:
        event: ``ring`` or ``begin``.
    """
    return [
        float(row[0])
        for row in stack.rows(
            "select extract(epoch from at - due_at) from public.bench_wakes"
            " where event = %s and kind = 'turn'",
            event,
        )
    ]


def due(stack: Stack, schema: str) -> dict[str, float]:
    """Return when the last burst of each contact was due: phone -> unix seconds."""
    return {
        row[0]: float(row[1])
        for row in stack.rows(
            "select a.value, extract(epoch from max(w.due_at)) from public.bench_wakes w"
            f" join {schema}.conversations_conversation c on c.id = w.ref"
            f" join {schema}.conversations_contactaddress a on a.contact_id = c.contact_id"
            " where w.event = 'begin' and w.kind = 'turn' and w.schema_name = %s"
            " and a.kind = 'phone' group by 1",
            schema,
        )
    }
