"""Predict new rows with the scripts of this folder.

    python predict.py NEW.csv --output OUT.csv [--data TASK_FOLDER] [--save-model]

The scripts are fitted on all labelled rows of the task folder and predict the new rows in place of
its test rows. OUT.csv has the columns of the submission and the order of NEW.csv. Needs pandas and
what the scripts import (requirements.txt). With --save-model what is fitted is left in model/, and
later calls take it from there (keeper.py; needs cloudpickle).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).resolve().parent
MODELS = HERE / "model"
"""Fitted models by script, where they were kept."""

Plan = dict[str, Any]
"""Content of solution.json."""
Reader = Callable[[Path, str, str], pd.DataFrame]
"""Reads a table as text: path, separator, encoding."""


def new_rows(path: Path, plan: Plan, read_cells: Reader) -> pd.DataFrame:
    """The rows to predict, with the columns that the scripts read.

    Commas are tried first, then the form of the task's own tables. Further columns are dropped;
    where the ids are missing, the rows are numbered from 0.

    Raises:
        SystemExit: the file can't be read, is empty, or lacks a column.
    """
    needed = [name for name in plan["reads"] if name != plan["id"]]
    found, problem = None, ""
    for sep, encoding in ([",", "utf-8-sig"], *plan["dialects"]):
        try:
            table = read_cells(path, sep, encoding)
        except (OSError, ValueError) as error:
            problem = problem or f"{path} can't be read: {error}"
            continue
        if found is None or lacking(table, needed) < lacking(found, needed):
            found = table
    if found is None:
        raise SystemExit(problem)
    if missing := [name for name in needed if name not in found.columns]:
        names = ", ".join(missing)
        raise SystemExit(f"{path} lacks columns that the scripts read: {names}; add them.")
    if found.empty:
        raise SystemExit(f"{path} holds no rows: there is nothing to predict.")
    key = plan["id"]
    if key in plan["reads"] and key not in found.columns:
        print(f"{path} has no {key}: its rows are numbered", file=sys.stderr)  # noqa: T201
        found = found.assign(**{key: [str(number) for number in range(len(found))]})
    return found[plan["reads"]]


def lacking(table: pd.DataFrame, names: list[str]) -> int:
    """How many of the columns a table does not have."""
    return sum(name not in table.columns for name in names)


def task_folder(given: Path | None, plan: Plan) -> Path:
    """Where the training table is.

    Raises:
        SystemExit: it is not there.
    """
    folder = given or Path(plan["task"])
    if not (folder / plan["train"]).is_file():
        raise SystemExit(
            f"{folder} has no {plan['train']}, and the scripts are fitted on it: "
            "name the task folder with --data."
        )
    return folder


def predict(
    rows: pd.DataFrame, task: Path, work: Path, plan: Plan, recipe: Plan, save: bool
) -> pd.DataFrame:
    """Fit the scripts, or take what they fitted before, and predict; returns what is written.

    Raises:
        SystemExit: a script fails, or its predictions don't fit the rows.
    """
    run = runpy.run_path(str(HERE / "run.py"))
    try:
        final, data = run["run_scripts"](task, work, plan, recipe, rows, prepared(save))
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"A script failed with exit code {error.returncode}; what it said stands above."
        ) from None
    if save:
        keep(work, plan)
    table: pd.DataFrame = run["answers"](final, data, rows, plan)
    return table


def prepared(save: bool) -> Callable[[Path, Path], None]:
    """How a script is written into its folder: with its fitted models, or so that it keeps them.

    Raises:
        SystemExit: models are to be kept and cloudpickle is missing.
    """
    keeper = runpy.run_path(str(HERE / "keeper.py"))
    able = importlib.util.find_spec("cloudpickle") is not None
    if save and not able:
        raise SystemExit("--save-model needs cloudpickle: pip install cloudpickle")

    def write(script: Path, place: Path) -> None:
        text = script.read_text(encoding="utf-8")
        model = MODELS / keeper["model_name"](text)
        known = keeper["keeping"](text) if able and (save or model.is_file()) else None
        place.write_text(known or text, encoding="utf-8")
        if known and model.is_file():
            shutil.copy(model, place.with_name("model.pkl"))

    return write


def keep(work: Path, plan: Plan) -> None:
    """Move what the scripts fitted into model/."""
    keeper = runpy.run_path(str(HERE / "keeper.py"))
    MODELS.mkdir(exist_ok=True)
    for name in (*plan["members"], plan["script"]):
        fitted = work / Path(name).stem / "final" / "model.pkl"
        text = (HERE / "scripts" / name).read_text(encoding="utf-8")
        if fitted.is_file():
            shutil.move(fitted, MODELS / keeper["model_name"](text))
    if not any(MODELS.iterdir()):
        MODELS.rmdir()
        print("no script can keep what it fits: each call fits again", file=sys.stderr)  # noqa: T201


def main() -> None:
    """Read the arguments and the new rows, fit, predict, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", type=Path, help="table with the columns of the test table")
    parser.add_argument("--output", type=Path, required=True, help="where predictions are written")
    parser.add_argument("--data", type=Path, help="task folder (default: where the run found it)")
    parser.add_argument("--save-model", action="store_true", help="keep what is fitted in model/")
    arguments = parser.parse_args()
    plan = json.loads((HERE / "solution.json").read_text(encoding="utf-8"))
    if plan["reads"] is None:
        raise SystemExit(
            "The rows of this task can't be told from its tables: put the new ones into a copy of "
            "the task folder and use run.py."
        )
    recipe = runpy.run_path(str(HERE / "build_input.py"))
    task = task_folder(arguments.data, plan)
    rows = new_rows(arguments.rows, plan, recipe["read_cells"])
    with tempfile.TemporaryDirectory() as work:
        table = predict(rows, task, Path(work).resolve(), plan, recipe, arguments.save_model)
    table.to_csv(arguments.output, index=False)
    print(f"wrote {arguments.output}: {len(table)} rows", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
