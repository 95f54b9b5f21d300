"""A memory across runs: which changes helped on which kind of data.

It is one file of JSON lines, a line for each finished run: what its data were like, and the lessons
of its outer steps. A new run takes up the lessons of the runs whose data were most like its own,
and trusts them the less the more they differ. Nobody remembers anything unless the setting
``memory`` names a file.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mle_star.runs.events import append_line
from mle_star.runs.folder import write_json
from mle_star.tasks import DataProfile, TaskSpec

RECALLED = "recalled.json"
"""File of a run folder with the lessons of earlier runs."""
ALIKE = 0.3
"""Closeness below which a run says nothing about another."""
RUNS = 10
"""Most runs whose lessons are taken up, the closest first."""
AT_MOST = 0.8
"""Closeness of a run on data just like these: other seeds and other versions tell other things."""
OTHER_METRIC = 0.7
"""Factor on the closeness of a run that was judged by another metric."""


def facets(spec: TaskSpec, profile: DataProfile) -> dict[str, float | str]:
    """What the data are like, in figures that can be compared."""
    total = max(1, len(profile.columns))
    kinds = {"numeric": "numeric", "categorical": "categorical", "boolean": "categorical"}
    shares = {"numeric": 0.0, "categorical": 0.0, "text": 0.0, "datetime": 0.0}
    for column in profile.columns:
        name = kinds.get(column.kind, column.kind)
        if name in shares:
            shares[name] += 1 / total
    return {
        "kind": spec.kind,
        "metric": spec.metric,
        "rows": math.log10(max(1, profile.rows)),
        "columns": math.log10(total),
        "classes": math.log10(max(1, len(spec.classes or ()))),
        "missing": sum(column.missing for column in profile.columns) / total,
        "time": float(bool(spec.time)),
        "group": float(bool(spec.group)),
        **shares,
    }


def closeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How much what happened on one kind of data says about another: 0 to :data:`AT_MOST`.

    It falls by the factor e for every unit of distance: ten times the rows, ten times the columns,
    or half of the columns of another kind.
    """
    if one["kind"] != other["kind"]:
        return 0.0
    distance = sum(
        abs(float(value) - float(other[name]))
        for name, value in one.items()
        if name not in ("kind", "metric")
    )
    return AT_MOST * math.exp(-distance) * (1 if one["metric"] == other["metric"] else OTHER_METRIC)


def remember(
    path: Path, run: str, about: Mapping[str, Any], lessons: Sequence[Mapping[str, Any]]
) -> None:
    """Add a run to the memory; a run that is there already is replaced when it is recalled.

    Neither its path nor what its scripts said of the data is kept.

    Raises:
        OSError: the file can't be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [{**lesson, "problem": ""} for lesson in lessons]
    entry = {"run": _name(run), "about": dict(about), "lessons": kept}
    append_line(path, json.dumps(entry, allow_nan=False))


def recall(path: Path, about: Mapping[str, Any], run: str = "") -> list[dict[str, Any]]:
    """Lessons of the runs on the most similar data, each with its ``closeness``.

    Lines that can't be read, and those of the ``run`` itself, are passed over; without a file there
    are no lessons.
    """
    runs: dict[str, tuple[float, list[dict[str, Any]]]] = {}
    for entry in _entries(path):
        try:
            near = closeness(about, entry["about"])
            more = {"closeness": near, "solution": -1, "run": str(entry["run"])}
            lessons = [{**lesson, **more} for lesson in entry["lessons"]]
            runs[entry["run"]] = (near, lessons)
        except (KeyError, TypeError, ValueError):
            continue  # of another version
    runs.pop(_name(run), None)
    close = sorted((told for told in runs.values() if told[0] >= ALIKE), key=lambda told: -told[0])
    return [lesson for _, lessons in close[:RUNS] for lesson in lessons]


def freeze(folder: Path, path: Path, about: Mapping[str, Any]) -> None:
    """Write what the memory holds into a run's folder, so that the run goes by that to its end."""
    write_json(folder / RECALLED, recall(path, about, str(folder)))


def recalled(folder: Path) -> list[dict[str, Any]]:
    """What :func:`freeze` wrote; nothing where the run has no memory."""
    try:
        found: list[dict[str, Any]] = json.loads((folder / RECALLED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return found


def _name(run: str) -> str:
    """What a run is called in the memory: paths tell too much."""
    return hashlib.sha256(run.encode()).hexdigest()[:16]


def _entries(path: Path) -> list[Any]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
