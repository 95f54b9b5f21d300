"""Reading a table whatever its format, and what its columns hold."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]


def read_table(path: Path, *, text: bool = False) -> pd.DataFrame:
    """Read a csv, tsv, json, jsonl or parquet file, plain or packed, as types or as text."""
    name, content = path.name.lower(), path.read_bytes()
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            inside = [n for n in archive.namelist() if not n.startswith("__") and n[-1] != "/"]
            name, content = inside[0].lower(), archive.read(inside[0])
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    if ".parquet" in name or ".json" in name:
        # By way of csv, so that a peer sees the same types whatever the format.
        other = _parquet if ".parquet" in name else _jsonl if ".jsonl" in name else _json
        content = str(other(content).to_csv(index=False)).encode()
        sep, encoding = ",", "utf-8"
    else:
        encoding = encoding_of(content)
        sep = separator(content[: 1 << 16].decode(encoding, errors="ignore"))
    options: dict[str, Any] = {"dtype": str, "na_filter": False} if text else {"low_memory": False}
    table: pd.DataFrame = pd.read_csv(io.BytesIO(content), sep=sep, encoding=encoding, **options)
    for column in table.columns if sep != "," and not text else []:
        if is_text(table[column]) and _decimal_commas(table[column]):
            table[column] = pd.to_numeric(table[column].str.replace(",", "."), errors="coerce")
    return table


def _parquet(content: bytes) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_parquet(io.BytesIO(content))
    return table


def _json(content: bytes) -> pd.DataFrame:
    return pd.DataFrame(json.loads(content))


def _jsonl(content: bytes) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in content.splitlines() if line.strip()])


def encoding_of(content: bytes) -> str:
    """The encoding of a text file."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


def separator(start: str) -> str:
    """The separator by which all the first rows have as many cells as the header."""
    best, most = ",", (0.5, 1)
    for sep in (",", ";", "\t", "|"):
        rows = [row for row in csv.reader(io.StringIO(start, newline=""), delimiter=sep) if row]
        rows = rows[:-1] if len(rows) > 2 else rows
        if not rows:
            continue
        fitting = [len(row) == len(rows[0]) for row in rows]
        if (sum(fitting) / len(rows), len(rows[0])) > most and len(rows[0]) > 1:
            best, most = sep, (sum(fitting) / len(rows), len(rows[0]))
    return best


def _decimal_commas(column: pd.Series) -> bool:
    return bool(column.dropna().astype(str).str.fullmatch(r"\s*[-+]?\d+(,\d+)?\s*").all())


def numbers_in_text(train: pd.Series, test: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Read a text column as numbers where 95 of 100 cells that are not blank are such."""
    if pd.api.types.is_numeric_dtype(train) and not pd.api.types.is_numeric_dtype(test):
        return train, pd.to_numeric(test, errors="coerce")
    if not is_text(train):
        return train, test
    present = train.dropna().astype(str).str.strip()
    present = present[present != ""]
    if not len(present) or pd.to_numeric(present, errors="coerce").notna().mean() < 0.95:
        return train, test
    return pd.to_numeric(train, errors="coerce"), pd.to_numeric(test, errors="coerce")


def is_text(column: pd.Series) -> bool:
    """Whether a column holds strings, or a mixture."""
    return bool(pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column))


def time_order(table: pd.DataFrame, time: list[str]) -> Array:
    """Positions of the rows, earliest first."""
    keys = pd.DataFrame({name: as_time(table[name]) for name in time})
    return np.asarray(keys.sort_values(list(time), kind="stable", na_position="first").index)


def as_time(column: pd.Series) -> pd.Series:
    """A column of numbers or dates as numbers that keep their order."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float)
    dates = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    return dates.dt.tz_localize(None).astype("datetime64[ns]").astype("int64").where(dates.notna())
