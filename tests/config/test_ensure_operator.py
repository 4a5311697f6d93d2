"""Operators made by a command: whoever may be made in the panel, and nobody's e-mail is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError

from tests.config.blueprint_files import command

pytestmark = pytest.mark.usefixtures("public")


def test_a_new_password_keeps_the_email(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPERATOR_PASSWORD", "uma-senha-boa")
    command("ensure_operator", "rita", "--email", "rita@prosa.example")

    monkeypatch.setenv("OPERATOR_PASSWORD", "outra-senha-boa")
    command("ensure_operator", "rita")

    rita = User.objects.get(username="rita")
    assert rita.email == "rita@prosa.example"
    assert rita.check_password("outra-senha-boa")


def test_the_password_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPERATOR_PASSWORD", raising=False)
    (tmp_path / "password").write_text("uma-senha-boa\n", encoding="utf-8")
    monkeypatch.setenv("OPERATOR_PASSWORD_FILE", str(tmp_path / "password"))

    command("ensure_operator", "rita")

    assert User.objects.get(username="rita").check_password("uma-senha-boa")


@pytest.mark.parametrize("name", ["", "a b", "x" * 151])
def test_a_name_that_the_panel_would_refuse_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR_PASSWORD", "uma-senha-boa")

    with pytest.raises(CommandError, match="username: "):
        command("ensure_operator", name)

    assert not User.objects.exists()
