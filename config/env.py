"""Typed readers of the environment: a wrong or missing value stops start-up and says its name."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured


def read_dotenv(path: Path) -> None:
    """Read `path` into the environment where it exists; what is already set there wins."""
    if path.exists():
        environ.Env.read_env(str(path))


def text(name: str, default: str = "") -> str:
    """Return the variable `name`, from the file that `<name>_FILE` points to where that is set."""
    file = os.environ.get(f"{name}_FILE")
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(
                f"{name}_FILE={file} cannot be read: {error.strerror}"
            ) from error
        except UnicodeDecodeError as error:
            raise ImproperlyConfigured(f"{name}_FILE={file} is not UTF-8 text") from error
    # As it stands: `environ` would take a value that begins with $ for another variable's name,
    # and a password that does for nothing at all.
    return os.environ.get(name, default).strip()


def is_set(name: str) -> bool:
    """Test whether somebody gave the variable a value, be it an empty one."""
    return name in os.environ or f"{name}_FILE" in os.environ


def flag(name: str, *, default: bool) -> bool:
    """Return the variable as a boolean: 1, true, yes, on or their opposites."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, such as {name}=true")


def number(name: str, *, default: int, minimum: int = 0) -> int:
    """Return the variable as a whole number, at least `minimum`."""
    value = text(name)
    if not value:
        return default
    try:
        parsed = int(value)
    except ValueError:
        parsed = minimum - 1
    if parsed < minimum:
        raise ImproperlyConfigured(
            f"{name} must be a whole number, {minimum} or more, such as {name}={default}"
        )
    return parsed


def words(name: str, default: str = "") -> list[str]:
    """Return the comma-separated variable as a list without empty entries."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def commands(name: str) -> dict[str, list[str]]:
    """Return the variable, ``name=program arguments`` divided by semicolons, as words by name."""
    found = {}
    for entry in filter(str.strip, text(name).split(";")):
        key, _sign, line = entry.partition("=")
        try:
            words = shlex.split(line)
        except ValueError:
            words = []
        if not key.strip() or not words:
            raise ImproperlyConfigured(
                f"{name}: {entry.strip()!r} is no program, such as {name}=time=mcp-server-time"
            )
        found[key.strip()] = words
    return found


def secret(name: str, *, example: str, generate_in: Path | None) -> str:
    """Return a secret, which has no default.

    Args:
        name: the variable, which may also be given as `<name>_FILE`.
        example: how to make one; shown when it is missing.
        generate_in: a directory for a generated one (embedded services only), else None.

    Raises:
        ImproperlyConfigured: missing, and this is no installation on embedded services.
    """
    if value := text(name):
        return value
    if generate_in is None:
        raise ImproperlyConfigured(f"{name} is not set. Make one with: {example}")
    return _generated(name, generate_in)


def _generated(name: str, directory: Path) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name.lower()}.secret"
    value = (
        Fernet.generate_key().decode()
        if name == "FIELD_ENCRYPTION_KEYS"
        else secrets.token_urlsafe(48)
    )
    try:
        # O_EXCL: of two processes that start at once, one writes and the other reads.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8").strip()
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(value)
    return value
