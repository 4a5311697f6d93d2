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

do $$
declare
    one record;
    has_rows boolean;
begin
    for one in
        select t.schemaname, t.tablename from pg_tables t
        where t.schemaname in ('public', 't_alpha', 't_beta')
            -- No test changes these; they are the bulk of what is there.
            and t.tablename not in ('django_migrations', 'django_content_type', 'auth_permission')
    loop
        execute format('select exists (select from %I.%I)', one.schemaname, one.tablename)
            into has_rows;
        if has_rows then
            execute format(
                'create table as_new.%I as table %I.%I',
                one.schemaname || '.' || one.tablename, one.schemaname, one.tablename
            );
        end if;
    end loop;
end $$;

create function as_new.restore() returns void language plpgsql as $$
declare
    one record;
begin
    -- Neither foreign keys nor the triggers that forbid deleting hold for this.
    set local session_replication_role = replica;
    for one in
        select t.schemaname, t.tablename,
            to_regclass(format('as_new.%I', t.schemaname || '.' || t.tablename)) as kept
        from pg_tables t
        where t.schemaname in ('public', 't_alpha', 't_beta')
            and t.tablename not in ('django_migrations', 'django_content_type', 'auth_permission')
    loop
        -- Most have no rows to come back and have never held any: their files are empty.
        continue when one.kept is null
            and pg_relation_size(format('%I.%I', one.schemaname, one.tablename)::regclass) = 0;
        execute format('delete from %I.%I', one.schemaname, one.tablename);
        if one.kept is not null then
            execute format(
                'insert into %I.%I select * from %s', one.schemaname, one.tablename, one.kept
            );
        end if;
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
    """Bring back every row and every sequence of the platform and both tenants.

    Deleting the few rows of a test takes a tenth of what emptying all the tables does.
    """
    with connection.cursor() as cursor:
        cursor.execute("select as_new.restore()")
