"""The solution folder reproduces the submission without this package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.errors import NoAnswer
from mle_star.runs import deliver, standalone
from mle_star.runs.deliver import imported_modules, requirements
from mle_star.scoring import Predictions, read_predictions, write_submission
from mle_star.tasks import build_views, load_task
from mle_star.tasks.cells import read_cells
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


def reproduce(done: Finished, task: Path, output: Path) -> bytes:
    folder = Path(done.values["solution_folder"])
    subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
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
    return output.read_bytes()


def test_run_py_reproduces_the_submission_of_an_ensemble(task: Path, tmp_path: Path) -> None:
    slopes = iter([2.0, 4.0])
    engineer = ScriptedEngineer(write=lambda *_: script(next(slopes)), merge=no_answer)
    done = run(task, engineer, outer_steps=0, num_candidates=2)
    assert done.best["members"]
    again = reproduce(done, task, tmp_path / "again.csv")
    assert again == Path(done.values["submission"]).read_bytes()


def test_run_py_reproduces_the_submission_of_a_single_script_in_another_place(
    task: Path, tmp_path: Path
) -> None:
    done = run(task, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    moved = tmp_path / "moved"
    Path(done.values["solution_folder"]).rename(moved)
    done.values["solution_folder"] = str(moved)
    again = reproduce(done, task, tmp_path / "again.csv")
    assert again == Path(done.values["submission"]).read_bytes()


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


def test_requirements_name_pyarrow_for_parquet() -> None:
    for pins in (
        requirements([], parquet=True),
        requirements(["import pandas as pd\nside = pd.read_parquet('input/side.parquet')\n"]),
    ):
        assert [pin.partition("==")[0] for pin in pins.splitlines()] == ["pandas", "pyarrow"]


def tables(ids: list[str], labels: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training table (its ids are words) and test table with the given ids."""
    x = np.random.default_rng(0).normal(size=len(labels)).round(6)
    train = pd.DataFrame({"id": [f"t{n}" for n in range(len(x))], "x": x, "y": labels})
    if ids[0][0].isdigit():
        train["id"] = [str(900_000 + n) for n in range(len(x))]
    return train, pd.DataFrame({"id": ids, "x": x[: len(ids)]})


def task_of(
    folder: Path, train: pd.DataFrame, test: pd.DataFrame, sample: pd.DataFrame, metric: str
) -> Path:
    """A task whose sample submission has semicolons and an order of its own."""
    folder.mkdir()
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    sample[::-1].to_csv(folder / "sample_submission.csv", index=False, sep=";")
    (folder / "task.toml").write_text(f'target = "y"\nid = "id"\nmetric = "{metric}"\n')
    return folder


def both(task: Path, work: Path, oof: pd.DataFrame, test: pd.DataFrame) -> tuple[str, str]:
    """The run's submission.csv and that of run.py, from the same predictions of a script."""
    spec = load_task(task)
    views = build_views(
        spec, None, work / "views", seed=0, search_rows=30_000, folds=None, audit=False
    )
    final = work / "final"
    final.mkdir()
    # A script reads the ids with pandas and so loses their spelling.
    oof.assign(id=pd.read_csv(views.full.folder / "train.csv")["id"]).to_csv(
        final / "oof.csv", index=False
    )
    ids = pd.read_csv(views.full.folder / "test.csv")["id"]
    test.assign(id=ids).to_csv(final / "submission.csv", index=False)
    read = read_predictions(spec, views.full, final)
    assert isinstance(read, Predictions), read
    write_submission(spec, views.full, read.test, work / "run.csv")
    plan = json.loads(json.dumps(deliver._answer(spec, views)))
    table = standalone.submission(final, views.full.folder, task, plan, read_cells)
    table.to_csv(work / "again.csv", index=False)
    return (work / "run.csv").read_text(), (work / "again.csv").read_text()


IDS = {
    "padded": [f"{n:06d}" for n in range(30)],
    "like floats": [f"{n}.0" for n in range(30)],
    "words": [f"row {n}" for n in range(30)],
}


@pytest.mark.parametrize("ids", IDS.values(), ids=IDS)
def test_ids_stand_as_the_user_wrote_them(tmp_path: Path, ids: list[str]) -> None:
    chance = np.random.default_rng(1)
    train, test = tables(ids, [str(value) for value in chance.normal(size=90)])
    task = task_of(tmp_path / "task", train, test, test[["id"]].assign(y=0.5), "rmse")
    oof, answer = (pd.DataFrame({"y": chance.normal(size=n)}) for n in (90, 30))
    ours, theirs = both(task, tmp_path, oof, answer)
    assert theirs == ours
    assert [line.split(",")[0] for line in theirs.splitlines()] == ["id", *ids[::-1]]


@pytest.mark.parametrize(
    ("labels", "written", "expected"),
    [
        (["yes", "no", "so so"], ["no", "YES", "so so"], ["no", "yes", "so so"]),
        (["1", "2", "3"], ["3.0", "1", "2"], ["3", "1", "2"]),
        (["true", "false", "true"], ["True", "False", "1"], ["true", "false", "true"]),
    ],
)
def test_labels_stand_as_the_training_table_spells_them(
    tmp_path: Path, labels: list[str], written: list[str], expected: list[str]
) -> None:
    train, test = tables(IDS["padded"], labels * 30)
    sample = test[["id"]].assign(y=labels * 10)
    task = task_of(tmp_path / "task", train, test, sample, "accuracy")
    oof = pd.DataFrame({"y": np.resize(written, 90)})
    ours, theirs = both(task, tmp_path, oof, pd.DataFrame({"y": np.resize(written, 30)}))
    assert theirs == ours
    got = [line.split(",")[1] for line in theirs.splitlines()[1:]]
    assert got[::-1] == np.resize(expected, 30).tolist()


@pytest.mark.parametrize("ids", ["padded", "words"])
def test_class_probabilities_sum_to_one(tmp_path: Path, ids: str) -> None:
    train, test = tables(IDS[ids], ["dog", "cat", "bird"] * 30)
    sample = test[["id"]].assign(dog=0.5, bird=0.2, cat=0.3)
    task = task_of(tmp_path / "task", train, test, sample, "log_loss")
    chance = np.random.default_rng(2)
    oof, answer = (
        pd.DataFrame(chance.random((n, 3)) * 0.7, columns=["cat", "dog", "bird"]) for n in (90, 30)
    )
    ours, theirs = both(task, tmp_path, oof, answer)
    assert theirs == ours
    table = pd.read_csv(tmp_path / "again.csv", index_col="id")
    assert list(table) == ["dog", "bird", "cat"]
    assert np.allclose(table.sum(axis=1), 1)


def test_parquet_tables(tmp_path: Path) -> None:
    train, test = tables(IDS["padded"], [repr(n / 7) for n in range(90)])
    task = task_of(tmp_path / "task", train, test, test[["id"]].assign(y=0.5), "rmse")
    assert not deliver._has_parquet(load_task(task))
    for name, sep in (("test", ","), ("sample_submission", ";")):
        path = task / f"{name}.csv"
        pd.read_csv(path, sep=sep, dtype={"id": str}).to_parquet(path.with_suffix(".parquet"))
        path.unlink()
    assert deliver._has_parquet(load_task(task))
    chance = np.random.default_rng(3)
    oof, answer = (pd.DataFrame({"y": chance.normal(size=n)}) for n in (90, 30))
    ours, theirs = both(task, tmp_path, oof, answer)
    assert theirs == ours
    assert theirs.splitlines()[1].startswith("000029,")


def test_a_missing_or_repeated_id_ends_run_py_with_one_sentence() -> None:
    wanted = pd.Series(["1", "2"])
    assert standalone.places(wanted, pd.Series(["2.0", "7.0", "1.0"]), "test.csv") == [2, 0]
    for ids in (["1", "3"], ["1", "2", "2"], ["a", "b"]):
        with pytest.raises(SystemExit, match=r"^An id such as '[12]' is missing from test.csv or"):
            standalone.places(wanted, pd.Series(ids), "test.csv")


def test_run_py_reads_a_semicolon_sample_and_normalises_as_the_run_does(tmp_path: Path) -> None:
    train, test = tables(IDS["padded"], ["dog", "cat", "bird"] * 30)
    sample = test[["id"]].assign(dog=0.5, bird=0.2, cat=0.3)
    task = task_of(tmp_path / "task", train, test, sample, "log_loss")
    engineer = ScriptedEngineer(write=lambda *_: SHARES)
    done = run(task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    again = reproduce(done, task, tmp_path / "again.csv")
    assert again == Path(done.values["submission"]).read_bytes()
    assert again.startswith(b"id,dog,bird,cat\n000029,")


SHARES = """import pandas as pd

for name, table in (("oof", "train"), ("submission", "test")):
    rows = pd.read_csv(f"input/{table}.csv")
    if name == "oof":
        rows = rows[pd.read_csv("input/folds.csv")["fold"] >= 0]
    share = rows["x"].rank(pct=True) / 2
    out = pd.DataFrame({"id": rows["id"], "dog": share, "bird": 0.3, "cat": 0.8 - share})
    out.to_csv(f"final/{name}.csv", index=False)
print("Final Validation Performance: 1.0")
"""
