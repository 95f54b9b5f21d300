"""The solution folder.

Everything that is needed to reproduce the submission without this package.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mle_star.execution.packages import KNOWN
from mle_star.parsing import parse
from mle_star.runs.folder import RunFolder, write_json, write_text
from mle_star.runs.readme import readme
from mle_star.scoring.predictions import classes_of
from mle_star.scoring.problem import Invalid
from mle_star.scoring.values import to_labels
from mle_star.state import Trial
from mle_star.tasks import TaskSpec, Views, full_view_recipe
from mle_star.tasks.cells import open_table
from mle_star.tasks.table import load_table

PROGRAMS = {
    "standalone.py": "run.py",
    "standalone_predict.py": "predict.py",
    "keeper.py": "keeper.py",
}
"""Module beside this one -> program of the solution folder."""


def write_solution(
    run: RunFolder, spec: TaskSpec, views: Views, winner: Trial, members: list[Trial], source: str
) -> Path:
    """Write ``solution/``: scripts, run.py, data preparation, folds, requirements and a README.

    Args:
        run: the run.
        spec: its task.
        views: its data views; the folds of the full view are shipped.
        winner: the script, or the ensemble, whose submission was handed in.
        members: trials of the winner's members, in order.
        source: ``full``, ``part`` or ``search``: the view the submission came from.
    """
    # Beside its place, so that nobody takes a half-written solution for a whole one.
    target = run.solution.with_suffix(".partial")
    scripts = target / "scripts"
    shutil.rmtree(target, ignore_errors=True)  # a killed earlier try of this very step
    scripts.mkdir(parents=True)
    names = [f"member_{number}.py" for number in range(len(members))]
    last = "ensemble.py" if members else "model.py"
    texts = [run.script(trial["script"]) for trial in (*members, winner)]
    for name, text in zip([*names, last], texts, strict=True):
        write_text(scripts / name, text)
    write_text(target / "build_input.py", full_view_recipe(spec, views))
    shutil.copy(views.full.folder / "folds.csv", target / "folds.csv")
    for module, name in PROGRAMS.items():
        shutil.copy(Path(__file__).with_name(module), target / name)
    write_json(
        target / "solution.json",
        {
            "members": names,
            "script": last,
            "seed": run.record()["settings"]["seed"],
            **_answer(spec, views),
        },
    )
    write_text(target / "requirements.txt", requirements(texts, parquet=_has_parquet(spec)))
    write_text(target / "README.md", readme(spec, winner, members, source))
    shutil.rmtree(run.solution, ignore_errors=True)
    return target.rename(run.solution)


def requirements(scripts: list[str], *, parquet: bool = False) -> str:
    """Pinned distributions of everything the scripts import (pandas for run.py itself).

    Args:
        scripts: their texts.
        parquet: whether a table of the task is a parquet file, for which pandas needs pyarrow.
    """
    modules = {"pandas"}.union(*(imported_modules(text) for text in scripts))
    if parquet or any("read_parquet" in text for text in scripts):
        modules.add("pyarrow")
    return pins(modules)


def pins(modules: Collection[str]) -> str:
    """A line with name and version for each distribution that brings one of the modules."""
    found = set()
    for module in set(modules) - set(sys.stdlib_module_names):
        for distribution in _distributions(module)[:1]:
            found.add(f"{distribution}=={importlib.metadata.version(distribution)}")
    return "".join(f"{pin}\n" for pin in sorted(found))


def _distributions(module: str) -> list[str]:
    """Installed distributions that hold a module."""
    known = [name for name in KNOWN.get(module, ()) if _is_installed(name)]
    return known or _owners().get(module, [])


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@functools.cache
def _owners() -> Mapping[str, list[str]]:
    """Distributions of every module that is installed: a list of all files, which takes a while."""
    return importlib.metadata.packages_distributions()


def imported_modules(script: str) -> set[str]:
    """Top-level names of the modules a script imports."""
    modules: set[str] = set()
    for statement in ast.walk(parse(script)):
        if isinstance(statement, ast.Import):
            modules.update(alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            modules.add(statement.module.partition(".")[0])
    return modules


def _answer(spec: TaskSpec, views: Views) -> dict[str, Any]:
    """How run.py makes the submission from the script's: what scoring's write_submission knows.

    And what predict.py knows of new rows: where the task is, and the columns that the scripts read.
    """
    printed = spec.evaluation == "printed"
    as_it_is = spec.test is None or printed
    by_label = spec.prediction == "label" and not printed
    names = filter(None, (spec.test, spec.train))
    return {
        "task": spec.folder,
        "train": spec.train,
        "reads": None if printed else _reads(spec, views),
        "dialects": [_table(spec, name)[1:] for name in names],
        "id": spec.id,
        "test": None if as_it_is else _optional(spec, spec.test),
        "sample_submission": None if as_it_is else _optional(spec, spec.sample_submission),
        "columns": spec.submission_columns,
        "prediction_columns": spec.prediction_columns,
        "prediction": spec.prediction,
        "per_class": spec.per_class,
        "labels": _spellings(spec, views) if by_label else None,
    }


def _reads(spec: TaskSpec, views: Views) -> list[str]:
    """Columns of the rows to predict: those that scripts get, and those that are copied."""
    read = list(pd.read_csv(views.full.folder / "test.csv", dtype=str, nrows=0).columns)
    return list(dict.fromkeys([*read, *spec.copied_columns]))


def _optional(spec: TaskSpec, name: str | None) -> list[str] | None:
    return None if name is None else _table(spec, name)


def _table(spec: TaskSpec, name: str) -> list[str]:
    """Name, separator and encoding of a table of the task."""
    table = load_table(Path(spec.folder) / name)
    return [name, table.sep, table.encoding]


def _spellings(spec: TaskSpec, views: Views) -> dict[str, dict[str, str]]:
    """For each prediction column, every label and how the training table spells it."""
    classes = classes_of(spec, views.full.truth())
    plain = {str(label): str(label) for label in classes}
    if all(isinstance(label, str) for label in spec.classes):
        return dict.fromkeys(spec.prediction_columns, plain)
    cells = load_table(Path(spec.folder) / spec.train).cells
    targets = spec.target if len(spec.target) > 1 else spec.target * len(spec.prediction_columns)
    spellings = {}
    for column, target in zip(spec.prediction_columns, targets, strict=True):
        first: dict[object, str] = {}
        for text in cells[target].unique():
            try:
                label = to_labels(pd.DataFrame({"label": [text]}), spec.train, classes)
            except Invalid:  # a missing label
                continue
            first.setdefault(label["label"].iloc[0], str(text))
        spellings[column] = {str(label): first.get(label, str(label)) for label in classes}
    return spellings


def _has_parquet(spec: TaskSpec) -> bool:
    """Whether run.py reads a parquet file, packed or not."""
    kinds = []
    for name in filter(None, (spec.train, spec.test, spec.sample_submission)):
        kind, stream = open_table(Path(spec.folder) / name)
        stream.close()
        kinds.append(kind)
    return any(kind.endswith(".parquet") for kind in kinds)
