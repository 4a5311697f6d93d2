"""The blueprint with every section, and how tests change it."""

from __future__ import annotations

import io
from pathlib import Path

from django.core.management import call_command
from django.utils import timezone

from config.blueprints import applying, loading

FULL = Path(__file__).parent / "full_blueprint.yaml"
SECRETS = {
    "GAMMA_OPENAI": "sk-gamma-1234567890",
    "GAMMA_HMAC": "0123456789abcdef0123456789abcdef",
    "GAMMA_CRM": "whsec_gamma",
}


def rewrite(folder: Path, old: str, new: str) -> None:
    file = folder / "blueprint.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def apply(folder: Path) -> applying.Applied:
    """Apply the blueprint of a folder."""
    blueprint = loading.load(folder / "blueprint.yaml")
    return applying.apply(blueprint, folder=folder, now=timezone.now())


def command(*arguments: str) -> tuple[str, str]:
    """Run a command and return what it wrote to stdout and stderr."""
    out, err = io.StringIO(), io.StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()
