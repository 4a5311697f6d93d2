"""What people have set since a file was last applied, and a file then replaces.

An apply keeps digests of the configuration that it left. What has another digest when the next
file comes was changed by people, and is told where the file changes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac
from django_tenants.utils import tenant_context

from config.blueprints import exporting
from integrations.models import Credential
from knowledge.models import Category, Document
from tenants.models import AppliedBlueprint, Tenant

Digests = Mapping[str, Mapping[str, str]]
"""Of each field of each object, ``"agent Recepção" -> "tone" -> digest``."""

Kept = Mapping[str, str]
"""The same with digests for the names too, as it is stored: those of people are among them."""

REPLACED = "replaced what people had set"
"""In each line on what is other than people had left it."""

_NAMED = {
    "users": ("user", "username"),
    "agents": ("agent", "name"),
    "devices": ("device", "name"),
    "chatwoot": ("chatwoot inbox", "name"),
    "web_chats": ("web chat", "name"),
    "tools": ("tool", "name"),
    "mcp_servers": ("MCP server", "name"),
    "webhooks": ("webhook", "name"),
}
"""Sections that list objects: what one is called, and the key that names it."""

_SECTIONS = {
    "tenant": "tenant",
    "llm": "models",
    "business": "business",
    "hours": "opening hours",
    "leads": "leads",
    "conversations": "conversations",
    "guards": "guards",
}
"""Sections that are one object."""


def digests(tenant: Tenant) -> Digests:
    """Return digests of the tenant's configuration as it is."""
    found: dict[str, dict[str, str]] = {}
    for what, field, value in _values(tenant):
        of_object = found.setdefault(what, {})
        if field:
            of_object[field] = _digest(value)
    return found


def last(tenant: Tenant) -> Kept:
    """Return what the last apply has kept; nothing where there was none, or under another key."""
    row = AppliedBlueprint.objects.filter(tenant=tenant).first()
    return row.digests if row is not None and _digest("") in row.digests else {}


def keep(tenant: Tenant, *, now: datetime) -> Digests:
    """Keep what this apply leaves for the next one, and return it."""
    left = digests(tenant)
    kept = {_digest(""): ""}
    for what, fields in left.items():
        kept[_digest(what)] = ""
        kept |= {_digest([what, field]): value for field, value in fields.items()}
    values = {"digests": kept, "applied_at": now}
    AppliedBlueprint.objects.update_or_create(tenant=tenant, defaults=values)
    return left


def lines(*, last: Kept, before: Digests, after: Digests) -> list[str]:
    """Return a line on each object of which an apply has replaced what people had set.

    Args:
        last: what the apply before has left; without it, nothing can be told apart.
        before: what this one has found.
        after: what it has left.
    """
    found = []
    for what, now_set in after.items() if last else ():
        was = before.get(what)
        if was is None:
            if _digest(what) in last:
                found.append(f"{what}: {REPLACED}: it had been removed")
            continue
        fields = [
            field
            for field in {**was, **now_set}
            if was.get(field) not in (now_set.get(field), last.get(_digest([what, field])))
            # Absent is set too: a field that was emptied is not exported.
        ]
        if fields:
            found.append(f"{what}: {REPLACED}: {', '.join(fields)}")
    return found


def _digest(value: object) -> str:
    # Keyed: a short text could be guessed by its digest alone.
    text = json.dumps(value, sort_keys=True, default=str)
    return salted_hmac(__name__, text, algorithm="sha256").hexdigest()[:32]


def _values(tenant: Tenant) -> Iterator[tuple[str, str, Any]]:
    """Yield each object, one of its fields and the value; no field where it has none."""
    data = exporting.export(tenant)
    for section, (kind, key) in _NAMED.items():
        yield from _listed(data.get(section, ()), kind=kind, key=key)
    yield from _listed(data["llm"].pop("credentials"), kind="credential", key="name")
    for section, what in _SECTIONS.items():
        name = f"{what} {tenant.slug}" if section == "tenant" else what
        yield from ((name, field, value) for field, value in data.get(section, {}).items())
    with tenant_context(tenant):
        yield from _not_exported()


def _not_exported() -> Iterator[tuple[str, str, Any]]:
    """Yield what people change as well: secrets that they type, and documents."""
    for username, password in User.objects.values_list("username", "password"):
        yield f"user {username}", "password", password
    for credential in Credential.objects.all():
        yield f"credential {credential.name}", "api_key", credential.api_key()
    for name in Category.objects.values_list("name", flat=True):
        yield f"category {name}", "", None
    for document in Document.objects.filter(deleted_at=None, web_source=None).select_related(
        "category"
    ):
        what = f"document {document.category.name}/{document.name}"
        yield what, "content", document.content_sha256
        yield what, "days of validity", [document.valid_from, document.valid_until]


def _listed(
    entries: Iterable[Mapping[str, Any]], *, kind: str, key: str
) -> Iterator[tuple[str, str, Any]]:
    for entry in entries:
        fields = ((field, value) for field, value in _flat(entry) if field != key)
        yield from ((f"{kind} {entry[key]}", field, value) for field, value in fields)


def _flat(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the fields of an object, those of its parts too; names of variables are none."""
    for field, value in entry.items():
        if isinstance(value, Mapping):
            for inner, of_part in value.items():
                if not inner.endswith("_env"):
                    yield f"{field}.{inner}", of_part
        elif not field.endswith("_env"):
            yield field, value
