"""The report of a bench: a page, tables for other programs, and tables on the terminal."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mle_star.bench.cells import Limit, case_of, score_of
from mle_star.bench.formatting import label
from mle_star.bench.page import render
from mle_star.bench.records import CellResult
from mle_star.bench.scores import Score
from mle_star.bench.statistics import Summary, summarise
from mle_star.bench.tables import by_case, by_metric
from mle_star.bench.terminal import print_tables
from mle_star.runs.folder import write_text

__all__ = ["print_tables", "write_report"]

_COLUMNS = (
    "task", "system", "seed", "seconds_limit", "cores", "metric", "direction", "score",
    "validation", "seconds", "timed_out", "peak_memory_mb", "medal", "above_median", "error",
    "version", "machine",
)  # fmt: skip
_TEXTS = {"task", "system", "metric", "medal", "error", "version", "machine"}


def write_report(
    results: Sequence[CellResult], folder: Path, missing: Mapping[str, str]
) -> list[Path]:
    """Write ``index.html``, ``results.csv``, ``summary.json`` and ``scores-METRIC.csv``.

    Args:
        results: cells, at least one; each (task, system, seed, budget) once.
        folder: where to; made where it is not there.
        missing: system that was asked for and could not run -> why, with the remedy.

    Returns:
        The files, the page first.

    Raises:
        ValueError: there is no cell.
    """
    summary = summarise(results, missing)
    ordered = sorted(results, key=lambda cell: (case_of(cell), cell.system, cell.seed))
    texts = {
        "index.html": render(summary, ordered),
        "results.csv": _csv(_cells(ordered)),
        "summary.json": json.dumps(plain(summary), indent=1) + "\n",
    }
    for metric, scores in by_metric(summary.scores).items():
        texts[_file_name(metric, texts)] = _csv(_score_table(scores, summary))
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def plain(value: Any) -> Any:
    """Dataclasses, tuples with names and lists of them as dictionaries and lists for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _file_name(metric: str, taken: Iterable[str]) -> str:
    """A file name of its own for any metric, also one that is named like a path."""
    stem = "scores-" + (re.sub(r"[^A-Za-z0-9_-]+", "_", metric)[:60] or "_")
    used = {name.lower() for name in taken}
    names = (f"{stem}{'' if n == 1 else f'-{n}'}.csv" for n in range(1, len(used) + 2))
    return next(name for name in names if name.lower() not in used)


def _cells(results: Sequence[CellResult]) -> Iterable[Sequence[object]]:
    yield _COLUMNS
    for cell in results:
        row: dict[str, object] = {name: getattr(cell, name) for name in _COLUMNS}
        row |= {name: _entry(row[name]) for name in _TEXTS}
        row["score"] = score_of(cell)
        yield [row[name] for name in _COLUMNS]


def _score_table(scores: Sequence[Score], summary: Summary) -> Iterable[Sequence[object]]:
    heads = [_entry(name) for name in summary.systems]
    columns = [f"{name} {what}" for name in heads for what in ("mean", "sd", "valid", "runs")]
    yield ["task", "seconds_limit", "cores", "metric", "direction", *columns]
    for case, row in by_case(scores).items():
        values: list[object] = []
        for name in summary.systems:
            one = row.get(name)
            values += [one.mean, one.sd, one.valid, one.runs] if one else [None, None, 0, 0]
        limit: Limit = case.limit
        task, metric = _entry(case.task), _entry(scores[0].metric)
        yield [task, limit.seconds, limit.cores, metric, scores[0].direction, *values]


def _entry(text: object) -> str:
    """Text that neither a terminal nor a spreadsheet obeys (OWASP, "CSV Injection")."""
    line = label(text)
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def _csv(rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
