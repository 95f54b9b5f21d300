from __future__ import annotations

from mle_star.report.attempts import finite
from mle_star.report.diffs import difference
from mle_star.report.drawing import drawn
from mle_star.report.plots import against_audit, best_so_far, over_time
from mle_star.report.tried import read_tried
from tests.cli.journal import Journal


def plans(journal: Journal, *scores: tuple[str, float | None]) -> None:
    for plan, score in scores:
        journal.add("refined", "refine", 0, plan=plan, written=True)
        journal.script(0, "refine", plan, score)
        journal.step("learn", 0)


def one_step() -> Journal:
    j = Journal()
    j.script(0, "write", "A", 10.0)
    j.script(0, "write", "B", 12.0)
    j.best("rank", 0, "A", 10.0)
    j.step("rank", 0)
    j.add("ablation_written", "ablate", 0, written=True)
    return j


def test_one_label_in_two_steps_is_two_attempts() -> None:
    j = one_step()
    plans(j, ("deeper", 11.0), ("deeper", 9.0))
    j.add("accepted", "accept", 0, label="deeper", gain=1.0)
    j.add("ablation_written", "ablate", 0, written=True)
    plans(j, ("deeper", 9.5))
    first, second = read_tried(j.events).branches[0].steps
    assert [(a.score, a.verdict) for a in first.attempts] == [
        (11.0, "not better"),
        (9.0, "accepted"),
    ]
    assert first.gain == 1.0
    assert second.base is first.attempts[1]
    assert [a.base for a in second.attempts] == [second.base]


def test_what_a_node_wrote_again_after_an_interruption_counts_once() -> None:
    j = one_step()
    j.add("refined", "refine", 0, plan="deeper", written=True)
    j.script(0, "refine", "deeper", 9.0)
    j.add("run_stopped", "")
    j.add("refined", "refine", 0, plan="deeper", written=True)
    j.script(0, "refine", "deeper", 9.0, cached=True)
    j.step("learn", 0)
    j.add("ablation_written", "ablate", 0, written=True)
    j.add("ablation_written", "ablate", 0, written=True)
    branch = read_tried(j.events).branches[0]
    assert [a.label for a in branch.steps[0].attempts] == ["deeper"]
    assert len(branch.steps) == 2


def test_a_repaired_script_is_one_attempt_with_its_last_outcome() -> None:
    j = Journal()
    j.script(0, "write", "A", None, problem="no")
    j.add("debugged", "debug", 0, label="A")
    j.script(0, "write", "A", None, problem="still no")
    j.add("debugged", "debug", 0, label="A")
    j.script(0, "write", "A", 3.0)
    [attempt] = read_tried(j.events).attempts
    assert (attempt.score, attempt.problem, attempt.repairs) == (3.0, "", 2)


def test_a_branch_that_turns_goes_on_from_the_candidate() -> None:
    j = one_step()
    plans(j, ("x", None))
    j.add("turned", "accept", 0, label="B", from_label="A")
    j.add("ablation_written", "ablate", 0, written=True)
    first, second = read_tried(j.events).branches[0].steps
    assert first.turned == "B"
    assert second.base is not None
    assert second.base.label == "B"


def test_a_planned_ensemble_tells_its_members() -> None:
    j = Journal()
    j.add("ensembled", "ensemble", plan="stack", written=True, members=["A", "B"])
    j.script(-1, "ensemble", "stack", 9.0)
    j.step("judge_ensemble")
    j.add("ensembled", "ensemble", plan="no code", written=False, members=["A"])
    tried = read_tried(j.events)
    assert tried.blends[0].members == [("A", None), ("B", None)]
    assert [a.verdict for a in tried.branches[-1].ensembles] == ["not better", "not run"]


def test_the_best_so_far_leaves_alarms_and_worse_scores_out() -> None:
    j = one_step()
    plans(j, ("bad", 15.0), ("good", 8.0))
    j.script(0, "refine", "leaks", 1.0, alarm="too good")
    attempts = read_tried(j.events).attempts
    assert [score for _, score in best_so_far(attempts, "minimize")] == [10.0, 8.0]
    assert [score for _, score in best_so_far(attempts, "maximize")] == [10.0, 12.0, 15.0]
    assert over_time([], "rmse", "minimize", 9.0) is None
    assert against_audit(attempts[:1], "rmse") is None


def test_a_difference_has_the_lines_around_it() -> None:
    old = "\n".join(f"line {n}" for n in range(20))
    lines = difference(old, old.replace("line 9", "line nine"))
    assert lines is not None
    assert [(line.kind, line.text) for line in lines] == [
        ("place", "@@ -8,5 +8,5 @@"),
        ("same", " line 7"),
        ("same", " line 8"),
        ("removed", "-line 9"),
        ("added", "+line nine"),
        ("same", " line 10"),
        ("same", " line 11"),
    ]
    assert difference(old, old) == []
    assert difference(old, "x\n" * 4_000) is None


def test_lines_that_look_like_the_head_of_a_difference_are_kept() -> None:
    lines = difference("-- a\nb\n", "b\n++ c\n")
    assert lines is not None
    assert {line.text for line in lines} >= {"--- a", "+++ c"}


def test_only_numbers_that_can_be_drawn_are_numbers() -> None:
    assert finite(3) == 3.0
    for odd in (True, "3", None, float("nan"), float("inf"), 1.7e308, 10**400, [1]):
        assert finite(odd) is None


def test_scores_of_any_size_can_be_drawn() -> None:
    j = Journal()
    for label, score in (("a", 1e300), ("b", -1e300), ("c", 5e-324), ("d", 0.0)):
        j.script(0, "write", label, score, 1e300, audit=score)
    spec = over_time(read_tried(j.events).attempts, "rmse", "minimize", 0.0)
    audit = against_audit(read_tried(j.events).attempts, "rmse")
    assert spec is not None
    assert audit is not None
    assert all(drawn({"time": spec, "audit": audit}).values())
