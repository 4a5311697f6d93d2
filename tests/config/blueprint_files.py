"""The blueprint with every section, and how tests change it."""

from __future__ import annotations

from pathlib import Path

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
