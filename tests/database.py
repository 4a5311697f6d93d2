"""The test database as it was when it was new: a copy for each process, and the way back to it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import connection, connections

TEMPLATE = "test_template"
"""The database that the processes of a run copy: to migrate one takes each ten seconds."""

_REMEMBER = """
create schema as_new;

create table as_new.sequences as
select schemaname, sequencename, last_value, 1::bigint as first_value from pg_sequences
where schemaname in ('public', 't_alpha', 't_beta');

create table as_new.tables as
select
    format('%I.%I', schemaname, tablename)::regclass as changed,
    null::regclass as kept,
    0::bigint as n_changes
from pg_tables
where schemaname in ('public', 't_alpha', 't_beta')
    -- No test changes these; they are the bulk of what is there.
    and tablename not in ('django_migrations', 'django_content_type', 'auth_permission');

create table as_new.indexes as select indexrelid from pg_index;

do $$
declare
    one record;
    has_rows boolean;
    copy text;
begin
    for one in select * from as_new.tables loop
        execute format('select exists (select from %s)', one.changed) into has_rows;
        continue when not has_rows;
        copy := format('as_new.%I', 'of ' || one.changed::text);
        execute format('create table %s as table %s', copy, one.changed);
        update as_new.tables set kept = copy::regclass where changed = one.changed;
    end loop;
    -- A cloned tenant's have given no number yet, and begin behind its rows.
    for one in select * from as_new.sequences where last_value is null loop
        execute format(
            'update as_new.sequences set first_value = (select last_value from %1$I.%2$I)'
            ' where (schemaname, sequencename) = (%1$L, %2$L)', one.schemaname, one.sequencename
        );
    end loop;
end $$;

create function as_new.restore_sequences(of_schemas text[]) returns void language sql as $$
select setval(
    format('%I.%I', before.schemaname, before.sequencename)::regclass,
    coalesce(before.last_value, before.first_value), before.last_value is not null
)
from as_new.sequences before
where schemaname = any(of_schemas) and before.last_value is distinct from
    pg_sequence_last_value(format('%I.%I', before.schemaname, before.sequencename)::regclass);
$$;

create function as_new.restore() returns void language plpgsql as $$
declare
    one record;
    made regclass;
    until timestamptz := clock_timestamp() + interval '1 second';
    is_counted boolean := false;
begin
    -- What a connection has changed is counted for sure once it is gone.
    while not is_counted and clock_timestamp() < until loop
        perform pg_stat_clear_snapshot();
        is_counted := not exists (
            select from pg_stat_activity
            where datname = current_database() and backend_type = 'client backend'
                and pid <> pg_backend_pid()
        );
        perform pg_sleep(0.001) where not is_counted;
    end loop;
    -- What is done here counts for nothing, and neither foreign keys nor the triggers that forbid
    -- deleting hold for it.
    set local track_counts = off;
    set local session_replication_role = replica;
    for one in
        select * from as_new.tables, lateral (
            select pg_stat_get_tuples_inserted(changed) + pg_stat_get_tuples_updated(changed)
                + pg_stat_get_tuples_deleted(changed) as n_now
        ) counted
        where n_now <> n_changes or not is_counted
            -- A TRUNCATE counts no rows.
            or (kept is not null and pg_relation_size(changed) = 0)
    loop
        execute format('delete from %s', one.changed);
        if one.kept is not null then
            execute format('insert into %s select * from %s', one.changed, one.kept);
        end if;
        update as_new.tables set n_changes = one.n_now where changed = one.changed;
    end loop;
    for made in
        select indexrelid from pg_index where indrelid in (select changed from as_new.tables)
        except select indexrelid from as_new.indexes
    loop
        execute format('drop index %s', made);
    end loop;
    perform as_new.restore_sequences(array['public', 't_alpha', 't_beta']);
end $$;
"""


def make_template(fill: Callable[[], None]) -> None:
    """Make the database that others are copied from, in place of an older one.

    Args:
        fill: writes its rows.
    """
    known = connection.settings_dict
    own, name = known["NAME"], known["TEST"]["NAME"]
    known["TEST"]["NAME"] = TEMPLATE
    try:
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        fill()
    finally:
        connections.close_all()
        connection.close_pool()
        known["TEST"]["NAME"] = name
        settings.DATABASES["default"]["NAME"] = known["NAME"] = own


def is_filled() -> bool:
    """Test whether the database is a copy, or one that an earlier run has kept."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('as_new.tables') is not null")
        return bool(cursor.fetchone()[0])


def remember() -> None:
    """Keep the rows of the platform and both tenants; called when the test database is ready."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER)


def distrust() -> None:
    """Have the next `restore` put back every table: a server that crashed has lost its counts."""
    with connection.cursor() as cursor:
        cursor.execute("update as_new.tables set n_changes = -1")


def restore_sequences() -> None:
    """Have both tenants give ids as when they were new: a rollback takes back none."""
    with connection.cursor() as cursor:
        cursor.execute("select as_new.restore_sequences(array['t_alpha', 't_beta'])")


def restore() -> None:
    """Bring back every row and sequence of the platform and both tenants; drop indexes made since.

    Only tables that PostgreSQL has counted a change of are put back: ten to thirty of 230. What a
    connection has changed is counted for sure once it is closed, so those of the pool are closed.
    """
    connections.close_all()  # with what a failed test may have left open
    connection.close_pool()
    with connection.cursor() as cursor:
        cursor.execute("select as_new.restore()")
