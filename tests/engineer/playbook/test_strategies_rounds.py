"""Boosting for as many rounds as were best on a held-out part, learnt from all rows."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import split
from mle_star.engineer.playbook.strategies import kind_of, strategy
from mle_star.engineer.playbook.writer import write
from mle_star.errors import NoAnswer
from tests.engineer.playbook import refining

pytestmark = pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
BOOSTERS = {
    "lightgbm": ("lightgbm", "LGBM", "n_estimators"),
    "xgboost": ("xgboost", "XGB", "n_estimators"),
    "hist_gradient_boosting": ("sklearn.ensemble", "HistGradientBoosting", "max_iter"),
    "catboost": ("catboost", "CatBoost", "iterations"),
}


def told(name: str, rows: int = 150) -> Brief:
    brief = refining.task(name).brief
    return replace(brief, installed=brief.installed | {"catboost"}, rows=rows)


def block_of(brief: Brief, family: str) -> str:
    text = write(brief, ModelCard(family, "", ""))
    text = re.sub(r"(n_estimators|max_iter|iterations)=\d{3}", r"\1=40", text)
    return next(block.text for block in split(text) if kind_of(block.text) == "model")


@dataclass
class Fits:
    """What a model was fitted with, each time."""

    rows: list[int] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    """Rows that were held out to stop by; 0 where none were handed over."""


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], Fits]:
    """Watches the fits of a family's model."""

    def watch(family: str, regression: bool) -> Fits:
        module, prefix, rounds = BOOSTERS[family]
        made: Any = importlib.import_module(module)
        kind = getattr(made, prefix + ("Regressor" if regression else "Classifier"))
        seen, fit = Fits(), kind.fit

        def spy(model: Any, X: Any, y: Any, **more: Any) -> Any:
            evaluated = more.get("eval_set") or []
            pairs = evaluated if isinstance(evaluated, list) else [evaluated]
            seen.rows.append(len(X))
            seen.rounds.append(model.get_params()[rounds])
            seen.held.append(sum(len(table) for table, _ in pairs))
            return fit(model, X, y, **more)

        monkeypatch.setattr(kind, "fit", spy)
        return seen

    return watch


def fitted(brief: Brief, family: str, key: str, y: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
    """What the block with the strategy predicts for its own rows."""
    pytest.importorskip(BOOSTERS[family][0])
    text = write(brief, ModelCard(family, "", ""))
    scope: dict[str, Any] = {}
    exec(next(block.text for block in split(text) if block.name == "header"), scope)
    exec(carry_out(brief, block_of(brief, family), (key,)), scope)
    scope["CLASSES"] = sorted(set(y.tolist()))
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(len(y), 3)), columns=["a", "b", "c"])
    predict = scope[f"fit_{family}"](X, y, 0)
    return np.asarray(predict(X)), X


def target(rows: int, *, noise: bool = False) -> np.ndarray:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(rows, 3))[:, 0]
    return (
        np.random.default_rng(1).normal(size=rows) if noise else first * 3 + rng.normal(size=rows)
    )


@pytest.mark.parametrize("family", BOOSTERS)
@pytest.mark.parametrize("name", ["price", "order", "odds"])
def test_all_rows_are_learnt_from_in_the_end(
    family: str, name: str, fits: Callable[[str, bool], Fits]
) -> None:
    if (family, name) == ("xgboost", "odds"):
        pytest.skip("it is fitted on codes of its own classes there")
    brief, numbers = told(name), target(400)
    y = numbers if name == "price" else (numbers > 0).astype(int) + (numbers > 2) * (name == "odds")
    seen = fits(family, name == "price")
    predicted, _ = fitted(brief, family, "fitted-rounds", y)
    inner = family == "hist_gradient_boosting"  # it holds a part out by itself
    assert seen.rows == [400 if inner else 340, 400]
    assert seen.held == [0 if inner else 60, 0], "nothing is held out in the end"
    assert seen.rounds[0] == 200, "as many as five times the rounds are tried"
    assert 10 <= seen.rounds[1] <= 1.1 * 200
    assert len(predicted) == 400
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("family", BOOSTERS)
def test_where_nothing_can_be_learnt_ten_rounds_are(
    family: str, fits: Callable[[str, bool], Fits]
) -> None:
    seen = fits(family, True)
    fitted(told("price"), family, "fitted-rounds", target(400, noise=True))
    assert 10 <= seen.rounds[1] < 60
    assert seen.rows[1] == 400


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "catboost"])
def test_stopping_early_alone_leaves_the_held_out_part_unlearnt(
    family: str, fits: Callable[[str, bool], Fits]
) -> None:
    seen = fits(family, True)
    fitted(told("price"), family, "early-stopping", target(400))
    assert (seen.rows, seen.held) == ([340], [60])


def test_it_learns_more_slowly_than_the_block_it_begins_with() -> None:
    brief = told("price")
    for family in BOOSTERS:
        block = block_of(brief, family)
        rates = [float(rate) for rate in re.findall(r"learning_rate=([\d.]+)", block)]
        new = carry_out(brief, block, ("fitted-rounds",))
        assert re.findall(r"learning_rate=([\d.]+)", new) == [f"{rate * 0.6:.4g}" for rate in rates]


def test_it_is_worth_more_where_a_part_says_enough() -> None:
    few, many = (
        strategy("fitted-rounds").applies(told("price", rows), block_of(told("price"), "lightgbm"))
        for rows in (500, 50_000)
    )
    assert 0 < few < many < 1


@pytest.mark.parametrize("family", ["extra_trees", "linear", "knn", "mlp", "kernel"])
def test_models_without_rounds_are_left_alone(family: str) -> None:
    brief = told("price")
    block = block_of(brief, family)
    assert strategy("fitted-rounds").applies(brief, block) == 0
    with pytest.raises(NoAnswer):
        carry_out(brief, block, ("fitted-rounds",))


@pytest.mark.parametrize("family", BOOSTERS)
@pytest.mark.parametrize("first", ["early-stopping", "fitted-rounds"])
def test_rounds_are_fitted_once(family: str, first: str) -> None:
    brief = told("price")
    block = carry_out(brief, block_of(brief, family), (first,))
    for key in ("early-stopping", "fitted-rounds"):
        assert strategy(key).applies(brief, block) == 0, key
    assert strategy("early-stopping").kin == strategy("fitted-rounds").kin
