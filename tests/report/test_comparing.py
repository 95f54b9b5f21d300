from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mle_star.errors import RunError
from mle_star.report.comparing import MOST, render_comparison
from tests.cli.journal import SETTINGS, finished_run, write_run
from tests.report.pages import head, section


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    one = write_run(tmp_path / "one", finished_run())
    other = write_run(
        tmp_path / "other", finished_run()[:20], status="stopped",
        settings={**SETTINGS, "inner_steps": 9, "model": "openai:gpt-4.1"},
        versions={"pandas": "3.0"},
    )  # fmt: skip
    return [one, other]


def test_scores_settings_and_curves_side_by_side(runs: list[Path]) -> None:
    page = render_comparison(runs)
    assert "2 runs compared 1 task: houses." in head(page)
    scores = section(page, "scores")
    assert "one finished 51200 ± 770 51712 ± 1201 1:58 nothing" in scores
    assert "other stopped 52612 ± 801" in scores
    [won] = re.findall(r'<tr class="won"><th[^>]*>(\w+)<', page)
    assert won == "one"
    settings = section(page, "settings")
    assert "inner_steps 2 9" in settings
    assert "model – openai:gpt-4.1" in settings
    assert "version of pandas – 3.0" in settings
    assert "outer_steps" not in settings
    assert page.count("<svg") == 2


def test_runs_of_other_tasks_and_seeds_are_told_apart(runs: list[Path], tmp_path: Path) -> None:
    spec = {"name": "flats", "metric": "mae", "direction": "minimize"}
    third = write_run(tmp_path / "third", [], spec=spec)
    fourth = write_run(tmp_path / "fourth", finished_run(), settings={**SETTINGS, "seed": 9})
    page = render_comparison([*runs, third, fourth])
    assert "2 tasks: flats, houses." in head(page)
    assert "only scores of one table compare" in head(page)
    assert "measured on different splits" in head(page)
    assert "flats: mae, lower is better" in section(page, "scores")
    assert "No script has a score yet" in section(page, "scores")
    assert len(re.findall(r' id="[^"]*"', page)) == len(set(re.findall(r' id="[^"]*"', page)))


def test_equal_runs_and_equal_names(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / place / "run", finished_run()) for place in "ab"]
    page = render_comparison(runs)
    assert "None: the runs had the same settings" in section(page, "settings")
    assert str(runs[0]) in section(page, "scores")
    assert page.count('<tr class="won">') == 2


def test_what_can_not_be_compared_is_said(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match=f"2 to {MOST} runs can be compared, not 1"):
        render_comparison(runs[:1])
    with pytest.raises(RunError, match="named twice"):
        render_comparison([runs[0], runs[0] / ".." / "one"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match="not a run folder"):
        render_comparison([runs[0], tmp_path / "empty"])


def test_a_run_whose_record_is_thin_can_be_compared(runs: list[Path]) -> None:
    (runs[1] / "run.json").write_text(json.dumps({"status": "failed"}), encoding="utf-8")
    assert "other failed" in section(render_comparison(runs), "scores")
