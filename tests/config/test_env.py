"""What installations are configured with: taken as it stands, or refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


def test_a_value_that_begins_with_a_dollar_is_taken_as_it_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("A_TOKEN", "$ecret-$HOME")
    monkeypatch.setenv("A_NUMBER", "7")

    assert env.text("A_TOKEN") == "$ecret-$HOME"
    assert env.number("A_NUMBER", default=1) == 7
    assert env.text("NOT_SET", "as shipped") == "as shipped"


def test_a_dotenv_file_keeps_a_dollar_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_TOKEN", raising=False)
    (tmp_path / ".env").write_text("A_TOKEN=$ecret\n", encoding="utf-8")

    env.read_dotenv(tmp_path / ".env")

    assert env.text("A_TOKEN") == "$ecret"
    monkeypatch.delenv("A_TOKEN")


def test_a_file_that_is_no_text_is_told_by_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("A_TOKEN_FILE", str(tmp_path / "token"))

    with pytest.raises(ImproperlyConfigured, match=r"A_TOKEN_FILE=.*UTF-8"):
        env.text("A_TOKEN")
