"""The documentation of events says what is published, and its verifiers work."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from config import event_pages
from integrations import payloads
from integrations.services import signing
from tests.integrations.events import SECRET

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_pages_and_schemas_are_what_the_payloads_say() -> None:
    expected = event_pages.files(DOCS)

    for name, text in expected.items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, "run `manage.py event_schemas`"
    kept = {f"events/{path.name}" for path in (DOCS / "events").iterdir()}
    assert kept | {"events.md"} == set(expected)


def test_payloads_are_flat_and_known() -> None:
    for one in payloads.known():
        assert one.type in {*payloads.TYPES, "endpoint.test"}
        for field in one.model_json_schema()["properties"].values():
            kinds = {part.get("type") for part in field.get("anyOf", [field])}
            assert kinds <= {"string", "integer", "number", "boolean", "null"}
            assert field["description"]


def verifier() -> Any:
    text = (DOCS / "webhooks.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    return names["verify"]


def test_the_verifier_of_the_page_takes_what_we_sign() -> None:
    body = json.dumps({"type": "endpoint.test", "data": {"name": "ação"}}).encode()
    headers = signing.headers(
        message_id="m1",
        body=body,
        sent_at=timezone.now(),
        signing_secrets=[signing.new_secret(), SECRET],
    )

    assert verifier()(SECRET, headers, body)["type"] == "endpoint.test"
    with pytest.raises(ValueError, match="wrong signature"):
        verifier()(SECRET, headers, body + b" ")
    with pytest.raises(ValueError, match="too old"):
        verifier()(SECRET, {**headers, "webhook-timestamp": "1"}, body)
