"""A folder with a blueprint that has every section, for the tests of blueprints."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection

from tests.config.blueprint_files import FULL, SECRETS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the full blueprint, its documents, and its variables set."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "tabela.csv").write_text("pao;preco\nfrances;0,90\n", encoding="utf-8")
    (tmp_path / "docs" / "faq.md").write_text("# Horário\n\nAbrimos às 6h.\n", encoding="utf-8")
    (tmp_path / "blueprint.yaml").write_text(FULL.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def public(db: None) -> None:
    connection.set_schema_to_public()
