"""Source code that builds the full view with pandas alone: part of the user's ``run.py``."""

from __future__ import annotations

import inspect
from pathlib import Path

from mle_star.tasks import cells
from mle_star.tasks.plans import STAND_IN_ROWS
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import load_table
from mle_star.tasks.views import Views
from mle_star.tasks.wording import in_one_sentence

_IMPORTS = """\
import csv
import gzip
import io
import json
import re
import shutil
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import pandas as pd"""

_FUNCTIONS = (
    cells.open_table,
    cells.read_cells,
    cells.tidy_cells,
    cells.decimal_points,
    cells.read_json,
    cells.as_pandas_reads,
    cells.as_csv,
    cells.has_labels,
    cells.time_keys,
    cells.parse_dates,
    cells.time_order,
    cells.unique_keys,
    cells.fresh_keys,
    cells.labelled_rows,
    cells.without,
    cells.constant_submission,
    cells.write_cells,
)


@in_one_sentence
def full_view_recipe(spec: TaskSpec, views: Views) -> str:
    """Write a module's source with ``build_input(task: Path, target: Path, rows=None) -> None``.

    Called with the user's task folder, that function writes the files of ``views.full`` into
    ``target``, byte for byte. With ``rows``, cells as ``read_cells`` reads them, those stand in
    place of the test table. It copies folds.csv from beside the file it stands in, and links side
    files (copies them where links are not possible). The source opens with the imports it needs.

    Raises:
        TaskError: a table of the task can't be read any more.
    """
    parts = [
        _IMPORTS,
        *(inspect.getsource(function).rstrip() for function in _FUNCTIONS),
        _build_input(spec, views),
    ]
    return "\n\n\n".join(parts) + "\n"


def _reading(spec: TaskSpec, name: str) -> str:
    table = load_table(Path(spec.folder) / name)
    return f"read_cells(task / {name!r}, {table.sep!r}, {table.encoding!r})"


def _build_input(spec: TaskSpec, views: Views) -> str:
    lines = [
        "def build_input(task: Path, target: Path, rows: pd.DataFrame | None = None) -> None:",
        '    """Write what the scripts read: labelled rows, folds, rows to predict (else test)."""',
        "    target.mkdir(parents=True, exist_ok=True)",
        f"    train = {_reading(spec, spec.train)}",
        f"    train = labelled_rows(train, {spec.target!r}, {spec.time!r}).reset_index(drop=True)",
    ]
    if spec.test is not None:
        lines.append(f"    test = {_reading(spec, spec.test)}")
    lines += _keys(spec, spec.id) if spec.id is not None else []
    lines.append(f"    train = without(train, {spec.exclude!r})")
    if spec.test is None:
        lines.append(f"    test = train.head({STAND_IN_ROWS})")
    lines += [
        "    test = test if rows is None else rows",  # keys of train are those that folds.csv has
        f"    test = without(test, {[*spec.target, *spec.exclude]!r})",
    ]
    if spec.evaluation == "printed" and spec.sample_submission is not None:
        lines.append(f"    sample = {_reading(spec, spec.sample_submission)}")
    elif spec.submission_columns:
        lines += [
            f"    constants = {views.constants!r}",
            f"    sample = constant_submission(test, {spec.submission_columns!r}, constants)",
        ]
    if spec.submission_columns:
        lines.append('    write_cells(sample, target / "sample_submission.csv")')
    lines += [
        '    write_cells(train, target / "train.csv")',
        '    write_cells(test, target / "test.csv")',
        '    shutil.copyfile(Path(__file__).parent / "folds.csv", target / "folds.csv")',
    ]
    if spec.side_files:
        lines += [
            f"    for name in {spec.side_files!r}:",
            "        try:",
            "            (target / name).symlink_to((task / name).resolve())",
            "        except OSError:  # no links here",
            "            copy = shutil.copytree if (task / name).is_dir() else shutil.copyfile",
            "            copy(task / name, target / name)",
        ]
    return "\n".join(lines)


def _keys(spec: TaskSpec, key: str) -> list[str]:
    others = f"test[{key!r}]" if spec.test is not None else "train.iloc[:0, 0]"
    if key in load_table(Path(spec.folder) / spec.train).cells.columns:
        return [f"    train = train.assign(**{{{key!r}: unique_keys(train[{key!r}], {others})}})"]
    return [
        f"    empty = pd.Series('', index=train.index, dtype={others}.dtype)",
        f"    train.insert(0, {key!r}, fresh_keys(empty, {others}))",
    ]
