"""Every request that was sent to a model, in a file that survives a kill."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from mle_star.errors import RunError
from mle_star.models.base import Call, Usage

_COLUMNS = "role, phase, solution, model, input, cached, output, thinking, seconds, usd, outcome"
_TABLE = f"CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY AUTOINCREMENT, {_COLUMNS})"
_SELECT = f"SELECT number, {_COLUMNS} FROM calls ORDER BY number"
_INSERT = f"INSERT INTO calls ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_UPDATE = f"UPDATE calls SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE number = ?"


class Ledger:
    """Calls by number in a SQLite file; every change is on disk when its method returns."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; without a path nothing is kept.

        Raises:
            RunError: the file is not a ledger.
        """
        self._path = path
        self._numbers = itertools.count(1)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect(path) as database:
                database.execute(_TABLE)

    def read(self) -> dict[int, Call]:
        """Every call by its number, in order."""
        if self._path is None:
            return {}
        with self._connect(self._path) as database:
            return {row[0]: _call(row[1:]) for row in database.execute(_SELECT)}

    def insert(self, call: Call) -> int:
        """Enter a call and give it a number."""
        if self._path is None:
            return next(self._numbers)
        with self._connect(self._path) as database:
            return int(database.execute(_INSERT, _row(call)).lastrowid or 0)

    def update(self, number: int, call: Call) -> None:
        """Put a call in the place of the one with that number."""
        if self._path is not None:
            with self._connect(self._path) as database:
                database.execute(_UPDATE, (*_row(call), number))

    @contextmanager
    def _connect(self, path: Path) -> Iterator[sqlite3.Connection]:
        # A connection per use: nothing to close at the end, and no thread it belongs to.
        try:
            with closing(sqlite3.connect(path, timeout=30)) as database, database:
                yield database
        except sqlite3.Error as error:
            raise RunError(
                f"The ledger of model calls {path} can't be used ({error}): free disk space, mend "
                "its permissions or put back a copy of the file, then resume."
            ) from None


def _row(call: Call) -> tuple[object, ...]:
    usage = call.usage
    return (
        *(call.role, call.phase, call.solution, call.model),
        *(usage.input, usage.cached, usage.output, usage.thinking),
        *(call.seconds, call.usd, call.outcome),
    )


def _call(row: tuple[Any, ...]) -> Call:
    role, phase, solution, model, *tokens, seconds, usd, outcome = row
    return Call(role, phase, solution, model, Usage(*tokens), seconds, usd, outcome)
