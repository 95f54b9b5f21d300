from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.tasks import load_task, profile_task
from mle_star.tasks.profile import DataProfile
from tests.tasks.folders import churn_task, price_task, write

N = 400
OWN = [a + b + c + "z" for a in "bcdfgh" for b in "aeiou" for c in "klmn"]
"""120 words that are all different."""


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> DataProfile:
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "wine", "from", "far", "hills", "and", "sun"])

    def table(count: int, first: int, shift: float) -> pd.DataFrame:
        text = [" ".join(rng.choice(words, 9)) for _ in range(count)]
        return pd.DataFrame(
            {
                "id": np.arange(first, first + count),
                "skewed": rng.exponential(size=count),
                "moved": rng.normal(size=count) + shift,
                "charges": np.where(np.arange(count) % 50 == 0, " ", rng.random(count).round(5)),
                "work": rng.choice(["Private", "State", "?"], count),
                "flag": rng.integers(0, 2, count),
                "when": pd.date_range("2020-01-01", periods=count, freq="h").astype(str),
                "clock": [f"{i % 24:02d}:30" for i in range(count)],
                "review": text,
                "ticket": [f"T-{first + i}" for i in range(count)],
                "counter": rng.permutation(count),
                "same": 1,
                "empty": [None] * count,
                "month": rng.choice(["May", "June"], count),
                "rare": ["x" if i % 10 == 0 else None for i in range(count)],
            }
        )

    train = table(N, 0, 0.0).assign(y=rng.choice(["a", "b", "b"], N))
    folder = write(
        tmp_path_factory.mktemp("profile"),
        train=train,
        test=table(100, 5000, 3.0),
        description="Metric: accuracy",
    )
    return profile_task(load_task(folder))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("skewed", "numeric"),
        ("charges", "numeric"),
        ("work", "categorical"),
        ("flag", "boolean"),
        ("when", "datetime"),
        ("clock", "datetime"),
        ("review", "text"),
        ("ticket", "id"),
        ("counter", "id"),
        ("same", "constant"),
        ("empty", "constant"),
        ("month", "categorical"),
        ("rare", "categorical"),
    ],
)
def test_kinds(profile: DataProfile, name: str, kind: str) -> None:
    assert profile.column(name).kind == kind


def test_dirty_numbers_and_markers(profile: DataProfile) -> None:
    charges, work = profile.column("charges"), profile.column("work")
    assert (charges.dirty, charges.markers) == (True, [" "])
    assert charges.missing == pytest.approx(0.02)
    assert (work.dirty, work.markers, work.unique) == (False, ["?"], 2)
    assert 0.2 < work.missing < 0.45
    assert profile.column("rare").missing == pytest.approx(0.9)


def test_numbers_about_columns(profile: DataProfile) -> None:
    skew, moved = profile.column("skewed").skew, profile.column("moved").drift
    assert skew is not None
    assert skew > 1
    assert moved is not None
    assert moved > 0.7
    month = profile.column("month").drift
    assert month is not None
    assert month < 0.2
    assert profile.column("review").words == 9
    assert profile.column("review").drift is None
    assert len(profile.column("review").examples) == 4
    assert profile.of_kind("datetime") == ["when", "clock"]
    with pytest.raises(KeyError):
        profile.column("y")


def test_the_table_as_a_whole(profile: DataProfile) -> None:
    assert (profile.rows, profile.test_rows, profile.target_unique) == (N, 100, 2)
    assert sum(profile.class_shares.values()) == pytest.approx(1)
    assert (profile.target_skew, profile.target_min, profile.duplicates) == (None, None, 0)
    assert profile.target_spread is None
    assert [c.name for c in profile.columns][:2] == ["skewed", "moved"]


def test_targets_and_duplicates(tmp_path: Path) -> None:
    folder = price_task(tmp_path / "prices", 60)
    train = pd.read_csv(folder / "train.csv")
    train.loc[1, ["size", "colour"]] = train.loc[0, ["size", "colour"]]
    train.loc[5, "price"] = np.nan
    train.to_csv(folder / "train.csv", index=False)
    profile = profile_task(load_task(folder))
    assert (profile.duplicates, profile.target_missing, profile.rows) == (1, 1, 59)
    assert profile.target_min == pytest.approx(train["price"].min())
    assert profile.target_spread == pytest.approx(train["price"].std(ddof=0))
    assert profile.class_shares == {}


@pytest.mark.parametrize("test_table", [True, False])
def test_columns_know_whether_test_has_them(tmp_path: Path, test_table: bool) -> None:
    folder = churn_task(tmp_path)
    if not test_table:
        (folder / "test.csv").unlink()
        (folder / "task.toml").write_text('target = "churn"')
    profile = profile_task(load_task(folder))
    assert all(column.in_test == test_table for column in profile.columns)
    assert (profile.column("size").drift is not None) == test_table


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([f"{'The' if i % 2 else 'Night of'} {x}" for i, x in enumerate(OWN)], "text"),
        ([f"Mr. {x}" for x in OWN], "text"),
        # More than half of them share a word with two others; then half do, and no more.
        ([f"big {x}" if i < 62 else f"{x} {x}" for i, x in enumerate(OWN)], "text"),
        ([f"big {x}" if i < 60 else f"{x} {x}" for i, x in enumerate(OWN)], "id"),
        # A word and a half on average is enough; fewer are keys with an odd word.
        ([f"big {x}" if i % 2 else x for i, x in enumerate(OWN)], "id"),
        ([f"big {x}" if i % 10 else x for i, x in enumerate(OWN)], "text"),
        ([f"big.{x} {x}" if i < 59 else f"big.{x}" for i, x in enumerate(OWN)], "id"),
        ([f"big.{x} {x}" if i < 60 else f"big.{x}" for i, x in enumerate(OWN)], "text"),
        ([f"big{x}" for x in OWN], "id"),
        # What is shared are single letters or digits, or nothing.
        ([f"5 {i}" for i in range(120)], "id"),
        ([f"a {i}" for i in range(120)], "id"),
        ([f"{x} {x}{x}" for x in OWN], "id"),
        ([f"- {i}" for i in range(120)], "id"),
    ],
)  # fmt: skip
def test_strings_that_all_differ_are_text_where_they_share_words(
    tmp_path: Path, values: list[str], kind: str
) -> None:
    assert len(set(values)) == len(values)
    train = pd.DataFrame({"name": values, "y": np.arange(len(values)) % 7 + 0.5})
    test = train[["name"]].head(10)
    folder = write(tmp_path, train=train, test=test, description="Metric: rmse")
    (folder / "task.toml").write_text('target = "y"\n')
    assert profile_task(load_task(folder)).column("name").kind == kind


def test_few_strings_that_all_differ_stay_a_category(tmp_path: Path) -> None:
    values = [f"big {x}" for x in OWN[:20]]
    train = pd.DataFrame({"name": values, "y": np.arange(20) + 0.5})
    folder = write(tmp_path, train=train, test=train[["name"]], description="Metric: rmse")
    (folder / "task.toml").write_text('target = "y"\n')
    assert profile_task(load_task(folder)).column("name").kind == "categorical"


def test_a_word_of_a_great_table_must_be_met_more_often(tmp_path: Path) -> None:
    """Three of 5,000 names share a word by chance; more than a thousandth of them do not."""
    letters = "abcdefghijklmnopqrst"
    own = [a + b + c + d for a in letters for b in letters for c in letters for d in "xyz"][:6000]
    for often, kind in ((4, "id"), (40, "text")):
        values = [f"{own[i]}q {own[i // often]}" for i in range(6000)]
        train = pd.DataFrame({"name": values, "y": np.arange(6000) % 7 + 0.5})
        folder = write(
            tmp_path / kind, train=train, test=train[["name"]].head(10), description="Metric: rmse"
        )
        (folder / "task.toml").write_text('target = "y"\n')
        assert profile_task(load_task(folder)).column("name").kind == kind
