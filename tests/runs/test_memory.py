"""The memory across runs: what is close to what, and what is taken up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.base import Brief
from mle_star.runs.memory import (
    ALIKE,
    AT_MOST,
    RUNS,
    closeness,
    facets,
    freeze,
    recall,
    recalled,
    remember,
)
from tests.engineer.playbook.small import brief, column

LESSON = {"change": "[ratios]", "part": "features", "gain": 0.1, "problem": "no float: 'Ann'"}
TOLD = {**LESSON, "problem": ""}
"""What of it is kept: what scripts say may quote the data."""


def about(told: Brief | None = None, **changes: Any) -> dict[str, Any]:
    told = told or brief()
    profile = told.profile.model_copy(update=changes)
    return facets(told.task, profile)


def test_the_same_data_are_as_close_as_can_be() -> None:
    assert closeness(about(), about()) == AT_MOST


def test_what_differs_is_less_close() -> None:
    here = about(rows=1_000)
    some, many = closeness(here, about(rows=3_000)), closeness(here, about(rows=100_000))
    assert AT_MOST > some > many > 0
    other = brief(columns=(column("word", "text"), column("city", "categorical")))
    assert closeness(here, about(other, rows=1_000)) < ALIKE


def test_another_kind_of_task_says_nothing_and_another_metric_less() -> None:
    numbers = about()
    classes = brief(kind="binary", metric="log_loss", prediction="probability", classes=(0, 1))
    assert closeness(numbers, about(classes)) == 0.0
    assert ALIKE < closeness(numbers, {**numbers, "metric": "mae"}) < AT_MOST


@given(rows=st.integers(0, 10**8), other=st.integers(0, 10**8))
def test_closeness_goes_both_ways(rows: int, other: int) -> None:
    one, two = about(rows=rows), about(rows=other)
    assert closeness(one, two) == pytest.approx(closeness(two, one))
    assert 0 <= closeness(one, two) <= AT_MOST


def test_what_was_remembered_is_recalled_with_its_closeness(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "memory.jsonl"
    remember(path, "runs/a", about(), [LESSON])
    near = about(rows=brief().profile.rows * 2)
    (found,) = recall(path, near)
    assert "runs/a" not in path.read_text(encoding="utf-8"), "paths tell too much"
    assert found.pop("run")
    assert found == {**TOLD, "closeness": closeness(near, about()), "solution": -1}


def test_distant_runs_and_the_run_itself_are_not_recalled(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    remember(path, "runs/far", about(rows=10**8), [LESSON])
    remember(path, "runs/self", about(), [LESSON])
    assert recall(path, about(rows=500), "runs/self") == []


def test_a_run_that_ended_twice_counts_once_with_its_last_lessons(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    remember(path, "runs/a", about(), [LESSON])
    remember(path, "runs/a", about(), [{**LESSON, "gain": 0.2}])
    assert [lesson["gain"] for lesson in recall(path, about())] == [0.2]


def test_only_the_closest_runs_are_recalled(tmp_path: Path) -> None:
    path = tmp_path / "memory.jsonl"
    for number in range(RUNS + 5):
        told = {**LESSON, "gain": float(number)}
        remember(path, f"runs/{number}", about(rows=1_000 + 10 * number), [told])
    found = recall(path, about(rows=1_000))
    assert [lesson["gain"] for lesson in found] == [float(n) for n in range(RUNS)]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "half a li",
        "[1, 2]",
        '{"run": "x"}',
        '{"run": "x", "about": {"kind": "regression"}, "lessons": [1]}',
        json.dumps({"run": "x", "about": {"kind": "other"}, "lessons": "no list"}),
    ],
)
def test_lines_that_can_not_be_read_are_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "memory.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    remember(path, "runs/a", about(), [LESSON])
    assert len(recall(path, about())) == 1


def test_without_a_file_there_is_nothing(tmp_path: Path) -> None:
    assert recall(tmp_path / "none.jsonl", about()) == []
    assert recall(tmp_path, about()) == []


def test_facets_are_plain_numbers_and_count_booleans_as_categories() -> None:
    told = brief(columns=(column("a", "boolean"), column("b", "categorical"), column("c")))
    found = about(told)
    assert json.loads(json.dumps(found)) == found
    assert found["categorical"] == pytest.approx(2 / 3)
    assert found["numeric"] == pytest.approx(1 / 3)
    assert about(replace(told, profile=told.profile.model_copy(update={"columns": []})))


def test_a_run_goes_by_what_the_memory_held_when_it_began(tmp_path: Path) -> None:
    path, run = tmp_path / "memory.jsonl", tmp_path / "run"
    run.mkdir()
    assert recalled(run) == []
    remember(path, "runs/a", about(), [LESSON])
    freeze(run, path, about())
    remember(path, "runs/b", about(), [LESSON])
    assert len(recalled(run)) == 1
    (run / "recalled.json").write_text("half", encoding="utf-8")
    assert recalled(run) == []
