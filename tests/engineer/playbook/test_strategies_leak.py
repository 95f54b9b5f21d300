"""Nothing that strategies learn comes from the rows it is used on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.playbook.leakage import check_leakage
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import replace
from mle_star.engineer.playbook.strategies import kind_of, strategies_for
from tests.engineer.playbook import refining

CROSS_FITTED = (
    "target-encoding",
    "category-crosses",
    "place-neighbours",
    "neighbour-target",
    "text-opinion",
)


def section(name: str, part: str) -> str:
    return next(b.text for b in refining.blocks(name, "lightgbm") if b.name == part)


def applicable(name: str, block: str) -> list[str]:
    brief = refining.task(name).brief
    return [s.key for s in strategies_for(kind_of(block)) if s.applies(brief, block) > 0]


def prepared(
    name: str, encode: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """The namespace of a script up to its encode section."""
    scope: dict[str, Any] = {}
    folder.mkdir(exist_ok=True)
    (folder / "input").symlink_to(refining.task(name).view.folder)
    monkeypatch.chdir(folder)
    for part in ("header", "load", "features"):
        exec(section(name, part), scope)
    exec(encode, scope)
    return scope


def same(first: pd.DataFrame, second: pd.DataFrame) -> bool:
    """Whether two tables hold the same numbers."""
    numbers, others = first.select_dtypes("number"), second.select_dtypes("number")
    return list(numbers) == list(others) and np.allclose(numbers, others, equal_nan=True)


@pytest.mark.parametrize("name", ["price", "late", "class"])
def test_a_fitting_row_does_not_see_its_own_label(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    brief, block = refining.task(name).brief, section(name, "encode")
    for key in [key for key in CROSS_FITTED if key in applicable(name, block)]:
        new = carry_out(brief, block, (key,))
        scope = prepared(name, new, tmp_path / key, monkeypatch)
        X, y = scope["make_features"](scope["train"]), scope["y"]
        changed = y.copy()
        changed[3] = y.max() * 2 if name == "price" else (y[3] + 1) % (y.max() + 1)
        before, after = scope["encode"](X, y, X[:20]), scope["encode"](X, changed, X[:20])
        assert same(before[0].iloc[[3]], after[0].iloc[[3]]), key
        assert not same(before[0], after[0]), f"{key} does learn from the labels"
        assert not same(before[1], after[1]), f"{key} does learn from the labels"


def finished(block: str, oof: np.ndarray, labels: np.ndarray, classes: list[Any]) -> np.ndarray:
    """What the finish section makes of out-of-fold predictions."""
    folds = np.arange(len(labels)) % 2
    scope: dict[str, Any] = {"np": np, "pd": pd, "y": labels, "folds": folds, "CLASSES": classes}
    scope |= {"oof": oof.copy(), "prediction": oof[:10].copy()}
    exec(block, scope)
    assert len(scope["prediction"]) == 10
    done = scope["oof"]
    assert isinstance(done, np.ndarray)
    return done


@pytest.mark.parametrize("name", ["price", "late", "mood", "class", "share", "odds"])
def test_finishing_a_fold_does_not_see_its_labels(name: str) -> None:
    brief, block = refining.task(name).brief, section(name, "finish")
    classes = list(brief.task.classes)
    rng = np.random.default_rng(1)
    y: np.ndarray
    if brief.task.kind == "regression":
        y = rng.lognormal(size=200)
        oof = y + rng.normal(size=200)
    elif brief.task.kind == "multiclass":
        y = rng.integers(0, len(classes), 200)
        oof = rng.dirichlet(np.ones(len(classes)), 200)
    else:
        y = rng.integers(0, len(classes), 200) + (brief.task.kind == "ordinal")
        oof = np.clip(0.3 * y + 0.7 * rng.random(200), 0, None if y.max() > 1 else 1)
    shuffled, inside = y.copy(), np.arange(200) % 2 == 0
    shuffled[inside] = rng.permutation(shuffled[inside]) ** 2 % (y.max() + 1)
    keys = applicable(name, block)
    assert keys
    for key in keys:
        new = carry_out(brief, block, (key,))
        before, after = finished(new, oof, y, classes), finished(new, oof, shuffled, classes)
        assert (before[inside] == after[inside]).all(), key


@pytest.mark.parametrize(
    "name", ["price", "late", "mood", "class", "share", "order", "odds", "air"]
)
def test_the_leakage_checker_finds_nothing(name: str) -> None:
    brief, script = refining.task(name).brief, refining.script(name, "lightgbm")
    for block in refining.blocks(name, "lightgbm"):
        for key in applicable(name, block.text):
            changed = replace(script, block.text, carry_out(brief, block.text, (key,)))
            report = check_leakage(brief, changed)
            assert not report.leaking, f"{key}: {report.reason}\n{report.block}"
