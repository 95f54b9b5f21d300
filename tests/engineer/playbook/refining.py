"""Small tasks that between them suit every strategy, and many scripts run in one process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import MODELS, model_named
from mle_star.engineer.playbook.script import Block, split
from mle_star.engineer.playbook.writer import assemble
from tests.engineer.playbook import making

RUNNER = """
import json, os, runpy, sys, traceback
import warnings

warnings.simplefilter("ignore")
results = {}
for name in sorted(os.listdir(".")):
    here = os.getcwd()
    os.chdir(name)
    try:
        runpy.run_path("script.py", run_name="__main__")
        results[name] = ""
    except BaseException:
        results[name] = traceback.format_exc()
    os.chdir(here)
with open(sys.argv[1], "w") as file:
    json.dump(results, file)
"""


def houses(rows: int = 150, seed: int = 0) -> pd.DataFrame:
    """Places, counts, gaps, moments and categories of many and of few values."""
    rng = np.random.default_rng(seed)
    start = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300 * 86_400, rows), "s")
    numbers = {f"sensor {i}": rng.normal(size=rows).round(4) for i in range(6)}
    answers = {f"has {i}": rng.choice(["Yes", "No", "Maybe"], rows) for i in range(4)}
    return pd.DataFrame(
        {
            "longitude": rng.uniform(-120, -115, rows).round(4),
            "latitude": rng.uniform(33, 38, rows).round(4),
            "end longitude": rng.uniform(-120, -115, rows).round(4),
            "end latitude": rng.uniform(33, 38, rows).round(4),
            "rooms": rng.integers(1, 90, rows),
            "income": rng.lognormal(1, 1, rows).round(3),
            "size": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(3, 1, rows).round(2)),
            **numbers,
            "built": start.astype(str),
            "sold": (start + pd.to_timedelta(rng.integers(60, 10**6, rows), "s")).astype(str),
            "street": [f"street {i}" for i in rng.integers(0, 40, rows)],
            "kind": rng.choice(["flat", "house", "hut"], rows),
            **answers,
        }
    )


def listings(rows: int, seed: int = 5) -> list[str]:
    """Lists of tags, several dozen different ones."""
    rng = np.random.default_rng(seed)
    tags = ["garden", "garage", "pool", "lift", "attic", "view"]
    return ["|".join(sorted(rng.choice(tags, rng.integers(2, 5), False))) for _ in range(rows)]


def _number(table: pd.DataFrame) -> pd.Series:
    noise = np.random.default_rng(9).normal(size=len(table))
    return pd.Series(
        table["income"] * 3 + (table["kind"] == "hut") * 4 + noise.clip(-2, 2) + 3
    ).round(3)


@cache
def task(name: str) -> making.Task:
    """One of the tasks: price, late, mood, class, share, order, odds, air, spam or stars."""
    made = _task(name)
    installed = making.INSTALLED | {"optuna"}
    # Some strategies want many rows; the brief may say that there are.
    rows = 6_000 if name == "late" else made.brief.rows
    brief = replace(made.brief, installed=installed, rows=rows, script_seconds=2.0)
    return replace(made, brief=brief)


def _task(name: str) -> making.Task:
    folder = Path(mkdtemp(prefix="refining-"))
    train, test = houses(), houses(30, seed=1)
    if name in ("price", "odds"):
        train, test = train.assign(extras=listings(150)), test.assign(extras=listings(30, seed=6))
    number = _number(train)
    rank = number.rank(pct=True)
    toml: dict[str, str | list[str]]
    if name in ("spam", "stars"):
        return _texts(folder, name)
    if name == "price":
        train, toml = train.assign(y=number), {"target": "y", "metric": "rmse"}
    elif name == "late":
        positive = (rank > 0.6).to_numpy()
        train = train.assign(y=positive.astype(int), note=making.sentences(len(train), positive))
        test = test.assign(note=making.sentences(len(test), rank[: len(test)].to_numpy() > 0.5))
        toml = {"target": "y", "metric": "log_loss", "kind": "binary"}
    elif name == "mood":
        train = train.assign(y=np.ceil(rank * 4).astype(int))
        toml = {"target": "y", "metric": "quadratic_weighted_kappa", "kind": "ordinal"}
    elif name == "class":
        train = train.assign(y=np.array(["a", "b", "c"])[(rank * 2.99).astype(int)])
        toml = {"target": "y", "metric": "f1_macro", "kind": "multiclass"}
    elif name == "share":
        train = train.assign(y=np.array(["no", "yes"])[(rank > 0.7).astype(int)])
        toml = {"target": "y", "metric": "f1", "kind": "binary"}
    elif name == "order":
        train = train.assign(y=(rank > 0.7).astype(int))
        sample = pd.DataFrame({"y": np.full(len(test), 0.5)})
        return _build(folder, train, test, sample, {"target": "y", "metric": "roc_auc"})
    elif name == "odds":
        train = train.assign(y=np.array(["a", "b", "c"])[(rank * 2.99).astype(int)])
        sample = pd.DataFrame({c: np.full(len(test), 1 / 3) for c in ("a", "b", "c")})
        toml = {"target": "y", "metric": "log_loss", "kind": "multiclass"}
        return _build(folder, train, test, sample, toml)
    else:
        train, test = _air(220), _air(40, after=220)
        toml = {"target": "y", "metric": "mae"}
        toml["time"] = ["year", "month", "day", "hour"]
        test = test.drop(columns="y")
    return _build(folder, train, test, None, toml)


def _texts(folder: Path, name: str) -> making.Task:
    """Nothing but a text: classes (spam) or numbers (stars)."""
    positive = np.random.default_rng(3).random(150) > 0.5
    train = pd.DataFrame({"message": making.sentences(150, positive)})
    test = train[:30].copy()
    toml: dict[str, str | list[str]] = {"target": "y", "metric": "log_loss", "kind": "binary"}
    if name == "spam":
        return _build(folder, train.assign(y=positive.astype(int)), test, None, toml)
    noise = np.random.default_rng(4).normal(size=150)
    stars = (positive * 2 + noise).round(3)
    return _build(folder, train.assign(y=stars), test, None, {"target": "y", "metric": "rmse"})


def _build(
    folder: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    sample: pd.DataFrame | None,
    toml: dict[str, str | list[str]],
) -> making.Task:
    return making.build(folder, train, test, sample, folds=2, search_rows=10_000, **toml)


def _air(rows: int, after: int = 0) -> pd.DataFrame:
    moment = pd.date_range("2020-01-01", periods=after + rows, freq="97h")[after:]
    rng = np.random.default_rng(after)
    return pd.DataFrame(
        {
            "year": moment.year,
            "month": moment.month,
            "day": moment.day,
            "hour": moment.hour,
            "wind": rng.lognormal(0, 1, rows).round(3),
            "side": rng.choice(["N", "E", "S"], rows),
            "y": (20 + 9 * np.sin(moment.hour / 4) + rng.integers(0, 9, rows)).round(),
        }
    )


@cache
def script(name: str, family: str) -> str:
    """The writer's script for a task, with little boosting so that it is fast."""
    text = assemble(Facts(task(name).brief), model_named(family))
    return re.sub(r"(n_estimators|max_iter|iterations)=\d{3}", r"\1=12", text)


def families(name: str) -> list[str]:
    """Families that suit a task."""
    facts = Facts(task(name).brief)
    return [model.family for model in MODELS if model.suits(facts)]


def blocks(name: str, family: str) -> list[Block]:
    """Blocks of the writer's script."""
    return split(script(name, family))


def run_all(scripts: Mapping[str, tuple[str, str]], folder: Path) -> None:
    """Run scripts (label to task and text) in one process and check what each of them left."""
    places = folder / "scripts"
    for label, (name, text) in scripts.items():
        place = places / label
        (place / "final").mkdir(parents=True)
        (place / "input").symlink_to(task(name).view.folder)
        (place / "script.py").write_text(text)
    (folder / "runner.py").write_text(RUNNER)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(folder / "runner.py"), str(folder / "results.json")],
        cwd=places,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text())
    broken = {label: problem for label, problem in results.items() if problem}
    assert not broken, "\n".join(f"{label}:\n{problem}" for label, problem in broken.items())
    for label, (name, _) in scripts.items():
        check(task(name), places / label / "final")


def check(made: making.Task, final: Path) -> None:
    """Both files are complete and hold what the task asks for."""
    spec = made.brief.task
    oof, submission = pd.read_csv(final / "oof.csv"), pd.read_csv(final / "submission.csv")
    assert len(oof) == (made.view.fold_of() >= 0).sum()
    assert len(submission) == made.view.test_rows
    for table in (oof, submission):
        predicted = table[spec.prediction_columns]
        assert not predicted.isna().any(axis=None)
        if spec.prediction == "label":
            assert set(predicted.to_numpy().ravel().tolist()) <= set(spec.classes)
        elif spec.prediction == "probability":
            assert predicted.to_numpy().min() >= 0
            assert predicted.to_numpy().max() <= 1
