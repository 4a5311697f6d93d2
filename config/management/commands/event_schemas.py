"""Write what is told to customers' systems into the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings

from config import event_pages
from tenants.commands import QuickCommand


class Command(QuickCommand):
    """Writes the documentation of events."""

    help = "Write docs/events.md and the JSON Schemas in docs/events/ from the payloads."

    def handle(self, *args: Any, **options: Any) -> None:
        """Write every file that is not as it should be."""
        docs = Path(settings.BASE_DIR) / "docs"
        for name, text in event_pages.files(docs).items():
            path = docs / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.stdout.write("docs/events.md and docs/events/ are up to date.")
