"""How values are worded in prompts: fences, literals, numbers, and the columns of the data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mle_star.engineer.base import Brief, Lesson, Tried
from mle_star.engineer.llm.trimming import cut
from mle_star.engineer.policy import Policy
from mle_star.scoring.soft import first_grade, soft_columns, soft_form
from mle_star.tasks.profile import ColumnProfile, DataProfile
from mle_star.tasks.spec import TaskSpec

_DETAILED = 120
"""Columns that are listed one by one; further ones are only counted."""
_EXAMPLE = 40
"""Longest example value of a column, in characters."""
_EXAMPLE_TEXT = 120
"""The same for a column of free text."""


def fence(text: str, language: str = "") -> str:
    """The text in a fence that nothing inside it can end."""
    ticks = "`" * (max((len(run) for run in re.findall("`{3,}", text)), default=2) + 1)
    return f"{ticks}{language}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{ticks}"


def prose(text: str) -> str:
    """Plain text as it is; in a fence where a line of it could pass for a heading or a fence."""
    text = text.strip()
    unsafe = any(line.lstrip().startswith(("#", "```", "~~~")) for line in text.splitlines())
    return fence(text, "text") if unsafe else text


def oneline(text: str) -> str:
    """The text with every run of blanks and line ends as one blank."""
    return " ".join(text.split())


def quoted(values: Any, most: int = 1) -> str:
    """Names or labels as literals; those beyond ``most`` are only counted."""
    listed = values if isinstance(values, list | tuple) else [values]
    shown = ", ".join(
        json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
        for value in listed[:most]
    )
    return f"{shown} and {len(listed) - most:,} more" if len(listed) > most else shown or "none"


def number(value: float, digits: int = 6) -> str:
    """A number with that many digits at most."""
    return f"{value:.{digits}g}"


def seconds(value: float) -> str:
    """A duration."""
    return f"{value:.3g} s" if value < 100 else f"{value:.0f} s"


def shares(values: Mapping[str, float], most: int = 30) -> str:
    """Shares of classes, largest first."""
    ordered = sorted(values.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{quoted(label)} {100 * share:.3g} %" for label, share in ordered[:most])
    return f"{shown} and {len(ordered) - most:,} more" if len(ordered) > most else shown


def result(score: float | None, error: float | None, took: float | None, problem: str = "") -> str:
    """What a script scored and how long it took, or why it has no score."""
    time = f", {seconds(took)}" if took else ""
    if score is None:
        return f"no score ({cut(oneline(problem), 400) or 'it never ran'}){time}"
    return f"score {number(score)}{f' ± {number(error, 2)}' if error is not None else ''}{time}"


def standing(script: Sequence[float | None]) -> str:
    """What the script under refinement scored, its standard error and the seconds it took."""
    score, error, took = script
    return result(score, error, took, "it was not scored")


def outcome(tried: Tried) -> str:
    """What became of a plan."""
    return result(tried.score, tried.error, tried.seconds, tried.problem)


def learnt(brief: Brief) -> list[str]:
    """What earlier changes brought, in this run and in earlier ones, a line each."""
    return [_learnt(lesson) for lesson in Policy(brief.lessons).digest()]


def _learnt(lesson: Lesson) -> str:
    if lesson.gain is not None:
        what = f"{abs(lesson.gain):.2%}".replace("%", " %")
        what += f" {'less' if lesson.gain >= 0 else 'more'} loss ± {100 * lesson.error:.2g}"
        if lesson.times > 1.5:
            what += f", {lesson.times:.2g} times as long"
    elif lesson.behind:
        what = "stopped early: its first folds were worse beyond doubt"
    else:
        what = f"no score ({cut(oneline(lesson.problem), 150) or 'it never ran'})"
    where = f"in {quoted(cut(oneline(lesson.part), 80))} of a script that builds on "
    where += quoted(cut(oneline(lesson.model), 80))
    if lesson.closeness < 1:
        where += ", on a similar task"
    return f"{what}, {where}: {cut(oneline(lesson.change), 300)}"


def elsewhere(brief: Brief) -> list[str]:
    """What the newest ablation studies of other solutions showed."""
    others = [study for study in brief.studies if study.solution != brief.solution]
    return [
        f"Of a script that builds on {quoted(cut(oneline(study.model), 80))}: "
        f"{cut(oneline(study.summary), 600)}"
        for study in others[-2:]
    ]


def correlations(values: Sequence[float]) -> str:
    """Correlations, in order."""
    return ", ".join(f"{value:.3f}" for value in values)


def columns(profile: DataProfile) -> str:
    """The feature columns, a line each.

    Of a wide table :data:`_DETAILED` columns are listed, those that are not plain numbers before
    others; the rest is counted by kind.
    """
    shown = {column.name for column in sorted(profile.columns, key=_plain)[:_DETAILED]}
    rest = [column for column in profile.columns if column.name not in shown]
    lines = [_column(column) for column in profile.columns if column.name in shown]
    for kind in dict.fromkeys(column.kind for column in rest):
        lines.append(_group(kind, [column for column in rest if column.kind == kind]))
    return "\n".join(lines) or "none"


def _plain(column: ColumnProfile) -> bool:
    drifting = column.drift is not None and column.drift > 0.1
    sound = column.in_test and not column.dirty and not column.markers and not drifting
    return column.kind == "numeric" and sound and column.missing < 0.05


def _column(column: ColumnProfile) -> str:
    facts = [f"{column.kind} ({column.dtype})", f"{column.unique:,} distinct"]
    if column.missing:
        facts.append(f"missing {100 * column.missing:.3g} %")
    if column.markers:
        facts.append(f"missing is written {quoted(column.markers, 5)}")
    if column.dirty:
        facts.append("numbers read as text")
    if column.skew is not None:
        facts.append(f"skewness {number(column.skew, 2)}")
    if column.drift is not None:
        facts.append(f"drift {number(column.drift, 2)}")
    if column.words is not None:
        facts.append(f"{number(column.words, 2)} words on average")
    if not column.in_test:
        facts.append("NOT in test.csv")
    if column.examples:
        most = _EXAMPLE_TEXT if column.kind == "text" else _EXAMPLE
        short = [value[:most] + "…" * (len(value) > most) for value in column.examples[:3]]
        facts.append(f"such as {quoted(short, 3)}")
    return f"{quoted(column.name)}: {', '.join(facts)}"


def _group(kind: str, found: Sequence[ColumnProfile]) -> str:
    names = [column.name for column in found]
    missing = max(column.missing for column in found)
    return (
        f"... {len(found):,} more {kind} columns, {quoted(names[0])} to {quoted(names[-1])}: "
        f"{min(c.unique for c in found):,} to {max(c.unique for c in found):,} distinct, missing "
        f"at most {100 * missing:.3g} %"
    )


def soft_files(task: TaskSpec) -> str:
    """The columns of the files of soft predictions, in words; empty where a task has none."""
    form, names = soft_form(task), quoted(soft_columns(task), 30)
    if form == "classes":
        return f"one probability per class in the columns {names}"
    if form == "shares":
        return (
            f"the probability of {quoted(task.classes[1])} for each target in the columns {names}"
        )
    if form != "grades":
        return ""
    scale = "on the scale of the labels"
    if first_grade(task) != task.classes[0]:
        scale = f"as the class's place in {quoted(task.classes, 30)}, counted from 0"
    return f"the predicted number that is cut into a label, {scale}, in {names}"


FILTERS: dict[str, Callable[..., str | list[str]]] = {
    "fence": fence,
    "prose": prose,
    "oneline": oneline,
    "quoted": quoted,
    "number": number,
    "seconds": seconds,
    "shares": shares,
    "standing": standing,
    "outcome": outcome,
    "correlations": correlations,
    "learnt": learnt,
    "elsewhere": elsewhere,
    "thousands": "{:,}".format,
}
"""Names under which templates call these functions."""
