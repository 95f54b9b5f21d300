"""Reading a csv file that an untrusted script wrote, and matching its rows to ours."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from mle_star.scoring.problem import Invalid, some

MAX_BYTES = 1 << 30
"""Largest predictions file that is read; a larger one is a mistake of the script."""

_MISSING = ["", "NA", "N/A", "NaN", "nan", "None", "null", "NULL", "<NA>"]


def read_csv(
    path: Path, name: str, text: Collection[str], numeric: Collection[str]
) -> pd.DataFrame:
    """Read a csv file without trusting it.

    Args:
        path: File to read. A link, a pipe or a device is refused: the script could point it
            anywhere.
        name: How the file is called in messages.
        text: Columns that are kept as text, exactly as written.
        numeric: Columns in which empty fields and the usual markers mean a missing value.

    Returns:
        The table; an unnamed index column is dropped.

    Raises:
        Invalid: the file is missing, not a regular file, too large, empty or not a csv table.
    """
    with _open(path, name) as file:
        try:
            header, first = _first_rows(file)
            frame = pd.read_csv(
                file,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values={column: _MISSING for column in numeric},
                encoding="utf-8-sig",
                low_memory=False,
            )
        except (ValueError, csv.Error, pd.errors.ParserError) as error:
            reason = str(error).strip().splitlines() or ["unknown reason"]
            raise Invalid(f"{name} can't be read as a csv table: {reason[0]}") from None
    if first > header:  # pandas would take the first column for an index
        raise Invalid(f"{name} has {first} fields in its first row but names {header} columns.")
    return frame.loc[:, [not str(c).startswith("Unnamed: ") for c in frame.columns]]


def _first_rows(file: BinaryIO) -> tuple[int, int]:
    """Number of fields in the header and in the first row; the file is rewound."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    rows = csv.reader(text)
    header, first = len(next(rows, [])), len(next(rows, []))
    text.detach().seek(0)
    return header, first


def _open(path: Path, name: str) -> BinaryIO:
    if path.parent.is_symlink():
        raise Invalid("./final is a link; write into the folder that is there.")
    # O_NOFOLLOW refuses a link, O_NONBLOCK does not wait for the writer of a pipe.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise Invalid(f"{name} is missing: the script must write it.") from None
    except OSError:
        raise Invalid(f"{name} can't be opened; it must be a regular file.") from None
    status = os.fstat(descriptor)
    reason = ""
    if not stat.S_ISREG(status.st_mode):
        reason = f"{name} is not a regular file."
    elif status.st_size > MAX_BYTES:
        reason = f"{name} has {status.st_size} bytes; at most {MAX_BYTES} are read."
    elif status.st_size == 0:
        reason = f"{name} is empty."
    if reason:
        os.close(descriptor)
        raise Invalid(reason)
    return os.fdopen(descriptor, "rb")


def key_texts(keys: pd.Series) -> pd.Index:
    """Keys as text: 7, 7.0 and "7" are the same key."""
    if pd.api.types.is_bool_dtype(keys) or not pd.api.types.is_float_dtype(keys):
        return pd.Index([str(key).strip() for key in keys], dtype=object)
    return pd.Index([str(int(k)) if k == k // 1 else repr(float(k)) for k in keys], dtype=object)


def match_keys(found: pd.Series, wanted: pd.Series, name: str, key: str) -> np.ndarray:
    """Position among ``wanted`` of every found key.

    Args:
        found: Keys as a script wrote them, as text.
        wanted: Known keys, all different.
        name: How the file is called in messages.
        key: Name of the key column.

    Returns:
        Integer array, one position per found key.

    Raises:
        Invalid: a found key is unknown.
    """
    have, want = key_texts(found), key_texts(wanted)
    positions = want.get_indexer(have)
    if (positions < 0).any():
        loose = _as_numbers(have, want)
        if loose is not None:
            positions = loose
    if (positions < 0).any():
        unknown = have[positions < 0]
        raise Invalid(
            f"{name} has {len(unknown)} unknown values in column {key!r}, such as {some(unknown)}."
        )
    return np.asarray(positions)


def _as_numbers(have: pd.Index, want: pd.Index) -> np.ndarray | None:
    """Match keys by their numeric value ("007" is 7); None where that is not one-to-one."""
    numbers = pd.Index(pd.to_numeric(pd.Series(want), errors="coerce"))
    found = pd.Index(pd.to_numeric(pd.Series(have), errors="coerce"))
    if numbers.hasnans or found.hasnans or not numbers.is_unique:
        return None
    return np.asarray(numbers.get_indexer(found))


def place(positions: np.ndarray, wanted: np.ndarray, name: str, keys: pd.Series) -> np.ndarray:
    """Rows of the file in the wanted order.

    Args:
        positions: For each row of the file, the position of its key.
        wanted: Positions that must be there, in the order in which they are wanted.
        name: How the file is called in messages.
        keys: Known keys by position, for messages.

    Returns:
        Row numbers of the file, one per wanted position. Rows of other positions are left out.

    Raises:
        Invalid: a wanted position is missing or comes more than once.
    """
    counts = np.bincount(positions, minlength=len(keys))
    repeated = wanted[counts[wanted] > 1]
    if len(repeated):
        raise Invalid(
            f"{name} has {len(repeated)} ids more than once, such as {some(keys.iloc[repeated])}."
        )
    missing = wanted[counts[wanted] == 0]
    if len(missing):
        raise Invalid(
            f"{name} lacks {len(missing)} of {len(wanted)} ids, such as {some(keys.iloc[missing])}."
        )
    rows = np.full(len(keys), -1)
    rows[positions] = np.arange(len(positions))
    return np.asarray(rows[wanted])
