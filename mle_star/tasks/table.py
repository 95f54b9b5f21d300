"""Reading the user's tables, whatever format they come in."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.cells import as_pandas_reads, open_table, read_cells

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
_UNREADABLE = (OSError, ValueError, zipfile.BadZipFile, EOFError, zlib.error)


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
        if not self.path.name.lower().endswith(_PLAIN):
            return as_pandas_reads(self.cells)
        # The same values, without the way round through text.
        return pd.read_csv(self.path, sep=self.sep, encoding=self.encoding, low_memory=False)


def load_table(path: Path) -> Table:
    """Read a table as text and find out its separator and encoding.

    Raises:
        TaskError: the file can't be read, or is empty.
    """
    try:
        if _is_csv(path) and _is_binary(path):
            raise TaskError(
                f"{path.name} can't be read as a table (it holds binary data, not text); replace "
                "the file."
            )
        sep = _csv_header(path)[0] if _is_csv(path) else ","
        try:
            encoding = "utf-8"
            cells = read_cells(path, sep, encoding)
        except UnicodeDecodeError:
            # Every byte string is valid Latin-1, so this can't fail for the same reason.
            encoding = "latin-1"
            cells = read_cells(path, sep, encoding)
    except pd.errors.EmptyDataError:
        raise TaskError(f"{path.name} is empty; it needs a header and rows.") from None
    except _UNREADABLE as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise TaskError(
            f"{path.name} can't be read as a table ({reason}); mend or replace the file."
        ) from None
    if not isinstance(cells.index, pd.RangeIndex):
        raise TaskError(
            f"{path.name} can't be read as a table (its rows have more cells than its header); "
            "mend the file."
        )
    return Table(path, sep, encoding, cells)


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
        if _is_csv(path):
            return _csv_header(path)[1]
        return [str(column) for column in load_table(path).cells.columns]
    except (TaskError, *_UNREADABLE):
        return []


def _is_csv(path: Path) -> bool:
    name, source = open_table(path)
    source.close()
    return ".json" not in name and not name.endswith(".parquet")


def _is_binary(path: Path) -> bool:
    """Whether a text file is none: its first part, unpacked if need be, has zero bytes."""
    _, source = open_table(path)
    with source:
        start = source.read(4096)
    if start[:2] == b"\x1f\x8b":
        with gzip.open(path) as packed:
            start = packed.read(4096)
    return b"\0" in start


def _csv_header(path: Path) -> tuple[str, list[str]]:
    """Separator and column names: the separator that the first line has where it has no comma."""
    for encoding in ("utf-8", "latin-1"):
        try:
            header = read_cells(path, ",", encoding, 0).columns
        except UnicodeDecodeError:
            continue
        break
    found = [s for s in (";", "\t", "|") if len(header) == 1 and s in header[0]]
    sep = found[0] if found else ","
    return sep, [str(c) for c in read_cells(path, sep, encoding, 0).columns]
