"""Results of searches, kept so that a resumed run pays no search twice."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path

from mle_star.errors import RunError
from mle_star.search.base import Page

_TABLE = """
CREATE TABLE IF NOT EXISTS searches (
    key TEXT PRIMARY KEY, source TEXT NOT NULL, query TEXT NOT NULL, pages TEXT NOT NULL
)
"""


class SearchMemory:
    """Pages by key, in a table of a file of the run folder. Threads may share it.

    A result is on disk when :meth:`put` returns. Other tables of the file are left alone.
    """

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; without a path results live as long as the object.

        Raises:
            RunError: the file is not a database.
        """
        self._path = path
        self._lock = threading.Lock()
        self._results: dict[str, list[Page]] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect(path) as database:
                database.execute(_TABLE)

    def get(self, key: str) -> list[Page] | None:
        """The pages under a key; None where there was no such search."""
        with self._lock:
            if key in self._results or self._path is None:
                return self._results.get(key)
            with self._connect(self._path) as database:
                row = database.execute(
                    "SELECT pages FROM searches WHERE key = ?", (key,)
                ).fetchone()
        if row is None:
            return None
        try:
            return [Page(**entry) for entry in json.loads(row[0])]
        except (TypeError, ValueError):
            # Written by another version: searching again is better than ending the run.
            return None

    def put(self, key: str, source: str, query: str, pages: Sequence[Page]) -> None:
        """Keep the result of a search; source and query are for whoever reads the file."""
        entries = json.dumps([asdict(page) for page in pages])
        with self._lock:
            self._results[key] = list(pages)
            if self._path is None:
                return
            with self._connect(self._path) as database:
                database.execute(
                    "INSERT OR REPLACE INTO searches VALUES (?, ?, ?, ?)",
                    (key, source, query, entries),
                )

    @contextmanager
    def _connect(self, path: Path) -> Iterator[sqlite3.Connection]:
        # A connection per use: nothing to close at the end, and no thread it belongs to.
        try:
            with closing(sqlite3.connect(path, timeout=30)) as database, database:
                yield database
        except sqlite3.DatabaseError as error:
            raise RunError(
                f"The store of searches {path} can't be used ({error}): move it away and resume; "
                "the searches are then made again."
            ) from None
