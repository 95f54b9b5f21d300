from __future__ import annotations

import json
from pathlib import Path

import pytest

import mle_star.cli

EXAMPLE = Path(__file__).parents[2] / "examples" / "california-housing"

Capture = pytest.CaptureFixture[str]


def test_the_example_is_understood(capsys: Capture) -> None:
    assert mle_star.cli.call(["inspect", str(EXAMPLE)]) == 0
    out = capsys.readouterr().out
    assert "rmse (lower is better)" in out
    assert "median_house_value" in out
    assert "2,400 training rows, 600 test rows, 8 feature columns (8 numeric)" in out
    assert "longitude" in out
    for view in ("search", "smoke", "full"):
        assert f"\n{view} " in out


def test_it_can_be_read_by_machines(capsys: Capture) -> None:
    assert mle_star.cli.call(["inspect", str(EXAMPLE), "--json", "--folds", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["task"]["target"] == ["median_house_value"]
    assert found["task"]["provenance"]["metric"]
    search, _, full = found["views"]
    assert search["folds"] == 3
    assert search["train_rows"] + search["audit_rows"] == full["train_rows"] == 2400


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ("", (2400, 0)),
        ("--no-audit", (2400, 0)),
        ("--audit", (1920, 480)),
        ("--search-rows 1600", (2400, 0)),
        ("--search-rows 1599", (1920, 480)),
        ("--search-rows 1000", (1000, 480)),
        ("--search-rows 1000 --no-audit", (1000, 0)),
    ],
)
def test_rows_are_held_back_where_it_is_asked_for_or_costs_nothing(
    options: str, rows: tuple[int, int], capsys: Capture
) -> None:
    assert mle_star.cli.call(["inspect", str(EXAMPLE), "--json", *options.split()]) == 0
    search = json.loads(capsys.readouterr().out)["views"][0]
    assert (search["train_rows"], search["audit_rows"]) == rows


def test_nothing_in_the_data_is_obeyed(tmp_path: Path, capsys: Capture) -> None:
    rows = "".join(f"\x1b[31m{i % 7}\x1b[0m,{i},{i % 2}\n" for i in range(300))
    (tmp_path / "train.csv").write_text("[bold]colour,\x1b[5msize,label\n" + rows)
    (tmp_path / "test.csv").write_text("[bold]colour,\x1b[5msize\n" + "red,1\n" * 20)
    (tmp_path / "task.toml").write_text(
        'target = "label"\nmetric = "accuracy"\ndirection = "maximize"\nkind = "binary"\n'
    )
    assert mle_star.cli.call(["inspect", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]colour" in out
