"""Fitted models in the solution folder: predict.py takes them, and fits what they don't hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mle_star.runs.keeper import keeping
from tests.runs.test_predict import predict
from tests.support.engineers import ScriptedEngineer
from tests.support.runs import Finished, run
from tests.support.tasks import slope_task

# A script of the playbook's form; its model is the slope of each fold.
SCRIPT = '''"""Predict y."""

import numpy as np
import pandas as pd

SEED = 0

# === load ===
train, test = pd.read_csv("input/train.csv"), pd.read_csv("input/test.csv")
folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()
y = train["y"].to_numpy(dtype=float)


# === model: slope ===
def fit_slope(X, y, seed):
    print("fitting", len(X))
    slope = float(X["x"] @ y / (X["x"] @ X["x"]))
    return lambda table: slope * table["x"].to_numpy()


# === combine ===
MODELS = {"slope": fit_slope}


def fit_predict(X_fit, y_fit, *others):
    predict = [fit(X_fit, y_fit, SEED) for fit in MODELS.values()]
    return [sum(each(X) for each in predict) for X in others]


# === validate ===
oof, out = np.full(len(train), np.nan), []
for fold in sorted(set(folds[folds >= 0])):
    fit, held = folds != fold, folds == fold
    oof[held], new = fit_predict(train.loc[fit, ["x"]], y[fit], train.loc[held, ["x"]], test[["x"]])
    out.append(new)

# === write ===
scored = folds >= 0
pd.DataFrame({"id": train["id"][scored], "y": oof[scored]}).to_csv("final/oof.csv", index=False)
pd.DataFrame({"id": test["id"], "y": np.mean(out, axis=0)}).to_csv(
    "final/submission.csv", index=False
)
print("Final Validation Performance: 0.1")
'''


def solved(folder: Path, text: str) -> Finished:
    settings = {"outer_steps": 0, "num_candidates": 1, "ensemble_rounds": 0, "save_model": True}
    task = slope_task(folder / "slope", rows=200)
    engineer = ScriptedEngineer(write=lambda *_: text)
    return run(task, engineer, **settings, runs_dir=str(folder / "runs"))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return solved(tmp_path_factory.mktemp("keeper"), SCRIPT)


def test_a_run_leaves_its_models_and_predict_takes_them(done: Finished, tmp_path: Path) -> None:
    solution, task = Path(done.values["solution_folder"]), Path(done.values["spec"]["folder"])
    [model] = (solution / "model").iterdir()
    assert "cloudpickle==" in (solution / "requirements.txt").read_text()
    assert (solution / "scripts" / "model.py").read_text() == SCRIPT
    found = predict(done, task / "test.csv", "--output", tmp_path / "out.csv")
    assert found.returncode == 0, found.stderr
    assert "fitting" not in found.stdout
    assert (tmp_path / "out.csv").read_bytes() == Path(done.values["submission"]).read_bytes()
    model.unlink()
    found = predict(done, task / "test.csv", "--output", tmp_path / "again.csv", "--save-model")
    assert found.stdout.count("fitting") == 5
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    assert model.is_file()


def test_other_training_rows_are_fitted_anew(done: Finished, tmp_path: Path) -> None:
    """A model that does not belong to the rows is never used."""
    task = Path(done.values["spec"]["folder"])
    other = tmp_path / "other"
    other.mkdir()
    for name in ("test.csv", "sample_submission.csv"):
        (other / name).write_text((task / name).read_text())
    train = pd.read_csv(task / "train.csv")
    train.assign(y=-train["y"]).to_csv(other / "train.csv", index=False)
    arguments = (task / "test.csv", "--output", tmp_path / "out.csv", "--data", other)
    found = predict(done, *arguments)
    assert found.stdout.count("fitting") == 5
    mirrored = pd.read_csv(tmp_path / "out.csv")["y"]
    assert mirrored.tolist() == pytest.approx(
        (-pd.read_csv(done.values["submission"])["y"]).tolist()
    )


def test_scripts_of_another_form_are_fitted_by_each_call(tmp_path: Path) -> None:
    assert keeping(SCRIPT) is not None
    other = SCRIPT.replace("MODELS", "THINGS")
    assert keeping(other) is None
    assert keeping(SCRIPT.replace("# === validate ===", "# validate")) is None
    done = solved(tmp_path, other)
    assert "it is not of the playbook's form. predict.py fits it again." in done.notes()
    solution, task = Path(done.values["solution_folder"]), Path(done.values["spec"]["folder"])
    assert not (solution / "model").exists()
    assert "cloudpickle" not in (solution / "requirements.txt").read_text()
    found = predict(done, task / "test.csv", "--output", tmp_path / "out.csv", "--save-model")
    assert found.returncode == 0, found.stderr
    assert "no script can keep what it fits" in found.stderr


def test_what_can_not_be_kept_costs_no_submission(tmp_path: Path) -> None:
    odd = SCRIPT.replace("lambda table:", "lambda table, lock=__import__('threading').Lock():")
    done = solved(tmp_path, odd)
    assert "cannot pickle" in done.notes()
    assert Path(done.values["submission"]).is_file()
    assert not (Path(done.values["solution_folder"]) / "model").exists()
