"""Curves of the numbers in linear models and networks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.scaled import MOST_CELLS, MOST_CURVES, bends
from mle_star.engineer.playbook.catalogue import model_named
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import split
from mle_star.engineer.playbook.strategies import strategy
from mle_star.engineer.playbook.switches import switched_off
from mle_star.engineer.playbook.writer import write
from mle_star.errors import NoAnswer
from tests.engineer.playbook.small import brief, column

BINARY: dict[str, Any] = {
    "kind": "binary",
    "metric": "log_loss",
    "prediction": "probability",
    "classes": ["no", "yes"],
}
MULTICLASS: dict[str, Any] = {**BINARY, "kind": "multiclass", "classes": ["a", "b", "c"]}
CURVED = "make_union(StandardScaler(), curves)"


def parts(told: Brief, family: str) -> tuple[str, str]:
    """Imports and model block of a family's script."""
    blocks = split(write(told, ModelCard(family, "", "")))
    return blocks[0].text, next(block.text for block in blocks if block.family == family)


def predictions(header: str, block: str, family: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """What a block learns of one number, at the numbers it learnt from."""
    scope: dict[str, Any] = {"CATEGORICAL": ["kind"], "TEXT": [], "THREADS": 1}
    exec(header, scope)
    exec(block, scope)
    scope["CLASSES"] = sorted(set(y.tolist()))
    table = pd.DataFrame({"area": x, "kind": np.zeros(len(x))})
    return np.asarray(scope[f"fit_{family}"](table, y, 0)(table))


def told(**more: Any) -> Brief:
    return brief(columns=[column("area"), column("kind", "categorical")], **more)


def hill(rows: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """A number and what goes up and down with it; a few numbers are far out."""
    x = np.random.default_rng(0).normal(size=rows)
    y = np.abs(x)
    x[:5] *= 1_000
    return x, y


@pytest.mark.parametrize("family", ["linear", "mlp"])
@pytest.mark.parametrize("kind", [{}, BINARY, MULTICLASS])
def test_numbers_get_curves_unless_there_is_text_or_too_many_columns(
    family: str, kind: dict[str, Any]
) -> None:
    numbers = [column(f"n{i}") for i in range(MOST_CURVES)]
    some = brief(columns=numbers, **kind)
    wide = brief(columns=[*numbers, column("one more")], **kind)
    text = brief(columns=[*numbers, column("note", "text", words=8.0)], **kind)
    none = brief(columns=[column("kind", "categorical")], **kind)
    assert [bends(Facts(b)) for b in (some, wide, text, none)] == [True, False, False, False]
    assert CURVED in parts(some, family)[1]
    dated = brief(columns=[*numbers, column("when", "datetime", dtype="str")], **kind)
    profile = some.profile.model_copy(update={"rows": MOST_CELLS // MOST_CURVES + 1})
    for other in (wide, text, none, dated, replace(some, profile=profile)):
        header, block = parts(other, family)
        assert CURVED not in block
        assert "SplineTransformer" not in header


@pytest.mark.parametrize("family", ["linear", "mlp"])
def test_a_hill_is_learnt_with_curves_and_far_out_numbers_do_not_spoil_it(family: str) -> None:
    header, block = parts(told(), family)
    x, y = hill()
    assert np.corrcoef(predictions(header, block, family, x, y)[5:], y[5:])[0, 1] > 0.95


def test_a_straight_line_learns_nothing_of_a_hill() -> None:
    header, block = parts(told(), "linear")
    x, y = hill()
    straight = carry_out(told(), block, ("straight-lines",))
    assert abs(np.corrcoef(predictions(header, straight, "linear", x, y)[5:], y[5:])[0, 1]) < 0.3


def test_classes_on_both_sides_of_a_hill_are_told_apart() -> None:
    header, block = parts(told(**BINARY), "linear")
    x, y = hill()
    predicted = predictions(header, block, "linear", x, (y > 1).astype(int))
    assert ((predicted > 0.5) == (y > 1)).mean() > 0.95


@pytest.mark.parametrize("family", ["linear", "mlp"])
@pytest.mark.parametrize("kind", [{}, BINARY, MULTICLASS])
def test_curves_can_be_left_out_and_put_in_again(family: str, kind: dict[str, Any]) -> None:
    _, block = parts(told(**kind), family)
    straight = carry_out(told(**kind), block, ("straight-lines",))
    assert "curves =" not in straight
    assert "ranks" not in straight
    bent = carry_out(told(**kind), straight, ("splines",))
    assert bent.endswith(block[block.index("def fit_") :])


@pytest.mark.parametrize(("key", "done"), [("splines", True), ("straight-lines", False)])
def test_what_is_so_already_is_no_plan(key: str, done: bool) -> None:
    _, block = parts(told(), "linear")
    if not done:
        block = carry_out(told(), block, ("straight-lines",))
    with pytest.raises(NoAnswer):
        carry_out(told(), block, (key,))


@pytest.mark.parametrize("family", ["knn", "kernel"])
def test_neighbours_and_kernels_keep_their_distances_straight(family: str) -> None:
    block = model_named(family).block(Facts(told())).code
    assert CURVED not in block
    with pytest.raises(NoAnswer):
        carry_out(told(), block, ("splines",))


def test_curves_promise_little_where_they_did_harm() -> None:
    splines, straight = strategy("splines"), strategy("straight-lines")
    _, bent = parts(told(), "linear")
    block = carry_out(told(), bent, ("straight-lines",))
    text = brief(columns=[column("area"), column("note", "text", words=8.0)])
    assert splines.potential(told(), block) > 0.5 > 0.2 > splines.potential(text, block) > 0
    ordered = told(time=["area"])
    assert straight.potential(ordered, bent) > straight.potential(told(), bent) > 0


@pytest.mark.parametrize(("key", "alpha"), [("heavier-decay", "1.2"), ("lighter-decay", "0.075")])
def test_the_weights_of_a_network_are_held_back_more_or_less(key: str, alpha: str) -> None:
    _, block = parts(told(), "mlp")
    assert "alpha=0.3" in block
    assert f"alpha={alpha}" in carry_out(told(), block, (key,))
    library = block.replace("        alpha=0.3,\n", "")
    assert f"alpha={float(alpha) / 0.3 * 1e-4:.4g}" in carry_out(told(), library, (key,))


def test_a_network_that_is_switched_off_still_stops_when_it_has_learnt_enough() -> None:
    given = told(**MULTICLASS)
    blocks = split(write(given, ModelCard("mlp", "", "")))
    off = switched_off(given, next(block for block in blocks if block.family), blocks)
    assert off is not None
    assert "tol=0.002" in off.code
    assert "alpha" not in off.code


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize("family", ["linear", "mlp"])
def test_columns_of_one_value_of_gaps_and_of_yes_and_no_bear_curves(family: str) -> None:
    header, block = parts(told(), family)
    scope: dict[str, Any] = {"CATEGORICAL": ["kind"], "TEXT": [], "THREADS": 1}
    exec(header, scope)
    exec(block, scope)
    x, y = hill(200)
    table = pd.DataFrame(
        {
            "area": np.where(x > 2, np.nan, x),
            "one": 7.0,
            "gaps": np.nan,
            "flag": x > 0,
            "mostly nothing": np.where(x > 1.5, x, 0.0),
            "kind": np.zeros(200),
        }
    )
    assert np.isfinite(scope[f"fit_{family}"](table, y, 0)(table)).all()
