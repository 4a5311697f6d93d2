"""Copying the structure of one schema into a new one, through the catalogue, in one transaction.

Migrating a new tenant takes a second or more; copying a migrated template takes a small part of it
(`bench/new_tenant.py`). `CREATE TABLE ... LIKE` invents names for indexes and constraints, and a
later migration would look for the old ones, so those are made from their own definitions.
"""

from __future__ import annotations

from django.db import connection
from psycopg import sql

_TABLES = """
    select c.oid, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relkind = 'r' order by c.relname
"""
_CONSTRAINTS = """
    select c.relname, k.conname, pg_get_constraintdef(k.oid), k.contype = 'f'
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and k.contype in ('p', 'u', 'c', 'x', 'f')
    order by k.contype = 'f', c.relname, k.conname
"""
_INDEXES = """
    select pg_get_indexdef(i.indexrelid) from pg_index i
    join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s
        and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
"""
_TRIGGERS = """
    select pg_get_triggerdef(t.oid) from pg_trigger t
    join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and not t.tgisinternal
"""
_IDENTITIES = """
    select table_name, column_name from information_schema.columns
    where table_schema = %s and is_identity = 'YES'
"""


def clone_schema(*, source: str, target: str) -> None:
    """Create schema `target` with the tables, constraints, indexes, triggers and rows of `source`.

    Joins the caller's transaction. The rows of `source` are few: permissions, roles, migrations.
    """
    src, dst = sql.Identifier(source), sql.Identifier(target)
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [source])
        tables = [row[1] for row in cursor.fetchall()]
        cursor.execute(_CONSTRAINTS, [source])
        constraints = cursor.fetchall()
        cursor.execute(_INDEXES, [source])
        indexes = [row[0] for row in cursor.fetchall()]
        cursor.execute(_TRIGGERS, [source])
        triggers = [row[0] for row in cursor.fetchall()]
        cursor.execute(_IDENTITIES, [source])
        identities = cursor.fetchall()

        statements: list[sql.Composable] = [sql.SQL("create schema {}").format(dst)]
        for table in tables:
            name = sql.Identifier(table)
            statements.append(
                sql.SQL(
                    "create table {dst}.{name} (like {src}.{name} including defaults"
                    " including identity including generated including storage"
                    " including comments including compression)"
                ).format(dst=dst, src=src, name=name)
            )
            statements.append(
                sql.SQL(
                    "insert into {dst}.{name} overriding system value table {src}.{name}"
                ).format(dst=dst, src=src, name=name)
            )
        # Definitions from the catalogue name every object in full outside the search path; with
        # the source out of the path they can be pointed at the target by its quoted prefix.
        for table, name, definition, _is_foreign in constraints:
            statements.append(
                sql.SQL("alter table {}.{} add constraint {} ").format(
                    dst, sql.Identifier(table), sql.Identifier(name)
                )
                + sql.SQL(_moved(definition, source, target))
            )
        statements += [sql.SQL(_moved(text, source, target)) for text in [*indexes, *triggers]]
        for table, column in identities:
            statements.append(
                sql.SQL(
                    "select setval(pg_get_serial_sequence({path}, {column}),"
                    " coalesce((select max({name}) from {dst}.{table}), 0) + 1, false)"
                ).format(
                    path=sql.Literal(f'"{target}"."{table}"'),
                    column=sql.Literal(column),
                    name=sql.Identifier(column),
                    dst=dst,
                    table=sql.Identifier(table),
                )
            )
        cursor.execute(sql.SQL(";\n").join(statements).as_string(None))


def _moved(definition: str, source: str, target: str) -> str:
    """Return a catalogue definition that speaks of `target`; both names match `^t_[a-z0-9_]+$`."""
    return definition.replace(f"{source}.", f"{target}.")
