"""Look for what would keep this installation from answering, and say how to cure it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import CommandError
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.models import Model
from django_tenants.utils import schema_context

from config import encrypted
from tenants import checks, crypto, inbox
from tenants.commands import QuickCommand
from tenants.models import InboxEntry, Tenant, Timer

OLDEST_S = 60
Problem = tuple[str, str]


class Command(QuickCommand):
    """Looks for what is broken and says how to mend it."""

    help = "Check services, schemas, queues and credentials; exit 1 with a cause and a cure."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run every check and show one line for each."""
        n_problems = 0
        away = self._away()
        for name, check in (
            ("PostgreSQL", self._database),
            ("Broker", self._broker),
            ("Migrations", self._migrations),
            ("Queues", self._queues),
            ("Secrets", self._secrets),
        ):
            if away is None or check == self._broker:
                problems, well = self._run(check), "ok"
            else:
                problems, well = [away] if check == self._database else [], "?"
            n_problems += len(problems)
            self.stdout.write(f"{'PROBLEM' if problems else well:<8} {name}")
            for cause, cure in problems:
                self.stdout.write(f"         {cause}\n         -> {cure}")
        if n_problems:
            raise CommandError(f"{n_problems} problem(s) found.")
        self.stdout.write("Everything is in order.")

    def _away(self) -> Problem | None:
        """Ask for the server without the pool, which waits long and does not say what is wrong."""
        alone = connection.copy()
        alone.settings_dict["OPTIONS"] |= {"pool": False, "connect_timeout": 5}
        try:
            alone.ensure_connection()
        except Error as error:
            return _told(error)
        finally:
            alone.close()
        return None

    def _run(self, check: Callable[[], list[Problem]]) -> list[Problem]:
        connection.set_schema_to_public()  # type: ignore[attr-defined]
        try:
            return check()
        except Error as error:
            return [_told(error)]

    def _database(self) -> list[Problem]:
        found = [
            (str(message.msg), str(message.hint or ""))
            for message in checks.tenancy_is_safe(databases=["default"])
        ]
        with connection.cursor() as cursor:
            cursor.execute("select 1 from pg_extension where extname = 'vector'")
            if cursor.fetchone() is None:
                found.append(("the extension vector is missing", "run `manage.py prepare`"))
        return found

    def _broker(self) -> list[Problem]:
        try:
            client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3)
            client.ping()
            policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
        except redis.RedisError as error:
            return [(f"the broker does not answer: {type(error).__name__}", "see REDIS_URL")]
        if policy != "noeviction":
            return [(f"the broker may drop tasks ({policy})", "set maxmemory-policy noeviction")]
        return []

    def _migrations(self) -> list[Problem]:
        schemas = ["public", *Tenant.objects.complete().values_list("schema_name", flat=True)]
        problems = []
        for schema in schemas:
            with schema_context(schema):
                loader = MigrationLoader(connection)
                missing = set(loader.graph.nodes) - set(loader.applied_migrations)
            if missing:
                problems.append(
                    (f"{schema} lacks {len(missing)} migration(s)", "run `manage.py prepare`")
                )
        half_made = Tenant.objects.filter(status=Tenant.Status.CREATING)
        for name in half_made.values_list("slug", flat=True):
            problems.append(
                (
                    f"tenant {name} is not ready",
                    "save its page in the platform's admin, or apply its blueprint again",
                )
            )
        return problems

    def _queues(self) -> list[Problem]:
        problems = []
        age_s = inbox.oldest_waiting_s()
        if age_s > OLDEST_S:
            problems.append(
                (f"a webhook has waited {age_s:.0f} s", "are the dispatcher and a worker running?")
            )
        n_parked = InboxEntry.objects.exclude(parked_reason="").count()
        if n_parked:
            problems.append(
                (f"{n_parked} webhook(s) were parked", "try them again in the platform's admin")
            )
        with connection.cursor() as cursor:
            cursor.execute(
                "select count(*) from public.tenants_timer where (lease_until is null or"
                " lease_until < clock_timestamp()) and due_at < clock_timestamp() - interval '60 s'"
            )
            n_late = cursor.fetchone()[0]
        if n_late:
            problems.append(
                (f"{n_late} timer(s) are late", "are the dispatcher and a worker running?")
            )
        n_failing = Timer.objects.filter(n_attempts__gt=2).count()
        if n_failing:
            problems.append((f"{n_failing} timer(s) fail again and again", "read the worker's log"))
        return problems

    def _secrets(self) -> list[Problem]:
        places = [("public", list(encrypted.of_platform()))]
        of_tenant = list(encrypted.of_tenant())
        names = Tenant.objects.complete().values_list("schema_name", flat=True)
        places += [(name, of_tenant) for name in names]
        problems = []
        for schema, fields in places:
            with schema_context(schema):
                if not all(_are_readable(*field) for field in fields):
                    cause = f"secrets of {schema} cannot be read"
                    cure = "add the old key to FIELD_ENCRYPTION_KEYS, then run"
                    problems.append((cause, f"{cure} `manage.py rotate_field_keys`"))
        return problems


def _told(error: Error) -> Problem:
    first = next(iter(str(error).strip().splitlines()), "no details")
    return f"PostgreSQL says: {first}", "see DATABASE_URL, or run `manage.py prepare`"


def _are_readable(model: type[Model], field: str) -> bool:
    values = model._default_manager.exclude(**{field: ""}).values_list(field, flat=True)
    return all(map(crypto.is_readable, values.iterator()))
