"""Writing several rows by one statement."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from django.db import connection
from django.db.models import Model

_NUL = re.compile(r"(\\\\)|\\u0000")
"""A NUL in JSON, or a backslash that somebody wrote, which may stand before the letters u0000."""


def insert_each(rows: Sequence[Model]) -> None:
    """Insert rows of one model, which do not learn their keys.

    Joins the caller's transaction. For rows that are written for every message: `bulk_create` of
    Django gives each column as a list, and quoting the values of some rows one by one takes Python
    longer than PostgreSQL needs to write them. A NUL is left out.
    """
    if not rows:
        return
    meta, quote = rows[0]._meta, connection.ops.quote_name
    fields = [one for one in meta.concrete_fields if not one.primary_key]
    given = as_json([{str(one.column): one.pre_save(row, True) for one in fields} for row in rows])
    table, names = quote(meta.db_table), ", ".join(quote(str(one.column)) for one in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"insert into {table} ({names})"  # noqa: S608 - names of our models
            f" select {names} from jsonb_populate_recordset(null::{table}, %s::jsonb)",
            [given],
        )


def as_json(value: object) -> str:
    """Return a value as JSON that PostgreSQL takes: without the NUL of a text."""
    given = json.dumps(value, default=str, allow_nan=False)
    return _NUL.sub(lambda found: found[1] or "", given) if "\\u0000" in given else given


def update_each(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write some fields of several rows of one model, each row with its own values.

    Joins the caller's transaction, which holds the rows' locks or is the only one to write them.
    `bulk_update` of Django does the same by a condition for each value, and takes ten times as long
    to say it. Values have the types of their columns, for no field prepares them. A NUL is left
    out.
    """
    if not rows:
        return
    meta, quote = rows[0]._meta, connection.ops.quote_name
    written = [meta.pk, *(meta.get_field(name) for name in fields)]
    columns = {str(one.attname): str(one.column) for one in written}  # type: ignore[union-attr]
    given = as_json(
        [{column: getattr(row, name) for name, column in columns.items()} for row in rows]
    )
    table, (key, *names) = quote(meta.db_table), map(quote, columns.values())
    values = ", ".join(f"{name} = given.{name}" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            # The planner takes a hundred rows for given, and for so many it would read all of a
            # table of some thousand; the limit tells it how many there are.
            f"update {table} set {values}"  # noqa: S608 - names of our models
            f" from (select * from jsonb_populate_recordset(null::{table}, %s::jsonb) limit %s)"
            f" as given where {table}.{key} = given.{key}",
            [given, len(rows)],
        )
