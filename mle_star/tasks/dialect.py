"""How a text table is written: its encoding and its separator, found out by looking at it."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from pathlib import Path

from mle_star.tasks.cells import open_table

LOOK = 1 << 16
"""Bytes of a file that are looked at."""

SEPARATORS = (",", ";", "\t", "|")
ENCODINGS = ("utf-8", "cp1252", "latin-1")
"""Tried in this order; every byte string is valid Latin-1. Text in UTF-16 is known by its mark."""

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def start_of(path: Path) -> bytes:
    """First part of a text file, unpacked where it is packed.

    Raises:
        OSError, EOFError, zlib.error: it can't be read or unpacked.
    """
    name, source = open_table(path)
    with source:
        if not name.endswith(".gz"):
            return source.read(LOOK)
        with gzip.open(source) as packed:
            return packed.read(LOOK)


def find_encodings(start: bytes) -> tuple[str, ...]:
    """Encodings that a text with this first part may have, the likelier first; none for binary."""
    if start.startswith(_WIDE):
        return ("utf-16",)
    return () if b"\0" in start else ENCODINGS


def find_separator(start: bytes, encoding: str) -> str:
    """The separator by which all the first rows have as many cells as the header.

    Where several are as good it is the one that makes the most columns, a comma first; a comma
    also where the table has one column.
    """
    text = start.decode(encoding, errors="ignore")
    best, most = ",", (0.5, 1)
    for sep in SEPARATORS:
        rows = _rows(text, sep, whole=len(start) < LOOK)
        if not rows or len(rows[0]) < 2:
            continue
        fitting = [len(row) == len(rows[0]) for row in rows[1:]]
        share = sum(fitting) / len(fitting) if fitting else 1.0
        # A title above the header has none of the separators that the rows have.
        if (share, len(rows[0])) > most:
            best, most = sep, (share, len(rows[0]))
    return best


def _rows(text: str, sep: str, *, whole: bool) -> list[list[str]]:
    """Rows of the text that are not empty; the last one only where nothing cuts it off."""
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=sep) if row]
    except csv.Error:
        return []
    return rows if whole else rows[:-1]
