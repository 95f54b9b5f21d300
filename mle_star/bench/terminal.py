"""The tables of a bench on a terminal.

Only the command line knows the library that draws on terminals; here is what is asked of its
console, and tables are laid out as plain lines.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from mle_star.bench.records import CellResult
from mle_star.bench.statistics import summarise
from mle_star.bench.tables import Table, notes, tables

_GAP = 2
"""Spaces between columns."""


class Screen(Protocol):
    """What prints: a ``rich.console.Console``."""

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        ...

    def print(
        self,
        *objects: object,
        end: str = ...,
        style: str | None = ...,
        markup: bool | None = ...,
        emoji: bool | None = ...,
        highlight: bool | None = ...,
        soft_wrap: bool | None = ...,
    ) -> None:
        """Print text in a style."""
        ...


def print_tables(
    console: Screen, results: Sequence[CellResult], missing: Mapping[str, str]
) -> None:
    """Print scores, one table per metric, mean ranks, and ours against each other system.

    Args:
        console: where to; nothing of the results is read as markup or steers it.
        results: cells, at least one; each (task, system, seed, budget) once.
        missing: system that could not run -> why, with the remedy.

    Raises:
        ValueError: there is no cell.
    """
    summary = summarise(results, missing)
    for table in tables(summary, results):
        if not table.rows:
            continue
        _say(console, table.title, "bold")
        for columns in parts(table, console.width):
            _draw(console, table, columns)
            _say(console, "")
    for note in notes(summary):
        _say(console, note, "yellow")


def parts(table: Table, width: int) -> Iterator[list[int]]:
    """Columns that fit side by side; the names stand first in each part."""
    names = list(range(table.names))
    used = first = sum(_width(table, column) + _GAP for column in names)
    part: list[int] = []
    for column in range(table.names, len(table.headings)):
        needed = _width(table, column) + _GAP
        if part and used + needed - _GAP > width:
            yield [*names, *part]
            part, used = [], first
        part.append(column)
        used += needed
    yield [*names, *part]


def wide(text: str) -> int:
    """Columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )


def _width(table: Table, column: int) -> int:
    return max(wide(row[column]) for row in [table.headings, *table.rows])


def _draw(console: Screen, table: Table, columns: Sequence[int]) -> None:
    widths = {column: _width(table, column) for column in columns}
    _say(console, _line(table, table.headings, widths), "dim")
    _say(console, "─" * (sum(widths.values()) + _GAP * (len(widths) - 1)), "dim")
    for number, row in enumerate(table.rows):
        for column, width in widths.items():
            gap = " " * _GAP if column else ""
            style = "bold" if (number, column) in table.best else None
            _say(console, gap + _padded(table, row, column, width), style, end="")
        _say(console, "")


def _line(table: Table, texts: Sequence[str], widths: Mapping[int, int]) -> str:
    gap = " " * _GAP
    return gap.join(_padded(table, texts, column, width) for column, width in widths.items())


def _padded(table: Table, texts: Sequence[str], column: int, width: int) -> str:
    text, space = texts[column], " " * (width - wide(texts[column]))
    return text + space if column < table.names else space + text


def _say(console: Screen, text: str, style: str | None = None, end: str = "\n") -> None:
    console.print(
        text, end=end, style=style, markup=False, emoji=False, highlight=False, soft_wrap=True
    )
