"""The blend as a script: it computes what the harness computes, with nothing of ours installed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.scoring import (
    Mode,
    Predictions,
    blend_predictions,
    blend_script,
    modes,
    read_predictions,
    score_predictions,
)
from mle_star.scoring.metric_code import metric_code
from mle_star.tasks import METRICS
from tests.scoring.small import (
    BINARY,
    LABELS,
    MULTILABEL,
    ORDINAL,
    PER_CLASS,
    answer,
    make_spec,
    sketch,
    softened,
    write_final,
    write_input,
)

WEIGHTS = [0.5, 0.0, 0.25, 0.25]
CASES: list[dict[str, Any]] = [
    {"id": None},
    {"target": ["u", "v"], "metric": "rmsle", "copied_columns": ["x"]},
    BINARY,
    {**LABELS, "metric": "f1_macro"},
    {**LABELS, "classes": [False, True], "kind": "binary", "metric": "f1"},
    PER_CLASS,
    ORDINAL,
    MULTILABEL,
]


def run(script: str, folder: Path) -> str:
    (folder / "script.py").write_text(script)
    (folder / "final").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-I", "script.py"],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SOFT: list[tuple[Mode, dict[str, Any]]] = [
    ("soft", LABELS),
    ("soft", {**ORDINAL, "classes": ["bad", "fair", "good"], "metric": "accuracy"}),
    ("cut", {**LABELS, "metric": "f1_macro", "id": None}),
    ("cut", {**LABELS, "classes": ["n", "y"], "kind": "binary", "metric": "f1"}),
    ("cut", ORDINAL),
    ("cut", {**ORDINAL, "classes": [3, 4, 5, 6]}),
    ("cut", {**MULTILABEL, "prediction": "label", "metric": "mcc"}),
]
"""Modes that read soft predictions."""


@pytest.mark.parametrize("task", CASES)
def test_the_script_computes_the_blend(tmp_path: Path, task: dict[str, Any]) -> None:
    compute(tmp_path, task, modes(make_spec(**task))[-1])


@pytest.mark.parametrize(("mode", "task"), SOFT)
def test_the_script_cuts_soft_predictions_as_the_harness_does(
    tmp_path: Path, mode: Mode, task: dict[str, Any]
) -> None:
    compute(tmp_path, task, mode)


@pytest.mark.parametrize("folds", [1, 4])
def test_the_script_cuts_a_single_hold_out_by_its_parts(tmp_path: Path, folds: int) -> None:
    compute(tmp_path, {**LABELS, "metric": "balanced_accuracy"}, "cut", folds)


def compute(tmp_path: Path, task: dict[str, Any], mode: Mode, folds: int = 4) -> None:
    """Blend some members by the script, and compare with what the harness computes."""
    spec = make_spec(**task)
    view = sketch(spec, folds=folds)
    view.fold[:20] = -1
    if not spec.classes:
        view.train[spec.target] = view.train[spec.target].abs()
    members = [answer(spec, view, seed, noise=0.8) for seed in range(len(WEIGHTS))]
    if mode in ("soft", "cut"):
        members = [softened(spec, member, seed) for seed, member in enumerate(members)]
    inputs = write_input(spec, view, tmp_path)
    for number, member in enumerate(members):
        final = write_final(
            spec,
            view,
            member,
            tmp_path / "runs" / str(number),
            lambda t: t.sample(frac=1, random_state=0) if spec.id else t,
        )
        (inputs / "members").mkdir(exist_ok=True)
        final.rename(inputs / "members" / str(number))
    wanted = blend_predictions(spec, mode, WEIGHTS, members, view.view())
    printed = run(blend_script(spec, WEIGHTS, mode), tmp_path)

    found = read_predictions(spec, view.view(), tmp_path / "final")
    assert isinstance(found, Predictions), found
    pd.testing.assert_frame_equal(found.oof, wanted.oof, check_dtype=False, rtol=1e-12)
    pd.testing.assert_frame_equal(found.test, wanted.test, check_dtype=False, rtol=1e-12)
    written = pd.read_csv(tmp_path / "final" / "submission.csv")
    assert list(written.columns) == spec.submission_columns
    score = score_predictions(spec, view.view(), wanted)
    line = re.fullmatch(r"Final Validation Performance: (\S+)\n", printed)
    assert isinstance(score, dict)
    assert line
    assert float(line[1]) == pytest.approx(score["value"])


def tasks_for(metric: str) -> list[dict[str, Any]]:
    """Every shape of task the metric can judge."""
    known = METRICS[metric]
    shapes: list[dict[str, Any]] = []
    if known.needs == "value":
        shapes = [{}, {"target": ["u", "v"]}]
    elif known.needs == "label":
        kinds = {
            "binary": {**LABELS, "kind": "binary", "classes": ["n", "y"]},
            "multiclass": LABELS,
        }
        kinds["ordinal"] = ORDINAL
        shapes = [shape for kind, shape in kinds.items() if kind in known.kinds]
        if metric == "quadratic_weighted_kappa":
            shapes = [ORDINAL]
    else:
        kinds = {"binary": BINARY, "multiclass": PER_CLASS, "multilabel": MULTILABEL}
        shapes = [shape for kind, shape in kinds.items() if kind in known.kinds]
    return [{**shape, "metric": metric, "direction": known.direction} for shape in shapes]


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_every_metric_of_the_registry_is_written_out(
    tmp_path: Path, metric: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, task in enumerate(tasks_for(metric)):
        spec = make_spec(**task)
        view = sketch(spec)
        if not spec.classes:
            view.train[spec.target] = view.train[spec.target].abs()
        member = answer(spec, view, noise=0.8)
        folder = tmp_path / str(number)
        inputs = write_input(spec, view, folder)
        (inputs / "members").mkdir()
        write_final(spec, view, member, folder).rename(inputs / "members" / "0")
        (folder / "final").mkdir()
        monkeypatch.chdir(folder)
        exec(compile(blend_script(spec, [1.0], modes(spec)[0]), "script.py", "exec"), {})
        value = METRICS[metric].compute(view.truth(), member.oof, spec.classes)
        shown = float(capsys.readouterr().out.rpartition(": ")[2])
        assert shown == pytest.approx(value), task


def test_what_cannot_be_cut_has_no_such_script() -> None:
    for changed in ({"time": ["when"]}, {"metric": "mine.py:score"}):
        spec = make_spec(**{**LABELS, **changed})
        with pytest.raises(ValueError, match="Where to cut"):
            blend_script(spec, [1.0], "cut")
        assert "argmax" in blend_script(spec, [1.0], "soft")


def test_the_users_own_metric_prints_what_the_harness_measured() -> None:
    spec = make_spec(metric="mine.py:score")
    assert metric_code(spec) is None
    assert "score = 0.75" in blend_script(spec, [1.0], "mean", 0.75)
    pinball = make_spec(metric="pinball:0.9")
    assert "0.9 * (y - p)" in blend_script(pinball, [1.0], "mean")


@pytest.mark.parametrize(("mode", "task"), [*((None, task) for task in CASES), *SOFT])
def test_the_script_reads_well(mode: Mode | None, task: dict[str, Any]) -> None:
    spec = make_spec(**task)
    script = blend_script(spec, WEIGHTS, mode or modes(spec)[0])
    assert ast.get_docstring(ast.parse(script))
    assert re.findall(r"^# === (\w+) ===$", script, re.MULTILINE) == ["load", "combine", "write"]
    assert "mle_star" not in script
    assert max(len(line) for line in script.splitlines()) <= 100
    assert "members/1" not in script
    with pytest.raises(ValueError, match="positive weight"):
        blend_script(spec, [0.0], "mean")
