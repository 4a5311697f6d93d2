"""Who gets what on which host, as `matrix.txt` says it.

An address that has no line there fails, and so does a line without an address. Of each profile one
address is asked by every kind of caller, which what refuses them tells apart for all addresses
alike; each of the others by nobody, and by who may.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django_tenants.utils import tenant_context

from channels_whatsapp.models import Device
from config import urls_public, urls_tenant
from tenants.api.openapi import description
from tenants.models import Tenant
from tenants.services import staff
from tests.admin import rows
from tests.api.conftest import PASSWORD, key_of, login_of, person
from tests.api.rows import IDS, fill

FILE = Path(__file__).with_name("matrix.txt")
HOSTS = {"A": "alpha.localhost", "B": "beta.localhost", "public": "testserver"}
NOT_ASKED = "-"
CALLERS = ("nobody", "user", "admin", "key", "jwt", "b_user", "b_key", "b_jwt", "operator")
OF_API, OF_PAGES = {"A": ("nobody", "key")}, {"A": ("nobody",), "public": ("nobody",)}
"""Who asks for every address. A page knows no keys, and the public host no address of the API."""


@dataclass
class Matrix:
    """The file: statuses by profile, host and caller, and the profile of each line."""

    profiles: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    lines: dict[tuple[str, str], str] = field(default_factory=dict)

    def profile_of(self, method: str, path: str) -> str:
        """Return the profile of an address; the first line that fits counts."""
        for (wanted, pattern), profile in self.lines.items():
            if wanted in ("ANY", method) and fnmatchcase(path, pattern):
                return profile
        return ""


def read() -> Matrix:
    matrix, where = Matrix(), ""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "profile":
            where = words[1]
            matrix.profiles[where] = {}
        elif line.startswith(" "):
            assert len(words) == 1 + len(CALLERS), line
            matrix.profiles[where][words[0]] = words[1:]
        else:
            method, path, profile = words
            matrix.lines[method, path] = profile
    return matrix


def known_paths() -> dict[str, str]:
    """Return what the places in the API's paths stand for, as the rows of `fill` have it."""
    return {
        "agents/{agent_uuid}": IDS["agent"],
        "agents/{uuid}": IDS["agent"],
        "categories/{uuid}": IDS["category"],
        "contacts/{uuid}": IDS["contact"],
        "conversations/{uuid}": IDS["conversation"],
        "deliveries/{uuid}": IDS["delivery"],
        "devices/{uuid}": Device.objects.get().uuid,
        "documents/{uuid}": IDS["document"],
        "leads/{uuid}": IDS["lead"],
        "messages/{uuid}": IDS["message"],
        "turns/{uuid}": IDS["turn"],
        "webhooks/{endpoint_uuid}": IDS["endpoint"],
        "webhooks/{uuid}": IDS["endpoint"],
    }  # type: ignore[return-value]


def of_api() -> Iterator[tuple[str, str, str]]:
    """Return method, path as described, and path as it is asked for."""
    places = known_paths()
    for path, operations in description()["paths"].items():
        asked = path
        for place, row in places.items():
            asked = asked.replace(f"/{place}/", f"/{place.partition('/')[0]}/{row}/")
        assert "{" not in asked, path
        for method in operations:
            yield method.upper(), path, asked


def of_pages(patterns: Any, prefix: str = "/") -> Iterator[str]:
    """Return the routes of pages; those of the API are described elsewhere."""
    for one in patterns:
        route = prefix + re.sub(r"^\^|\\Z$|\$$", "", str(one.pattern))
        if isinstance(one, URLResolver):
            yield from of_pages(one.url_patterns, route)
        elif isinstance(one, URLPattern) and not route.startswith("/api/"):
            yield route


CHAT = "a-chat-of-alpha-and-no-other"
"""The key of a web chat that only A has: it is one of the whole installation's."""


def asked_for(route: str) -> str:
    """Return an address of a route; of rows that are not there, but for a web chat."""
    found = re.sub(r"\(\?P<\w+>(\w+)[^)]*\)", r"\1", route)
    found = re.sub(r"<uuid:\w+>", str(uuid.UUID(int=1)), found)
    found = re.sub(r"<int:\w+>", "0", found)
    found = found.replace("<slug:key>", CHAT)
    return re.sub(r"<path:\w+>|<str:\w+>|<\w+>", "0", found)


def callers(alpha: Tenant, beta: Tenant) -> Mapping[str, tuple[Client, dict[str, str]]]:
    """Return by kind of caller a browser and headers."""

    def browser(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    owner = person()
    found = {
        "nobody": (Client(), {}),
        "user": (browser(person("attendant")), {}),
        "admin": (browser(owner), {}),
        "key": (Client(), {"authorization": f"Bearer {key_of(owner)}"}),
        "jwt": (Client(), {"authorization": f"Bearer {login_of(owner).access}"}),
    }
    with tenant_context(beta):
        owner = person()
        found["b_user"] = browser(owner), {}
        found["b_key"] = Client(), {"authorization": f"Bearer {key_of(owner)}"}
        found["b_jwt"] = Client(), {"authorization": f"Bearer {login_of(owner).access}"}
    connection.set_schema_to_public()
    operator, _ = staff.ensure_user(
        username="operator", email="", role="", password=PASSWORD, is_operator=True
    )
    found["operator"] = browser(operator), {}
    assert tuple(found) == CALLERS
    return found


def statuses(
    known: Any, method: str, path: str, expected: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Return the status of an address by host for each caller; nothing that it does stays."""
    found: dict[str, list[str]] = {}
    for name, row in expected.items():
        found[name] = []
        for (client, headers), want in zip(known.values(), row, strict=True):
            if want == NOT_ASKED:
                found[name].append(want)
                continue
            connection.set_schema_to_public()
            with transaction.atomic() if want[0] == "2" else nullcontext():
                answer = client.generic(
                    method,
                    path,
                    b"{}" if method not in ("GET", "DELETE") else b"",
                    content_type="application/json",
                    headers={**headers, "host": HOSTS[name]},
                )
                if want[0] == "2":
                    transaction.set_rollback(True)
            found[name].append(str(answer.status_code))
    return found


def of_always_asked(path: str, expected: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Return what is expected of those who ask for every address."""
    asking = OF_API if path.startswith("/api/") else OF_PAGES
    return {
        host: [
            want if caller in asking[host] else NOT_ASKED
            for caller, want in zip(CALLERS, row, strict=True)
        ]
        for host, row in expected.items()
        if host in asking
    }


def test_every_address_answers_each_caller_as_the_matrix_says(
    alpha: Tenant, beta: Tenant, settings: Any
) -> None:
    settings.API_PER_MINUTE = dict.fromkeys(settings.API_PER_MINUTE, 1_000_000)
    fill(text="alpha")
    rows.make_web_chat(route_key=CHAT)
    with tenant_context(beta):
        fill(text="beta")
    asked = [*of_api()]
    pages = {*of_pages(urls_tenant.urlpatterns), *of_pages(urls_public.urlpatterns)}
    asked += [("GET", route, asked_for(route)) for route in sorted(pages)]
    asked += [("GET", path, path) for path in ("/api/v1/", "/api/v1/docs/", "/api/v1/schema/")]
    known = callers(alpha, beta)
    matrix = read()
    wrong, used = [], set()
    for method, path, address in asked:
        profile = matrix.profile_of(method, path)
        if not profile:
            wrong.append(f"{method} {path}: no line in {FILE.name}")
            continue
        expected = matrix.profiles[profile]
        if profile in used:
            expected = of_always_asked(path, expected)
        used.add(profile)
        found = statuses(known, method, address, expected)
        wrong += [
            f"{method} {path} ({profile}) on {name}: {' '.join(found[name])}"
            for name, row in expected.items()
            if not all(got in want.split("|") for got, want in zip(found[name], row, strict=True))
        ]
    assert wrong == []
    assert set(matrix.profiles) == used
    every = {(method, path) for method, path, _ in asked}
    idle = [
        one
        for one in matrix.lines
        if not any(one[0] in ("ANY", m) and fnmatchcase(p, one[1]) for m, p in every)
    ]
    assert idle == []


def test_routes_are_read_as_the_resolver_reads_them() -> None:
    resolver = get_resolver("config.urls_tenant")
    for route in of_pages(urls_tenant.urlpatterns):
        assert resolver.resolve(asked_for(route)), route
