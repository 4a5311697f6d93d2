"""The description is what the views do, its page needs no internet, and a client is made of it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import httpx
from django.contrib.staticfiles import finders
from django.test import Client

from config.management.commands import api_schema
from tenants.api.openapi import description
from tenants.models import Tenant
from tests.api.conftest import program
from tests.api.rows import fill


class Through(httpx.BaseTransport):
    """Brings calls of httpx into this process, and into the transaction of its test."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        headers = {name: value for name, value in request.headers.items() if name != "cookie"}
        answer = Client().generic(request.method, path, request.read(), headers=headers)
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.content
        )


CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python"


def test_the_file_is_what_the_views_say() -> None:
    assert api_schema.FILE.read_text(encoding="utf-8") == api_schema.text(), (
        "run `manage.py api_schema`, then `make client`"
    )
    digest = hashlib.sha256(api_schema.FILE.read_bytes()).hexdigest()
    assert (CLIENT / ".made-of").read_text().strip() == digest, "run `make client`"


def test_everything_is_described() -> None:
    found = description()

    assert found["openapi"].startswith("3.1")
    for path, operations in found["paths"].items():
        for method, one in operations.items():
            where = f"{method} {path}"
            assert one["description"].strip(), where
            good = [status for status in one["responses"] if status[0] == "2"]
            assert len(good) == 1, where
            assert {"401", "429"} <= set(one["responses"]), where
            if "auth" not in one["tags"]:
                assert "Scope `" in one["description"], where
                assert one["security"] == [{"bearer": []}], where


def test_the_page_loads_nothing_from_elsewhere(alpha: Tenant) -> None:
    page = Client(headers={"host": "alpha.localhost"}).get("/api/v1/docs/").content.decode()

    assert "https://" not in page
    assert "drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js" in page
    assert finders.find("drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")


def test_the_client_reads_agents(alpha: Tenant) -> None:
    fill(text="alpha")
    sys.path.insert(0, str(CLIENT))
    try:
        from prosa_client import AuthenticatedClient  # type: ignore[import-not-found]
        from prosa_client.api.agents import agents_list  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(CLIENT))
    base_url = "http://alpha.localhost"
    client = AuthenticatedClient(base_url=base_url, token="")
    headers = {"Authorization": f"Bearer {program().credential}"}

    with httpx.Client(transport=Through(), base_url=base_url, headers=headers) as calls:
        found = agents_list.sync(client=client.set_httpx_client(calls), limit=10)

    assert [one.name for one in found.results] == ["alpha"]
    assert found.next_cursor is None
