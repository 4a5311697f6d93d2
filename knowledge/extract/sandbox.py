"""Reading a file in a process of its own, with little memory, little time and nothing to steal."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from knowledge.extract import limits, wire
from knowledge.types import Extracted, Problem, Unreadable

_ROOT = Path(__file__).resolve().parents[2]
_STEP = 1 << 16  # bytes written to or read from the child at a time
# The child sees no setting and no secret of ours, only what Python itself may need to start.
_KEPT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")

logger = logging.getLogger(__name__)


def extract_limited(content: bytes, *, kind: str, wall_s: float = limits.WALL_S) -> Extracted:
    """Read a file in a child process; nothing that the file does reaches this one.

    Takes seconds: no transaction and no connection may be held meanwhile.

    Args:
        kind: one of `reader.KINDS`.
        wall_s: after so many seconds the child is ended.

    Raises:
        Unreadable: what is wrong with the file, or that reading it took too much.
    """
    began = time.monotonic()
    process = _start(kind)
    try:
        output = _talk(process, content, until=began + wall_s)
        # The pipe is closed: it has ended, or does so at once.
        process.wait(timeout=max(0.1, began + wall_s - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise Unreadable(Problem.TOO_SLOW) from error
    finally:
        _end(process)
    status = process.returncode
    if status:
        logger.warning("reading ended badly", extra={"kind": kind, "exit_status": status})
        # Killed without our doing and not for its time: the kernel was short of memory, or a
        # library in C fell over. The file does the same again.
        is_slow = status == -signal.SIGXCPU or _used_up(began)
        raise Unreadable(Problem.TOO_SLOW if is_slow else Problem.TOO_COMPLEX)
    try:
        return wire.load(output)
    except wire.Crashed as error:
        logger.exception("reader failed", extra={"kind": kind})
        raise Unreadable(Problem.TOO_COMPLEX) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unreadable(Problem.TOO_COMPLEX) from error


def _used_up(began: float) -> bool:
    """Test whether the child may have had all of its processor time, for then it is killed."""
    return time.monotonic() - began >= limits.CPU_S


def _start(kind: str) -> subprocess.Popen[bytes]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-s", "-m", "knowledge.extract.child", kind, str(os.getpid())],
        cwd=_ROOT,
        env={**environment, "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        close_fds=True,
        start_new_session=True,
    )


def _talk(process: subprocess.Popen[bytes], content: bytes, *, until: float) -> bytes:
    """Give the child its file and return what it answers.

    Raises:
        TimeoutError: it has not closed its output by then.
        Unreadable: it answers more than it may.
    """
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - pipes
    answer = bytearray()
    left = memoryview(content)
    for pipe in (process.stdin, process.stdout):
        os.set_blocking(pipe.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fileobj is process.stdout:
                    if not _receive(process.stdout, answer):
                        selector.unregister(process.stdout)
                else:
                    left = _send(process.stdin, left)
                    if not left:
                        selector.unregister(process.stdin)
                        process.stdin.close()
            if len(answer) > limits.MAX_OUTPUT_BYTES:
                raise Unreadable(Problem.TOO_LONG)
    return bytes(answer)


def _send(pipe: IO[bytes], left: memoryview) -> memoryview:
    try:
        return left[os.write(pipe.fileno(), left[:_STEP]) :]
    except BrokenPipeError:
        # It has ended already; its status says why.
        return left[:0]


def _receive(pipe: IO[bytes], answer: bytearray) -> bool:
    """Take what the child has written; False at the end of it."""
    piece = os.read(pipe.fileno(), _STEP)
    answer.extend(piece)
    return bool(piece)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure that nothing of the child is left."""
    if process.poll() is None:
        process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None and not pipe.closed:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
