from __future__ import annotations

import ast
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import MODELS, model_named, retrieve
from mle_star.errors import NoAnswer
from tests.engineer.playbook.small import brief, column

EVERYTHING = frozenset({"sklearn", "lightgbm", "xgboost", "catboost"})
STRONG = {"boosting", "text"}


def with_packages(given: Brief, packages: frozenset[str] = EVERYTHING) -> Brief:
    return dataclasses.replace(given, installed=packages)


def tabular(**more: object) -> Brief:
    columns = [column("a"), column("b"), column("c", "categorical")]
    return with_packages(brief(columns=columns, **more))  # type: ignore[arg-type]


def wordy() -> Brief:
    return with_packages(
        brief(
            kind="binary",
            metric="log_loss",
            prediction="probability",
            classes=[0, 1],
            columns=[column("message", "text", words=12.0)],
        )
    )


def groups(task: Brief, count: int, solution: int, solutions: int) -> list[str]:
    return [model_named(card.name).group for card in retrieve(task, count, solution, solutions)]


def test_cards_are_complete() -> None:
    for card in retrieve(tabular(), 32, 0, 1):
        assert card.name
        assert any(digit in card.reason for digit in "0123456789")
        assert card.reason.endswith(".")
        ast.parse(card.example)
        assert all(source.startswith("https://") for source in card.sources)
        assert card.sources


def test_the_issue_asks_for_these_families() -> None:
    families = {model.family for model in MODELS}
    assert families >= {
        "xgboost",
        "lightgbm",
        "catboost",
        "hist_gradient_boosting",
        "extra_trees",
        "random_forest",
        "linear",
        "knn",
        "mlp",
        "text_linear",
        "kernel",
    }


@given(st.integers(1, 12), st.integers(1, 5))
def test_every_solution_gets_distinct_cards_and_its_own_start(count: int, solutions: int) -> None:
    task = tabular()
    hands = [[c.name for c in retrieve(task, count, s, solutions)] for s in range(solutions)]
    for hand in hands:
        assert len(set(hand)) == len(hand) == min(count, 10)
    starts = [hand[0] for hand in hands]
    assert len(set(starts)) == solutions


def test_a_solution_starts_strong_and_grows_diverse() -> None:
    for solution in range(2):
        found = groups(tabular(), 4, solution, 2)
        assert found[0] in STRONG
        assert found[1] != found[0]
        assert len(set(found)) >= 3


def test_grades_start_from_smooth_trees() -> None:
    """Few rows of numbers: averaged trees lead; grades as classes or many rows: boosting does."""
    grades = tabular(
        kind="ordinal",
        metric="quadratic_weighted_kappa",
        direction="maximize",
        prediction="label",
        classes=[3, 4, 5, 6],
    )
    starts = [retrieve(grades, 4, solution, 4)[0].name for solution in range(4)]
    assert starts == ["ExtraTrees", "LightGBM", "XGBoost", "RandomForest"]
    many = dataclasses.replace(grades, rows=50_000)
    assert groups(many, 1, 0, 2) == ["boosting"]
    assert groups(tabular(), 1, 0, 2) == ["boosting"]


def test_text_models_lead_where_text_is_all_there_is() -> None:
    assert groups(wordy(), 1, 0, 2) == ["text"]
    assert groups(wordy(), 1, 1, 2) == ["text"]
    assert set(groups(wordy(), 4, 0, 2)) > {"text", "boosting"}
    assert "text" not in groups(tabular(), 32, 0, 1)


def test_only_installed_packages_are_proposed() -> None:
    task = with_packages(tabular(), frozenset({"sklearn"}))
    names = {card.name for card in retrieve(task, 32, 0, 1)}
    assert not names & {"LightGBM", "XGBoost", "CatBoost"}
    assert "HistGradientBoosting" in names
    assert retrieve(with_packages(tabular(), frozenset()), 4, 0, 2) == []


def test_catboost_waits_where_time_is_short() -> None:
    catboost = model_named("catboost")
    task = tabular()
    assert catboost.fit(Facts(task)) > catboost.fit(
        Facts(dataclasses.replace(task, rows=30_000, script_seconds=1.0))
    )


def test_a_kernel_is_for_tables_that_are_not_great() -> None:
    kernel, task = model_named("Kernel machine"), tabular()
    few, many = (
        kernel.fit(Facts(dataclasses.replace(task, rows=rows))) for rows in (19_999, 20_000)
    )
    assert few > many > 0
    assert kernel.suits(Facts(task))
    assert "Kernel machine" in [card.name for card in retrieve(task, 32, 0, 1)]


def test_names_are_found_in_either_spelling() -> None:
    assert model_named("LightGBM") is model_named("lightgbm")
    with pytest.raises(NoAnswer):
        model_named("gradient descent")


def test_titles_name_the_variant() -> None:
    linear = model_named("linear")
    assert linear.title(Facts(tabular())) == "ridge regression"
    assert linear.title(Facts(wordy())) == "logistic regression"
    assert model_named("text_linear").title(Facts(wordy())) == "TF-IDF and logistic regression"


def test_cards_say_how_long_their_models_take() -> None:
    told = {card.name: card.times for card in retrieve(tabular(), 32, 0, 1)}
    assert told["Linear model"] < told["LightGBM"] == 1.0 < told["CatBoost"] < told["RandomForest"]
