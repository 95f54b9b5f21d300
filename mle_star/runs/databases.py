"""Looking after SQLite files that a crash, a full disk or a bad copy may have damaged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

LOCK_SECONDS = 30.0
"""How long a database that another program has locked is waited for."""
_MISSES = 10_000
"""Row numbers in a row without a readable row before the rest of a damaged table is given up."""

Row = tuple[object, ...]


def database_problem(path: Path) -> str:
    """What is wrong with a database file, as a phrase; empty where nothing is, or there is none.

    Raises:
        sqlite3.OperationalError: it is locked, or the disk fails.
    """
    if not path.exists():
        return ""
    if not path.stat().st_size:
        return "it is empty"
    try:
        with closing(connect(path)) as database:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else str(found).partition("\n")[2] or str(found)


def connect(path: Path) -> sqlite3.Connection:
    """Open a database that any thread may use; waits for locks of others."""
    return sqlite3.connect(path, check_same_thread=False, timeout=LOCK_SECONDS)


def salvage(
    path: Path,
    target: Path,
    tables: Sequence[str],
    usable: Callable[[str, Row], bool] = lambda table, row: True,
) -> dict[str, int]:
    """Copy every row that can still be read into a new database, one by one.

    Args:
        path: the damaged file.
        target: the new file; it must not exist.
        tables: their names. One whose definition can't be read is left out.
        usable: whether a row that can be read is also sound.

    Returns:
        Rows by table; a table that was not found is not in it.
    """
    kept: dict[str, int] = {}
    with closing(connect(path)) as old, closing(connect(target)) as new, new:
        old.execute("PRAGMA writable_schema = ON")  # else SQLite refuses a file that was cut
        for table in tables:
            definition = _definition(old, table)
            if not definition:
                continue
            new.execute(definition)
            kept[table] = 0
            for number, row in _rows(old, table, _bound(path)):
                if not usable(table, row):
                    continue
                marks = ", ".join("?" * len(row))
                new.execute(f'INSERT OR REPLACE INTO "{table}" VALUES ({marks})', row)
                # The order in which rows were written is that of their numbers.
                new.execute(
                    f'UPDATE "{table}" SET rowid = ? WHERE rowid = last_insert_rowid()', (number,)
                )
                kept[table] += 1
    return kept


def _definition(database: sqlite3.Connection, table: str) -> str:
    try:
        row = database.execute(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
        ).fetchone()
    except sqlite3.DatabaseError:
        return ""
    return str(row[0]) if row else ""


def _bound(path: Path) -> int:
    """More rows than this do not fit into the file."""
    return path.stat().st_size // 8 + 1


def _rows(database: sqlite3.Connection, table: str, bound: int) -> Iterator[tuple[int, Row]]:
    """Rows by number, each looked up by itself: a bad page costs the rows on it alone."""
    last = _last(database, table)
    misses = 0
    for number in range(1, min(bound, last or bound) + 1):
        try:
            row = database.execute(
                f'SELECT * FROM "{table}" NOT INDEXED WHERE rowid = ?', (number,)
            ).fetchone()
        except sqlite3.DatabaseError:
            row = None
        if row is None:
            misses += 1
            if not last and misses > _MISSES:
                return
            continue
        misses = 0
        yield number, row


def _last(database: sqlite3.Connection, table: str) -> int:
    try:
        (last,) = database.execute(f'SELECT max(rowid) FROM "{table}"').fetchone()
    except sqlite3.DatabaseError:
        return 0
    return int(last or 0)
