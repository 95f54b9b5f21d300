from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer.base import Brief, Lesson
from mle_star.engineer.playbook.ablation import EVERY, ablate, summarise
from mle_star.engineer.playbook.findings import findings
from mle_star.engineer.playbook.merger import merge
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.script import find
from mle_star.engineer.playbook.script import replace as spliced
from mle_star.engineer.playbook.strategies.edits import assigns
from mle_star.errors import NoAnswer
from tests.engineer.playbook import refining


def run_study(study: str, name: str, folder: Path) -> str:
    """Run a study where scripts run; it must end well and write nothing."""
    assert "mle_star" not in study, "it is not there where scripts run"
    folder.mkdir(exist_ok=True)
    (folder / "input").symlink_to(refining.task(name).view.folder)
    (folder / "final").mkdir()
    (folder / "study.py").write_text(study)
    done = subprocess.run(
        [sys.executable, "study.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not list((folder / "final").iterdir())
    return done.stdout


def patient(name: str) -> Brief:
    """The task's brief with time for every variant."""
    return replace(refining.task(name).brief, script_seconds=300.0)


@pytest.mark.slow
def test_a_study_runs_and_its_variants_differ(tmp_path: Path) -> None:
    brief, script = patient("price"), refining.script("price", "lightgbm")
    study = ablate(brief, script, [])
    output = run_study(study, "price", tmp_path)
    lines = output.splitlines()
    assert re.fullmatch(r"Baseline: [\d.]+", lines[0])
    scores = [float(line.rsplit(": ", 1)[1]) for line in lines]
    assert len(scores) == 3
    assert len(set(scores)) == 3
    summary = summarise(brief, study, output)
    assert len(findings(summary)) == 2
    sizes = [abs(finding.change) for finding in findings(summary)]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.slow
def test_a_study_of_rows_in_time_and_of_several_models(tmp_path: Path) -> None:
    brief = patient("air")
    script = merge(brief, refining.script("air", "lightgbm"), refining.script("air", "linear"))
    block = find(script, "target")
    assert block is not None
    script = spliced(script, block.text, carry_out(brief, block.text, ("log-target",)))
    study = ablate(brief, script, [])
    assert "model: linear" in study or "model: lightgbm" in study
    output = run_study(study, "air", tmp_path)
    assert "failed" not in output
    assert "target" in study
    summary = summarise(brief, study, output)
    later = ablate(practised(brief), script, [summary])
    assert not {f"{f.block} [{f.tried}]" if f.tried else f.block for f in findings(summary)} & set(
        labels(later)
    )


def practised(brief: Brief, plans: int = 9, **told: Any) -> Brief:
    """The brief after so many plans of the branch."""
    one = Lesson("another idea", "target", brief.base_model, 0.0, 0.01, 1.0, brief.solution)
    return replace(brief, lessons=(replace(one, **told),) * plans)


def test_another_study_follows_when_more_plans_were_tried() -> None:
    brief = replace(refining.task("price").brief, base_model="LightGBM", solution=0)
    script = refining.script("price", "lightgbm")
    summary = summarise(brief, "", "Baseline: 2.0\nAblation target: 2.5\n")
    none = "The ablation study gave no result: no study was written"
    for plans, enough in ((EVERY - 1, False), (EVERY, True)):
        for summaries in ([summary], [none, summary]):
            assert can_be_studied(practised(brief, plans), script, summaries) == enough
    assert can_be_studied(brief, script, [none]), "no plan follows a study that was none"
    assert not can_be_studied(practised(brief), script, [summary] * 4)
    for told in ({"solution": 1}, {"model": "XGBoost"}, {"run": "an earlier one"}):
        assert not can_be_studied(practised(brief, **told), script, [summary])


def can_be_studied(brief: Brief, script: str, summaries: list[str]) -> bool:
    try:
        return bool(ablate(brief, script, summaries))
    except NoAnswer as reason:
        if "more plans" not in str(reason):
            raise
        return False


def labels(study: str) -> list[str]:
    """What a study exchanges."""
    found = [n for n in ast.parse(study).body if assigns("VARIANTS")(n)]
    value = found[0].value if found and isinstance(found[0], ast.Assign) else None
    assert isinstance(value, ast.Dict)
    return [str(key.value) for key in value.keys if isinstance(key, ast.Constant)]


@pytest.mark.parametrize(
    "name", ["price", "late", "mood", "class", "share", "order", "odds", "air"]
)
def test_every_script_can_be_studied_until_nothing_is_left(name: str) -> None:
    brief = practised(refining.task(name).brief)
    script = refining.script(name, "lightgbm")
    summaries: list[str] = []
    seen: list[str] = []
    for _ in range(3):
        study = ablate(brief, script, summaries)
        assert "mle_star" not in study
        new = labels(study)
        assert 1 <= len(new) <= 2
        seen += new
        output = "Baseline: 2.0\n" + "".join(f"Ablation {label}: 2.5\n" for label in new)
        summaries.append(summarise(brief, study, output))
    assert len(seen) == len(set(seen)), "no part is studied twice"


def test_scripts_of_another_shape_are_not_studied() -> None:
    with pytest.raises(NoAnswer):
        ablate(refining.task("price").brief, "print('Final Validation Performance: 1')\n", [])


def test_summary_of_partial_output() -> None:
    brief = refining.task("price").brief
    output = (
        "noise\nBaseline: 52000.0\n"
        "Ablation model: lightgbm: 53000.0\n"
        "Ablation encode [place-neighbours]: failed, ValueError: no: way\n"
        "Ablation features: 60100.0\n"
        "Ablation target [log-target]: not run, the time is up\n"
        "Ablation finish [clip-to-range]: 51900.0\n"
    )
    lines = summarise(brief, "", output).splitlines()
    assert lines[0] == (
        "features: switching it off changes rmse from 52000 to 60100 (worse by 15.58 %)"
    )
    assert lines[1].startswith("model: lightgbm: switching it off changes rmse from 52000 to 53000")
    assert lines[2].startswith("finish: trying [clip-to-range] changes rmse")
    assert "better by 0.19 %" in lines[2]
    assert "encode: trying [place-neighbours] gave no score (failed, ValueError: no: way)" in lines
    found = {f.block: f for f in findings("\n".join(lines))}
    assert found["features"].change == pytest.approx(-0.1558)
    assert found["model: lightgbm"].tried == ""
    assert found["finish"].change > 0
    assert "encode" not in found or found["encode"].change == 0


def test_a_larger_score_is_better_where_the_metric_says_so() -> None:
    brief = refining.task("order").brief
    summary = summarise(brief, "", "Baseline: 0.8\nAblation features: 0.84\n")
    assert "better by 5.00 %" in summary


@pytest.mark.parametrize("output", ["", "Traceback ...", "Baseline: nan\nAblation features: 1\n"])
def test_no_baseline_no_summary(output: str) -> None:
    with pytest.raises(NoAnswer):
        summarise(refining.task("price").brief, "", output)


@pytest.mark.slow
def test_a_study_of_a_slow_script_has_few_rows_and_still_two_folds_to_learn_cuts_from(
    tmp_path: Path,
) -> None:
    brief, script = patient("mood"), refining.script("mood", "lightgbm")
    block = find(script, "finish")
    assert block is not None
    script = spliced(script, block.text, carry_out(brief, block.text, ("share-cuts",)))
    study = ablate(replace(brief, base_seconds=1e6, rows=20_000), script, [])
    assert "random(len(train)) < 0.05" in study, "the fewest rows that say something"
    # The whole (small) table here: only the folds are cut.
    study = ablate(brief, script, [])
    assert "failed" not in run_study(study, "mood", tmp_path)


@pytest.mark.parametrize(
    ("base", "left", "answer"),
    [
        # Two of five folds and three runs: 1.5 s to start, then 3 x (12 - 1.5) s.
        (30.0, 420.0, True),
        (30.0, 400.0, False),
        (1.0, 13.0, True),  # hardly more than its imports
        (1.0, 12.0, False),
    ],
)
def test_a_study_is_left_out_where_plans_could_be_tried_instead(
    base: float, left: float, answer: bool
) -> None:
    made = refining.task("price").brief
    brief = replace(made, folds=5, base_seconds=base, seconds_left=left, script_seconds=1_000.0)
    script = refining.script("price", "lightgbm")
    if answer:
        assert ablate(brief, script, [])
    else:
        with pytest.raises(NoAnswer, match="too much of the time"):
            ablate(brief, script, [])
