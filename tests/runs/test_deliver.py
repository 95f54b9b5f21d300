"""The solution folder reproduces the submission without this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from mle_star.errors import NoAnswer
from mle_star.runs.deliver import imported_modules, requirements
from tests.support.engineers import CRASH, ScriptedEngineer, script
from tests.support.runs import Finished, run
from tests.support.tasks import slope_task

# Runs run.py with our package out of reach, as in an environment that never had it.
WITHOUT_US = "import runpy, sys; sys.modules['mle_star'] = None; sys.argv = sys.argv[1:]; " + (
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return slope_task(tmp_path_factory.mktemp("task") / "slope")


def no_answer(*_: object) -> str:
    raise NoAnswer("no")


def reproduce(done: Finished, task: Path, output: Path) -> pd.DataFrame:
    folder = Path(done.values["solution_folder"])
    subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_US,
            str(folder / "run.py"),
            str(task),
            "--output",
            str(output),
        ],
        check=True,
        cwd=output.parent,
        capture_output=True,
    )
    return pd.read_csv(output)


def test_run_py_reproduces_the_submission_of_an_ensemble(task: Path, tmp_path: Path) -> None:
    slopes = iter([2.0, 4.0])
    engineer = ScriptedEngineer(write=lambda *_: script(next(slopes)), merge=no_answer)
    done = run(task, engineer, outer_steps=0, num_candidates=2)
    assert done.best["members"]
    again = reproduce(done, task, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(again, pd.read_csv(done.values["submission"]))


def test_run_py_reproduces_the_submission_of_a_single_script_in_another_place(
    task: Path, tmp_path: Path
) -> None:
    done = run(task, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    moved = tmp_path / "moved"
    Path(done.values["solution_folder"]).rename(moved)
    done.values["solution_folder"] = str(moved)
    again = reproduce(done, task, tmp_path / "again.csv")
    pd.testing.assert_frame_equal(again, pd.read_csv(done.values["submission"]))


def test_the_folder_says_what_it_is_and_what_it_scored(task: Path) -> None:
    done = run(task, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    folder = Path(done.values["solution_folder"])
    text = (folder / "README.md").read_text()
    assert "validation:" in text
    assert "audit:" in text
    plan = json.loads((folder / "solution.json").read_text())
    assert plan["script"] == "model.py"
    assert (folder / "scripts" / "model.py").read_text() == done.script(done.best)
    assert (folder / "requirements.txt").read_text().startswith("pandas==")


def test_without_a_scored_script_there_is_no_solution_folder(task: Path) -> None:
    done = run(task, ScriptedEngineer(write=lambda *_: CRASH))
    assert done.values["solution_folder"] == ""
    assert not (done.folder / "solution").exists()


def test_requirements_pin_what_the_scripts_import_and_nothing_else() -> None:
    text = (
        "import os\nimport numpy as np\nfrom sklearn.linear_model import Ridge\nfrom . import x\n"
    )
    assert imported_modules(text) == {"os", "numpy", "sklearn"}
    pins = requirements([text]).splitlines()
    assert [pin.partition("==")[0] for pin in pins] == ["numpy", "pandas", "scikit-learn"]
