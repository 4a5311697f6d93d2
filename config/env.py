"""Typed readers of the environment: a wrong or missing value stops start-up and says its name."""

from __future__ import annotations

import os
import re
import secrets
import shlex
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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


def number(name: str, *, default: int, minimum: int = 0, maximum: int | None = None) -> int:
    """Return the variable as a whole number within its bounds."""
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
    if maximum is not None and parsed > maximum:
        raise ImproperlyConfigured(f"{name} must be {maximum} or less, such as {name}={default}")
    return parsed


MOST_DAYS = 365_000
"""The longest time that anything is kept, in days: a thousand years ago every clock knows."""


def days(name: str, *, default: int) -> int:
    """Return the variable as days that something is kept."""
    return number(name, default=default, minimum=1, maximum=MOST_DAYS)


def choice(name: str, *, of: tuple[str, ...]) -> str:
    """Return the variable, one of the words of `of`; the first is the default."""
    value = text(name).lower() or of[0]
    if value not in of:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(of)}, such as {name}={of[0]}")
    return value


def url(
    name: str,
    default: str = "",
    *,
    schemes: tuple[str, ...] = ("http", "https"),
    example: str = "https://prosa.example",
) -> str:
    """Return the variable, an address, without a slash at its end; `default` where it is empty.

    What is wrong with it is told without its value, which may hold a password.
    """
    value = (text(name) or default).rstrip("/")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        is_good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise ImproperlyConfigured(f"{name} is no address, such as {name}={example}")
    return value


def database(address: str) -> dict[str, Any]:
    """Return Django's settings for the database that `DATABASE_URL` names, told without it too."""
    try:
        settings: dict[str, Any] = environ.Env.db_url_config(address)
    except ValueError:
        settings = {}
    if not settings or not re.match(r"(postgres(ql)?|pg?sql)://", address):
        raise ImproperlyConfigured(
            "DATABASE_URL is no address, such as"
            " DATABASE_URL=postgresql://user:password@host:5432/database"
        )
    return settings


def email(name: str) -> dict[str, Any]:
    """Return Django's settings for the mail server that the variable names; empty mails nothing."""
    try:
        settings: dict[str, Any] = environ.Env.email_url_config(text(name) or "dummymail://")
    except (ImproperlyConfigured, ValueError) as error:
        raise ImproperlyConfigured(
            f"{name} is no mail server, such as {name}=smtp+tls://user:password@host:587"
        ) from error
    return settings


def hosts(name: str, default: str) -> list[str]:
    """Return the comma-separated variable as host names: no scheme, port or path."""
    found = words(name, default)
    for host in found:
        if not re.fullmatch(r"\*|\.?[\w-]+(\.[\w-]+)*|\[[0-9A-Fa-f:.]+\]", host):
            raise ImproperlyConfigured(
                f"{name}: {host!r} is no host name, such as {name}=prosa.example,.prosa.example"
            )
    return found


def networks(name: str) -> list[str]:
    """Return the comma-separated variable as hosts or CIDRs, each perhaps with a port."""
    found = words(name)
    for entry in found:
        try:
            # A bare IPv6 address ends like a port, and needs no look: it holds no slash.
            if "/" in entry:
                ip_network(re.sub(r":\d+$", "", entry).strip("[]"), strict=False)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name}: {entry!r} is no host or CIDR, such as {name}=10.0.0.0/8,bridge:8080"
            ) from error
    return found


def keys(name: str, *, example: str, generate_in: Path | None) -> list[str]:
    """Return the comma-separated secret as keys that encrypt; see `secret`."""
    given = secret(name, example=example, generate_in=generate_in)
    found = [key.strip() for key in given.split(",") if key.strip()]
    for position, key in enumerate(found, start=1):
        try:
            Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"{name}: number {position} is no key. Make one with: {example}"
            ) from error
    if not found:
        raise ImproperlyConfigured(f"{name} has no key. Make one with: {example}")
    return found


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
