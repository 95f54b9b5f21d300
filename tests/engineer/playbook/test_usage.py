# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import ModelCard
from mle_star.engineer.playbook.leakage import check_leakage
from mle_star.engineer.playbook.usage import check_usage
from tests.engineer.playbook import small

COLUMNS = (
    small.column("area"),
    small.column("rooms"),
    small.column("city", "categorical"),
    small.column("code", "id"),
    small.column("same", "constant"),
)
BRIEF = small.brief(columns=COLUMNS)
START = 'import pandas as pd\ntrain = pd.read_csv("input/train.csv")\ntest = pd.read_csv("input/test.csv")\n'


@pytest.mark.parametrize(
    ("body", "unused"),
    [
        ('X = train.drop(columns=["id", "price"])', ()),
        ('X = train.drop(columns=["id", "price", "city"])', ("city",)),
        ('GONE = ["price", "rooms"]\nX = train.drop(columns=GONE)', ("rooms",)),
        ('X = train[["area", "rooms"]]', ("city",)),
        ('X = train[["area", "rooms", "city"]]', ()),
        ('X = train[["area"]]\nX["r"] = train.rooms\nX["c"] = train["city"].str.len()', ()),
        ('X = train[[c for c in train.columns if c not in ("id", "price")]]', ()),
        ('X = train[[c for c in train.columns if c not in ("id", "price", "area")]]', ("area",)),
        ('X = train.select_dtypes(include="number")', ("city",)),
        (
            'X = train.select_dtypes(include="number")\nX["c"] = train["city"].astype("category").cat.codes',
            (),
        ),
        ('"""Uses area, rooms and city."""\nX = train[["area"]]', ("rooms", "city")),
    ],
)
def test_unused_columns_are_found(body: str, unused: tuple[str, ...]) -> None:
    report = check_usage(BRIEF, START + body + "\n")
    assert report.unused == unused
    assert report.script is None
    assert report.note.endswith(".")


def test_side_files_are_missed_until_they_are_read() -> None:
    told = small.brief(side_files=["cities.csv", "images"])
    body = 'X = train.drop(columns=["id", "price"])\n'
    assert check_usage(told, START + body).unused == ("cities.csv", "images")
    body += 'pd.read_csv("input/cities.csv")\nfrom pathlib import Path\nPath("input/images").glob("*.png")\n'
    assert check_usage(told, START + body).unused == ()


def test_a_script_that_is_not_python_is_left_alone() -> None:
    report = check_usage(BRIEF, "def (:")
    assert report.script is None
    assert report.unused == ()


def canonical(told: object = BRIEF) -> str:
    from mle_star.engineer.base import Brief
    from mle_star.engineer.playbook.catalogue import retrieve
    from mle_star.engineer.playbook.writer import write

    assert isinstance(told, Brief)
    cards: list[ModelCard] = retrieve(told, 8, 0, 1)
    return write(told, cards[-1])


def test_a_canonical_script_gets_the_missing_columns() -> None:
    script = canonical()
    assert check_usage(BRIEF, script).script is None
    lacking = script.replace('"area", "rooms"', '"area"').replace(
        'CATEGORICAL = ["city"]', "CATEGORICAL = []"
    )
    assert lacking != script
    report = check_usage(BRIEF, lacking)
    assert report.unused == ("rooms", "city")
    assert report.script is not None
    assert check_usage(BRIEF, report.script).unused == ()
    assert 'NUMERIC = ["area", "rooms"]' in report.script


def test_side_tables_are_joined_many_to_one(tmp_path: Path) -> None:
    told = small.brief(side_files=["cities.csv", "visits.csv", "notes.txt"])
    small.write_input(tmp_path / "run", told)
    pd.DataFrame(
        {"city": ["Rome", "Oslo", "Bern"], "people": [2.8, 0.7, 0.1], "land": ["I", "N", "C"]}
    ).to_csv(tmp_path / "run/input/cities.csv", index=False)
    visits = pd.DataFrame({"id": np.repeat(np.arange(1000, 1200), 2)})
    visits["length"] = np.arange(len(visits)) % 7
    visits.to_csv(tmp_path / "run/input/visits.csv", index=False)
    script = canonical(told)
    report = check_usage(told, script)
    assert report.unused == ("cities.csv", "visits.csv", "notes.txt")
    assert report.script is not None
    assert not check_leakage(told, report.script).leaking
    done = small.run(
        tmp_path / "run", report.script + "\nprint(sorted(X_train.columns), len(X_train))\n"
    )
    assert not done.error
    for name in ("people", "land", "length", "rows of visits.csv"):
        assert f"'{name}'" in done.stdout
    assert f"{small.ROWS}\n" in done.stdout
    assert check_usage(told, report.script).unused == ("notes.txt",)
    assert check_usage(told, report.script).script is None
