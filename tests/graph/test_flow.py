"""The control flow of the algorithm: what runs, how often, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from mle_star.context import Context
from mle_star.engineer import Extraction, LeakageReport, ModelCard
from mle_star.errors import NoAnswer, SandboxUnavailable, SettingsError, TaskError
from mle_star.graph import build_graph
from mle_star.nodes import ablate
from mle_star.nodes.workbench import Workbench
from mle_star.scoring import average_blend
from mle_star.tasks import plans
from tests.support.engineers import CRASH, FOLDS, ScriptedEngineer, script, slope_of, use
from tests.support.runs import SMALL, Finished, run
from tests.support.tasks import slope_task


def no_answer(*_: Any) -> Any:
    raise NoAnswer("nothing to offer")


def cards(*slopes: float) -> Any:
    return lambda *_: [ModelCard(f"slope {slope}", "fits", "") for slope in slopes]


@pytest.mark.parametrize(("outer", "inner", "rounds"), [(0, 1, 0), (1, 1, 1), (2, 3, 2)])
def test_every_loop_runs_as_often_as_its_setting_says(
    task: Path, outer: int, inner: int, rounds: int
) -> None:
    done = run(task, num_solutions=2, outer_steps=outer, inner_steps=inner, ensemble_rounds=rounds)
    count = done.engineer.count
    assert count("retrieve") == 2
    assert count("write") == 4
    assert count("check_usage") == 2
    assert count("ablate") == count("summarise") == count("extract") == 2 * outer
    assert count("refine") == 2 * outer * inner
    assert count("plan") == 2 * outer * (inner - 1), "the first plan comes with the block"
    assert count("plan_ensemble") == count("ensemble") == rounds


def test_each_phase_leaves_its_mark_in_the_journal(task: Path) -> None:
    engineer = ScriptedEngineer(retrieve=cards(2.5, 3.4))
    done = run(task, engineer)
    kinds = {event["kind"] for event in done.events}
    assert {
        "run_started",
        "retrieved",
        "written",
        "merged",
        "usage_checked",
        "leakage_checked",
        "ablated",
        "extracted",
        "refined",
        "blended",
        "ensembled",
        "run_finished",
    } <= kinds
    times = [event["elapsed"] for event in done.events]
    assert times[0] < times[-1]


def test_the_next_ablation_knows_the_summaries_and_the_next_extraction_the_blocks(
    task: Path,
) -> None:
    done = run(task, outer_steps=2)
    ablations = [arguments for name, arguments in done.engineer.calls if name == "ablate"]
    assert [len(arguments[2]) for arguments in ablations] == [0, 1]
    extractions = [arguments for name, arguments in done.engineer.calls if name == "extract"]
    assert [len(arguments[3]) for arguments in extractions] == [0, 1]


@pytest.mark.parametrize(("printed", "repairs"), [(2, 0), (1, 1)])
def test_a_study_that_runs_out_of_time_counts_by_what_it_printed(
    task: Path, monkeypatch: pytest.MonkeyPatch, printed: int, repairs: int
) -> None:
    monkeypatch.setattr(ablate, "LONGEST", 0.0)
    monkeypatch.setattr(ablate, "LEAST", 1.0)
    monkeypatch.setattr(Workbench, "typical_seconds", lambda _: 1.0)
    lines = ["Baseline: 1.0", "Ablation slope: 2.0"][:printed]
    study = f"for line in {lines}:\n    print(line, flush=True)\nwhile True:\n    pass\n"
    engineer = ScriptedEngineer(
        ablate=lambda *_: study, debug=lambda *_: "print('Baseline: 3.0')\n"
    )
    run(task, engineer, outer_steps=1, inner_steps=1)
    assert engineer.count("debug") == repairs
    [(_, (_, _, output))] = [call for call in engineer.calls if call[0] == "summarise"]
    assert output.startswith("Baseline: 3.0" if repairs else "Baseline: 1.0\nAblation slope: 2.0")
    assert ("Then the study failed" in output) == (not repairs)


def test_every_plan_sees_the_earlier_plans_and_scores_and_starts_from_the_original_block(
    task: Path,
) -> None:
    done = run(task, inner_steps=3)
    plans = [arguments for name, arguments in done.engineer.calls if name == "plan"]
    assert [len(arguments[3]) for arguments in plans] == [1, 2]
    assert all(tried.score is not None for tried in plans[-1][3])
    refines = [arguments for name, arguments in done.engineer.calls if name == "refine"]
    assert len({arguments[1] for arguments in refines}) == 1


def in_folds(slope: float) -> str:
    """A script that says how each fold went."""
    return script(slope) + FOLDS


@pytest.mark.parametrize("racing", [True, False])
def test_a_refined_script_that_falls_behind_is_stopped(task: Path, racing: bool) -> None:
    plans = iter(["slope 1.5", "slope 2.95"])
    engineer = ScriptedEngineer(
        retrieve=cards(2.9, 2.8),
        write=lambda _, card: in_folds(float(card.name.split()[-1])),
        merge=no_answer,
        extract=lambda _, summary, text, refined: Extraction("A = 2.9\n", next(plans)),
        plan=lambda *_: next(plans),
    )
    done = run(task, engineer, outer_steps=1, inner_steps=2, num_candidates=2, racing=racing)
    lost, won = (t for t in done.values["trials"] if t["phase"] == "refine")
    assert lost["outcome"] == ("behind" if racing else "ok")
    assert (lost["score"] is None) == racing
    assert won["outcome"] == "ok", "what is ahead is never stopped"
    assert slope_of(done.script(done.values["solutions"][0])) == 2.95
    [tried] = next(arguments[3] for name, arguments in engineer.calls if name == "plan")
    assert tried.behind == racing
    assert ("its rmse was worse by" in tried.problem) == racing
    assert engineer.count("debug") == 0, "a script that lost is not broken"
    ended = [e["outcome"] for e in done.events if e["kind"] == "script_finished"]
    assert ended.count("behind") == racing


def test_nobody_races_on_lines_that_are_not_what_the_harness_measures(task: Path) -> None:
    """Printed numbers are not trusted: here both scripts print something else than the metric."""
    plans = iter(["slope 1.5"])
    engineer = ScriptedEngineer(
        retrieve=cards(2.9),
        write=lambda *_: script(2.9) + FOLDS.replace("** 0.5", "** 0.25"),
        extract=lambda _, summary, text, refined: Extraction("A = 2.9\n", next(plans)),
    )
    done = run(task, engineer, outer_steps=1, inner_steps=1, num_candidates=1)
    [refined] = [t for t in done.values["trials"] if t["phase"] == "refine"]
    assert refined["outcome"] == "ok"


def test_a_candidate_that_was_repaired_runs_however_late_it_is(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def late(_: Workbench, solution: int, times: float) -> bool:
        asked.append(times)
        return len(asked) > 1

    monkeypatch.setattr(Workbench, "late", late)
    engineer = ScriptedEngineer(
        retrieve=lambda *_: [
            ModelCard("slope 2.9", "fits", "", times=1.0),
            ModelCard("slope 2.5", "fits", "", times=3.0),
        ],
        write=lambda *_: CRASH,
        debug=lambda *_: script(2.9),
    )
    done = run(task, engineer, num_candidates=2, outer_steps=0)
    assert set(asked) == {1.0, 3.0}, "asked with the time that each card's model takes"
    [trial] = [t for t in done.values["trials"] if t["phase"] == "write"]
    assert (trial["outcome"], trial["debugged"]) == ("ok", 1)
    assert "slope 2.5 was not tried: the search needs the time that is left." in done.notes()
    assert done.values["submission"]


def test_merging_stops_at_the_first_merge_that_does_not_help(task: Path) -> None:
    engineer = ScriptedEngineer(
        retrieve=cards(2.9, 2.0, 1.0), merge=lambda _, base, reference: script(1.5)
    )
    done = run(task, engineer, outer_steps=0, num_candidates=3)
    assert engineer.count("merge") == 1
    assert slope_of(done.script(done.values["solutions"][0])) == 2.9


def test_merging_goes_on_while_it_helps_and_ties_are_accepted(task: Path) -> None:
    engineer = ScriptedEngineer(
        retrieve=cards(2.5, 2.0, 1.0), merge=lambda _, base, reference: base + "# merged\n"
    )
    done = run(task, engineer, outer_steps=0, num_candidates=3)
    assert engineer.count("merge") == 2
    assert done.script(done.values["solutions"][0]).count("# merged") == 2


def test_a_pair_that_can_not_be_merged_is_passed_over(task: Path) -> None:
    answers: Any = iter([no_answer, lambda *_: script(2.8)])
    engineer = ScriptedEngineer(retrieve=cards(2.5, 2.0, 1.0), merge=lambda *a: next(answers)(*a))
    done = run(task, engineer, outer_steps=0, num_candidates=3)
    assert slope_of(done.script(done.values["solutions"][0])) == 2.8


@pytest.mark.parametrize(
    "agent",
    [
        "merge",
        "check_usage",
        "ablate",
        "summarise",
        "extract",
        "plan",
        "refine",
        "plan_ensemble",
        "ensemble",
        "check_leakage",
        "debug",
    ],
)
def test_an_engineer_without_an_answer_costs_a_step_and_not_the_run(task: Path, agent: str) -> None:
    done = run(task, ScriptedEngineer(**{agent: no_answer}))
    assert Path(done.values["submission"]).exists()
    assert agent == "debug" or "nothing to offer" in done.notes()


@pytest.mark.parametrize("agent", ["retrieve", "write"])
def test_without_any_script_the_run_ends_and_says_why(task: Path, agent: str) -> None:
    done = run(task, ScriptedEngineer(**{agent: no_answer}))
    assert done.values["submission"] == ""
    assert done.values["best"] is None
    assert done.values["final"]["source"] == "none"
    assert "no submission" in done.notes()


def test_when_every_candidate_fails_the_run_ends_and_names_the_problem(task: Path) -> None:
    done = run(task, ScriptedEngineer(write=lambda *_: CRASH))
    assert done.values["submission"] == ""
    assert "first failure" in done.notes()


def test_a_bug_in_one_branch_does_not_take_the_other_with_it(task: Path) -> None:
    def ablate(_: Any, text: str, summaries: Any) -> str:
        if "# note: first" in text:
            raise ZeroDivisionError("a bug")
        return "print('Baseline: 1.0')\n"

    def write(_: Any, card: ModelCard) -> str:
        slope = float(card.name.split()[-1])
        return script(slope, "first" if slope in (1.0, 1.5) else "second")

    engineer = ScriptedEngineer(write=write, ablate=ablate, merge=no_answer)
    done = run(task, engineer, num_solutions=2)
    assert "ZeroDivisionError" in done.notes()
    assert len(done.values["solutions"]) == 2, "the branch hands over what it had"
    assert engineer.count("refine") == 2
    assert Path(done.values["submission"]).exists()


def test_what_a_person_must_mend_stops_the_run(task: Path) -> None:
    def unusable(*_: Any) -> Any:
        raise SettingsError("the key is wrong")

    with pytest.raises(SettingsError, match="the key is wrong"):
        run(task, ScriptedEngineer(ablate=unusable))


def test_a_sandbox_that_can_not_start_stops_the_run(task: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("not a program")
    with pytest.raises((SandboxUnavailable, SettingsError)):
        run(task, python=str(python))


def test_the_measured_alarm_sends_a_script_back_to_the_checker_and_it_can_not_win(
    task: Path,
) -> None:
    cheat = script(1.0).replace('repr(predict(row)) + "\\n")\nwith', 'row["y"] + "\\n")\nwith')
    assert cheat != script(1.0)
    engineer = ScriptedEngineer(
        retrieve=cards(2.0, 1.0), write=lambda _, c: cheat if "1.0" in c.name else script(2.0)
    )
    done = run(task, engineer, outer_steps=0, ensemble_rounds=0)
    evidence = [arguments[2] for name, arguments in engineer.calls if name == "check_leakage"]
    assert [bool(text) for text in sorted(evidence)].count(True) == 1
    (trial,) = [t for t in done.trials if t["score"] and t["score"]["alarm"]]
    assert trial["score"] is not None
    assert trial["score"]["value"] < done.best["score"]["value"]  # type: ignore[index]
    assert slope_of(done.script(done.best)) == 2.0


def test_a_leak_found_on_the_second_look_is_fixed_and_run_again(task: Path) -> None:
    good = 'stream.write(row["id"] + "," + repr(predict(row)) + "\\n")\nwith'
    bad = 'stream.write(row["id"] + "," + row["y"] + "\\n")\nwith'
    cheat = script(2.0).replace(good, bad)
    assert cheat.count(bad) == 1
    engineer = ScriptedEngineer(
        write=lambda *_: cheat,
        check_leakage=lambda _, text, evidence: (
            LeakageReport(True, bad, "writes the labels")
            if evidence and bad in text
            else LeakageReport(False)
        ),
        fix_leakage=lambda *_: good,
    )
    done = run(task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0)
    assert done.best["score"]["alarm"] == ""  # type: ignore[index]
    assert done.script(done.best) == script(2.0)


def test_if_every_script_rings_the_alarm_the_best_is_used_and_the_run_says_so(task: Path) -> None:
    engineer = ScriptedEngineer(
        check_leakage=lambda *_: LeakageReport(True, "A = ", "all leak"),
        fix_leakage=lambda _, t, block, r: block,
    )
    done = run(task, engineer, outer_steps=0, audit=False)
    assert "Every scored script raised the leakage alarm" in done.notes()
    assert Path(done.values["submission"]).exists()


def test_a_checker_that_cries_wolf_does_not_end_a_run_where_hidden_labels_speak_against_it(
    task: Path,
) -> None:
    engineer = ScriptedEngineer(
        check_leakage=lambda *_: LeakageReport(True, "A = ", "all leak"),
        fix_leakage=lambda _, t, block, r: block,
    )
    done = run(task, engineer, num_candidates=1, ensemble_rounds=0)
    assert "it stays in the race" in done.notes()
    assert done.best["score"] is not None
    assert done.best["score"]["alarm"] == ""
    assert done.of("accepted"), "the refinement went on"


def test_a_failing_full_run_falls_back_on_the_search_runs_submission(task: Path) -> None:
    def fails_on_all_rows(_: Any, card: ModelCard) -> str:
        return script(2.0) + "assert len(train) < 700, 'too many rows'\n"

    done = run(
        task,
        ScriptedEngineer(write=fails_on_all_rows),
        num_candidates=1,
        outer_steps=0,
        ensemble_rounds=0,
    )
    assert done.values["final"]["source"] == "search"
    assert "too many rows" in done.notes()
    lines = Path(done.values["submission"]).read_text().splitlines()
    assert lines[0] == "id,y"
    assert len(lines) == 41


@pytest.mark.parametrize("hopeless", [True, False])
def test_what_takes_too_long_is_repaired_only_while_there_is_time_for_it(
    task: Path, monkeypatch: pytest.MonkeyPatch, hopeless: bool
) -> None:
    monkeypatch.setattr(Workbench, "hopeless", lambda _: hopeless)
    slow = "import time\ntime.sleep(30)\n" + script(2.0)
    engineer = ScriptedEngineer(write=lambda *_: slow, debug=lambda *_: script(2.0))
    done = run(
        task, engineer, num_candidates=1, outer_steps=0, ensemble_rounds=0, script_timeout=1.0
    )
    assert engineer.count("debug") == (not hopeless)
    assert ("is given up: there is no time" in done.notes()) == hopeless
    assert (done.values["best"] is None) == hopeless


@pytest.mark.parametrize("late", [True, False])
def test_a_further_candidate_that_took_too_long_is_not_begun_again_when_it_is_late(
    task: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    slow = "import time\ntime.sleep(30)\n" + script(1.0)

    def write(_: Any, card: ModelCard) -> str:
        return slow if card.name == "slope 1.0" else script(2.0)

    def repair(*_: Any) -> str:
        return script(1.0)

    begun: list[bool] = []

    def is_late(*_: Any) -> bool:
        begun.append(True)
        return late and len(begun) > 2  # both are begun

    monkeypatch.setattr(Workbench, "late", is_late)
    engineer = ScriptedEngineer(
        retrieve=cards(2.0, 1.0), write=write, debug=repair, merge=no_answer
    )
    settings = {"outer_steps": 0, "ensemble_rounds": 0, "script_timeout": 1.0}
    done = run(task, engineer, num_candidates=2, **settings)
    assert engineer.count("debug") == (not late)
    assert ("slope 1.0 is given up: there is no time" in done.notes()) == late
    assert done.values["best"] is not None


@pytest.mark.parametrize(("rows", "source"), [(450, "part"), (0, "search")])
def test_without_time_for_all_rows_the_winner_learns_from_as_many_as_there_is_time_for(
    task: Path, monkeypatch: pytest.MonkeyPatch, rows: int, source: str
) -> None:
    monkeypatch.setattr(Workbench, "final_rows", lambda *_: rows)
    done = run(
        task,
        ScriptedEngineer(write=lambda *_: script(2.0) + "print('rows', len(train))\n"),
        num_candidates=1,
        outer_steps=0,
        ensemble_rounds=0,
        search_rows=200,
    )
    logs = [log.read_text() for log in (done.folder / "final").glob("*/stdout.log")]
    assert len(logs) == (source == "part"), "else nothing is run again"
    assert all("rows 450" in log for log in logs)
    assert done.values["final"]["source"] == source
    assert ("from 450 of 700 labelled rows" in done.notes()) == (source == "part")
    assert ("no time left to learn from many more rows" in done.notes()) == (source == "search")
    lines = Path(done.values["submission"]).read_text().splitlines()
    assert len(lines) == 41
    readme = Path(done.values["solution_folder"], "README.md").read_text()
    assert "a run on fewer training rows" in readme


@pytest.mark.parametrize("fits", [True, False])
def test_no_ensemble_is_tried_in_the_time_that_the_final_run_needs(
    task: Path, monkeypatch: pytest.MonkeyPatch, fits: bool
) -> None:
    asked: list[tuple[int, float]] = []

    def spare(_: Workbench, trials: list[Any], later: float) -> bool:
        asked.append((len(trials), later))
        return fits

    monkeypatch.setattr(Workbench, "fits", spare)
    done = run(task, num_solutions=2, outer_steps=0, ensemble_rounds=3)
    assert done.engineer.count("plan_ensemble") == (3 if fits else 0)
    assert len(asked) == (3 if fits else 1), "it does not ask again"
    assert asked[0][1] >= 2.0
    assert all(later > 0 for _, later in asked), "then it is measured"
    assert ("the final run needs the time that is left" in done.notes()) != fits
    assert done.values["final"]["source"] == "full"


SHOWN = 10
"""Test rows that the search predicts in the tests below; there are 40."""


def sampled(task: Path, text: str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Finished:
    monkeypatch.setattr(plans, "SEARCH_TEST_ROWS", SHOWN)
    once: dict[str, Any] = {"num_candidates": 1, "outer_steps": 0, "ensemble_rounds": 0}
    engineer = ScriptedEngineer(write=lambda *_: text, debug=lambda *_: text)
    return run(task, engineer, **{**once, "search_rows": 200, **settings})


def test_a_search_that_predicts_some_test_rows_ends_with_all_of_them(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = sampled(task, script(2.0) + "print('tests', len(test))\n", monkeypatch)
    [log] = (done.folder / "trials").glob("*/stdout.log")
    [final] = (done.folder / "final").glob("*/stdout.log")
    assert ("tests 40" in log.read_text(), "tests 40" in final.read_text()) == (False, True)
    assert done.values["final"]["source"] == "full"
    assert len(Path(done.values["submission"]).read_text().splitlines()) == 41


def test_where_its_final_run_fails_the_script_learns_from_fewer_rows(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An out-of-memory error, say: the search's predictions are not for all test rows."""
    greedy = script(2.0) + "if len(train) > 300: raise MemoryError('too many rows')\n"
    done = sampled(task, greedy, monkeypatch)
    assert "alone learns from 200 rows instead" in done.notes()
    assert done.values["final"]["source"] == "part"
    assert len(Path(done.values["submission"]).read_text().splitlines()) == 41


def test_without_any_time_left_something_is_handed_in_all_the_same(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workbench, "time_left", lambda _: 0.0)
    done = sampled(task, script(2.0), monkeypatch)
    assert done.values["final"]["source"] == "part"
    assert "learns from 200 of 700 labelled rows" in done.notes()
    assert len(Path(done.values["submission"]).read_text().splitlines()) == 41


def test_another_script_steps_in_where_the_best_fails_on_the_other_test_rows(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A category that stands in those rows only, say: the search never met it."""
    fails = script(2.0) + "if len(test) == 40: raise KeyError('new level')\n"
    monkeypatch.setattr(plans, "SEARCH_TEST_ROWS", SHOWN)
    texts = {"slope 2.0": fails, "slope 5.0": script(5.0)}  # both are written at the same time
    engineer = ScriptedEngineer(
        retrieve=cards(2.0, 5.0), write=lambda _, card: texts[card.name], merge=no_answer
    )
    done = run(task, engineer, num_candidates=2, outer_steps=0, ensemble_rounds=0, search_rows=200)
    assert "did not give a submission either" in done.notes()
    assert done.values["final"]["source"] == "part"
    best = min(done.values["trials"], key=lambda trial: trial["score"]["value"])
    assert done.values["final"]["trial"] != best["id"]
    assert len(Path(done.values["submission"]).read_text().splitlines()) == 41


def test_what_can_not_predict_all_test_rows_is_said(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = script(2.0) + "if len(test) == 40: raise MemoryError('too many rows')\n"
    done = sampled(task, text, monkeypatch)
    assert "did not give a submission" in done.notes()
    assert "No submission could be written: The script ran out of memory" in done.notes()
    assert done.values["final"]["source"] == "none"
    assert done.values["best"]["score"] is not None


def test_the_winner_runs_on_every_labelled_row(task: Path) -> None:
    text = script(2.0) + "print('rows', len(train))\n"
    done = run(
        task,
        ScriptedEngineer(write=lambda *_: text),
        num_candidates=1,
        outer_steps=0,
        ensemble_rounds=0,
    )
    (log,) = (done.folder / "final").glob("*/stdout.log")
    assert "rows 700" in log.read_text()
    assert done.values["final"]["source"] == "full"


def test_the_printed_protocol_trusts_the_printed_score(task: Path) -> None:
    def write(_: Any, card: ModelCard) -> str:
        slope = float(card.name.split()[-1])
        return script(slope).replace("0.5", str(slope))

    engineer = ScriptedEngineer(write=write, merge=no_answer)
    done = run(task, engineer, evaluation="printed", outer_steps=0)
    assert done.best["score"]["value"] == 1.0  # type: ignore[index]
    assert done.best["score"]["audit"] is None  # type: ignore[index]
    assert Path(done.values["submission"]).exists()


def test_the_best_of_singles_and_ensembles_wins(task: Path) -> None:
    engineer = ScriptedEngineer(
        retrieve=cards(2.0, 4.0), merge=no_answer, plan_ensemble=lambda *_: "weights [1, 1]"
    )
    done = run(task, engineer, outer_steps=0)
    assert done.best["phase"] in ("blend", "ensemble")
    assert {member["trial"] for member in done.best["members"]} == {
        trial["id"] for trial in done.trials if trial["phase"] == "write"
    }


def test_no_task_and_an_unknown_model_are_one_sentence_before_anything_is_made(
    task: Path, tmp_path: Path
) -> None:
    graph = build_graph()
    nothing: Any = {}
    with pytest.raises(TaskError, match="No task was given"):
        graph.invoke(nothing, context=Context(**SMALL))
    with pytest.raises(SettingsError, match="'gpt' is not known"):
        graph.invoke({"task": str(task)}, context=Context(engineer="gpt"))
    with pytest.raises(SettingsError, match="provider"):
        graph.invoke({"task": str(task)}, context=Context(model="gpt"))
    assert not (tmp_path / "runs").exists()


def test_a_second_run_on_the_same_thread_starts_afresh_in_a_folder_of_its_own(task: Path) -> None:
    use(ScriptedEngineer())
    graph = build_graph(InMemorySaver())
    context = Context(**{**SMALL, "outer_steps": 0}, engineer="tests.support.engineers:chosen")
    config: Any = {"configurable": {"thread_id": "studio"}}
    first = graph.invoke({"task": str(task)}, config, context=context)
    second = graph.invoke({"task": str(task)}, config, context=context)
    assert Path(first["run"]).name == "studio"
    assert Path(second["run"]).name == "studio-2"
    assert len(first["solutions"]) == len(second["solutions"]) == 1


def test_slow_scripts_are_tried_on_a_few_rows_first(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.nodes.evaluate.SMOKE_SECONDS", 0.0)
    engineer = ScriptedEngineer(refine=lambda *_: "A = undefined_name\n")
    done = run(task, engineer, ensemble_rounds=0)
    smoke = [event for event in done.of("script_finished") if event["phase"] == "smoke"]
    assert "error" in {event["outcome"] for event in smoke}
    refined = [trial for trial in done.trials if trial["phase"] == "refine"]
    assert {trial["outcome"] for trial in refined} == {"error"}
    assert all(not (done.folder / "trials" / trial["id"]).exists() for trial in refined)
    assert Path(done.values["submission"]).exists()


def test_a_sound_script_that_few_rows_upset_is_run_for_real(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mle_star.nodes.evaluate.SMOKE_SECONDS", 0.0)
    picky = "\nif len(train) < 400:\n    raise ValueError('fewer rows than neighbours')\n"
    engineer = ScriptedEngineer(retrieve=cards(2.0, 2.5), merge=lambda *_: script(2.9) + picky)
    done = run(task, engineer, outer_steps=0, ensemble_rounds=0)
    assert slope_of(done.script(done.best)) == 2.9


def test_of_greedy_blend_and_plain_average_the_better_is_taken(
    task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_alone(spec: Any, view: Any, members: Any) -> Any:
        real: Any = average_blend(spec, view, members[:1])
        return replace(real, weights=[1.0, *[0.0] * (len(members) - 1)])

    monkeypatch.setattr("mle_star.nodes.ensemble.greedy_blend", one_alone)
    engineer = ScriptedEngineer(
        retrieve=lambda _, count, solution, n: cards(2.5, 3.5)()[solution : solution + 1]
    )
    done = run(task, engineer, num_solutions=2, outer_steps=0, ensemble_rounds=0)
    (blended,) = done.of("blended")
    assert blended["weights"] == [0.5, 0.5]


def test_quick_scripts_are_not(task: Path) -> None:
    done = run(task, outer_steps=0)
    assert not [event for event in done.of("script_finished") if event["phase"] == "smoke"]


def test_neither_are_those_of_the_playbook(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mle_star.nodes.evaluate.SMOKE_SECONDS", 0.0)
    done = run(task, "playbook", num_candidates=2, outer_steps=0, ensemble_rounds=0)
    assert len([t for t in done.trials if t["phase"] == "write" and t["score"]]) == 2
    assert not [event for event in done.of("script_finished") if event["phase"] == "smoke"]


def test_in_the_printed_protocol_no_oof_is_asked_for(task: Path) -> None:
    text = script(2.0) + "os.remove('final/oof.csv')\n"
    engineer = ScriptedEngineer(write=lambda *_: text)
    done = run(
        task, engineer, evaluation="printed", num_candidates=1, outer_steps=0, ensemble_rounds=0
    )
    assert len(Path(done.values["submission"]).read_text().splitlines()) == 41
    assert done.values["final"]["source"] == "full"


def test_without_a_test_table_the_solution_and_its_score_are_the_result(tmp_path: Path) -> None:
    folder = slope_task(tmp_path / "untested")
    (folder / "test.csv").unlink()
    (folder / "sample_submission.csv").unlink()
    (folder / "task.toml").write_text('target = "y"\nid = "id"\n')
    done = run(folder, outer_steps=0, ensemble_rounds=0)
    assert done.best["score"]["audit"] is not None  # type: ignore[index]
    assert done.values["submission"] == ""
    assert (Path(done.values["solution_folder"]) / "run.py").exists()
    assert done.values["final"]["source"] == "full"
