"""Trees that grow with the rows of the final run, where settings were chosen on a sample."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.blocks import fitting
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import split
from mle_star.engineer.playbook.strategies import kind_of, strategies_for, strategy
from mle_star.engineer.playbook.switches import _plain
from mle_star.engineer.playbook.writer import write
from tests.engineer.playbook import refining

SIZES = {
    "lightgbm": ("lightgbm", "LGBM", "num_leaves"),
    "xgboost": ("xgboost", "XGB", "max_depth"),
    "hist_gradient_boosting": ("sklearn.ensemble", "HistGradientBoosting", "max_leaf_nodes"),
    "catboost": ("catboost", "CatBoost", "depth"),
}


def told(name: str, of: int) -> Brief:
    """The brief of a search that sees 150 of so many rows; 75 are fitted on."""
    brief = refining.task(name).brief
    profile = brief.profile.model_copy(update={"rows": of})
    return replace(brief, installed=brief.installed | {"catboost"}, rows=150, profile=profile)


def block_of(brief: Brief, family: str) -> str:
    text = write(brief, ModelCard(family, "", ""))
    return next(block.text for block in split(text) if kind_of(block.text) == "model")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "SMALL", 75)


Size = Callable[[Brief, str, str, int], int]


@pytest.fixture
def size(monkeypatch: pytest.MonkeyPatch) -> Size:
    """Size of the trees that a block would grow on so many rows; nothing is fitted."""

    def found(brief: Brief, family: str, block: str, rows: int) -> int:
        module, prefix, setting = SIZES[family]
        library: Any = pytest.importorskip(module)
        regression = brief.task.kind == "regression"
        kind = getattr(library, prefix + ("Regressor" if regression else "Classifier"))
        seen: list[int] = []
        monkeypatch.setattr(
            kind, "fit", lambda model, *_, **__: seen.append(model.get_params()[setting])
        )
        scope: dict[str, Any] = {}
        text = write(brief, ModelCard(family, "", ""))
        exec(next(part.text for part in split(text) if part.name == "header"), scope)
        exec(block, scope)
        X = pd.DataFrame({"a": np.zeros(rows)})
        scope[f"fit_{family}"](X, np.arange(rows) % 2, 0)
        return seen[-1]

    return found


@pytest.mark.parametrize("name", ["price", "order", "odds"])
@pytest.mark.parametrize("family", SIZES)
def test_more_rows_bear_larger_trees(family: str, name: str, size: Size) -> None:
    brief = told(name, of=1_000)
    block = block_of(brief, family)
    few, same, twice, many, most = (
        size(brief, family, block, rows) for rows in (40, 75, 150, 1_200, 100_000)
    )
    assert few == same, "on fewer rows nothing changes"
    if "leaf" in SIZES[family][2] or "leaves" in SIZES[family][2]:
        assert (twice, many, most) == (2 * same, min(255, 16 * same), 255)
    else:
        assert twice in (same, same + 1)
        assert (many, most) == (same + 2, min(10, same + 5))


@pytest.mark.parametrize("family", SIZES)
def test_a_search_that_sees_all_rows_has_fixed_settings(family: str) -> None:
    for of in (150, 180):  # 30 rows are held back for an audit
        assert "set_params" not in block_of(told("price", of), family)
    assert "set_params" in block_of(told("price", 300), family)
    alike = [block_of(told("price", of), family) for of in (300, 3_000)]
    assert alike[0] == alike[1]


@pytest.mark.parametrize("family", ["lightgbm", "xgboost"])
def test_small_tables_bear_no_larger_trees(
    family: str, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SMALL", 1_200)
    brief = told("price", of=1_000)
    block = block_of(brief, family)
    sizes = [size(brief, family, block, rows) for rows in (75, 1_200, 4_800)]
    assert sizes[0] == sizes[1] < sizes[2]


@pytest.mark.parametrize("name", ["price", "late", "class", "order"])
def test_every_strategy_goes_with_it(name: str) -> None:
    for family in SIZES:
        fixed, grown = (block_of(told(name, of), family) for of in (150, 1_000))
        brief = told(name, 1_000)
        for item in strategies_for("model"):
            if item.applies(told(name, 150), fixed) > 0:
                new = carry_out(brief, grown, (item.key,))
                assert "model.set_params" in new, item.key
                ast.parse(new)


@pytest.mark.parametrize("family", SIZES)
def test_the_defaults_of_a_library_grow_as_well(family: str, size: Size) -> None:
    """A study drops the settings; what a library's default is it does not always tell."""
    brief = told("price", of=1_000)
    plain = _plain(block_of(brief, family))
    assert size(brief, family, plain, 1_200) > (size(brief, family, plain, 75) or 6)


@pytest.mark.parametrize("family", ["lightgbm", "hist_gradient_boosting"])
def test_what_a_plan_makes_larger_grows_as_well(family: str, size: Size) -> None:
    brief = told("price", of=1_000)
    block = block_of(brief, family)
    larger = carry_out(brief, block, ("larger-trees",))
    assert size(brief, family, larger, 150) == 2 * size(brief, family, block, 150)


def test_the_settings_of_a_search_within_a_script_are_those_that_grow() -> None:
    importlib.import_module("optuna")
    brief = told("price", of=1_000)
    new = carry_out(brief, block_of(brief, "lightgbm"), ("settings-search",))
    assert new.index("set_params(**settings)") < new.index("more = max(1.0, len(X) / 75)")


@pytest.mark.parametrize(
    ("name", "rows", "leaves"),
    [("price", 30_000, 63), ("price", 20_000, 40), ("order", 30_000, 31), ("price", 1_000, 15)],
)
def test_numbers_on_many_rows_are_learnt_by_larger_trees_from_the_start(
    name: str, rows: int, leaves: int
) -> None:
    brief = replace(told(name, of=rows), rows=rows, folds=5)
    assert f"num_leaves={leaves}," in block_of(brief, "lightgbm")


def promised(key: str, name: str = "price", family: str = "lightgbm", **told: Any) -> float:
    """What a strategy promises on a task whose target spreads by 10."""
    brief = refining.task(name).brief
    task = brief.task.model_copy(update={"metric": told.pop("metric")})
    profile = brief.profile.model_copy(update={"target_spread": 10.0})
    brief = replace(brief, task=task, profile=profile, **{"rows": 50_000, **told})
    text = next(b.text for b in split(write(brief, ModelCard(family, "", ""))) if "fit_" in b.text)
    return strategy(key).applies(brief, text)


@pytest.mark.parametrize(
    ("metric", "noisy", "clear"),
    [("rmse", 4.0, 3.0), ("mse", 11.0, 9.0), ("mae", 2.6, 2.5), ("r2", 0.89, 0.91)],
)
@pytest.mark.parametrize("key", ["more-rounds", "larger-trees"])
def test_larger_models_promise_more_where_little_noise_is_left(
    key: str, metric: str, noisy: float, clear: float
) -> None:
    usual = promised(key, metric=metric)
    assert promised(key, metric=metric, base_score=noisy) == usual
    assert promised(key, metric=metric, base_score=clear) > usual + 0.3
    assert promised(key, metric=metric, base_score=clear, rows=2_000) <= usual, "few rows"
    assert promised(key, metric="medae", base_score=clear) == usual, "nothing is known of it"


def test_absurd_scores_break_no_promise() -> None:
    for score in (1e300, -1e300, float("inf")):
        assert promised("more-rounds", metric="rmse", base_score=score)
