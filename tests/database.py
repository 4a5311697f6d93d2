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
select schemaname, sequencename, last_value from pg_sequences
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
end $$;

create function as_new.restore() returns void language plpgsql as $$
declare
    one record;
    made regclass;
    n_pauses integer := 0;
begin
    -- What a connection has changed is counted for sure once it is gone.
    while exists (
        select from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend'
            and pid <> pg_backend_pid()
    ) and n_pauses < 500 loop
        perform pg_sleep(0.001), pg_stat_clear_snapshot();
        n_pauses := n_pauses + 1;
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
        where n_now <> n_changes or n_pauses = 500
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
    perform setval(
        format('%I.%I', before.schemaname, before.sequencename)::regclass,
        coalesce(before.last_value, 1), before.last_value is not null
    )
    from as_new.sequences before
    join pg_sequences present using (schemaname, sequencename)
    where before.last_value is distinct from present.last_value;
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
    """Test whether the database is a copy."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regnamespace('as_new') is not null")
        return bool(cursor.fetchone()[0])


def remember() -> None:
    """Keep the rows of the platform and both tenants; called when the test database is ready."""
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER)


def restore() -> None:
    """Bring back every row, index and sequence of the platform and both tenants.

    Only tables that PostgreSQL has counted a change of are put back: some twenty of the 230.
    """
    with connection.cursor() as cursor:
        cursor.execute("select as_new.restore()")
