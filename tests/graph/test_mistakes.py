"""The twelve mistakes of the public sample implementation; each one is a test of ours."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer import Extraction, LeakageReport, UsageReport
from mle_star.errors import NoAnswer
from mle_star.execution.machine import usable_cores
from tests.support.engineers import CRASH, ScriptedEngineer, script, slope_of
from tests.support.runs import Finished, run


def value(trial: Any) -> float:
    assert trial["score"] is not None
    return float(trial["score"]["value"])


@pytest.mark.parametrize("best_step", [0, 1, 2])
def test_mistake_1_every_refined_plan_competes_the_last_one_too(task: Path, best_step: int) -> None:
    slopes = [1.6, 1.7, 1.8]
    slopes[best_step] = 2.9
    plans = iter(slopes[1:])
    engineer = ScriptedEngineer(
        extract=lambda _, s, text, r: Extraction(f"A = {slope_of(text)}\n", f"slope {slopes[0]}"),
        plan=lambda *_: f"slope {next(plans)}",
    )
    done = run(task, engineer, inner_steps=3, ensemble_rounds=0)
    singles = [trial for trial in done.trials if not trial["members"]]
    assert slope_of(done.script(min(singles, key=value))) == 2.9
    assert done.values["solutions"][0]["id"] == min(singles, key=value)["id"]
    assert value(done.best) == min(value(trial) for trial in done.trials if trial["score"])


def test_mistake_2_the_data_usage_checker_runs_and_its_rewrite_is_kept(task: Path) -> None:
    engineer = ScriptedEngineer(
        check_usage=lambda *_: UsageReport(("z",), script(2.0, "uses z"), "z was unused")
    )
    done = run(task, engineer)
    (checked,) = done.of("usage_checked")
    assert checked["unused"] == ["z"]
    (trial,) = [trial for trial in done.trials if trial["phase"] == "check_usage"]
    (ablated,) = [arguments for name, arguments in engineer.calls if name == "ablate"]
    assert "uses z" in ablated[1], "the outer loop starts from the rewrite"
    assert trial["score"] is not None


def test_mistake_2_a_rewrite_that_is_worse_is_dropped(task: Path) -> None:
    engineer = ScriptedEngineer(
        check_usage=lambda *_: UsageReport(("z",), script(0.1, "uses z"), "z was unused")
    )
    run(task, engineer)
    (ablated,) = [arguments for name, arguments in engineer.calls if name == "ablate"]
    assert "uses z" not in ablated[1]


def test_mistake_3_a_clean_script_is_checked_once_and_run_once(task: Path) -> None:
    done = run(task, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    assert done.engineer.count("check_leakage") == 1
    assert done.engineer.count("fix_leakage") == 0
    search = [event for event in done.of("script_finished") if event["phase"] == "write"]
    assert [event["cached"] for event in search] == [False]


def test_mistake_4_a_leak_is_fixed_checked_again_and_the_fixed_script_runs(task: Path) -> None:
    def check(_: Any, text: str, evidence: str) -> LeakageReport:
        block = "# note: leaks\n"
        return LeakageReport(block in text, block if block in text else "", "fits on all rows")

    engineer = ScriptedEngineer(
        write=lambda *_: script(2.0, "leaks"),
        check_leakage=check,
        fix_leakage=lambda *_: "# note: fixed\n",
    )
    done = run(task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    assert "# note: fixed" in done.script(done.best)
    assert (engineer.count("check_leakage"), engineer.count("fix_leakage")) == (2, 1)


@pytest.mark.parametrize("agent", ["check_leakage", "fix_leakage"])
def test_mistake_4_an_answer_that_can_not_be_used_is_noted_and_the_run_goes_on(
    task: Path, agent: str
) -> None:
    def unusable(*_: Any) -> Any:
        raise NoAnswer("the answer could not be parsed")

    answers: dict[str, Any] = {agent: unusable}
    if agent == "fix_leakage":
        answers["check_leakage"] = lambda _, text, e: LeakageReport(True, "A = 2.0\n", "leaks")
    engineer = ScriptedEngineer(write=lambda *_: script(2.0), **answers)
    done = run(task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    assert "could not be parsed" in done.notes()
    assert Path(done.values["submission"]).exists()


def test_mistake_4_a_leak_that_is_never_fixed_can_not_win(task: Path) -> None:
    engineer = ScriptedEngineer(
        write=lambda _, card: script(2.9 if card.name == "slope 1.0" else 1.0),
        check_leakage=lambda _, t, e: (
            LeakageReport(True, "A = 2.9\n", "leaks") if "A = 2.9" in t else LeakageReport(False)
        ),
        fix_leakage=lambda *_: "A = 2.9\n",
    )
    # Where labels are held back, they decide; here nothing speaks against the finding.
    done = run(task, engineer, outer_steps=0, ensemble_rounds=0, audit=False)
    leaking = [trial for trial in done.trials if "A = 2.9" in done.script(trial)]
    assert leaking[0]["score"] is not None
    assert "leak" in leaking[0]["score"]["alarm"]
    assert engineer.count("fix_leakage") == 2, "at most two rounds"
    assert slope_of(done.script(done.best)) == 1.0


def test_mistake_5_a_step_whose_code_never_runs_leaves_the_last_good_script(task: Path) -> None:
    engineer = ScriptedEngineer(refine=lambda *_: "A = undefined_name\n")
    done = run(task, engineer, inner_steps=2, ensemble_rounds=0)
    failed = [trial for trial in done.trials if trial["phase"] == "refine"]
    assert [trial["outcome"] for trial in failed] == ["error", "error"]
    assert all(trial["score"] is None and "NameError" in trial["problem"] for trial in failed)
    assert done.best["phase"] in ("write", "merge")
    assert Path(done.values["submission"]).exists()


def test_mistake_6_the_debugger_always_sees_the_newest_error(task: Path) -> None:
    repairs = iter(["raise KeyError('second failure')\n", script(2.0)])
    seen: list[str] = []

    def repair(_: Any, text: str, error: str) -> str:
        seen.append(error)
        return next(repairs)

    engineer = ScriptedEngineer(write=lambda *_: CRASH, debug=repair)
    done = run(task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0, debug_rounds=3)
    assert "first failure" in seen[0]
    assert "second failure" in seen[1]
    assert "first failure" not in seen[1]
    assert done.best["debugged"] == 2


@pytest.mark.parametrize("block", ["", "\n", "stream", "not in the script"])
def test_mistake_7_a_block_must_occur_exactly_once_else_the_outer_step_is_skipped(
    task: Path, block: str
) -> None:
    engineer = ScriptedEngineer(extract=lambda *_: Extraction(block, "a plan"))
    done = run(task, engineer, outer_steps=2)
    assert engineer.count("extract") == 4, "asked again once in each of two outer steps"
    assert engineer.count("refine") == 0
    assert "skipped" in done.notes()
    assert Path(done.values["submission"]).exists()


def test_mistake_7_a_second_answer_that_is_right_is_taken(task: Path) -> None:
    answers = iter([Extraction("", "p"), Extraction("A = 1.25\n", "slope 2.5")])
    engineer = ScriptedEngineer(write=lambda *_: script(1.25), extract=lambda *_: next(answers))
    run(task, engineer, num_candidates=1)
    assert engineer.count("refine") == 2


def overlapped(done: Finished) -> bool:
    """Whether the journal proves that scripts of two solutions ran at the same time.

    A script runs somewhere between its two events. Two runs that lie within less time than they
    took together can't have been one after the other.
    """
    began = {
        event["label"]: event["elapsed"]
        for event in done.of("script_started")
        if event["phase"] == "write"  # the winner is started once more, at the end
    }
    runs = [event for event in done.of("script_finished") if event["phase"] == "write"]
    return any(
        max(one["elapsed"], other["elapsed"]) - min(began[one["label"]], began[other["label"]])
        < one["seconds"] + other["seconds"]
        for one in runs
        for other in runs
        if one["solution"] < other["solution"]
    )


def test_mistake_8_candidates_and_solutions_overlap(task: Path) -> None:
    # Passes only if all four `write` calls (2 solutions x 2 candidates) are under way at once.
    together = threading.Barrier(4, timeout=60)
    # Scripts of one solution last 0.5 s and 1 s: even if these two start first, the one of the
    # other solution that follows the shorter runs beside the longer.
    naps = {"slope 1.0": 0.5, "slope 1.25": 0.5, "slope 1.5": 1.0, "slope 1.75": 1.0}

    def write(_: Any, card: Any) -> str:
        together.wait()
        return f"import time\ntime.sleep({naps[card.name]})\n" + script(
            float(card.name.split()[-1])
        )

    done = run(
        task,
        ScriptedEngineer(write=write),
        num_solutions=2,
        outer_steps=0,
        ensemble_rounds=0,
    )
    assert not together.broken
    assert len(done.values["solutions"]) == 2
    written = [event for event in done.of("script_finished") if event["phase"] == "write"]
    assert sorted(event["solution"] for event in written) == [0, 0, 1, 1]
    assert all(event["seconds"] >= naps[event["label"]] for event in written)
    if len(usable_cores()) > 1:
        assert overlapped(done)


@pytest.mark.parametrize(
    ("crash", "outcome"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "killed"),
        ("import sys\nsys.exit(-9)\n", "error"),
        ("print('Final Validation Performance: 0')\n", "no_score"),
    ],
)
def test_mistake_9_a_failure_has_no_score_and_loses_to_everything(
    task: Path, crash: str, outcome: str
) -> None:
    engineer = ScriptedEngineer(
        write=lambda _, card: crash if card.name == "slope 1.0" else script(0.1)
    )
    done = run(task, engineer, outer_steps=0, ensemble_rounds=0, debug_rounds=0)
    failed = [trial for trial in done.trials if trial["score"] is None]
    assert [trial["outcome"] for trial in failed] == [outcome]
    assert slope_of(done.script(done.best)) == 0.1


def test_mistake_10_no_key_reaches_a_script(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", "secret-of-the-user")
    text = script(2.0).replace(
        "import os\n",
        "import os\nassert 'secret-of-the-user' not in ''.join(os.environ.values())\n",
    )
    done = run(
        task,
        ScriptedEngineer(write=lambda *_: text),
        num_candidates=1,
        outer_steps=0,
        ensemble_rounds=0,
    )
    assert done.best["outcome"] == "ok"


HANGS = """import subprocess, sys, time
nap = [sys.executable, "-c", "import time; time.sleep(120)"]
child = subprocess.Popen(nap, start_new_session=True)
print("child", child.pid, flush=True)
time.sleep(120)
"""


def test_mistake_10_children_die_with_a_script_and_what_it_printed_is_kept(task: Path) -> None:
    engineer = ScriptedEngineer(
        write=lambda _, card: HANGS if card.name == "slope 1.0" else script(2.0)
    )
    done = run(
        task,
        engineer,
        outer_steps=0,
        ensemble_rounds=0,
        debug_rounds=0,
        script_timeout=2.0,
        sandbox="process",  # in a namespace of its own the child's number says nothing out here
    )
    (stopped,) = [trial for trial in done.trials if trial["score"] is None]
    assert stopped["outcome"] == "timeout"
    printed = (done.folder / "trials" / stopped["id"] / "stdout.log").read_text()
    assert printed.startswith("child ")
    assert is_gone(int(printed.split()[1]))


def is_gone(pid: int) -> bool:
    """Whether no process has this id, now or very soon."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_mistake_11_a_second_run_leaves_the_first_ones_folder_alone(task: Path) -> None:
    first = run(task, outer_steps=0)
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    second = run(task, outer_steps=0)
    assert second.folder != first.folder
    assert {path: path.read_bytes() for path in before} == before


def test_mistake_12_a_spent_time_budget_still_ends_with_a_submission(task: Path) -> None:
    slow = ScriptedEngineer(write=lambda *_: script(2.0) + "import time\ntime.sleep(0.3)\n")
    done = run(task, slow, outer_steps=50, inner_steps=50, time_budget=6.0, reserve=0.5)
    assert done.engineer.count("ablate") < 50
    search = [event for event in done.of("script_started") if event["phase"] == "refine"]
    # The search ends with its share; what runs then may finish, and the final run has the rest.
    assert all(event["elapsed"] < 3.0 + 1.0 for event in search)
    assert done.events[-1]["elapsed"] < 6.0 + 3.0
    assert Path(done.values["submission"]).exists()
