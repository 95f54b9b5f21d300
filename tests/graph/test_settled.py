"""Where the search sees every row, what it predicts is handed in; else the winner runs again."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Settings
from mle_star.engineer import LeakageReport, ModelCard, Team
from mle_star.engineer.team import choose
from mle_star.errors import NoAnswer
from mle_star.tasks import load_views
from tests.support.engineers import ScriptedEngineer, script, slope_of
from tests.support.runs import Finished, run
from tests.support.tasks import slope_task


def no_answer(*_: Any) -> Any:
    raise NoAnswer("nothing to offer")


def cards(*slopes: float) -> Any:
    return lambda *_: [ModelCard(f"slope {slope}", "fits", "") for slope in slopes]


@pytest.fixture
def as_playbook(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs as ours, whose scripts are trusted, but with a scripted engineer's answers."""

    def start(task: Path, engineer: ScriptedEngineer, **settings: Any) -> Finished:
        def team(settings: Settings, *_: Any) -> Team:
            return Team(choose(settings), engineer)

        for place in ("prepare", "workbench"):
            monkeypatch.setattr(f"mle_star.nodes.{place}.make_team", team)
        return run(task, "playbook", **settings)

    return start


def runs_of(done: Finished) -> list[str]:
    """Phases of the scripts that were started, in order."""
    return [event["phase"] for event in done.of("script_started")]


def answers(path: Path) -> list[list[str]]:
    with path.open() as stream:
        return list(csv.reader(stream))


def predicted(done: Finished, folder: Path) -> None:
    """The submission holds what the winner's script in this folder predicts."""
    rows, own = answers(Path(done.values["submission"])), answers(folder / "submission.csv")
    assert rows[0] == own[0] == ["id", "y"]
    assert [row[0] for row in rows] == [row[0] for row in own]
    for row, other in zip(rows[1:], own[1:], strict=True):
        assert float(row[1]) == pytest.approx(float(other[1]))


def handed_in_without_another_run(done: Finished) -> None:
    assert "submit" not in runs_of(done)
    assert not list((done.folder / "final").glob("*")), "nothing was run there"
    assert done.values["final"]["source"] == "full"
    predicted(done, done.folder / "trials" / done.best["id"] / "final")
    assert (Path(done.values["solution_folder"]) / "run.py").is_file()
    text = (Path(done.values["solution_folder"]) / "README.md").read_text()
    assert "search view" not in text, "it is the run on all data"


def test_a_run_of_the_playbook_hands_in_what_the_search_predicted(
    task: Path, as_playbook: Any
) -> None:
    engineer = ScriptedEngineer(retrieve=cards(2.5, 2.9))
    done = as_playbook(task, engineer, ensemble_rounds=0)
    handed_in_without_another_run(done)
    views = load_views(done.folder / "views")
    assert (views.search.rows, views.search.audit()) == (700, None)
    assert done.best["score"]["audit"] is None
    assert "every labelled row is needed to learn from" in done.notes()
    assert {"write", "merge", "ablate", "refine"} <= set(runs_of(done))


def test_an_ensemble_is_handed_in_as_it_was_scored(task: Path, as_playbook: Any) -> None:
    engineer = ScriptedEngineer(
        retrieve=cards(2.0, 4.0), merge=no_answer, plan_ensemble=lambda *_: "weights [1, 1]"
    )
    done = as_playbook(task, engineer, outer_steps=0)
    handed_in_without_another_run(done)
    assert len(done.best["members"]) == 2
    assert (Path(done.values["solution_folder"]) / "scripts" / "member_1.py").is_file()


@pytest.mark.parametrize(("search_rows", "again"), [(467, False), (466, True)])
def test_a_table_that_the_search_does_not_see_whole_is_audited_and_learnt_from_again(
    task: Path, as_playbook: Any, search_rows: int, again: bool
) -> None:
    text = script(2.5) + "print('rows', len(train))\n"
    engineer = ScriptedEngineer(write=lambda *_: text)
    done = as_playbook(
        task, engineer, search_rows=search_rows, num_candidates=1, outer_steps=0, ensemble_rounds=0
    )
    assert runs_of(done) == ["write", *["submit"] * again]
    score = done.best["score"]
    assert score is not None
    assert (score["audit"] is not None) == again
    if not again:
        handed_in_without_another_run(done)
        return
    assert "140 of 700 labelled rows are held back" in done.notes()
    [final] = (done.folder / "final").iterdir()
    assert "rows 700" in (final / "stdout.log").read_text()
    assert done.values["final"]["source"] == "full"
    predicted(done, final / "final")


@pytest.mark.parametrize("audit", [True, None])
def test_scripts_of_others_are_audited_and_run_again(task: Path, audit: bool | None) -> None:
    done = run(task, outer_steps=0, ensemble_rounds=0, audit=audit)
    assert runs_of(done)[-1] == "submit"
    assert done.best["score"]["audit"] is not None  # type: ignore[index]


def test_whoever_gives_the_audit_up_saves_the_last_run(task: Path) -> None:
    done = run(task, outer_steps=0, ensemble_rounds=0, audit=False)
    handed_in_without_another_run(done)


def test_a_capped_search_without_an_audit_still_runs_again(task: Path) -> None:
    done = run(task, outer_steps=0, ensemble_rounds=0, audit=False, search_rows=300)
    assert done.best["score"]["audit"] is None  # type: ignore[index]
    assert runs_of(done)[-1] == "submit"
    assert done.values["final"]["source"] == "full"


def test_without_a_test_table_nothing_is_run_again_either(tmp_path: Path, as_playbook: Any) -> None:
    folder = slope_task(tmp_path / "untested")
    (folder / "test.csv").unlink()
    (folder / "sample_submission.csv").unlink()
    (folder / "task.toml").write_text('target = "y"\nid = "id"\n')
    done = as_playbook(folder, ScriptedEngineer(), outer_steps=0, ensemble_rounds=0)
    assert "submit" not in runs_of(done)
    assert done.values["submission"] == ""
    assert done.values["final"]["source"] == "full"
    assert (Path(done.values["solution_folder"]) / "run.py").exists()


def test_a_printed_score_needs_no_second_run_where_all_rows_were_seen(task: Path) -> None:
    engineer = ScriptedEngineer(write=lambda *_: script(2.0))
    settings: dict[str, Any] = {"num_candidates": 1, "outer_steps": 0, "ensemble_rounds": 0}
    done = run(task, engineer, evaluation="printed", **settings)
    assert runs_of(done) == ["write"]
    assert done.values["final"]["source"] == "full"
    trial = done.folder / "trials" / done.best["id"] / "final" / "submission.csv"
    assert Path(done.values["submission"]).read_bytes() == trial.read_bytes()


def test_predictions_that_are_gone_at_the_end_are_said_and_nothing_is_handed_in(
    task: Path, as_playbook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.nodes.submit._write", lambda *_: "submission.csv is gone")
    done = as_playbook(task, ScriptedEngineer(), num_candidates=1, outer_steps=0, ensemble_rounds=0)
    assert done.values["final"]["source"] == "none"
    assert done.values["submission"] == ""
    assert "No submission could be written: submission.csv is gone" in done.notes()
    assert "search run's is used" not in done.notes()


def perfect(slope: float) -> str:
    """A script whose validation is without any error, as on a task that is easy."""
    good = 'repr(predict(row)) + "\\n")\nwith'
    text = script(slope).replace(good, 'row["y"] + "\\n")\nwith')
    assert text != script(slope)
    return text


@pytest.mark.parametrize("leaks", [True, False])
def test_a_perfect_score_alarms_nobody_where_the_scripts_are_ours(
    task: Path, as_playbook: Any, leaks: bool
) -> None:
    engineer = ScriptedEngineer(
        retrieve=cards(2.0, 2.5),
        write=lambda _, card: perfect(2.0) if "2.0" in card.name else script(2.5),
        check_leakage=lambda _, text, evidence: (
            LeakageReport(True, "A = 2.0\n", "it peeks")
            if leaks and "A = 2.0" in text
            else LeakageReport(False)
        ),
        fix_leakage=no_answer,
        merge=no_answer,
    )
    done = as_playbook(task, engineer, outer_steps=0, ensemble_rounds=0)
    trial = next(t for t in done.trials if t["label"] == "slope 2.0")
    assert trial["score"] is not None
    assert trial["score"]["value"] == 0.0
    # What the checker finds counts all the same.
    assert bool(trial["score"]["alarm"]) == leaks
    assert slope_of(done.script(done.best)) == (2.5 if leaks else 2.0)


@pytest.mark.parametrize("settings", [{"audit": True}, {"search_rows": 300}])
def test_a_perfect_score_that_hidden_labels_speak_against_is_an_alarm_with_ours_too(
    task: Path, as_playbook: Any, settings: dict[str, Any]
) -> None:
    engineer = ScriptedEngineer(write=lambda *_: perfect(2.0))
    done = as_playbook(
        task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0, **settings
    )
    assert done.best["score"]["alarm"] != ""
    assert "Every scored script raised the leakage alarm" in done.notes()


def test_a_perfect_score_without_hidden_labels_is_an_alarm_with_scripts_of_others(
    task: Path,
) -> None:
    engineer = ScriptedEngineer(write=lambda *_: perfect(2.0))
    done = run(task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0, audit=False)
    assert done.best["score"]["alarm"] != ""  # type: ignore[index]
