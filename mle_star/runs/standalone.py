"""Reproduce submission.csv from the task folder.

    python run.py TASK_FOLDER [--output submission.csv] [--work WORK_FOLDER]

Needs pandas and what the scripts import (requirements.txt). The scripts lie in scripts/;
solution.json says what depends on what; build_input.py prepares the data as the scripts expect
them.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pandas as pd

HERE = Path(__file__).resolve().parent

Plan = dict[str, Any]
"""Content of solution.json."""
Reader = Callable[[Path, str, str], pd.DataFrame]
"""Reads a table of the task as text: path, separator, encoding."""


def run_script(
    script: Path,
    folder: Path,
    data: Path,
    members: list[Path],
    seed: int,
    output: IO[str] | None = None,
    prepare: Callable[[Path, Path], object] = shutil.copy,
) -> Path:
    """Run one script in a folder of its own; returns the folder with its predictions.

    Args:
        script: its file.
        folder: where it runs; made here.
        data: its input.
        members: folders with the predictions of the members, for an ensemble.
        seed: of the hashes of Python.
        output: file that gets what it prints; None: our own.
        prepare: writes the script into its folder.
    """
    folder.mkdir(parents=True)
    (folder / "final").mkdir()
    source = folder / "input"
    if members:
        # The ensemble reads its members' predictions beside the data.
        source.mkdir()
        for path in data.iterdir():
            (source / path.name).symlink_to(path)
        for number, member in enumerate(members):
            shutil.copytree(member, source / "members" / str(number))
    else:
        source.symlink_to(data, target_is_directory=True)
    prepare(script, folder / "script.py")
    print(f"running {script.name} ...", file=sys.stderr, flush=True)  # noqa: T201
    subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        check=True,
        stdout=output,
        stderr=output,
        env={
            "OMP_NUM_THREADS": str(os.cpu_count() or 1),
            **os.environ,
            "PYTHONHASHSEED": str(seed),
        },
    )
    return folder / "final"


def run_scripts(
    task: Path,
    work: Path,
    plan: Plan,
    recipe: dict[str, Any],
    rows: pd.DataFrame | None = None,
    prepare: Callable[[Path, Path], object] = shutil.copy,
) -> tuple[Path, Path]:
    """Build the input and run the scripts; returns the folders of predictions and of the input.

    Args:
        task: the task folder.
        work: folder for all that is written.
        plan: what depends on what.
        recipe: the functions of build_input.py.
        rows: cells to predict in place of the test table.
        prepare: writes a script into the folder it runs in.
    """
    data = work / "data"
    recipe["build_input"](task.resolve(), data, rows)
    folders: list[Path] = []
    for name in [*plan["members"], plan["script"]]:
        members = folders if name == plan["script"] else []
        script, folder = HERE / "scripts" / name, work / Path(name).stem
        folders.append(
            run_script(script, folder, data, list(members), plan["seed"], prepare=prepare)
        )
    return folders[-1], data


def submission(final: Path, data: Path, task: Path, plan: Plan, read_cells: Reader) -> pd.DataFrame:
    """What is handed in: the predictions with ids, labels and order as the user's files have them.

    Raises:
        SystemExit: ids or rows of the tables don't fit together, or a label is unknown.
    """
    test, key = read_cells(task / plan["test"][0], *plan["test"][1:]), plan["id"]
    table = answers(final, data, test, plan)
    if plan["sample_submission"] is None:
        return table
    name, sep, encoding = plan["sample_submission"]
    sample = read_cells(task / name, sep, encoding)
    if key in sample.columns and test[key].is_unique:
        return table.iloc[places(sample[key], test[key], plan["test"][0])]
    if len(sample) != len(test):
        raise SystemExit(f"{name} has {len(sample)} rows, but test has {len(test)}.")
    return table


def answers(final: Path, data: Path, test: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """The predictions for the rows of a test table, in its order, with its ids and copied columns.

    Raises:
        SystemExit: ids or rows don't fit together, or a label is unknown.
    """
    key = plan["id"]
    written = pd.read_csv(
        final / "submission.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    if key is not None:
        keys = pd.read_csv(data / "test.csv", usecols=[key], low_memory=False)[key]
        if keys.is_unique and keys.notna().all():  # otherwise rows are matched by their order
            written = written.iloc[places(test[key], written[key], "the script's submission.csv")]
    if len(written) != len(test):
        raise SystemExit(f"The script predicted {len(written)} rows, but test has {len(test)}.")
    predicted = clean(written[plan["prediction_columns"]].reset_index(drop=True), plan)
    return pd.DataFrame(
        {name: predicted[name] if name in predicted else test[name] for name in plan["columns"]}
    )


def places(wanted: pd.Series, ids: pd.Series, file: str) -> list[int]:
    """Row of each wanted id among the ids of a file: matched as text, else as numbers (7.0 is 7).

    Raises:
        SystemExit: an id is missing, or the file repeats its ids.
    """
    wanted, ids = wanted.str.strip(), ids.str.strip()
    ways = [(wanted, ids), (as_numbers(wanted), as_numbers(ids))]
    for sought, known in ways:
        index = pd.Index(known)
        if index.is_unique and not index.hasnans:
            rows = [int(row) for row in index.get_indexer(pd.Index(sought))]
            if min(rows, default=0) >= 0:
                return rows
    wrong = [*wanted[~wanted.isin(ids)], *ids[ids.duplicated()], *wanted]
    raise SystemExit(f"An id such as {wrong[0]!r} is missing from {file} or stands there twice.")


def as_numbers(texts: pd.Series) -> pd.Series:
    """Texts as floats; NaN for what is no number."""
    return pd.to_numeric(texts, errors="coerce").astype(float)


def clean(texts: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Labels as the training table spells them; numbers; probabilities in [0, 1], sums of 1."""
    if plan["prediction"] == "label":
        return pd.DataFrame({name: spelled(texts[name], plan["labels"][name]) for name in texts})
    numbers = pd.DataFrame({name: pd.to_numeric(texts[name]).astype(float) for name in texts})
    if plan["prediction"] == "value":
        return numbers
    shares = numbers.to_numpy().clip(0.0, 1.0)
    if plan["per_class"]:
        shares = shares / shares.sum(axis=1, keepdims=True)
    return pd.DataFrame(shares, columns=numbers.columns)


def spelled(texts: pd.Series, labels: dict[str, str]) -> pd.Series:
    """Labels in their known spelling: found exactly, else as numbers (1.0 is 1), else in any case.

    Raises:
        SystemExit: a label is unknown.
    """

    def number(text: str) -> float | str:
        try:
            return float({"true": "1", "false": "0"}.get(text.casefold(), text))
        except ValueError:
            return text

    known: dict[str, str] = {}
    for text in (text.strip() for text in texts.unique()):
        for change in (str, number, str.casefold):
            found = [to for label, to in labels.items() if change(label.strip()) == change(text)]
            if found:
                known[text] = found[0]
                break
        else:
            raise SystemExit(f"The script wrote {text!r}, which is no label of the training table.")
    return texts.str.strip().map(known)


def main() -> None:
    """Read the arguments, build the input, run the scripts, write the submission."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", type=Path, help="task folder with the training and test data")
    parser.add_argument("--output", type=Path, default=Path("submission.csv"))
    parser.add_argument("--work", type=Path, help="folder for intermediate files (kept)")
    arguments = parser.parse_args()
    plan = json.loads((HERE / "solution.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        recipe = runpy.run_path(str(HERE / "build_input.py"))
        final, data = run_scripts(arguments.task, work, plan, recipe)
        if plan["test"] is None:  # the rows are the script's own: handed in as they are
            shutil.copyfile(final / "submission.csv", arguments.output)
        else:
            table = submission(final, data, arguments.task, plan, recipe["read_cells"])
            table.to_csv(arguments.output, index=False)
    print(f"wrote {arguments.output}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
