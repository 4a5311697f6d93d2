"""Tenants in one small pool of connections: nobody reads or writes in another's schema."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import psycopg
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import schema_context, tenant_context

from config.processes import BASE_DIR
from knowledge.models import Category

# In a process of its own, because the test settings have no pool.
PROGRAM = """
import random, threading
import django
django.setup()
from django.conf import settings
from django.db import connection, transaction
from django_tenants.utils import schema_context
from tenants.context import release_connection

wrong = []

def look(schema):
    with schema_context(schema):
        with connection.cursor() as cursor:
            cursor.execute("select current_schema()")
            if cursor.fetchone()[0] != schema:
                wrong.append(schema)

def work(seed):
    rng = random.Random(seed)
    for _ in range(150):
        schema = rng.choice(["t_alpha", "t_beta", "public"])
        how = rng.choice(["plain", "atomic", "rolled back", "released", "nested", "error"])
        try:
            with schema_context(schema):
                if how == "plain":
                    look(schema)
                elif how == "released":
                    look(schema)
                    release_connection()
                    look(schema)
                else:
                    with transaction.atomic():
                        look(schema)
                        if how == "nested":
                            look(rng.choice(["t_alpha", "t_beta"]))
                            look(schema)
                        if how == "error":
                            with connection.cursor() as cursor:
                                cursor.execute("select 1/0")
                        if how == "rolled back":
                            raise KeyError
                look(schema)
        except (KeyError, django.db.Error):
            look(schema)
        if rng.random() < 0.3:
            connection.close()
    connection.close()

threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(wrong), settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"])
"""


def test_a_connection_of_the_pool_serves_the_tenant_that_asks(alpha):
    options = connection.settings_dict
    url = (
        f"postgresql://{options['USER']}:{options['PASSWORD']}@{options['HOST']}"
        f":{options['PORT']}/{options['NAME']}"
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings.base",
            "DATABASE_URL": url,
            "DATABASE_POOL_SIZE": "3",
            "SECRET_KEY": "x" * 50,
            "FIELD_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.stdout.split() == ["0", "3"], done.stderr[-2000:]


def test_a_prepared_statement_reads_the_tenant_of_the_moment(alpha, beta):
    """It is kept by the connection, which serves one tenant after the other."""
    names = {"t_alpha": {"of alpha", "too"}, "t_beta": {"of beta"}}
    for tenant in (alpha, beta):
        with tenant_context(tenant):
            for name in names[tenant.schema_name]:
                Category.objects.create(name=name)

    for tenant in (alpha, beta, alpha, beta):
        with tenant_context(tenant), connection.cursor() as cursor:
            cursor.execute("select 1")  # sets the search path
            with psycopg.Cursor(cursor.connection) as own:
                rows = own.execute("select name from knowledge_category", prepare=True).fetchall()
        assert {name for (name,) in rows} == names[tenant.schema_name]
    with connection.cursor() as cursor:
        cursor.execute("select generic_plans from pg_prepared_statements")
        assert cursor.fetchall() == [(4,)]


def test_the_search_path_is_set_where_the_server_says_another(committed_alpha):
    """What a rollback takes back is reported too: nobody has to remember it."""

    def n_set(schema: str) -> int:
        with (
            CaptureQueriesContext(connection) as queries,
            schema_context(schema),
            connection.cursor() as cursor,
        ):
            cursor.execute("select current_schema()")
            assert cursor.fetchone() == (schema,)
        return sum(one["sql"].startswith("SET search_path") for one in queries.captured_queries)

    n_set("t_alpha")
    assert [n_set("t_alpha"), n_set("t_beta"), n_set("t_beta"), n_set("public")] == [0, 1, 0, 1]
    with transaction.atomic():
        with suppress(KeyError), transaction.atomic():
            assert n_set("t_beta") == 1
            raise KeyError
        assert n_set("t_alpha") == 0
    with suppress(KeyError), transaction.atomic():
        assert n_set("t_beta") == 1
        raise KeyError
    assert n_set("t_alpha") == 0
    with connection.cursor() as cursor:
        cursor.execute("set search_path = t_beta, public")  # behind the backend's back
    assert [n_set("t_beta"), n_set("t_alpha")] == [0, 1]
