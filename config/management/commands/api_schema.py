"""Write the description of the API for those who read it without a server."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from tenants.api.openapi import description
from tenants.commands import QuickCommand

FILE = settings.BASE_DIR / "docs" / "openapi.json"


def text() -> str:
    """Return the file as it should be."""
    return json.dumps(description(), indent=2, ensure_ascii=False) + "\n"


class Command(QuickCommand):
    """`api_schema`."""

    help = "Write docs/openapi.json from the views; the API serves the same at /api/v1/schema/."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        FILE.write_text(text(), encoding="utf-8")
        self.stdout.write("docs/openapi.json is up to date.")
