"""What a result offers, and a run read as data."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import mle_star
from mle_star import Context, Result, load, solve
from mle_star.errors import ArgumentError, RunError, RunStopped
from mle_star.events import RunFinished, ScriptFinished
from tests.cli.journal import Journal, finished_run, write_run
from tests.support.engineers import ScriptedEngineer, use
from tests.support.runs import SMALL

SETTINGS: dict[str, Any] = {**SMALL, "engineer": "tests.support.engineers:chosen"}


@pytest.fixture(scope="module")
def done(task: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    use(ScriptedEngineer())
    runs = str(tmp_path_factory.mktemp("done"))
    return solve(task, context=Context(**SETTINGS, runs_dir=runs), run="run", report=False)


def test_the_score_is_a_number_with_its_error(done: Result) -> None:
    assert done.score is not None
    assert done.best is not None
    assert float(done.score) == done.best["score"]["value"]  # type: ignore[index]
    assert (done.score.metric, done.score.direction) == ("rmse", "minimize")
    assert done.score.error
    assert str(done.score).startswith("rmse 0.")
    assert "lower is better" in str(done.score)
    assert repr(done).startswith("<Result slope: finished, rmse 0.")
    assert len(repr(done)) < 250
    assert "no score" in repr(replace(done, best=None))


def test_trials_are_a_table(done: Result) -> None:
    frame = done.trials_frame
    assert frame.index.name == "number"
    assert set(frame["trial"]) - {""} <= {trial["id"][:16] for trial in done.trials}
    assert frame["score"].min() == pytest.approx(float(done.score or 0))
    accepted = frame[frame["accepted"]]
    assert (accepted["verdict"] == "accepted").all()
    first = frame[frame["phase"] == "write"]
    assert len(first) == 2
    assert first["base"].isna().all()
    assert frame.loc[frame["phase"] == "refine", "base"].notna().all()
    assert all(Path(path).is_file() for path in frame["script"] if path)


def test_events_are_types_and_a_table(done: Result) -> None:
    scripts = [event for event in done.events if isinstance(event, ScriptFinished)]
    frame = done.events_frame
    assert len(scripts) == (frame["kind"] == "script_finished").sum() > 3
    assert isinstance(done.events[-2], RunFinished)
    assert frame["time"].is_monotonic_increasing
    for event in done.events:
        assert not event.model_extra, event  # a type that lacks a field, or is no type at all
        assert type(event).__name__ != "Event"


def test_scripts_by_trial_by_id_and_by_number(done: Result) -> None:
    assert done.best is not None
    text = done.script()
    assert "Final Validation Performance" in text
    assert done.script(done.best) == text == done.script(done.best["id"])
    frame = done.trials_frame
    number = int(frame.index[frame["trial"] == done.best["id"][:16]][0])
    assert done.script(number) == text
    for wrong in ("nonsense", 999, ""):
        with pytest.raises(ArgumentError, match=r"script\(\) knows no trial"):
            done.script(wrong)
    with pytest.raises(RunError, match="no best script"):
        replace(done, best=None).script()


def test_the_submission_is_a_table(done: Result) -> None:
    assert list(done.submission_frame.columns) == ["id", "y"]
    assert len(done.submission_frame) == 40
    with pytest.raises(RunError, match="has no submission"):
        _ = replace(done, submission=None).submission_frame


def test_the_report_is_written_when_it_is_asked_for(done: Result) -> None:
    page = done.run / "report.html"
    page.unlink(missing_ok=True)
    assert done.report() == page
    written = page.stat().st_mtime_ns
    assert done.report().stat().st_mtime_ns == written


def test_a_finished_run_is_read_again_as_it_was(
    done: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asdict(load(done.run)) == asdict(done) == asdict(Result.load(str(done.run)))
    moved = shutil.copytree(done.run, tmp_path / "runs" / "moved", symlinks=True)
    by_name = load("moved")  # in the folder of runs
    assert by_name.run == moved
    assert by_name.submission == moved / "submission.csv"
    assert by_name.trials == done.trials
    (moved / "checkpoints.sqlite").unlink()  # as runs from Studio have none
    told = load(moved)
    assert told.status == "finished"
    assert told.score is not None
    assert done.score is not None
    assert float(told.score) == float(done.score)
    assert {t["label"] for t in told.trials} == {t["label"] for t in done.trials}
    assert told.script() == done.script()
    assert (told.ensemble is None) == (done.ensemble is None)


def test_a_stopped_run_is_data_as_well(task: Path, tmp_path: Path) -> None:
    use(ScriptedEngineer())

    def press(event: dict[str, Any]) -> None:
        if event["kind"] == "refined":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(RunStopped):
        solve(task, context=Context(**SETTINGS), on_event=press, run="run")
    found = load("run")
    assert found.status == "stopped"
    assert found.best is not None
    assert found.submission is None
    assert found.seconds > 0
    assert "A = " in found.script()
    assert "stopped" in found._repr_html_()


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no run 'nothing'"):
        load("nothing")
    with pytest.raises(ArgumentError, match="load\\(\\) takes as 'run' a run folder"):
        load(7)  # type: ignore[arg-type]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "run.json").write_text(json.dumps({"status": "stopped"}), encoding="utf-8")
    with pytest.raises(RunError, match="before it had read its task"):
        load(bare)


PREDICT = """
import argparse, os, pandas as pd
parser = argparse.ArgumentParser()
parser.add_argument("table")
parser.add_argument("--output")
given = parser.parse_args()
assert not [name for name in os.environ if "KEY" in name]
table = pd.read_csv(given.table)
if "x" not in table:
    raise SystemExit("the column 'x' is missing")
pd.DataFrame({"id": table["id"], "y": 3 * table["x"]}).to_csv(given.output, index=False)
"""


@pytest.fixture
def predicting(tmp_path: Path) -> Result:
    run = write_run(
        tmp_path / "houses",
        finished_run(),
        settings={"python": sys.executable},
    )
    (run / "solution").mkdir(exist_ok=True)
    (run / "solution" / "predict.py").write_text(PREDICT, encoding="utf-8")
    return replace(load(run), solution=run / "solution")


def test_new_rows_are_predicted(
    predicting: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "a secret that scripts must not get")
    new = pd.DataFrame({"id": [1, 2], "x": [0.5, -1.0]})
    made = predicting.predict(new)
    assert made.to_dict("list") == {"id": [1, 2], "y": [1.5, -3.0]}
    new.to_csv(tmp_path / "new.csv", index=False)
    monkeypatch.chdir(tmp_path)
    assert predicting.predict("new.csv").equals(made)


def test_what_can_not_be_predicted_is_said_in_a_sentence(predicting: Result) -> None:
    new = pd.DataFrame({"id": [1]})
    with pytest.raises(RunError, match="could not predict the new rows: the column 'x' is missing"):
        predicting.predict(new)
    with pytest.raises(ArgumentError, match="takes as 'new_data' a DataFrame"):
        predicting.predict([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="found no file at 'new_data'"):
        predicting.predict("missing.csv")
    with pytest.raises(RunError, match="no solution to predict with"):
        replace(predicting, solution=None).predict(new)
    assert predicting.solution is not None
    (predicting.solution / "predict.py").write_text("import time\ntime.sleep(60)\n")
    with pytest.raises(RunError, match=r"not done in 0\.2 s"):
        predicting.predict(new, timeout=0.2)
    (predicting.solution / "predict.py").unlink()
    with pytest.raises(RunError, match=r"has no predict\.py"):
        predicting.predict(new)


def test_the_card_is_escaped_and_asks_for_nothing(tmp_path: Path) -> None:
    journal = Journal()
    journal.add("run_started", "prepare", task="t", metric="<i>rmse", direction="minimize")
    journal.script(0, "write", "<script>alert(1)</script>\x1b[31m", 5.0, 0.1)
    journal.best("rank", 0, "<script>alert(1)</script>", 5.0)
    journal.add("note", "prepare", text="<img src=x onerror=alert(1)>")
    spec = {"name": "<b>", "metric": "<i>rmse", "direction": "minimize"}
    run = write_run(tmp_path / "odd", journal.events, spec=spec)
    card = load(run)._repr_html_()
    for forbidden in ("<script", "<img", "<i>", "<b>rmse", "\x1b", "http", "url(", "@import"):
        assert forbidden not in card, forbidden
    assert "&lt;script&gt;" in card
    assert "5.0000 ± 0.1000" in card
    assert "prefers-color-scheme: dark" in card


def test_the_public_names_are_there() -> None:
    for name in mle_star.__all__:
        assert getattr(mle_star, name).__doc__
    assert set(mle_star.__all__) <= set(dir(mle_star))
    with pytest.raises(AttributeError, match="no attribute 'solv'"):
        _ = mle_star.solv
