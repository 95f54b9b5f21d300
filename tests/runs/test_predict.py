"""predict.py of the solution folder: new rows in place of the test rows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.runs import deliver, standalone, standalone_predict
from mle_star.tasks import build_views, full_view_recipe, load_task
from mle_star.tasks.cells import read_cells
from tests.runs.test_deliver import WITHOUT_US, no_answer
from tests.support.engineers import ScriptedEngineer, script
from tests.support.runs import Finished, run
from tests.support.tasks import slope_task


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A blend of two scripts, which predict 2 x and 4 x."""
    folder = tmp_path_factory.mktemp("predict")
    slopes = iter([2.0, 4.0])
    engineer = ScriptedEngineer(write=lambda *_: script(next(slopes)), merge=no_answer)
    settings = {"outer_steps": 0, "num_candidates": 2, "runs_dir": str(folder / "runs")}
    return run(slope_task(folder / "slope", rows=200), engineer, **settings)


def predict(done: Finished, *arguments: object) -> subprocess.CompletedProcess[str]:
    program = Path(done.values["solution_folder"]) / "predict.py"
    command = [sys.executable, "-W", "error", "-c", WITHOUT_US, program, *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def test_the_test_rows_are_predicted_as_in_the_submission(done: Finished, tmp_path: Path) -> None:
    task = Path(done.values["spec"]["folder"])
    found = predict(done, task / "test.csv", "--output", tmp_path / "out.csv")
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "out.csv").read_bytes() == Path(done.values["submission"]).read_bytes()
    moved = task.rename(tmp_path / "moved")
    try:
        lost = predict(done, moved / "test.csv", "--output", tmp_path / "again.csv")
        assert lost.returncode == 1
        assert "name the task folder with --data" in lost.stderr
        few = pd.read_csv(moved / "test.csv").head(3)[["z", "x"]].assign(y=7, more="a")
        few.to_csv(tmp_path / "few.csv", index=False, sep=";")
        arguments = (tmp_path / "few.csv", "--output", tmp_path / "few_out.csv", "--data", moved)
        assert predict(done, *arguments).returncode == 1  # no table of the task has semicolons
        few.to_csv(tmp_path / "few.csv", index=False)
        found = predict(done, *arguments)
        assert found.returncode == 0, found.stderr
        assert "has no id: its rows are numbered" in found.stderr
    finally:
        moved.rename(task)
    table = pd.read_csv(tmp_path / "few_out.csv")
    assert table["id"].tolist() == [0, 1, 2]
    whole = pd.read_csv(tmp_path / "out.csv").head(3)
    assert table["y"].tolist() == pytest.approx(whole["y"].tolist())


PLAN: dict[str, Any] = {
    "id": "id",
    "reads": ["id", "size", "colour"],
    "dialects": [[";", "latin-1"]],
    "task": "gone",
    "train": "train.csv",
}


def rows(path: Path, text: str, encoding: str = "utf-8") -> pd.DataFrame:
    path.write_text(text, encoding=encoding)
    return standalone_predict.new_rows(path, PLAN, read_cells)


def test_new_rows_may_have_the_form_of_the_tables_of_the_task(tmp_path: Path) -> None:
    table = rows(tmp_path / "new.csv", "colour;size;id\nécru;1,5;007\n", "latin-1")
    assert table.to_dict("list") == {"id": ["007"], "size": ["1.5"], "colour": ["écru"]}
    table = rows(tmp_path / "new.csv", "\ufeffsize,colour,price\n2,red,9\n3,,9\n")
    assert table.to_dict("list") == {
        "id": ["0", "1"],
        "size": ["2", "3"],
        "colour": ["red", ""],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,size\n1,2\n", "lacks columns that the scripts read: colour; add them"),
        ("id;price\n1;2\n", "lacks columns that the scripts read: size, colour; add them"),
        ("id,size,colour\n", "holds no rows"),
        ("", "can't be read: No columns"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_one_sentence(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(SystemExit, match=said):
        rows(tmp_path / "new.csv", text)
    with pytest.raises(SystemExit, match="No such file"):
        standalone_predict.new_rows(tmp_path / "none.csv", PLAN, read_cells)
    with pytest.raises(SystemExit, match="name the task folder with --data"):
        standalone_predict.task_folder(None, PLAN)
    with pytest.raises(SystemExit, match=r"has no train\.csv"):
        standalone_predict.task_folder(tmp_path, PLAN)


def test_a_task_without_a_test_table_can_be_predicted(tmp_path: Path) -> None:
    """The plan knows columns and labels, and the input holds the new rows."""
    folder = tmp_path / "task"
    folder.mkdir()
    train = pd.DataFrame({"x": range(90), "y": ["no", "yes", "no"] * 30})
    train.to_csv(folder / "train.csv", index=False)
    (folder / "task.toml").write_text('target = "y"\nmetric = "accuracy"\n')
    spec = load_task(folder)
    views = build_views(
        spec, None, tmp_path / "views", seed=0, search_rows=30_000, folds=None, audit=False
    )
    plan = json.loads(json.dumps(deliver._answer(spec, views)))
    assert plan["reads"] == ["x"]
    source: dict[str, Any] = {"__file__": str(views.full.folder / "build_input.py")}
    exec(full_view_recipe(spec, views), source)
    new = pd.DataFrame({"x": ["7", "8"]})
    source["build_input"](folder, tmp_path / "input", new)
    assert pd.read_csv(tmp_path / "input" / "test.csv")["x"].tolist() == [7, 8]
    sample = pd.read_csv(tmp_path / "input" / "sample_submission.csv")
    assert sample.shape == (2, 1)
    (tmp_path / "submission.csv").write_text("y\nYES\nno\n")
    table = standalone.answers(tmp_path, tmp_path / "input", new, plan)
    assert table["y"].tolist() == ["yes", "no"]
