"""Reading the user's tables, whatever format they come in."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import threading
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.cells import as_pandas_reads, open_table, read_cells
from mle_star.tasks.dialect import find_encodings, find_separator, start_of
from mle_star.tasks.large import read_large
from mle_star.tasks.wording import in_one_sentence

TABLE_SUFFIXES = (
    ".csv",
    ".parquet",
    ".csv.gz",
    ".csv.zip",
    ".tsv",
    ".tsv.gz",
    ".jsonl",
    ".jsonl.gz",
    ".json",
    ".json.gz",
    ".json.zip",
    ".jsonl.zip",
    ".parquet.zip",
    ".zip",
)
"""Endings of table files, the preferred ones first. A zip archive must hold one table alone."""

_PLAIN = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

UNPACKED = 200_000_000
"""Bytes that any packed table may have unpacked; past that it depends on the packed size."""
RATIO = 100
"""How many times larger than packed a large table may be; text packs 3 to 20 times smaller."""


def table_stem(name: str) -> str | None:
    """Name of a table file without its suffixes, in lower case; None if it is not a table."""
    lower = name.lower()
    for suffix in sorted(TABLE_SUFFIXES, key=len, reverse=True):
        if lower.endswith(suffix) and len(lower) > len(suffix):
            return lower.removesuffix(suffix)
    return None


@dataclass(frozen=True)
class Table:
    """A table of the task folder and how it was read."""

    path: Path
    sep: str
    encoding: str
    cells: pd.DataFrame
    """Every cell as text, exactly as it stands in the file."""

    def typed(self) -> pd.DataFrame:
        """The cells as ``pandas.read_csv`` types them."""
        if self.sep != "," or not self.path.name.lower().endswith(_PLAIN):
            return as_pandas_reads(self.cells)
        # The same values, without the way round through text.
        table = pd.read_csv(self.path, encoding=self.encoding, low_memory=False)
        return table.set_axis(self.cells.columns, axis=1)


def load_table(path: Path) -> Table:
    """Read a table as text and find out its separator and encoding.

    Raises:
        TaskError: the file can't be read, or is empty.
    """
    kept = _KEPT.find(path)
    if kept is not None:
        return kept
    try:
        check_unpacked(path)
        table = _read(path)
    except TaskError:
        raise
    except PermissionError:
        raise TaskError(
            f"{path.name} can't be read; give yourself the permission to read it."
        ) from None
    except pd.errors.EmptyDataError:
        raise TaskError(f"{path.name} is empty; it needs a header and rows.") from None
    except Exception as error:  # noqa: BLE001 - readers of garbage may raise anything
        raise TaskError(
            f"{path.name} can't be read as a table ({_reason(error)}); mend or replace the file."
        ) from None
    if not isinstance(table.cells.index, pd.RangeIndex):
        raise TaskError(
            f"{path.name} can't be read as a table (its rows have more cells than its header); "
            "mend the file."
        )
    _KEPT.keep(table)
    return table


class _Kept:
    """Tables that were just read, for who reads them next; nothing unless asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[tuple[str, int, int], Table] | None = None

    def begin(self) -> None:
        with self._lock:
            self._tables = self._tables or {}

    def end(self) -> None:
        with self._lock:
            self._tables = None

    def find(self, path: Path) -> Table | None:
        with self._lock:
            table = self._tables.get(_state_of(path)) if self._tables else None
        # Who changes his copy changes nobody else's.
        return table and replace(table, cells=table.cells.copy(deep=False))

    def keep(self, table: Table) -> None:
        with self._lock:
            if self._tables is not None:
                copy = replace(table, cells=table.cells.copy(deep=False))
                self._tables[_state_of(table.path)] = copy


_KEPT = _Kept()


def _state_of(path: Path) -> tuple[str, int, int]:
    """A name of a file's content, as long as nobody sets the clock back; never raises."""
    try:
        found = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path.resolve()), found.st_mtime_ns, found.st_size


def keep_tables() -> None:
    """From now on keep what :func:`load_table` reads, in any thread: a run reads a table thrice."""
    _KEPT.begin()


def forget_tables() -> None:
    """Let go of what was kept, and keep no more. Who still reads, reads the files again."""
    _KEPT.end()


def _read(path: Path) -> Table:
    if not _is_csv(path):
        return Table(path, ",", "utf-8", read_cells(path, ",", "utf-8"))
    start = start_of(path)
    encodings = find_encodings(start)
    if start.startswith(b"version https://git-lfs"):
        raise TaskError(
            f"{path.name} is a pointer of Git LFS and not the table; run git lfs pull, or replace "
            "the file."
        )
    if not encodings:
        raise TaskError(
            f"{path.name} can't be read as a table (it holds binary data, not text); replace "
            "the file."
        )
    for encoding in encodings[:-1]:
        with contextlib.suppress(UnicodeDecodeError):
            return _read_text(path, find_separator(start, encoding), encoding)
    return _read_text(path, find_separator(start, encodings[-1]), encodings[-1])


def _read_text(path: Path, sep: str, encoding: str) -> Table:
    cells = read_large(path, sep, encoding)
    return Table(path, sep, encoding, read_cells(path, sep, encoding) if cells is None else cells)


def _reason(error: Exception) -> str:
    """What a reader says, in words that don't need its source code to be understood."""
    text = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    rows = re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", text)
    if rows:
        return f"line {rows[2]} has {rows[3]} cells, but the lines before it have {rows[1]}"
    quote = re.search(r"EOF inside string starting at row (\d+)", text)
    if quote:
        return f"a quote that opens in row {int(quote[1]) + 1} is never closed"
    text = text.removeprefix("Could not open Parquet input source '<Buffer>': ").partition(";")[0]
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON: {text[0].lower()}{text[1:]}"
    return text


def check_unpacked(path: Path) -> None:
    """Refuse a packed file that would unpack to far more than a table does.

    Raises:
        TaskError: it is such a file.
    """
    packed = path.stat().st_size
    limit = max(UNPACKED, RATIO * packed)
    lower, size = path.name.lower(), 0
    if lower.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    # Deflate packs no tighter than to a thousandth.
    if size <= limit and (".gz" in lower or ".zip" in lower) and 1100 * max(packed, size) > limit:
        name, source = open_table(path)
        with source, gzip.open(source) as stream:
            while name.endswith(".gz") and size <= limit and (part := stream.read(1 << 20)):
                size += len(part)
    if size > limit:
        raise TaskError(
            f"{path.name} would unpack to more than {limit // 1_000_000} MB from "
            f"{max(packed // 1000, 1)} kB, as no real table does; replace the file, or unpack it."
        )


@in_one_sentence
def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table with the types and missing values of ``pandas.read_csv``.

    Formats: csv, tsv, parquet, json and jsonl, plain or compressed; the separator is found out.

    Raises:
        TaskError: the file can't be read, or is empty.
    """
    return load_table(Path(path)).typed()


def read_header(path: Path) -> list[str]:
    """Column names of a table; empty when the file can't be read."""
    try:
        check_unpacked(path)
        if _is_csv(path):
            start = start_of(path)
            for encoding in find_encodings(start):
                with contextlib.suppress(UnicodeDecodeError):
                    cells = read_cells(path, find_separator(start, encoding), encoding, 0)
                    return [str(column) for column in cells.columns]
            return []
        return [str(column) for column in load_table(path).cells.columns]
    except Exception:  # noqa: BLE001 - readers of garbage may raise anything
        return []


def _is_csv(path: Path) -> bool:
    name, source = open_table(path)
    source.close()
    return ".json" not in name and not name.endswith(".parquet")
