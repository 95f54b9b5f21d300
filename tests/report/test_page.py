"""The page of a run says what its folder holds, and gets along with what it does not hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from mle_star.errors import RunError
from mle_star.report.page import SECTIONS, render
from mle_star.runs import RunFolder
from tests.cli.journal import Journal, finished_run, write_run
from tests.report.pages import head, rich_run, section


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(rich_run(tmp_path_factory.mktemp("runs") / "houses"))


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A run that was stopped before its first script."""
    j = Journal()
    j.add("run_started", "prepare", task="/somewhere/houses", metric="rmse", direction="minimize")
    run = write_run(tmp_path / "bare", j.events, status="stopped", seconds=3.0)
    (run / "submission.csv").unlink()
    return run


def test_the_head_says_what_came_of_it(page: str) -> None:
    said = head(page)
    assert "houses rmse, lower is better finished" in said
    assert "final score 94.000 ± 2.000 blend (mean) of 2 scripts" in said
    assert "97.000 ± 3.000 0.8 standard errors from validation" in said
    assert "submission submission.csv from a run on all data" in said
    assert "time 1:58 started 2026-01-02 03:04 UTC" in said
    assert "cost $0.25 1 question to models" in said
    assert "1 stopped as behind, 1 without a score" in said


def test_every_section_is_there_and_named_in_the_list(page: str) -> None:
    assert re.findall(r'<section id="(\w+)">', page) == [key for key, _ in SECTIONS]
    assert re.findall(r'<a href="#(\w+)">', page.partition("</nav>")[0]) == [
        key for key, _ in SECTIONS
    ]


def test_the_plot_has_every_script_and_leads_to_the_tree(page: str) -> None:
    plot = page.partition('<section id="time">')[2].partition("</section>")[0]
    wide = plot.partition('class="narrow"')[0]
    linked = set(re.findall(r'<a tabindex="-1" href="#(try-\d+)"', wide))
    assert len(linked) == 6
    assert linked <= set(re.findall(r'<details class="[^"]+" id="(try-\d+)"', page))
    assert "4 scripts with a score" in section(page, "time")
    assert "Crosses at the lower edge: 2" in section(page, "time")


def test_the_tree_tells_what_became_of_each_attempt(page: str) -> None:
    one = r'<details class="try (\w+)" id="[^"]+">.*?class="what">([^<]*)<'
    found = re.findall(one, page, flags=re.DOTALL)
    assert found == [
        ("accepted", "LightGBM"),
        ("failed", "kNN"),
        ("accepted", "[deeper] Grow deeper trees."),
        ("alarm", "peeks"),
        ("behind", "slow"),
        ("none", "no code came"),
        ("accepted", "blend (mean) of 2 scripts"),
    ]
    tree = section(page, "tried")
    assert "step 1: reached 95.000, from LightGBM" in tree
    assert "out of time" in tree
    assert "repairs 1" in tree
    assert "95.000 ± 2.000, better by 5.000 than what it was made from" in tree


def test_a_change_is_shown_against_what_it_was_made_from(page: str) -> None:
    assert "<del>-DEPTH = 3</del><ins>+DEPTH = 8</ins>" in page
    assert "What it changed in: LightGBM" in section(page, "tried")
    assert "Nothing was changed." in section(page, "tried")  # the one with the alarm


def test_ablation_ensemble_audit_and_leakage(page: str) -> None:
    study = section(page, "ablation")
    assert "unchanged 100.00 features [ratios] 110.00 worse by 10.00 %" in study
    assert "[deeper] Grow deeper trees. 0.750 LightGBM 0.250" in section(page, "ensemble")
    audit = section(page, "audit")
    assert "0.8 standard errors apart, so the two agree" in audit
    assert "blend (mean) of 2 scripts 94.000 ± 2.000 97.000 ± 3.000" in audit
    leakage = section(page, "leakage")
    assert "1 check of scripts before they were run; 1 script had a leak" in leakage
    assert "LightGBM : it fits the scaler on all rows" in leakage
    assert "Alarm: peeks : better than audit by 9 errors" in leakage


def test_data_bill_settings_and_how_to_do_it_again(page: str) -> None:
    data = section(page, "data")
    assert "2,400 labelled rows, 600 test rows, 1 column to learn from, 3 repeated rows" in data
    assert "yes 75.0 % no 25.0 %" in data
    assert "rooms numeric (not in test) 25.0 % 9 0.50 3" in data
    assert "first scripts 3 4.5 s 1 12.5 s 4k 2.5k $0.25" in section(page, "bill")
    settings = section(page, "settings")
    assert "seed 7 0" in settings.partition("all settings")[0]
    assert "landlock" in settings
    again = section(page, "again")
    assert "mle-star run /somewhere/houses --preset quick" in again
    assert "--seed 7" in again
    assert "solution/run.py /somewhere/houses" in again
    assert "mle-star resume" not in again
    assert "Audit: 240 rows are held back." in section(page, "notes")
    assert "promises more" not in section(page, "notes"), "of use only while one watched"
    assert "member_0.py" in section(page, "scripts")


def test_a_run_that_waits_says_for_what(bare: Path) -> None:
    RunFolder(bare).update(waiting={"a1": "may the script '<b>' of solution 1 be run?"})
    said = head(render(bare))
    assert "It waits for a person: may the script '<b>' of solution 1 be run?" in said


def test_a_run_without_anything_says_so_in_every_section(bare: Path) -> None:
    page = render(bare)
    assert "none no script has a score that may win" in head(page)
    assert "The run was stopped before its end" in head(page)
    for key, said in {
        "time": "No script has a score yet", "tried": "Nothing was tried yet",
        "ablation": "No ablation study was run", "ensemble": "No ensemble was made",
        "audit": "No rows were held back", "leakage": "No script was checked for leakage",
        "data": "no data profile yet", "bill": "No script was run and no model was asked",
        "again": "mle-star resume", "notes": "None.", "scripts": "not handed over a solution yet",
    }.items():  # fmt: skip
        assert said in section(page, key)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (
            1.25,
            "as averages are too cautious: probabilities to the power of 1.250",
        ),
        (0.9, "moved towards the middle: probabilities to the power of 0.900"),
        (1.0, ""),
        ("much", ""),
        (None, ""),  # a journal of an earlier version
    ],
)
def test_it_is_told_how_a_blend_was_sharpened(tmp_path: Path, factor: Any, said: str) -> None:
    journal = Journal()
    journal.add("blended", "blend", mode="mean", members=["A", "B"], weights=[0.5, 0.5])
    if factor is not None:
        journal.events[-1]["sharpened"] = factor
    write_run(tmp_path / "run", journal.events)
    ensemble = section(render(tmp_path / "run"), "ensemble")
    assert said in ensemble
    assert ("the middle" in ensemble) is bool(said)


def test_a_run_that_is_cut_short_shows_its_best_so_far(tmp_path: Path) -> None:
    events = finished_run()[:30]
    run = write_run(tmp_path / "cut", events, status="stopped", spec={}, settings={})
    with (run / "events.jsonl").open("a", encoding="utf-8") as journal:
        journal.write('{"kind": "script_finished", "score": 1')  # the half line of a killed run
    page = render(run)
    assert "best score so far" in head(page)
    assert "52112 ± 790" in head(page)
    assert "The run's settings are not recorded." in section(page, "settings")
    assert "Its script is not in the run folder." in section(page, "tried")


def test_events_of_another_shape_are_passed_over(tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {"kind": "best"}, {"kind": "best", "solution": 0, "score": "high", "node": "rank"},
        {"kind": "accepted", "solution": 3}, {"kind": "turned", "solution": "x"}, {"kind": 7},
        {"kind": "script_finished", "solution": None, "score": "1e999", "seconds": "long"},
        {"kind": "script_finished", "solution": 0, "phase": "refine", "elapsed": [1]},
        {"kind": "blended", "members": "all", "weights": {}}, {"kind": "retrieved", "cards": [1]},
        {"kind": "ablated", "solution": 0}, {"kind": "model_called", "tokens": 3, "usd": "free"},
        {"kind": "script_finished", "solution": 0, "phase": "write", "trial": "../../../etc"},
        {"kind": "leakage_checked", "leaking": True, "solution": 0},
    ]  # fmt: skip
    run = write_run(tmp_path / "odd", odd, settings=None, versions=[], seconds=None)
    for name, text in (("profile.json", "[" * 100_000), ("task.json", "")):
        (run / name).write_text(text, encoding="utf-8")
    with (run / "events.jsonl").open("a", encoding="utf-8") as journal:
        journal.write('{"kind": "script_finished", "score": NaN, "phase": "write"}\n')
        journal.write(json.dumps({"kind": "note", "text": "\ud800 half a character"}) + "\n")
    page = render(run)
    page.encode()
    assert "\\ud800 half a character" in section(page, "notes")
    assert "root:" not in page


def test_what_a_script_left_in_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    run = rich_run(tmp_path / "houses")
    secret = tmp_path / "secret.txt"
    secret.write_text("the passwords", encoding="utf-8")
    for place in ("trials/t1/script.py", "studies/study0/stdout.log"):
        (run / place).unlink()
        (run / place).symlink_to(secret)
    assert "the passwords" not in render(run)


def test_what_is_long_is_cut(tmp_path: Path) -> None:
    run = rich_run(tmp_path / "houses", script="x = 1\n" * 200_000)
    page = render(run)
    assert len(page) < 1_000_000
    assert "trials/t1/script.py" in section(page, "tried")
    assert "[the rest is left out]" in section(page, "scripts")


def test_secrets_are_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "hunter2-hunter2")
    run = rich_run(tmp_path / "houses", note="key hunter2-hunter2", script="K = 'hunter2-hunter2'")
    assert "hunter2" not in render(run)


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        render(tmp_path)


def test_a_page_goes_without_plots_where_they_can_not_be_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As under ``ulimit -v``, which ends the engine that draws, and the process it is in."""
    run = rich_run(tmp_path / "houses")
    monkeypatch.setattr("mle_star.report.drawing._DRAWER", "import os; os.abort()")
    page = render(run)
    assert "The plot could not be drawn here" in section(page, "time")
    assert "0.8 standard errors apart" in section(page, "audit")
    assert "were not drawn (their process ended with -6)" in caplog.text
    monkeypatch.setattr("sys.executable", "/gone/python")
    assert "The plot could not be drawn here" in section(render(run), "time")
