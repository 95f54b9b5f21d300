"""Tables on disk: encodings, separators, quoting, packing and other formats."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from tests.fuzz.draft import Grid


@dataclass(frozen=True)
class Dialect:
    """How the text files of a folder are written."""

    encoding: str = "utf-8"
    sep: str = ","
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL
    line_end: str = "\n"
    ending: str = ""
    """What follows the last row."""


def draw_dialect(chance: random.Random) -> Dialect:
    """Half of all folders are written as pandas would; the others are not."""
    if chance.random() < 0.5:
        return Dialect()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if chance.random() < 0.4 else csv.QUOTE_MINIMAL
    return Dialect(
        encoding=chance.choice(("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16", "utf-16-be")),
        sep=chance.choice((",", ";", ";", "\t", "|")),
        quoting=quoting,
        line_end=chance.choice(("\n", "\n", "\r\n", "\r")),
        ending=chance.choice(("", "", "\n", "\n\n\n", "  \n")),
    )


def as_text(grid: Grid, dialect: Dialect) -> bytes:
    """The table as csv."""
    stream = io.StringIO()
    writer = csv.writer(
        stream, delimiter=dialect.sep, quoting=dialect.quoting, lineterminator=dialect.line_end
    )
    writer.writerow(grid.names)
    writer.writerows(grid.rows)
    text = stream.getvalue() + dialect.ending
    content = text.encode(dialect.encoding, errors="replace")
    return b"\xfe\xff" + content if dialect.encoding == "utf-16-be" else content


FORMATS = (
    *("csv.gz", "csv.zip", "zip", "tsv", "json", "json columns", "jsonl", "jsonl.gz", "parquet"),
    *("typed parquet", "upper csv"),
)


def write_table(folder: Path, stem: str, grid: Grid, form: str, dialect: Dialect) -> Path:
    """Write a table in one of the formats; the path of the file."""
    if form in ("csv", "upper csv"):
        path = folder / (f"{stem}.csv" if form == "csv" else f"{stem.title()}.CSV")
        path.write_bytes(as_text(grid, dialect))
    elif form == "tsv":
        path = folder / f"{stem}.tsv"
        path.write_bytes(as_text(grid, Dialect(sep="\t")))
    elif form == "csv.gz":
        path = folder / f"{stem}.csv.gz"
        path.write_bytes(gzip.compress(as_text(grid, dialect)))
    elif form in ("csv.zip", "zip"):
        path = folder / f"{stem}.{form}"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{stem}.csv", as_text(grid, dialect))
    elif form.startswith("json"):
        path = _write_json(folder, stem, grid, form)
    else:
        path = folder / f"{stem}.parquet"
        frame = pd.DataFrame(dict(zip(grid.names, grid.columns, strict=True)))
        if form == "typed parquet":
            frame = pd.read_csv(io.StringIO(frame.to_csv(index=False)), low_memory=False)
        frame.to_parquet(path, index=False)
    return path


def _write_json(folder: Path, stem: str, grid: Grid, form: str) -> Path:
    records = [dict(zip(grid.names, row, strict=True)) for row in grid.rows]
    if form == "json columns":
        path = folder / f"{stem}.json"
        path.write_text(json.dumps(dict(zip(grid.names, grid.columns, strict=True))))
    elif form == "json":
        path = folder / f"{stem}.json"
        path.write_text(json.dumps(records))
    else:
        text = "\n".join(json.dumps(record) for record in records)
        path = folder / f"{stem}.{form}"
        path.write_bytes(gzip.compress(text.encode()) if form.endswith("gz") else text.encode())
    return path
