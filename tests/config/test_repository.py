"""What the files around the code say about it stays true."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
APPS = (
    "config",
    "tenants",
    "integrations",
    "knowledge",
    "agents",
    "conversations",
    "channels_whatsapp",
    "channels_chatwoot",
    "channels_web",
)
READS_VARIABLE = re.compile(
    r'\benv\.(?:[a-z]+)\(\s*"([A-Z][A-Z0-9_]*)"'
    r'|os\.environ(?:\.get\(|\[|\.setdefault\()\s*"([A-Z][A-Z0-9_]*)"'
)
SECRET_NAME = re.compile(r"SECRET|PASSWORD|TOKEN|_KEY|KEYS$")
# Other programs' own, set by our code or by them, and never by an operator.
NOT_OURS = {
    "CELERY_SKIP_CHECKS",
    "DJANGO_SETTINGS_MODULE",
    "OMP_WAIT_POLICY",
    "PYTEST_XDIST_WORKER",
}


def sources() -> list[Path]:
    return [path for app in APPS for path in (ROOT / app).rglob("*.py")]


def documented_variables() -> set[str]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return loaded


def long_running(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = compose["services"]
    return {name: service for name, service in services.items() if name != "migrate"}


def makefile_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return {
        name
        for line in re.findall(r"^([a-z][a-z -]*):", text, re.MULTILINE)
        for name in line.split()
    }


def test_every_variable_that_the_code_reads_is_in_the_example_file() -> None:
    read = {
        name
        for path in sources()
        for match in READS_VARIABLE.finditer(path.read_text(encoding="utf-8"))
        for name in match.groups()
        if name
    }

    assert read - documented_variables() - NOT_OURS == set()
    assert "SECRET_KEY" in read


def test_the_example_file_names_no_variable_that_nobody_reads() -> None:
    everything = "\n".join(
        path.read_text(encoding="utf-8") for path in [*sources(), ROOT / "docker-compose.yml"]
    )

    unused = {name for name in documented_variables() if name not in everything}

    assert unused == set()


def test_every_variable_of_the_example_file_is_explained() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    for above, line in itertools.pairwise(lines):
        if re.match(r"#?[A-Z][A-Z0-9_]*=", line):
            assert above.startswith("# "), f"{line} has no comment above it"


def test_the_example_file_holds_no_secret() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    for name, value in re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE):
        if SECRET_NAME.search(name):
            assert value == "", f"{name} has a value"


def test_compose_has_the_processes_of_an_installation(compose: dict[str, Any]) -> None:
    services = compose["services"]

    expected = {"web", "worker", "dispatcher", "postgres", "valkey", "wuzapi", "simulator"}
    assert expected <= set(services)
    assert services["simulator"]["profiles"] == ["dev"]
    assert services["postgres"]["image"] == "pgvector/pgvector:pg18"
    assert "--appendonly" in services["valkey"]["command"]
    assert services["wuzapi"]["environment"]["WEBHOOK_FORMAT"] == "json"


def test_every_container_has_limits_and_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory"}, name
    for name, service in long_running(compose).items():
        # The image of web carries its own.
        assert "test" in service.get("healthcheck", {}) or name == "web", name


def test_every_container_that_keeps_data_has_a_named_volume(compose: dict[str, Any]) -> None:
    used = {
        mount.split(":")[0]
        for service in compose["services"].values()
        for mount in service.get("volumes", [])
    }

    assert used == set(compose["volumes"]) == {"postgres", "valkey", "wuzapi"}


def test_compose_holds_no_secret(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if SECRET_NAME.search(variable):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), f"{name}: {variable}"
            elif variable == "DATABASE_URL":
                assert "${POSTGRES_PASSWORD:?" in value


def test_compose_asks_only_for_documented_variables() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    asked = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))

    assert asked - documented_variables() == set()


def test_the_image_runs_as_nobody_special_and_is_watched() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert re.search(r"^USER prosa$", text, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", text, re.MULTILINE)


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_commands_of_the_readme_exist(readme: str) -> None:
    text = (ROOT / readme).read_text(encoding="utf-8")

    commands = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert commands
    for command in commands:
        files = [ROOT / app / "management" / "commands" / f"{command}.py" for app in APPS]
        assert any(file.exists() for file in files), command
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)", re.sub(r"make (and|e) gcc", "", text)))
    assert {"demo", "test", "check", "help"} <= targets <= makefile_targets()


@pytest.mark.parametrize(
    "document", [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")], ids=lambda path: path.name
)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (document.parent / target).exists(), f"{document.name} -> {target}"


def test_the_two_readmes_have_the_same_shape() -> None:
    english, portuguese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.pt-BR.md")
    )

    def shape(text: str) -> list[str]:
        return re.findall(r"^(?:#+|```\w*)", text, re.MULTILINE)

    assert shape(english) == shape(portuguese)


def test_every_target_of_the_makefile_that_people_call_is_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")

    explained = set(re.findall(r"^([a-z-]+):.*## .+$", text, re.MULTILINE))

    assert {"demo", "test", "check", "bench", "fmt", "lint", "types", "imports"} <= explained
    assert explained <= makefile_targets()


@pytest.mark.parametrize("source", ["requirements.in", "requirements-dev.in"])
def test_every_direct_dependency_says_why_it_is_there(source: str) -> None:
    lines = (ROOT / source).read_text(encoding="utf-8").splitlines()
    asked_for = {
        match.group(0)
        for line in lines
        if (match := re.match(r"[a-z0-9][a-z0-9-]*", line)) is not None
    }
    explained = set(
        re.findall(
            r"^\| ([a-z0-9-]+) \|",
            (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )

    assert asked_for - explained == set()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pinned_package_has_a_hash_and_no_registry(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    packages = re.findall(
        r"^[a-z0-9][\w.-]*(?:\[[\w,]+\])?==[^\n]+\\\n +--hash=sha256:", text, re.M
    )
    pinned = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,]+\])?==", text, re.MULTILINE)
    assert len(packages) == len(pinned) > 0
    assert "://" not in text


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("*.md"))]

    assert numbers == list(range(1, len(numbers) + 1))
    assert (ROOT / "docs" / "adr" / "0006-no-signals.md").exists()
