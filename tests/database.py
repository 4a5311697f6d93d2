"""The rows of the test database as they were when it was new, and the way back to them."""

from __future__ import annotations

from django.db import connection

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
