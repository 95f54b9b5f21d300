"""Categories as LightGBM itself handles them, in place of codes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import split
from mle_star.engineer.playbook.strategies import kind_of, strategy
from mle_star.engineer.playbook.writer import write
from mle_star.errors import NoAnswer
from tests.engineer.playbook import refining

KEYS = {"lightgbm": "native-categories"}
KIND = {"lightgbm": ("lightgbm", "LGBM")}


def told(name: str) -> Brief:
    brief = refining.task(name).brief
    return replace(brief, installed=brief.installed | {"catboost"})


def block_of(brief: Brief, family: str) -> str:
    text = write(brief, ModelCard(family, "", ""))
    text = re.sub(r"(n_estimators|iterations)=\d+", r"\1=30", text)
    return next(block.text for block in split(text) if kind_of(block.text) == "model")


def suited(family: str) -> list[str]:
    """Tasks with categories, and names that the libraries take."""
    names = ("price", "late", "mood", "class", "share", "order", "odds", "air")
    key = strategy(KEYS[family])
    return [n for n in names if key.applies(told(n), block_of(told(n), family)) > 0]


def table(brief: Brief, rows: int = 200) -> pd.DataFrame:
    """Codes of the task's categories as ``encode`` leaves them, and a number."""
    rng = np.random.default_rng(0)
    columns = dict.fromkeys(Facts(brief).categorical)
    codes = pd.DataFrame({name: rng.integers(-1, 15, rows).astype(float) for name in columns})
    return codes.assign(size=rng.normal(size=rows))


def run(brief: Brief, family: str, block: str, X: pd.DataFrame) -> tuple[np.ndarray, list[Any]]:
    """What the block predicts for its own rows, and what its model was told of categories."""
    module, prefix = KIND[family]
    libraries: Any = pytest.importorskip(module)
    text = write(brief, ModelCard(family, "", ""))
    scope: dict[str, Any] = {}
    exec(next(block.text for block in split(text) if block.name == "header"), scope)
    exec(block, scope)
    facts = Facts(brief)
    scope |= {"CATEGORICAL": facts.categorical, "TEXT": [], "CLASSES": list(range(3))}
    first = facts.categorical[0] if facts.categorical[0] in X else "size"
    groups = X[first].to_numpy() % 3
    y = groups * 2.0 if facts.learning == "regression" else groups.astype(int)
    if facts.learning == "binary":
        y = (groups > 0).astype(int)
    seen: list[Any] = []
    kind = getattr(
        libraries, prefix + ("Regressor" if facts.learning == "regression" else "Classifier")
    )

    class Spy(kind):  # type: ignore[misc, valid-type]
        def fit(self, X: Any, y: Any, **more: Any) -> Any:
            seen.append(more.get("categorical_feature") or self.get_params().get("cat_features"))
            return super().fit(X, y, **more)

    scope[kind.__name__] = Spy
    predict = scope[f"fit_{family}"](X, y, 0)
    return np.asarray(predict(X), dtype=float), seen


@pytest.mark.parametrize("family", KEYS)
def test_the_library_is_told_which_columns_are_categories(family: str) -> None:
    names = suited(family)
    assert names
    for name in names:
        brief = told(name)
        new = carry_out(brief, block_of(brief, family), (KEYS[family],))
        X = table(brief)
        before = X.copy()
        predicted, seen = run(brief, family, new, X)
        assert seen == [Facts(brief).categorical]
        assert len(predicted) == len(X)
        assert np.isfinite(predicted).all()
        pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("family", KEYS)
def test_it_is_done_once_and_in_its_own_library_only(family: str) -> None:
    [name, *_] = suited(family)
    brief = told(name)
    new = carry_out(brief, block_of(brief, family), (KEYS[family],))
    assert strategy(KEYS[family]).applies(brief, new) == 0
    with pytest.raises(NoAnswer):
        carry_out(brief, new, (KEYS[family],))
    for other in ("xgboost", "catboost", "extra_trees"):
        assert strategy(KEYS[family]).applies(brief, block_of(brief, other)) == 0


def test_tasks_without_categories_are_left_alone() -> None:
    for name in ("price", "late", "mood", "class", "share", "order", "odds", "air"):
        brief = told(name)
        if not Facts(brief).categorical:
            for family, key in KEYS.items():
                assert strategy(key).applies(brief, block_of(brief, family)) == 0
