"""Rows kept in an SQLite file, so that a restart finds users, chats and messages again."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Store:
    """Documents by kind and key, written at once. Without a path it forgets everything."""

    def __init__(self, path: Path | None) -> None:
        self._db: sqlite3.Connection | None = None
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # The file must survive a killed process, not a power cut: no fsync per row.
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS document"
            " (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def put(self, kind: str, key: str, row: "DataclassInstance") -> None:
        """Write a row, replacing what stood under its key."""
        if self._db is not None:
            body = json.dumps(asdict(row))
            self._db.execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (kind, key, body))

    def remove(self, kind: str, key: str) -> None:
        """Forget a row; an unknown key is fine."""
        if self._db is not None:
            self._db.execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    def clear(self, kind: str) -> None:
        """Forget every row of a kind."""
        if self._db is not None:
            self._db.execute("DELETE FROM document WHERE kind = ?", (kind,))

    def read(self, kind: str) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield (key, document) of every row of a kind, by key."""
        if self._db is None:
            return
        rows = self._db.execute(
            "SELECT key, body FROM document WHERE kind = ? ORDER BY key", (kind,)
        ).fetchall()
        for key, body in rows:
            yield key, json.loads(body)

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
