"""Copying the structure of one schema into a new one, through the catalogue, in one transaction.

Migrating a new tenant takes half a second or more; copying a migrated template takes a small part
of it (`bench/new_tenant.py`). `CREATE TABLE ... LIKE` invents names for indexes and keys, and a
later migration would look for the old ones, so those are made from their own definitions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from psycopg import sql

_NOBODY = "t_0target"
"""Stands for the target in what was composed; no slug can collide, they start with a letter."""

_TABLES = """
    select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relkind = 'r' order by c.relname
"""
_CONSTRAINTS = """
    select c.relname, k.conname, pg_get_constraintdef(k.oid), coalesce(r.relname, '')
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_class r on r.oid = k.confrelid
    where n.nspname = %s and k.contype in ('p', 'u', 'x', 'f')
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
    select c.relname, a.attname from pg_attribute a
    join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relkind = 'r' and a.attidentity <> '' and not a.attisdropped
"""


@dataclass
class _Table:
    """What a table needs beside its columns.

    Args:
        keys: primary, unique and exclusion constraints, each as SQL.
        references: foreign keys, the table they point at and their SQL.
        identities: columns that count for themselves.
        has_rows: there are rows to be copied.
    """

    name: str
    has_rows: bool
    keys: list[sql.Composable] = field(default_factory=list)
    references: list[tuple[str, sql.Composable]] = field(default_factory=list)
    identities: list[str] = field(default_factory=list)


_composed: dict[str, tuple[str, str]] = {}
"""The latest composition by source: the version it was made of, and its text for `_NOBODY`."""


def clone_schema(*, source: str, target: str, version: str) -> None:
    """Create schema `target` with the tables, constraints, indexes, triggers and rows of `source`.

    Joins the caller's transaction. The rows of `source` are few: permissions, roles, migrations.

    Args:
        version: another one whenever anything in `source` has changed, rows included; what was
            composed for it is used again.
    """
    if not re.fullmatch(r"t_[a-z][a-z0-9_]*", target):
        raise ValueError(target)
    made_of, text = _composed.get(source, ("", ""))
    if made_of != version:
        text = _compose(source)
        _composed[source] = version, text
    with connection.cursor() as cursor:
        cursor.execute(text.replace(_NOBODY, target))


def _compose(source: str) -> str:
    """Return the statements that make `_NOBODY` a copy of `source`.

    What PostgreSQL takes inside `create table` stands there: it costs half of altering a table
    that exists. Of tables with rows the foreign keys come after the rows, which are checked then
    at once and not one by one when the transaction ends.
    """
    src, dst = sql.Identifier(source), sql.Identifier(_NOBODY)
    tables = _read(source)
    before = [sql.SQL("create schema {}").format(dst)]
    rows: list[sql.Composable] = []
    after: list[sql.Composable] = []
    made: set[str] = set()
    for table in _sorted(tables):
        made.add(table.name)
        name = sql.Identifier(table.name)
        inside = list(table.keys)
        later: list[sql.Composable] = []
        for other, definition in table.references:
            can_stand_inside = other in made and not table.has_rows
            (inside if can_stand_inside else later).append(definition)
        like = sql.SQL(
            "like {}.{} including defaults including identity including generated"
            " including storage including comments including compression including constraints"
        ).format(src, name)
        before.append(
            sql.SQL("create table {}.{} ({})").format(
                dst, name, sql.SQL(", ").join([like, *inside])
            )
        )
        if table.has_rows:
            rows.append(
                sql.SQL("insert into {}.{} overriding system value table {}.{}").format(
                    dst, name, src, name
                )
            )
            rows += [_count_on(table.name, column) for column in table.identities]
        if later:
            added = sql.SQL(", ").join(sql.SQL("add ") + definition for definition in later)
            after.append(sql.SQL("alter table {}.{} ").format(dst, name) + added)
    for query in (_INDEXES, _TRIGGERS):
        after += [sql.SQL(_moved(text, source)) for (text,) in _rows(query, source)]
    return sql.SQL(";\n").join([*before, *rows, *after]).as_string(None)


def _read(source: str) -> dict[str, _Table]:
    names = [name for (name,) in _rows(_TABLES, source)]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(" union all ").join(
                sql.SQL("select {} where exists (select from {})").format(
                    sql.Literal(name), sql.Identifier(source, name)
                )
                for name in names
            )
        )
        filled = {name for (name,) in cursor.fetchall()}
    tables = {name: _Table(name, name in filled) for name in names}
    for name, constraint, text, other in _rows(_CONSTRAINTS, source):
        definition = sql.SQL("constraint {} {}").format(
            sql.Identifier(constraint), sql.SQL(_moved(text, source))
        )
        if other:
            tables[name].references.append((other, definition))
        else:
            tables[name].keys.append(definition)
    for name, column in _rows(_IDENTITIES, source):
        tables[name].identities.append(column)
    return tables


def _sorted(tables: Mapping[str, _Table]) -> list[_Table]:
    """Return the tables, those that others point at first; a circle is cut where it must be."""
    done: dict[str, _Table] = {}

    def missing(table: _Table) -> int:
        return sum(other not in done and other != table.name for other, _ in table.references)

    while left := [table for name, table in tables.items() if name not in done]:
        table = min(left, key=missing)
        done[table.name] = table
    return list(done.values())


def _count_on(table: str, column: str) -> sql.Composable:
    return sql.SQL(
        "select setval(pg_get_serial_sequence({path}, {column}),"
        " coalesce((select max({name}) from {table}), 0) + 1, false)"
    ).format(
        path=sql.Literal(f'"{_NOBODY}"."{table}"'),
        column=sql.Literal(column),
        name=sql.Identifier(column),
        table=sql.Identifier(_NOBODY, table),
    )


def _rows(query: str, source: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [source])
        return list(cursor.fetchall())


def _moved(definition: str, source: str) -> str:
    """Return a catalogue definition that speaks of `_NOBODY`.

    Definitions name every object in full outside the search path, and the source is not in it.
    """
    return definition.replace(f"{source}.", f"{_NOBODY}.")
