"""What installations are configured with: taken as it stands, or refused by its name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from config import env

KEY = Fernet.generate_key().decode()
SHOWN = (
    "from config.settings import base; print(base.PUBLIC_BASE_URL, base.BRIDGE_URL,"
    " len(base.FIELD_ENCRYPTION_KEYS), base.LOG_FORMAT)"
)


def start(shown: str = SHOWN, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read the settings in a process of its own, which reaches no server."""
    given = {
        "DATABASE_URL": "postgresql://u:pa55@127.0.0.1:1/prosa",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "x" * 50,
        "FIELD_ENCRYPTION_KEYS": KEY,
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", shown],
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        check=False,
    )


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


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("FIELD_ENCRYPTION_KEYS", "one-that-is-none", "number 1 is no key"),
        ("FIELD_ENCRYPTION_KEYS", ",", "has no key"),
        ("PUBLIC_BASE_URL", "prosa.example", "such as PUBLIC_BASE_URL=https://"),
        ("BRIDGE_URL", "wuzapi:8080", "such as BRIDGE_URL=http://"),
        ("SIMULATOR_URL", "http://127.0.0.1:port", "such as SIMULATOR_URL=http://"),
        ("REDIS_URL", "broker:6379", "such as REDIS_URL=redis://"),
        ("DATABASE_URL", "mysql://u:pa55@db/prosa", "such as DATABASE_URL=postgresql://"),
        ("DATABASE_URL", "postgresql://u:pa55@db:x/prosa", "such as DATABASE_URL=postgresql://"),
        ("EMAIL_URL", "mail.example", "such as EMAIL_URL=smtp"),
        ("EMAIL_URL", "smtp+tls://u:pa55@host:x", "such as EMAIL_URL=smtp"),
        ("ALLOWED_HOSTS", "https://prosa.example", "is no host name"),
        ("ALLOWED_HOSTS", "prosa.example:8000", "is no host name"),
        ("EGRESS_ALLOWED_PRIVATE", "http://bridge:8080", "is no host or CIDR"),
        ("EGRESS_ALLOWED_TENANTS", "10.0.0.0/99", "is no host or CIDR"),
        ("LOG_FORMAT", "yaml", "must be text or json"),
        ("EVENT_RETENTION_DAYS", "99999999999", "must be 365000 or less"),
        ("SEARCH_RETENTION_DAYS", "0", "1 or more"),
    ],
)
def test_a_wrong_value_stops_the_start_and_says_its_name(name: str, value: str, told: str) -> None:
    result = start(**{name: value})

    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: " + name), result.stderr
    assert told in last
    assert "pa55" not in last


def test_what_is_right_is_taken() -> None:
    result = start(
        FIELD_ENCRYPTION_KEYS=f"{KEY}, {KEY},",
        PUBLIC_BASE_URL="",
        BRIDGE_URL="http://wuzapi:8080/",
        REDIS_URL="rediss://:pa55@broker:6379/0",
        DATABASE_URL="postgresql://u:pa#55@/prosa?host=/run/postgresql",
        EMAIL_URL="smtp+tls://user:pa55@host:587",
        ALLOWED_HOSTS="prosa.example,.prosa.example,[::1],10.1.2.3,*",
        EGRESS_ALLOWED_PRIVATE="10.0.0.0/8,wuzapi:8080,[fd00::/8]:443,fd00::/8,::1",
        LOG_FORMAT="JSON",
        EVENT_RETENTION_DAYS="99999",
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["http://127.0.0.1:8000", "http://wuzapi:8080", "2", "json"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "psql", "pgsql"])
def test_a_database_is_named_by_any_scheme_that_means_postgresql(scheme: str) -> None:
    assert env.database(f"{scheme}://u:p@db/prosa")["HOST"] == "db"


def test_what_the_databases_address_asks_of_the_connection_is_kept() -> None:
    shown = "from config.settings import base; print(base.DATABASES['default']['OPTIONS'])"
    url = "postgresql://u:pa55@db/prosa?sslmode=verify-full&options=-c%20jit%3Don"

    options = start(shown, DATABASE_URL=url).stdout

    assert "'sslmode': 'verify-full'" in options
    assert "plan_cache_mode=force_generic_plan -c jit=off" in options
