"""REFINE, outer step: an ablation study, its summary, and the block that matters most."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mle_star.engineer import Extraction
from mle_star.engineer.pointing import point_out, section_around
from mle_star.engineer.splice import replace_once
from mle_star.execution import job_key
from mle_star.nodes.evaluate import explain, make_job, run_job, search_limit, summary
from mle_star.nodes.lessons import part_name
from mle_star.nodes.step import Step, Update, node
from mle_star.nodes.workbench import Workbench
from mle_star.state import SolutionState

EXTRACTION_TRIES = 2
"""Answers that name an unusable block before the outer step is skipped."""
LONGEST = 0.25
"""Share of what is left to the search after which a study is ended; what it printed counts."""
LEAST = 5.0
"""Seconds that a study may take in any case."""
RESULTS = 2
"""Scores that a study which ran out of time must have printed to be of use: two can be compared."""
SPARE = 1.5
"""Times as long as a study is told to take before it is ended. Not less than the playbook's own
``ablation.PATIENCE``, so that its studies say themselves what they had no time for."""


_SCORE = re.compile(r"^[^\[].*\d\.\d")
"""A line with a decimal fraction; what libraries print begins with their name in brackets."""


@node
def ablate(state: SolutionState, step: Step) -> Update:
    """Write a study that switches off parts of the best script that were not studied before."""
    bench, best = step.bench, state["best"]
    assert best is not None, "the router refines only where there is a script"
    seconds = min(bench.brief.script_seconds, study_limit(bench) / SPARE)
    text = replace(step, known={**step.known, "script_seconds": seconds}).ask(
        bench.engineer.ablate, bench.folder.script(best["script"]), state.get("summaries", [])
    )
    study = {
        "script": bench.folder.save_script(text) if text else "",
        "rounds": 0,
        "error": "" if text else "no study was written",
        "output": "",
    }
    step.emit("ablation_written", written=bool(text))
    return {
        "ablation": study,
        "base": best["script"],
        "k": 0,
        "attempts": [],
        "step_trials": [],
        "refusal": "",
    }


@node
def run_ablation(state: SolutionState, step: Step) -> Update:
    """Run the study; what it prints is its result, no predictions are asked for.

    One that ran out of time after it printed results is not repaired: they count. Without, it is
    repaired once.
    """
    bench, study = step.bench, state["ablation"]
    label = f"ablation study {state['t'] + 1}"
    job = make_job(
        bench,
        bench.folder.script(study["script"]),
        label,
        bench.views.search,
        [],
        bench.folder.path / "studies",
        study_limit(bench),
    )
    job = replace(job, required=())
    job = replace(
        job,
        folder=job.folder.parent / job_key(job, bench.settings.python, bench.settings.image)[:16],
    )
    step.script_started(label, "ablate", job.limits.wall_seconds)
    done = run_job(bench, job)
    step.script_finished(label, "ablate", summary(done))
    output = done.stdout.text[-20_000:]
    most, rounds = bench.settings.debug_rounds, study["rounds"]
    if done.outcome == "timeout":
        scores = [line for line in output.splitlines() if _SCORE.search(line)]
        rounds = most if len(scores) >= RESULTS else max(rounds, most - 1)
    return {
        "ablation": {
            **study,
            "output": output,
            "error": "" if done.outcome == "ok" else explain(done),
            "rounds": rounds,
        }
    }


def study_limit(bench: Workbench) -> float:
    """Wall clock of a study: a part of what is left to the search, but two scripts' time."""
    allowed = max(LONGEST * bench.seconds_left(), 2 * bench.typical_seconds(), LEAST)
    return min(search_limit(bench), allowed)


@node
def debug_ablation(state: SolutionState, step: Step) -> Update:
    """Repair a study that failed."""
    bench, study = step.bench, state["ablation"]
    text = bench.folder.script(study["script"])
    repaired = step.ask(bench.engineer.debug, text, study["error"])
    if repaired is None or repaired == text:
        return {"ablation": {**study, "rounds": bench.settings.debug_rounds + 1}}
    step.emit("debugged", label=f"ablation study {state['t'] + 1}", error=study["error"][-500:])
    return {
        "ablation": {
            **study,
            "script": bench.folder.save_script(repaired),
            "rounds": study["rounds"] + 1,
        }
    }


@node
def summarise(state: SolutionState, step: Step) -> Update:
    """Say what the study shows. A study that never ran still ends in a summary, which says so."""
    bench, study = step.bench, state["ablation"]
    summary = None
    if study["output"].strip():
        output = study["output"]
        if study["error"]:  # a study may have printed a part of its results before it failed
            output += f"\n\nThen the study failed: {study['error'].strip().splitlines()[0]}\n"
        summary = step.ask(bench.engineer.summarise, bench.folder.script(study["script"]), output)
    summarised = summary is not None
    if summary is None:
        first = study["error"].strip().splitlines()
        summary = (
            f"The ablation study gave no result: {first[0] if first else 'it printed nothing'}"
        )
    step.found(summary, result=summarised)
    return {"summaries": [*state.get("summaries", []), summary]}


@node
def extract(state: SolutionState, step: Step) -> Update:
    """Pick the block to refine and the first plan for it.

    A block must occur exactly once in the script. An answer that does not keep to that is asked for
    again with the
    block named as used; then the outer step is skipped.
    """
    bench = step.bench
    text = bench.folder.script(state["base"])
    refined = list(state.get("blocks", []))
    if (told := state.get("told_block")) and (picked := _pointed_out(step, text, told)):
        step.emit("extracted", block=picked.block[:200], plan=picked.plan)
        return {
            "block": picked.block,
            "plan": picked.plan,
            "blocks": refined,
            "told_block": {},
        }
    for _ in range(EXTRACTION_TRIES):
        answer: Extraction | None = step.ask(
            bench.engineer.extract, state["summaries"][-1], text, refined
        )
        if answer is None:
            break
        try:
            replace_once(text, answer.block, answer.block)
        except ValueError as error:
            step.note(f"extract: {error}")
            refined.append(answer.block)
            continue
        step.emit("extracted", block=answer.block[:200], plan=answer.plan)
        return {
            "block": answer.block,
            "plan": answer.plan,
            "blocks": refined,
            "told_block": {},
        }
    text = "No block could be picked: this outer step is skipped."
    step.note_once(f"no block {step.solution}", text, passing=step.moves_on)
    return {"block": "", "plan": "", "blocks": refined, "told_block": {}}


def _pointed_out(step: Step, script: str, told: Mapping[str, Any]) -> Extraction | None:
    """The block that a person named, with a first plan for it; None where that can't be."""
    try:
        block = point_out(script, told["block"])
    except ValueError as error:
        why = f"{error}: the block with the largest impact is taken instead."
        step.heed(told["id"], "block", why[0].upper() + why[1:], done=False)
        return None
    section = section_around(script, block)
    # The playbook's strategies are made for whole sections.
    choices = [section] if step.bench.settings.trusted else [block, section]
    for choice in dict.fromkeys(choices):
        if plan := step.ask(step.bench.engineer.plan, script, choice, []):
            step.heed(told["id"], "block", f"{part_name(choice)!r} is refined now.")
            return Extraction(choice, plan)
    why = "Nobody has a plan for this block: the one with the largest impact is taken instead."
    step.heed(told["id"], "block", why, done=False)
    return None
