"""Strategies on rows in time order: what came before and after, and labels of earlier times."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import model_named
from mle_star.engineer.playbook.leakage import check_leakage
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import find, replace
from mle_star.engineer.playbook.strategies import columns, strategy
from mle_star.engineer.playbook.writer import compose
from tests.engineer.playbook import making

DAYS = 60


def panel(first: str, days: int, seed: int, form: str = "%Y-%m-%d") -> pd.DataFrame:
    """One row per shop and day, in a shuffled order."""
    dates = pd.date_range(first, periods=days)
    rng = np.random.default_rng(seed)
    table = pd.MultiIndex.from_product([dates, range(1, 6)], names=["date", "shop"]).to_frame(
        index=False
    )
    table["visits"] = rng.integers(0, 900, len(table))
    table["price"] = rng.lognormal(size=len(table)).round(3)
    table["kind"] = rng.choice(["toys", "food", "books"], len(table))
    table["sales"] = (table["shop"] * 5 + table["visits"] / 90 + rng.normal(size=len(table))).round(
        2
    )
    table["date"] = table["date"].dt.strftime(form)
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@cache
def task(name: str) -> making.Task:
    """Shops by day (panel, with European dates: european), one shop (single), cars (trips)."""
    folder = Path(mkdtemp(prefix="times-"))
    form = "%d/%m/%Y" if name == "european" else "%Y-%m-%d"
    train, test = panel("2023-12-01", DAYS, 0, form), panel("2024-01-30", 20, 1, form)
    toml: dict[str, str | list[str]] = {"target": "sales", "metric": "rmse"}
    if name == "trips":
        # Whole cars are split off; the days of a car are known by the calendar.
        test = panel("2023-12-09", 20, 1)
        for first, table in ((0, train), (10, test)):
            date = pd.to_datetime(table.pop("date"))
            table["year"], table["month"], table["day"] = date.dt.year, date.dt.month, date.dt.day
            table["car"] = [f"car {first + shop}" for shop in table.pop("shop")]
        return _build(folder, train, test, {**toml, "group": "car"})
    if name == "single":
        train, test = train[train["shop"] == 1], test[test["shop"] == 1]
    return _build(folder, train, test, {**toml, "time": ["date"]})


def _build(
    folder: Path, train: pd.DataFrame, test: pd.DataFrame, toml: dict[str, str | list[str]]
) -> making.Task:
    test = test.drop(columns="sales")
    return making.build(folder, train, test, None, folds=2, search_rows=10_000, **toml)


def changed(name: str, key: str) -> str:
    """The script of a task with a strategy carried out."""
    brief = task(name).brief
    text = compose(Facts(brief), model_named("lightgbm"))
    block = find(text, strategy(key).section)
    assert block is not None
    return replace(text, block.text, carry_out(brief, block.text, (key,)))


def scope_of(name: str, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The namespace of the changed script up to its encode section."""
    (folder / "input").symlink_to(task(name).view.folder)
    monkeypatch.chdir(folder)
    scope: dict[str, Any] = {}
    exec(changed(name, key).split("# === target ===")[0], scope)
    return scope


def applies(name: str, key: str) -> float:
    brief = task(name).brief
    block = find(compose(Facts(brief), model_named("lightgbm")), strategy(key).section)
    assert block is not None
    return strategy(key).applies(brief, block.text)


def test_entities_are_told_by_their_numbers_of_rows() -> None:
    assert columns.entities(task("panel").brief) == ["shop"]
    assert columns.entities(task("single").brief) == []
    assert columns.entities(task("trips").brief) == ["car"]
    assert columns.moments(task("trips").brief) == ["year", "month", "day"]


@pytest.mark.parametrize("name", ["panel", "european", "single"])
def test_lags_are_those_of_the_row_before(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = scope_of(name, "lags", tmp_path, monkeypatch)
    assert "sales" not in scope["AROUND"], "no label is read"
    both = pd.concat([scope["train"], scope["test"]])
    both["time"] = pd.to_datetime(both["date"], dayfirst=name == "european")
    both = both[both["shop"] == 1].sort_values("time")
    X = scope["make_features"](both)
    steps = both["price"].diff()
    assert np.allclose(X["price change"], steps.fillna(0))
    assert np.allclose(X["price next change"], steps.shift(-1).fillna(0))
    window = 7 if name == "single" else 5
    means = both["price"].rolling(window, min_periods=1)
    assert np.allclose(X[f"price mean of {window}"], means.mean())
    assert np.allclose(X[f"price spread of {window}"], means.std(ddof=0), atol=1e-6)
    assert np.allclose(X[f"price change in {window}"], both["price"].diff(window).fillna(0))
    assert ("rows before" in X) == (name != "single")


def test_lags_of_some_rows_are_those_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = scope_of("trips", "lags", tmp_path, monkeypatch)
    train, make = scope["train"], scope["make_features"]
    part = train.iloc[[7, 3, 40]]
    assert make(part).equals(make(train).loc[part.index])


def lags_of(brief: Brief) -> float:
    block = find(compose(Facts(brief), model_named("lightgbm")), "features")
    assert block is not None
    return strategy("lags").applies(brief, block.text)


def test_rows_that_were_drawn_one_by_one_have_no_row_before() -> None:
    """Groups are drawn row by row where the search looks at a part of the table."""
    brief = task("trips").brief
    assert lags_of(brief) > 0
    assert lags_of(dataclasses.replace(brief, rows=brief.profile.rows // 2)) == 0
    # In time order the search looks at the newest rows, one after the other.
    brief = task("single").brief
    assert lags_of(dataclasses.replace(brief, rows=brief.profile.rows // 2)) > 0


def test_a_group_that_the_test_table_lacks_tells_no_entities() -> None:
    brief = task("trips").brief
    known = [c.model_copy(update={"in_test": c.name != "car"}) for c in brief.profile.columns]
    profile = brief.profile.model_copy(update={"columns": known})
    assert lags_of(dataclasses.replace(brief, profile=profile)) == 0


def test_the_spread_of_large_numbers_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = scope_of("single", "lags", tmp_path, monkeypatch)
    for name in ("train", "test"):
        scope[name]["price"] += 1e8
    scope["AROUND"] = scope["around"]()
    both = pd.concat([scope["train"], scope["test"]]).sort_values("date")
    spread = both["price"].rolling(7, min_periods=1).std(ddof=0)
    X = scope["make_features"](both)
    assert np.allclose(X["price spread of 7"], spread, atol=1e-3)


def test_history_knows_numbers_however_they_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One gap makes whole numbers fractions in one of two tables."""
    scope = scope_of("panel", "target-history", tmp_path, monkeypatch)
    X, y = scope["make_features"](scope["train"]), scope["y"]
    later = scope["make_features"](scope["test"])
    [_, plain] = scope["encode"](X, y, later)
    [_, found] = scope["encode"](X, y, later.assign(shop=later["shop"].astype(float)))
    assert found["shop target before"].equals(plain["shop target before"])
    assert (plain["shop target before"] != 0).any()


def test_history_knows_labels_of_earlier_times_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = scope_of("panel", "target-history", tmp_path, monkeypatch)
    X, y = scope["make_features"](scope["train"]), scope["y"]
    later = scope["make_features"](scope["test"])
    before = scope["encode"](X, y, later)
    where = len(y) // 2
    other = y.copy()
    other[where] += 50
    after = scope["encode"](X, other, later)
    differs = (before[0] != after[0]).any(axis=1).to_numpy()
    times = X["date seconds"].to_numpy()
    assert differs.any()
    assert times[differs].min() > times[where]
    assert (before[1] != after[1]).any(axis=None), "test rows know all labels"
    names = [name for name in before[0] if " target " in name]
    assert {"shop target before", "kind target before", "date weekday target before"} <= set(names)
    first = times == times.min()
    assert (before[0].loc[first, names] == 0).all(axis=None), "at first nothing is known"


def test_history_tells_shops_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = scope_of("panel", "target-history", tmp_path, monkeypatch)
    X, y = scope["make_features"](scope["train"]), scope["y"]
    [_, found] = scope["encode"](X, y, scope["make_features"](scope["test"]))
    means = found.groupby("shop")["shop target before"].first()
    assert means.is_monotonic_increasing
    assert means.iloc[-1] - means.iloc[0] > 10


@pytest.mark.parametrize("key", ["lags", "target-history"])
@pytest.mark.parametrize("name", ["panel", "european", "single", "trips"])
def test_scripts_run_and_leak_nothing(key: str, name: str, tmp_path: Path) -> None:
    if key == "target-history" and name == "trips":
        assert applies(name, key) == 0, "groups are not split by time"
        return
    made = task(name)
    text = changed(name, key)
    assert not check_leakage(made.brief, text).leaking
    making.check(made, making.run(text, made, tmp_path / "run"))


def test_tables_without_time_have_neither() -> None:
    folder = Path(mkdtemp(prefix="times-"))
    table = panel("2024-01-01", DAYS, 0).drop(columns=["date"])
    made = making.build(
        folder, table, table.drop(columns="sales")[:30], target="sales", metric="rmse"
    )
    assert columns.moments(made.brief) == []
    for key in ("lags", "target-history"):
        assert strategy(key).potential(made.brief, "") == 0
