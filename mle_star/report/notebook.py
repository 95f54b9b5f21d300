"""``solution/notebook.ipynb``: the story of a solution, and the submission made again.

The file is JSON of the notebook format 4.5, written here, as nbformat is no dependency.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from mle_star.report.markdown import fill_markdown
from mle_star.report.model_card import made, scores, what_it_is
from mle_star.report.plots import branch_name
from mle_star.report.story import Part, Story, chosen_among, what_mattered, who
from mle_star.report.text import count, number, plus_minus

_START = """\
import json
import tempfile
from pathlib import Path

import pandas as pd
from build_input import build_input, read_cells
from run import run_script, submission

TASK = Path({task})  # the task folder: change it where the data have moved
PLAN = json.loads(Path("solution.json").read_text(encoding="utf-8"))
WORK = Path(tempfile.mkdtemp(prefix="solution-"))  # all that is written below
DATA = WORK / "data"
build_input(TASK, DATA)

train, test = pd.read_csv(DATA / "train.csv"), pd.read_csv(DATA / "test.csv")
print(f"{{len(train):,}} labelled rows, {{len(test):,}} rows to predict")
train.head()"""

_LOOK = 'train.describe(include="all").T'

_RUN = '''\
PRINTED = {}  # script -> the score it printed


def execute(name, members=()):
    """Run a script, show what it prints, and return the folder of its predictions."""
    log = WORK / f"{name}.log"
    folder = WORK / name
    number = 1
    while folder.exists():  # run once more
        number += 1
        folder = WORK / f"{name}-{number}"
    try:
        with log.open("w") as stream:
            script = WORK / f"{name}.py"
            return run_script(script, folder, DATA, list(members), PLAN["seed"], stream)
    finally:
        print(log.read_text())
        for line in log.read_text().splitlines():
            if line.startswith("Final Validation Performance:"):
                PRINTED[name] = float(line.partition(":")[2])'''

_SUBMIT = """\
table = submission({last}, DATA, TASK, PLAN, read_cells)
table.to_csv(WORK / "submission.csv", index=False)
handed_in = Path("../submission.csv")
if handed_in.exists():
    same = handed_in.read_bytes() == (WORK / "submission.csv").read_bytes()
    print("The same as what was handed in, byte for byte:", same)
print("written to", WORK / "submission.csv")
table.head()"""

_COPY = """\
print((({last}) / "submission.csv").read_text()[:500])"""

_COMPARE = """\
SEARCH = {search}
pd.DataFrame({{"in the search": SEARCH, "printed here": PRINTED}})"""


def notebook(story: Story) -> str:
    """The notebook's file."""
    cells = [
        {"id": f"cell-{place}", "metadata": {}, "source": text.splitlines(keepends=True), **kind}
        for place, (kind, text) in enumerate(_cells(story))
    ]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "version": python},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


Cell = tuple[dict[str, Any], str]
"""What makes a cell code or text, and its source."""


def _code(text: str) -> Cell:
    return {"cell_type": "code", "execution_count": None, "outputs": []}, text


def _text(cell: str, **values: Any) -> Cell:
    return {"cell_type": "markdown"}, fill_markdown("notebook.md", cell=cell, **values).rstrip()


def _cells(story: Story) -> Iterator[Cell]:
    report, plan = story.run.report, story.plan
    yield _text(
        "head",
        task=report.task,
        what=what_it_is(story),
        metric=report.metric,
        scores=list(scores(story)),
        chosen=chosen_among(story),
    )
    yield _text("data", said=story.data_said)
    yield _code(_START.format(task=repr(str(plan.get("task", "")))))
    yield _code(_LOOK)
    yield _searching(story)
    *members, last = story.parts
    yield _text("scripts", members=count(len(members), "script") if members else "")
    yield _code(_RUN)
    for part in members:
        yield from _scripted(part, "")
    yield from _scripted(last, ", ".join(part.name for part in members))
    yield _text("end", source=report.source)
    yield _code((_SUBMIT if plan.get("test") else _COPY).format(last=last.name))
    held = count(story.held_back, "audit row") if story.held_back else ""
    yield _text("compared", held=held)
    yield _code(_COMPARE.format(search={p.name: p.score for p in story.parts}))


def _scripted(part: Part, members: str) -> Iterator[Cell]:
    """What a script is, the script, and its run."""
    yield _text(
        "part", name=part.name, share=part.share, steps=part.steps, score=part.score,
        error=part.error,
    )  # fmt: skip
    yield _code(f"%%writefile {{WORK}}/{part.name}.py\n{part.text.rstrip()}")
    given = f", [{members}]" if members else ""
    yield _code(f'{part.name} = execute("{part.name}"{given})')


def _searching(story: Story) -> Cell:
    run, report = story.run, story.run.report
    candidates = [
        (
            branch_name(branch.number),
            one.label[:200],
            plus_minus(one.score, one.error),
            *([plus_minus(one.audit, one.audit_error)] if story.held_back else []),
            one.verdict,
        )
        for branch in sorted(run.tried.branches.values(), key=lambda b: b.number)
        for one in (*branch.candidates, *branch.grafts)
    ]
    kept = [
        (
            branch_name(gain.solution),
            gain.step,
            gain.label[:300],
            number(gain.score),
            "–" if gain.gain is None else number(gain.gain, like=gain.score),
        )
        for gain in report.gains
    ]
    audited = ["audit"] if story.held_back else []
    left = len(run.tried.attempts) - sum(one.accepted for one in run.tried.attempts)
    return _text(
        "search",
        made=made(story),
        engineer=who(story),
        heads=["branch", "script", "validation", *audited, "verdict"],
        candidates=candidates,
        mattered=what_mattered(story),
        kept=kept,
        metric=report.metric,
        dropped=f"{count(left, 'attempt')} brought nothing that was kept.",
    )
