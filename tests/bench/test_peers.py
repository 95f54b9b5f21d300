"""The stand-alone scripts that run other systems, each as a process of its own."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import mle_star.bench
from mle_star.tasks import METRICS, get_metric

PEERS = Path(mle_star.bench.__file__).parent / "peers"
CLASSES: dict[str, Any] = {"kind": "multiclass", "metric": "log_loss", "prediction": "probability"}


def make_task(folder: Path, rows: int = 120, **told: Any) -> dict[str, Any]:
    """A task folder and the job's description of it; y is a number unless ``told`` names it."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "key": [f"{n:03d}" for n in range(rows)],
            "a": rng.normal(size=rows),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "when": pd.date_range("2024-01-01", periods=rows, freq="D").strftime("%Y-%m-%d"),
            "note": [f"the word {n % 7} and {n} more of them" for n in range(rows)],
            "flag": rng.random(rows) > 0.5,
            "leak": np.arange(rows),
        }
    )
    value = 3 * table["a"] + (table["colour"] == "red") + 10
    table["y"] = value
    table["z"] = -value
    table["level"] = pd.cut(value, 3, labels=["low", "mid", "top"]).astype(str)
    table["yes"] = (value > 10).astype(int)
    table["when"] = table["when"].where(table.index != 3)
    task: dict[str, Any] = {
        "train": "train.csv", "test": "test.csv", "sample_submission": None, "id": "key",
        "target": ["y"], "kind": "regression", "metric": "rmse", "direction": "minimize",
        "prediction": "value", "classes": [], "time": [], "group": None, "exclude": ["leak"],
    }  # fmt: skip
    task |= told
    task.setdefault("prediction_columns", task["target"])
    task.setdefault("submission_columns", ["key", *task["prediction_columns"]])
    folder.mkdir(parents=True, exist_ok=True)
    test = table.tail(rows // 4).drop(columns=["y", "z", "level", "yes"])
    table.head(rows - rows // 4).to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    return task


def run_peer(
    script: str,
    tmp_path: Path,
    task: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    fakes: Path | None = None,
    seconds: float = 60.0,
) -> tuple[subprocess.CompletedProcess[str], pd.DataFrame, dict[str, Any]]:
    """Run a script to its end; its submission with cells as text, and its report."""
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    job = tmp_path / "job.json"
    told = {
        "public": str(tmp_path / "public"), "out": str(out), "seconds": seconds, "cores": 1,
        "seed": 7, "task": dict(task), "options": dict(options or {}),
    }  # fmt: skip
    job.write_text(json.dumps(told), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(fakes or "")}
    done = subprocess.run(
        [sys.executable, str(PEERS / f"run_{script}.py"), str(job)],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    submission = pd.read_csv(out / "submission.csv", dtype=str, na_filter=False)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert not list(out.glob(".*")), "what is written aside is moved"
    return done, submission, report


def peer_module(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(PEERS))
    return importlib.import_module(name)


def test_nothing_of_ours_is_imported() -> None:
    for path in PEERS.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.If):  # what the type checker sees, and what Python does
                node.body = node.orelse
            assert "mle_star" not in ast.unparse(node).replace("mle_star.tasks", ""), path.name
    names = {path.stem for path in PEERS.glob("*.py")}
    assert not names & {"flaml", "autogluon", "xgboost", "lightgbm"}, "would hide the packages"


def test_a_constant(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", metric="mae")
    done, submission, report = run_peer("dummy", tmp_path, task)
    assert done.returncode == 0, done.stderr
    truth = pd.read_csv(tmp_path / "public" / "train.csv")["y"]
    assert list(submission.columns) == ["key", "y"]
    assert submission["key"].iloc[0] == "090"  # as it stands in the file
    assert submission["y"].astype(float).unique() == pytest.approx([truth.median()])
    assert report["validation"] == pytest.approx((truth - truth.median()).abs().mean())


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_boosting_of_numbers(tmp_path: Path, library: str) -> None:
    task = make_task(tmp_path / "public", 300)
    done, submission, report = run_peer("boosting", tmp_path, task, {"library": library})
    assert done.returncode == 0, done.stderr
    assert report["version"].startswith(library)
    assert 0 < report["validation"] < 2
    assert submission["y"].nunique() > 10


def test_boosting_of_class_probabilities(tmp_path: Path) -> None:
    columns = ["p_low", "p_mid", "p_top"]
    task = make_task(
        tmp_path / "public", target=["level"], classes=["low", "mid", "top"],
        prediction_columns=columns, submission_columns=["p_top", "key", "p_low", "p_mid"],
        **CLASSES,
    )  # fmt: skip
    done, submission, report = run_peer("boosting", tmp_path, task, {"library": "lightgbm"})
    assert done.returncode == 0, done.stderr
    assert list(submission.columns) == ["p_top", "key", "p_low", "p_mid"]
    assert submission[columns].astype(float).sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert report["validation"] > 0


def test_boosting_of_labels_in_time(tmp_path: Path) -> None:
    task = make_task(
        tmp_path / "public", target=["level"], classes=["low", "mid", "top"], time=["when"],
        kind="multiclass", metric="accuracy", direction="maximize", prediction="label",
    )  # fmt: skip
    done, submission, report = run_peer("boosting", tmp_path, task, {"library": "xgboost"})
    assert done.returncode == 0, done.stderr
    assert set(submission["level"]) <= {"low", "mid", "top"}
    assert report["validation"] > 0.5


def test_what_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    boosting = peer_module("run_boosting", monkeypatch)
    tables = peer_module("peer_tables", monkeypatch)
    y = pd.Series([0, 1] * 50)
    groups = pd.Series(np.arange(100) // 10)
    problem = tables.Problem(None, pd.DataFrame(index=y.index), y, np.array([0, 1]), None, slice(1))
    fitted, held = boosting.hold_out(problem, True, 0)
    assert held.tolist() == list(range(80, 100))
    assert max(fitted) < min(held)
    fitted, held = boosting.hold_out(problem, False, 0)
    assert y[held].mean() == 0.5
    grouped = tables.Problem(None, problem.rows, y, problem.seen, groups, slice(1))
    fitted, held = boosting.hold_out(grouped, False, 0)
    assert not set(groups[fitted]) & set(groups[held])


def test_a_run_without_time_has_a_constant(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public")
    done, submission, report = run_peer("boosting", tmp_path, task, seconds=0.1)
    assert done.returncode == 0, done.stderr
    assert submission["y"].nunique() == 1
    assert report["validation"] is None


@pytest.mark.parametrize("name", [*METRICS, "pinball:0.9"])
def test_metrics_are_those_of_our_registry(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = peer_module("peer_metrics", monkeypatch)
    jobs = peer_module("peer_job", monkeypatch)
    metric = get_metric(name)
    rng = np.random.default_rng(1)
    kinds = [kind for kind in ("binary", "multiclass", "ordinal") if kind in metric.kinds]
    for kind in ["regression"] if metric.needs == "value" else kinds:
        classes: list[Any] = {"binary": ["no", "yes"], "multiclass": ["a", "b", "c"]}.get(kind, [])
        classes = classes or ([2, 3, 5] if kind == "ordinal" else [])
        wide = len(classes) if kind == "multiclass" and metric.needs == "probability" else 1
        codes = rng.integers(0, max(len(classes), 1), 60)
        truth: Any = codes[:, None].astype(float)
        predicted: Any = rng.random((60, wide))
        labels = np.asarray(classes, dtype=object)
        if metric.needs == "label":
            predicted = rng.integers(0, len(classes), (60, 1)).astype(float)
        elif metric.needs == "value":
            truth = rng.random((60, 1)) + 0.1
        elif wide > 1:
            predicted /= predicted.sum(axis=1, keepdims=True)
        y = pd.DataFrame(labels[codes] if classes else truth)
        p = pd.DataFrame(labels[predicted.astype(int)] if metric.needs == "label" else predicted)
        task = jobs.Task(
            "", "", None, None, ["t"], kind, name, metric.direction == "maximize", metric.needs,
            classes, [f"c{n}" for n in range(wide)], [], [], None, [],
        )  # fmt: skip
        found = metrics.score(task, truth, predicted, Path())
        assert found == pytest.approx(metric.compute(y, p, classes)), kind


def test_an_own_metric_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(tmp_path / "public", metric="mine.py:far", direction="maximize")
    (tmp_path / "public" / "mine.py").write_text("def far(y, p):\n    return -abs(y - p).max()\n")
    done, _, report = run_peer("boosting", tmp_path, task)
    assert done.returncode == 0, done.stderr
    assert -20 < report["validation"] < 0


def test_tables_of_other_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading = peer_module("peer_reading", monkeypatch)
    wanted = pd.DataFrame({"n": [1.5, 2.0], "t": ["x", "ÿ"]})
    (tmp_path / "a.csv").write_bytes("n;t\n1,5;x\n2,0;ÿ\n".encode("cp1252"))
    wanted.to_csv(tmp_path / "b.csv.gz", index=False)
    wanted.to_json(tmp_path / "c.jsonl", orient="records", lines=True)
    wanted.to_csv(tmp_path / "d.zip", index=False)
    wanted.to_parquet(tmp_path / "e.parquet")
    for path in sorted(tmp_path.iterdir()):
        pd.testing.assert_frame_equal(reading.read_table(path), wanted)


def test_features(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    features = peer_module("peer_features", monkeypatch)
    make_task(tmp_path)
    columns = ["a", "colour", "when", "note", "flag"]
    train = pd.read_csv(tmp_path / "train.csv")[columns]
    test = pd.read_csv(tmp_path / "test.csv")[columns]
    test.loc[test.index[0], "colour"] = "never seen"
    one, two = features.prepare(train, test)
    assert (one.dtypes == two.dtypes).all()
    assert list(one.columns[:3]) == ["f0", "f1", "f2"]
    assert two["f1"].isna().sum() == 1
    assert one["f2"].diff().median() == 86400  # a cell is missing, so seconds
    words = [c for c in one.columns if c.startswith("f3_")]
    assert len(words) == features.WORDS
    assert one[words].sum(axis=1).unique().tolist() == [8.0]


FLAML = """
import json
class AutoML:
    def fit(self, X_train, y_train, metric, log_file_name, **rest):
        self.y = y_train
        if callable(metric):
            loss, values = metric(X_train, y_train, self, None, X_train, y_train)
            rest["loss"] = loss
            metric = "function"
        rest.pop("groups", None)
        with open("seen.json", "w") as stream:
            json.dump({"metric": metric, "columns": len(X_train.columns), **rest}, stream)
        with open(log_file_name, "w") as stream:
            for at, loss in ((1.0, 0.5), (2.0, 0.7), (3.0, 0.2)):
                stream.write(json.dumps({"wall_clock_time": at, "validation_loss": loss}) + "\\n")
            stream.write(json.dumps({"curr_best_record_id": 2}) + "\\n")
        LATE
    def retrain_from_log(self, **rest):
        self.y = rest["y_train"]
    def predict(self, X):
        return [self.y.iloc[0]] * len(X)
    def predict_proba(self, X):
        import numpy as np
        return np.tile([0.25, 0.75], (len(X), 1))
"""


def fake_flaml(tmp_path: Path, late: str = "pass") -> Path:
    folder = tmp_path / "fakes"
    (folder / "flaml-9.9.dist-info").mkdir(parents=True)
    (folder / "flaml-9.9.dist-info" / "METADATA").write_text("Name: flaml\nVersion: 9.9\n")
    (folder / "flaml.py").write_text(FLAML.replace("LATE", late))
    return folder


def test_flaml_on_a_metric_that_it_has(tmp_path: Path) -> None:
    task = make_task(
        tmp_path / "public", target=["yes"], classes=[0, 1], kind="binary", metric="roc_auc",
        direction="maximize", prediction="probability",
    )  # fmt: skip
    done, submission, report = run_peer("flaml", tmp_path, task, fakes=fake_flaml(tmp_path))
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["metric"], seen["task"], seen["n_jobs"], seen["seed"]) == (
        "roc_auc", "classification", 1, 7,
    )  # fmt: skip
    assert 45 < seen["time_budget"] < 58
    assert submission["yes"].astype(float).unique() == [0.75]
    assert [value for _, value in report["curve"]] == [0.5, 0.8]  # losses are 1 - value
    assert report["validation"] == 0.8
    assert report["version"] == "flaml 9.9"


def test_flaml_on_a_metric_that_it_lacks(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", metric="smape", time=["when"])
    done, submission, report = run_peer("flaml", tmp_path, task, fakes=fake_flaml(tmp_path))
    assert done.returncode == 0, done.stderr
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["metric"], seen["split_type"], seen["task"]) == ("function", "time", "regression")
    assert 0 < seen["loss"] < 2
    assert report["validation"] == 0.2
    assert submission["y"].nunique() == 1


def test_flaml_with_several_targets_shares_the_time(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", target=["y", "z"])
    done, submission, report = run_peer("flaml", tmp_path, task, fakes=fake_flaml(tmp_path))
    assert done.returncode == 0, done.stderr
    train = pd.read_csv(tmp_path / "public" / "train.csv")
    assert submission["z"].astype(float).unique() == pytest.approx([train["z"].iloc[0]])
    assert report["validation"] == 0.2
    assert report["curve"] == []


def test_flaml_that_goes_beyond_its_time_fits_the_best_so_far(tmp_path: Path) -> None:
    fakes = fake_flaml(tmp_path, late="import time; [time.sleep(0.01) for _ in range(6000)]")
    task = make_task(tmp_path / "public")
    done, submission, report = run_peer("flaml", tmp_path, task, fakes=fakes, seconds=5)
    assert done.returncode == 0, done.stderr
    train = pd.read_csv(tmp_path / "public" / "train.csv")
    assert submission["y"].astype(float).unique() == pytest.approx([train["y"].iloc[0]])
    assert report["validation"] == 0.2


TABULAR = """
import json
import pickle
import numpy as np
import pandas as pd
class TabularPredictor:
    model_best = "Ensemble"
    def __init__(self, **settings):
        self.settings = settings
        self.metric = settings["eval_metric"]
    def fit(self, train_data, tuning_data, **fit):
        label = self.settings["label"]
        self.y = train_data[label]
        seen = {**self.settings, **fit, "rows": len(train_data)}
        seen["tuning"] = None if tuning_data is None else len(tuning_data)
        if "groups" in seen:
            seen["blocks"] = train_data[seen["groups"]].tolist()
        if not isinstance(self.metric, str):
            seen["eval_metric"], judge, rest = pickle.loads(pickle.dumps(self.metric))
            seen["value"] = judge(self.y.to_numpy(), self.y.to_numpy() + 1)
            seen |= rest
        with open("seen.json", "w") as stream:
            json.dump(seen, stream)
        FAIL
    def refit_full(self, set_best_to_refit_full):
        self.model_best = "Ensemble_FULL"
        self.y = self.y[::-1]
    def leaderboard(self):
        return pd.DataFrame({"model": ["Ensemble", "Other"], "score_val": [-0.25, -0.5]})
    @property
    def eval_metric(self):
        return self
    def convert_score_to_original(self, value):
        return -value
    def model_refit_map(self):
        return {"Ensemble": "Ensemble_FULL"}
    def predict(self, table):
        return pd.Series(self.y.iloc[0], index=table.index)
    def predict_proba(self, table):  # a rare class was left out
        return pd.DataFrame({0: 0.25, 2: 0.75}, index=table.index)
"""


def fake_autogluon(tmp_path: Path, fail: str = "pass") -> Path:
    folder = tmp_path / "fakes"
    (folder / "autogluon" / "core").mkdir(parents=True)
    (folder / "autogluon.tabular-9.9.dist-info").mkdir()
    (folder / "autogluon.tabular-9.9.dist-info" / "METADATA").write_text(
        "Name: autogluon.tabular\nVersion: 9.9\n"
    )
    (folder / "autogluon" / "tabular.py").write_text(TABULAR.replace("FAIL", fail))
    (folder / "autogluon" / "core" / "metrics.py").write_text(
        "def make_scorer(name, judge, **rest):\n    return name, judge, rest\n"
    )
    return folder


def run_autogluon(
    tmp_path: Path, task: Mapping[str, Any], preset: str
) -> tuple[dict[str, Any], pd.DataFrame, dict[str, Any]]:
    fakes = fake_autogluon(tmp_path)
    done, submission, report = run_peer("autogluon", tmp_path, task, {"preset": preset}, fakes)
    assert done.returncode == 0, done.stderr
    return json.loads((tmp_path / "seen.json").read_text()), submission, report


def test_autogluon_fits_all_rows_at_last(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public")
    seen, submission, report = run_autogluon(tmp_path, task, "good_quality")
    assert seen["eval_metric"] == "root_mean_squared_error"
    assert (seen["problem_type"], seen["presets"], seen["num_cpus"]) == (
        "regression", "good_quality", 1,
    )  # fmt: skip
    assert (seen["refit_full"], seen["save_bag_folds"], seen["dynamic_stacking"]) == (
        False, True, False,
    )  # fmt: skip
    assert 40 < seen["time_limit"] < 55
    assert (seen["tuning"], "groups" in seen) == (None, False)
    train = pd.read_csv(tmp_path / "public" / "train.csv")
    assert submission["y"].astype(float).unique() == pytest.approx([train["y"].iloc[-1]])
    assert report["validation"] == 0.25
    assert report["version"] == "autogluon.tabular 9.9 good_quality"


def test_autogluon_in_time_keeps_its_own_folds(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", time=["when"])
    seen, _, _ = run_autogluon(tmp_path, task, "best_quality")
    assert (seen["rows"], seen["tuning"], "groups" in seen) == (90, None, False)
    assert "refit_full" not in seen


def test_autogluon_bags_whole_groups(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", group="note")  # 120 notes
    seen, _, _ = run_autogluon(tmp_path, task, "best_quality")
    assert set(seen["blocks"]) == set(range(8))


def test_autogluon_in_time_without_bagging(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", time=["when"])
    seen, _, _ = run_autogluon(tmp_path, task, "medium_quality")
    assert (seen["rows"], seen["tuning"], "groups" in seen) == (81, 9, False)


def test_autogluon_that_left_out_a_class(tmp_path: Path) -> None:
    columns = ["p_low", "p_mid", "p_top"]
    task = make_task(
        tmp_path / "public", target=["level"], classes=["low", "mid", "top"],
        prediction_columns=columns, **CLASSES,
    )  # fmt: skip
    seen, submission, _ = run_autogluon(tmp_path, task, "medium_quality")
    assert (seen["problem_type"], seen["eval_metric"]) == ("multiclass", "log_loss")
    assert submission[columns].astype(float).iloc[0].tolist() == [0.25, 0.0, 0.75]


def test_autogluon_on_a_metric_that_it_lacks(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", metric="rmsle")
    seen, _, report = run_autogluon(tmp_path, task, "medium_quality")
    assert (seen["eval_metric"], seen["greater_is_better"], seen["needs_pred"]) == (
        "rmsle", False, True,
    )  # fmt: skip
    assert 0 < seen["value"] < 1
    assert report["validation"] == 0.25


def test_autogluon_on_a_quantile(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public", metric="pinball:0.9")
    seen, _, _ = run_autogluon(tmp_path, task, "medium_quality")
    assert (seen["problem_type"], seen["quantile_levels"]) == ("quantile", [0.9])


def test_a_system_that_fails_leaves_the_constant_and_says_so(tmp_path: Path) -> None:
    task = make_task(tmp_path / "public")
    fakes = fake_autogluon(tmp_path, fail="raise ValueError('no models')")
    done, submission, report = run_peer("autogluon", tmp_path, task, fakes=fakes)
    assert done.returncode == 1
    assert "no models" in done.stderr
    assert submission["y"].nunique() == 1
    assert "(unfinished)" in report["version"]
    assert not (tmp_path / "out" / "autogluon").exists()


def test_groups_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    autogluon = peer_module("run_autogluon", monkeypatch)
    tables = peer_module("peer_tables", monkeypatch)
    jobs = peer_module("peer_job", monkeypatch)
    task = jobs.Task(
        "", "", None, None, ["y"], "regression", "rmse", False, "value", [], ["y"], [], [], "g", []
    )
    rng = np.random.default_rng(0)
    groups = pd.Series(rng.integers(0, 40, 400))
    y = pd.Series(rng.random(400))
    problem = tables.Problem(task, pd.DataFrame({"a": y}), y, None, groups, slice(0, 1))
    blocks = autogluon.row_blocks(problem, 8, in_time=False)
    assert pd.Series(blocks).groupby(groups).nunique().max() == 1
    assert np.bincount(blocks).min() > 30
    few = tables.Problem(task, problem.rows, y, None, groups % 3, slice(0, 1))
    assert autogluon.row_blocks(few, 8, in_time=False) is None
