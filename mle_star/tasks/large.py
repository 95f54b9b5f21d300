"""Large tables of text, read and written by Arrow: the same cells and bytes as :mod:`cells`.

Arrow is several times faster than pandas here, but reads some odd files otherwise. Such files, and
whatever Arrow refuses, are left to :mod:`mle_star.tasks.cells`, which also knows how to complain.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mle_star.tasks.cells import read_cells, tidy_cells, write_cells

LARGE = 10_000_000
"""Bytes of a file, and cells of a table, from which on Arrow pays."""
ROWS = 100_000
"""Rows that are put into words at a time."""

_TEXT = pa.large_string()


def read_large(path: Path, sep: str, encoding: str, least: int = LARGE) -> pd.DataFrame | None:
    """Read a csv file as :func:`mle_star.tasks.cells.read_cells` does; None: it has to.

    Args:
        path: a file that is not packed.
        sep: what separates its cells.
        encoding: as it was found out; only UTF-8 is read here.
        least: bytes from which on it is worth while.
    """
    if encoding != "utf-8" or path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        return None
    if path.stat().st_size < max(least, 1) or _odd(path):
        return None
    try:
        header = read_cells(path, sep, encoding, 0)
    except ValueError:
        return None  # whoever reads it with pandas gets the same error
    names = [str(name) for name in header.columns]
    if len(names) < 2:
        return None  # a blank line may then be a row
    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=1 << 24),
            csv.ParseOptions(delimiter=sep, newlines_in_values=True),
            csv.ConvertOptions(column_types=dict.fromkeys(names, _TEXT), strings_can_be_null=False),
        )
    except (pa.ArrowException, OSError, ValueError):
        return None  # pandas reads it after all, or says what is wrong
    if not table.num_rows or _open_end(path, table.column(-1)[-1].as_py()):
        return None
    cells = table.to_pandas().astype(header.dtypes.to_dict())
    cells.columns = header.columns
    return tidy_cells(cells, sep)


def _odd(path: Path) -> bool:
    """Whether the readers take it otherwise: a blank first line, a NUL, a bare carriage return."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        blank = content[:4].removeprefix(b"\xef\xbb\xbf")[:1] in (b"\r", b"\n", b" ", b"\t")
        bare = content.find(b"\r") >= 0 and re.search(rb"\r(?!\n)", content)
        return blank or bool(bare) or content.find(b"\0") >= 0


def _open_end(path: Path, last: str) -> bool:
    """Whether the quote before the last cell may never be closed, which pandas refuses."""
    end = b'"' + last.replace('"', '""').encode()
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(end)))
        return file.read() == end


def write_large(cells: pd.DataFrame, path: Path, least: int = LARGE) -> None:
    """Write cells as :func:`mle_star.tasks.cells.write_cells` does, to the byte."""
    if cells.size < least or cells.shape[1] < 2 or not _is_plain(cells):
        write_cells(cells, path)
        return
    with path.open("wb") as file:
        _write_rows(pd.DataFrame([list(cells.columns)], columns=cells.columns, dtype=str), file)
        for start in range(0, len(cells), ROWS):
            _write_rows(cells.iloc[start : start + ROWS], file)


def _is_plain(cells: pd.DataFrame) -> bool:
    """Whether every cell is a text, and no text has a carriage return, nor a name of none."""
    names = [str(name) for name in cells.columns]
    if names != list(cells.columns) or any("\r" in name for name in names):
        return False
    return all(
        pd.api.types.is_string_dtype(cells.dtypes.iloc[at])
        and not cells.iloc[:, at].isna().any()
        and not cells.iloc[:, at].str.contains("\r", regex=False).any()
        for at in range(cells.shape[1])
    )


def _write_rows(cells: pd.DataFrame, file: BinaryIO) -> None:
    table = pa.Table.from_pandas(cells, preserve_index=False).combine_chunks()
    columns = [_quoted(column.cast(_TEXT).chunk(0)) for column in table.columns]
    rows = pc.binary_join_element_wise(*columns, pa.scalar(",", _TEXT))
    lines = pc.binary_join_element_wise(rows, pa.scalar("", _TEXT), pa.scalar("\n", _TEXT))
    _, offsets, content = lines.buffers()
    # The texts of all rows lie one after the other in one buffer.
    file.write(memoryview(content)[: memoryview(offsets).cast("q")[len(lines)]])


def _quoted(cells: pa.Array) -> pa.Array:
    """Cells that hold a comma, a quote or a line end, in quotes; the others as they are."""
    special = pc.match_substring_regex(cells, '[,"\n]')
    if not pc.any(special).as_py():
        return cells
    doubled = pc.replace_substring(cells, '"', '""')
    mark, empty = pa.scalar('"', _TEXT), pa.scalar("", _TEXT)
    return pc.if_else(special, pc.binary_join_element_wise(mark, doubled, mark, empty), cells)
