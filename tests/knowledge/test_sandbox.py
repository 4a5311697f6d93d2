"""Files that mean harm, and the process that reads them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import docx
import pytest

from knowledge.extract import child, limits, reader, sandbox, wire
from knowledge.types import Extracted, Heading, Paragraph, Problem, Row, Unreadable
from tests.knowledge.measured_reading import measure_reading
from tests.knowledge.office import saved, word
from tests.knowledge.pdfs import build, lines, locked
from tests.knowledge.test_extract_xlsx import book

TEXT = "Horário de atendimento: 9h às 18h.".encode()


def samples() -> dict[str, bytes]:
    document = docx.Document()
    document.add_paragraph("Aberto às 9h.")
    pdf = build(lines("A clínica abre de segunda a sexta, das oito às vinte horas, sem parar."))
    return {
        "pdf": locked(pdf, password=""),
        "docx": saved(document),
        "xlsx": saved(book(("Item", "Valor"), ("Corte", 50))[0]),
        "csv": b"item;valor\nCorte;50,00\n",
        "html": b"<table><tr><th>a<th>b<tr><td>1<td>2</table><p>oi &eacute; aqui",
        "md": b"# Oi\n\n| a | b |\n|---|---|\n| x | y |\n",
        "txt": TEXT.decode().encode("utf-16"),
        "faq": json.dumps({"question": "Abre?", "answer": "Sim."}).encode(),
    }


@pytest.mark.parametrize("kind", reader.KINDS)
def test_each_kind_is_read_in_the_child_as_it_is_here(kind: str) -> None:
    content = samples()[kind]

    assert sandbox.extract_limited(content, kind=kind) == reader.extract(content, kind=kind)


def test_what_is_read_comes_over_unchanged() -> None:
    extracted = Extracted(
        blocks=(
            Heading(level=2, text="é"),
            Paragraph(text="😀 x", page=3),
            Row(columns=("a",), cells=("b", "")),
        ),
        unread_pages=(1, 2),
        hidden_sheets=("Custos",),
        n_hidden=4,
        phrasings=("oi?",),
        language="pt",
    )

    assert wire.load(wire.dump(extracted)) == extracted


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"problem": "x"}', b'{"blocks": [["h", "1", "x", null]]}']
)
def test_what_a_child_never_says_is_not_believed(raw: bytes) -> None:
    with pytest.raises((ValueError, TypeError, KeyError)):
        wire.load(raw)


def test_a_file_that_takes_too_long_is_given_up() -> None:
    began = time.monotonic()

    with pytest.raises(Unreadable) as refused:
        sandbox.extract_limited(b"<div>" * 400_000 + b"oi", kind="html", wall_s=2.0)

    assert refused.value.problem is Problem.TOO_SLOW
    assert time.monotonic() - began < 10
    assert sandbox.extract_limited(TEXT, kind="txt").blocks


def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path: Path) -> None:
    content = b"<p>a<b><i><u>" * 700_000 + b"<tr>" + b"<td>x" * 100
    (tmp_path / "page.html").write_bytes(content)

    with pytest.raises(Unreadable) as refused:
        sandbox.extract_limited(content, kind="html")

    assert refused.value.problem in (Problem.TOO_COMPLEX, Problem.TOO_SLOW)
    assert measure_reading([("html", tmp_path / "page.html")]) <= 512 * 1024 * 1024
    assert sandbox.extract_limited(TEXT, kind="txt").blocks


def run(code: str) -> str:
    """Return what code prints that runs where a file is read."""
    script = f"from knowledge.extract import child\nchild._prepare('txt')\nchild._confine()\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        pytest.param("open('/etc/passwd')", "OSError: [Errno 24]", id="open"),
        pytest.param("import socket; socket.socket()", "[Errno 24]", id="socket"),
        pytest.param("x = bytearray(600_000_000)", "MemoryError", id="memory"),
        pytest.param(
            "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))"
            if os.getuid()
            else "raise ValueError('not for root')",
            "ValueError: not",
            id="more again",
        ),
    ],
)
def test_the_child_can_neither_open_nor_grow(code: str, refusal: str) -> None:
    assert refusal in run(code)


def test_the_child_sees_no_secret_and_no_django() -> None:
    process = sandbox._start("txt")
    try:
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        open_files = list(Path(f"/proc/{process.pid}/fd").iterdir())
    finally:
        sandbox._end(process)
    loaded = run("import sys; print(sum(m.split('.')[0] == 'django' for m in sys.modules))")

    assert b"DATABASE" not in environment
    assert b"SECRET" not in environment
    assert len(open_files) <= 4
    assert loaded == "0"


def test_the_child_dies_with_its_worker() -> None:
    # A stand-in for the worker starts a child that waits for its file, and is killed.
    script = (
        "import os, sys\n"
        "from knowledge.extract import sandbox\n"
        "process = sandbox._start('txt')\n"
        "print(process.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    pid = int(worker.stdout.readline())
    worker.kill()
    worker.wait()
    worker.stdin.close()
    worker.stdout.close()

    deadline = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_child_leaves_when_its_worker_is_gone_already() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "knowledge.extract.child", "txt", "1"],
        input=TEXT,
        capture_output=True,
        check=False,
    )

    assert (process.returncode, process.stdout) == (1, b"")


def test_many_threads_read_at_once() -> None:
    found: list[Extracted] = []

    def read() -> None:
        found.append(sandbox.extract_limited(TEXT * 20_000, kind="txt"))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(found) == 4
    assert len({hashlib.sha256(repr(one).encode()).digest() for one in found}) == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.pdf", b"\x89PNG\r\n\x1a\n", Problem.WRONG_KIND),
        ("a.docx", b"<!doctype html><p>oi", Problem.WRONG_KIND),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Problem.OFFICE_LOCKED),
        ("a.xlsx", b"%PDF-1.4", Problem.WRONG_KIND),
        ("a.txt", b"PK\x03\x04", Problem.WRONG_KIND),
        ("a.md", b"<?xml version='1.0'?><!-- x --><svg onload=a()>", Problem.WRONG_KIND),
        ("a.html", b"\xef\xbb\xbf<!-- x --><!DOCTYPE svg><svg>", Problem.WRONG_KIND),
        ("a.csv", b"<html><table>", Problem.WRONG_KIND),
        ("a.txt", b"MZ\x90", Problem.WRONG_KIND),
        ("a.html", b"", Problem.EMPTY),
        ("a.txt", b"<!doctype html><p>oi", None),
        ("a.txt", b"o que %PDF- quer dizer", None),
        ("a.docx", word(""), None),
        ("a.md", b"<!--" + b" --><!--" * 400, None),
    ],
)
def test_what_a_file_is_counts_and_not_its_name(
    name: str, content: bytes, problem: Problem | None
) -> None:
    kind = reader.find_kind(name)

    assert kind is not None
    assert reader.find_problem(content, kind=kind) is problem


def test_a_page_named_as_text_is_read_as_a_page() -> None:
    extracted = reader.extract(b"<!DOCTYPE html><p>Oi, tudo bem?</p><script>x</script>", kind="txt")

    assert extracted.blocks == (Paragraph(text="Oi, tudo bem?"),)


def test_the_child_has_less_than_its_worker_waits() -> None:
    assert limits.CPU_S < limits.WALL_S
    assert child.main is not None


def test_what_was_read_is_kept_as_text_up_to_a_limit() -> None:
    blocks = (Heading(level=9, text="T"), Row(columns=("a", "b"), cells=("1", "", "3")))

    assert reader.as_text(blocks) == "# T\n- a: 1; 3"
    long = reader.as_text(tuple(Paragraph(text="x" * 1_000) for _ in range(1_000)))
    assert len(long) == reader.MAX_TEXT
