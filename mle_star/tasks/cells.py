"""Tables as text: what the data views copy from the user's files without changing a character.

The functions need pandas alone and stand on their own, because their source is pasted into the
``run.py`` that a user receives (:mod:`mle_star.tasks.recipe`): both then write the same bytes.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import pandas as pd


def read_cells(path: Path, sep: str, encoding: str, rows: int | None = None) -> pd.DataFrame:
    """Read a table as strings, one per cell, empty where the cell is empty."""
    name, source = open_table(path)
    if ".json" in name or name.endswith(".parquet"):
        with source:
            table = read_json(source, name) if ".json" in name else pd.read_parquet(source)
        sep, name, source = ",", "", io.BytesIO(table.to_csv(index=False).encode())
    packed: Literal["gzip"] | None = "gzip" if name.endswith(".gz") else None
    with source:
        cells = pd.read_csv(
            source,
            sep=sep,
            encoding=encoding,
            compression=packed,
            dtype=str,
            na_filter=False,
            nrows=rows,
        )
    return tidy_cells(cells, sep)


def tidy_cells(cells: pd.DataFrame, sep: str) -> pd.DataFrame:
    """One kind of line end and of decimal sign in a table that was just read; changes it."""
    # A bare carriage return would end the row when the table is read again.
    # A second byte order mark would be lost then.
    names = [re.sub(r"\r\n?", "\n", str(c)).lstrip("\ufeff") or str(c) for c in cells.columns]
    if len(set(names)) < len(names):
        raise ValueError("two columns have the same name but for their line ends")
    cells.columns = pd.Index(names)
    for column in cells.columns:
        if cells[column].str.contains("\r", regex=False).any():
            cells[column] = cells[column].str.replace(r"\r\n?", "\n", regex=True)
        elif sep != "," and cells[column].str.contains(",", regex=False).any():
            cells[column] = decimal_points(cells[column])
    return cells


def decimal_points(cells: pd.Series) -> pd.Series:
    """Write 1,5 as 1.5 in a column of such numbers; any other column stays as it is.

    For tables that are not separated by commas.
    """
    present = cells[~cells.str.strip().str.lower().isin(["", "na", "n/a", "nan", "null", "?", "-"])]
    if not present.str.fullmatch(r"\s*[-+]?\d+(,\d+)?\s*").all():
        return cells
    return cells.str.replace(",", ".", regex=False)


def read_json(source: BinaryIO, name: str) -> pd.DataFrame:
    """Read JSON (rows, or columns), or one row per line."""
    content = source.read()
    text = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    if ".jsonl" in name:
        rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    else:
        rows = json.loads(text)
    by_column = isinstance(rows, dict) and all(isinstance(v, list | dict) for v in rows.values())
    by_row = isinstance(rows, list) and all(isinstance(row, dict) for row in rows)
    if not by_column and not by_row:
        raise ValueError("it holds neither rows with named cells nor named columns")
    return pd.DataFrame(rows)


def open_table(path: Path) -> tuple[str, BinaryIO]:
    """Open a file, or the only file of a zip archive, and tell its name in lower case."""
    if not path.name.lower().endswith(".zip"):
        return path.name.lower(), path.open("rb")
    with zipfile.ZipFile(path) as archive:
        inside = [n for n in archive.namelist() if not n.startswith("__") and not n.endswith("/")]
        if len(inside) != 1:
            raise ValueError(f"the archive holds {len(inside)} files and not one")
        return inside[0].lower(), io.BytesIO(archive.read(inside[0]))


def as_pandas_reads(cells: pd.DataFrame) -> pd.DataFrame:
    """Give the cells the types a script sees that reads them with ``pandas.read_csv``."""
    return pd.read_csv(io.StringIO(as_csv(cells)), low_memory=False)


def as_csv(cells: pd.DataFrame) -> str:
    """The cells as csv: comma, one newline after each row."""
    # A lone blank cell must be quoted: pandas skips a line that holds nothing else.
    quoting: Literal[0, 1] = csv.QUOTE_ALL if cells.shape[1] == 1 else csv.QUOTE_MINIMAL
    return cells.to_csv(index=False, lineterminator="\n", quoting=quoting)


def has_labels(cells: pd.DataFrame, target: Sequence[str]) -> pd.Series:
    """Tell for each row whether none of its labels is missing."""
    labels = as_pandas_reads(cells[list(target)])
    return pd.Series(labels.notna().all(axis=1).to_numpy(), index=cells.index)


def time_order(cells: pd.DataFrame, time: Sequence[str]) -> list[int]:
    """Positions of the rows from the earliest to the latest; rows without a time come first."""
    keys = time_keys(cells, time)
    ordered = keys.sort_values(list(time), kind="stable", na_position="first")
    return [int(position) for position in ordered.index]


def time_keys(cells: pd.DataFrame, time: Sequence[str]) -> pd.DataFrame:
    """Time columns as numbers or dates that can be compared."""
    keys = as_pandas_reads(cells[list(time)])
    for column in time:
        if not pd.api.types.is_numeric_dtype(keys[column]):
            keys[column] = parse_dates(keys[column])
    return keys


def parse_dates(text: pd.Series) -> pd.Series:
    """Dates in one format where one fits all, month or day first; NaT for what is no date."""
    best = pd.Series(pd.NaT, index=text.index, dtype="datetime64[ns, UTC]")
    for options in ({}, {"dayfirst": True}, {"format": "mixed"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pandas says when it has to guess
            dates = pd.to_datetime(text, errors="coerce", utc=True, **options)
        if dates.notna().sum() > best.notna().sum():
            best = dates
        if best.notna().sum() == text.notna().sum():
            break
    return best


def unique_keys(keys: pd.Series, others: pd.Series) -> pd.Series:
    """Replace a key that repeats an earlier one by a fresh key, which is in neither series."""
    plain = keys.str.replace(r"\.0+$", "", regex=True)
    repeated = plain.duplicated() | (plain == "")
    return keys.mask(repeated, fresh_keys(keys, others))


def fresh_keys(keys: pd.Series, others: pd.Series) -> pd.Series:
    """One new key per row: numbers after the largest where all are whole numbers, else words."""
    known = pd.concat([keys, others]).str.replace(r"\.0+$", "", regex=True)
    known = known[known != ""]
    start = 0
    numbers = known.str.fullmatch(r"-?[0-9]{1,17}").all()
    if numbers and len(known):
        start = int(known.astype("int64").max()) + 1
    fresh = [str(start + i) if numbers else f"row-{i}" for i in range(len(keys))]
    return pd.Series(fresh, index=keys.index, dtype=keys.dtype)


def labelled_rows(cells: pd.DataFrame, target: Sequence[str], time: Sequence[str]) -> pd.DataFrame:
    """Rows that have every label, from the earliest to the latest where time orders them."""
    if target:
        cells = cells[has_labels(cells, target)]
    return cells.iloc[time_order(cells, time)] if time else cells


def without(cells: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Drop the columns that are there."""
    return cells.drop(columns=[c for c in columns if c in cells.columns])


def constant_submission(
    test: pd.DataFrame, columns: Sequence[str], constants: dict[str, str]
) -> pd.DataFrame:
    """Submission that predicts the same for every row; other columns come from the test table."""
    rows = {c: constants.get(c, test[c] if c in test.columns else "") for c in columns}
    return pd.DataFrame(rows, index=test.index, columns=list(columns))


def write_cells(cells: pd.DataFrame, path: Path) -> None:
    """Write the cells as csv: comma, UTF-8, one newline after each row on every platform."""
    path.write_bytes(as_csv(cells).encode())
