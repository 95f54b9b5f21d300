"""Reproduce submission.csv from the task folder.

    python run.py TASK_FOLDER [--output submission.csv] [--work WORK_FOLDER]

Needs pandas and what the scripts import (requirements.txt). The scripts lie in scripts/, in the
order in which
they run; solution.json says what depends on what; build_input.py prepares the data as the scripts
expect them.
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
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent


def run_script(script: Path, folder: Path, data: Path, members: list[Path], seed: int) -> Path:
    """Run one script in a folder of its own; returns the folder with its predictions."""
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
    shutil.copy(script, folder / "script.py")
    print(f"running {script.name} ...", file=sys.stderr, flush=True)  # noqa: T201
    subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        check=True,
        env={
            "OMP_NUM_THREADS": str(os.cpu_count() or 1),
            **os.environ,
            "PYTHONHASHSEED": str(seed),
        },
    )
    return folder / "final"


def in_submission_order(
    table: pd.DataFrame, task: Path, plan: dict[str, str | None]
) -> pd.DataFrame:
    """Rows in the order of the sample submission, where rows have ids."""
    key, sample = plan["id"], plan["sample_submission"]
    if key is None or sample is None:
        return table
    order = pd.read_csv(task / sample)[key].astype(str)
    places = pd.Index(table[key].astype(str)).get_indexer(pd.Index(order))
    return table.iloc[places].reset_index(drop=True)


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
        data = work / "data"
        build_input = runpy.run_path(str(HERE / "build_input.py"))["build_input"]
        build_input(arguments.task.resolve(), data)
        members = [
            run_script(HERE / "scripts" / name, work / Path(name).stem, data, [], plan["seed"])
            for name in plan["members"]
        ]
        last = plan["script"]
        final = run_script(
            HERE / "scripts" / last, work / Path(last).stem, data, members, plan["seed"]
        )
        table = pd.read_csv(final / "submission.csv", float_precision="round_trip")
        in_submission_order(table, arguments.task, plan).to_csv(arguments.output, index=False)
    print(f"wrote {arguments.output}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
