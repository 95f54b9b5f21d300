"""The story of a solution, as its model card and its notebook tell it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mle_star.report.attempts import Attempt, finite
from mle_star.report.data import data_view
from mle_star.report.files import output_of, read_object
from mle_star.report.headline import leading
from mle_star.report.page import Run
from mle_star.report.plots import branch_name
from mle_star.report.reading import Entry
from mle_star.report.studies import read_study
from mle_star.report.text import clean, count

_TOLD = 3
"""Parts of a study that are told, those that matter most."""


@dataclass(frozen=True)
class Part:
    """A script of the solution folder."""

    name: str
    """Of its file, without the ending."""
    text: str
    label: str
    share: float | None
    """Of a blend's weight; None for a script that stands alone or is no weighted member."""
    steps: list[str]
    """What it began as, then every change that was kept."""
    score: float | None = None
    error: float | None = None


@dataclass
class Story:
    """What the two tell."""

    run: Run
    spec: dict[str, Any]
    plan: dict[str, Any]
    """``solution.json``."""
    profile: dict[str, Any]
    views: dict[str, Any]
    """Rows and folds of the data views by name."""
    held_back: int
    """Audit rows."""
    parts: list[Part] = field(default_factory=list)
    """The members, then the script that is handed in."""

    @property
    def best(self) -> Entry | None:
        """What was handed in."""
        return leading(self.run.report)

    @property
    def scored(self) -> list[Attempt]:
        """Scripts among which the best was chosen."""
        return [a for a in self.run.tried.attempts if a.score is not None and not a.alarm]

    @property
    def folds(self) -> list[float]:
        """Scores of the folds of what was handed in."""
        ends = [e for e in self.run.events if e.get("kind") == "run_finished"]
        score = ends[-1].get("score") if ends else None
        found = score.get("folds") if isinstance(score, dict) else None
        scores = [finite(one) for one in found] if isinstance(found, list) else []
        return [one for one in scores if one is not None]

    @property
    def columns(self) -> dict[str, list[str]]:
        """Kind -> names of the columns to learn from."""
        kinds: dict[str, list[str]] = defaultdict(list)
        for column in self.profile.get("columns") or []:
            kinds[str(column.get("kind", ""))].append(str(column.get("name", "")))
        return dict(kinds)

    @property
    def missing(self) -> list[tuple[str, float]]:
        """Columns with empty cells and the part of them that is empty, the emptiest first."""
        found = [
            (str(column.get("name", "")), finite(column.get("missing")) or 0.0)
            for column in self.profile.get("columns") or []
        ]
        return sorted((one for one in found if one[1] > 0), key=lambda one: -one[1])

    @property
    def data_said(self) -> str:
        """The data in a sentence."""
        view = data_view(self.profile)
        return str(view["said"]) if view else ""


def read_story(path: Path) -> Story | None:
    """Read a run's story; None where it has no solution folder of ours.

    Raises:
        RunError: there is no whole run in the folder.
    """
    folder = path / "solution"
    plan = read_object(folder / "solution.json")
    if not plan.get("script") or not (folder / "predict.py").is_file():
        return None
    run = Run.read(path)
    spec = read_object(path / "task.json") or dict(run.record.get("spec") or {})
    harness = path / "views" / "harness"
    story = Story(
        run=run,
        spec=spec,
        plan=plan,
        profile=read_object(path / "profile.json"),
        views=read_object(harness / "views.json").get("views") or {},
        held_back=len(read_object(harness / "search.json").get("audit") or []),
    )
    story.parts = _parts(run, plan, folder / "scripts")
    return story


def _parts(run: Run, plan: dict[str, Any], scripts: Path) -> list[Part]:
    names = [str(name) for name in plan.get("members") or []]
    blends = [blend for blend in run.tried.blends if blend.label == run.report.winner]
    members = blends[-1].members if blends else []
    if len(members) != len(names):
        members = [("", None)] * len(names)
    total = sum(weight for _, weight in members if weight is not None) or 1.0
    parts = []
    for name, (label, weight) in zip(names, members, strict=True):
        share = None if weight is None else weight / total
        parts.append(_part(run, scripts / name, label, "", share))
    last = scripts / str(plan["script"])
    return [*parts, _part(run, last, run.report.winner, run.report.trial, None)]


def _part(run: Run, file: Path, label: str, trial: str, share: float | None) -> Part:
    found = [
        attempt
        for attempt in run.tried.attempts
        if attempt.score is not None
        and (attempt.trial == trial if trial else attempt.label == label)
    ]
    attempt = found[-1] if found else None
    return Part(
        name=file.stem,
        text=_text(file),
        label=clean(label) or file.stem,
        share=share,
        steps=lineage(attempt) if attempt else [clean(label) or file.stem],
        score=attempt.score if attempt else None,
        error=attempt.error if attempt else None,
    )


def _text(file: Path) -> str:
    """A script as it is, as the notebook runs it."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def lineage(attempt: Attempt) -> list[str]:
    """Labels from the first script to this one, each made from the one before."""
    labels: list[str] = []
    at: Attempt | None = attempt
    while at is not None and len(labels) < 100:
        labels.insert(0, clean(at.label))
        at = at.base
    return labels


def who(story: Story) -> str:
    """Who thought, as a sentence begins."""
    engineer = story.run.report.engineer or "engineer unknown"
    return engineer[:1].upper() + engineer[1:]


def what_mattered(story: Story) -> list[str]:
    """What the ablation studies showed, a line for each."""
    lines = []
    for branch in story.run.tried.branches.values():
        for step in branch.steps:
            study = read_study(output_of(story.run.path, step.study), story.run.report.direction)
            where = f"{branch_name(branch.number)}, step {step.number}"
            if study is not None:
                said = [
                    f"{clean(v.name, 80)} {100 * v.change:+.2f} %" for v in study.variants[:_TOLD]
                ]
                lines.append(f"{where}: {'; '.join(said)}")
            elif step.study and step.summary:
                lines.append(f"{where}: {clean(step.summary, 200)}")
    return lines


def chosen_among(story: Story) -> str:
    """How the winner was chosen, and what that does to its score."""
    scored = count(len(story.scored), "script")
    said = f"It is the best by validation of {scored} with a score. "
    if story.held_back:
        return said + (
            "The best of many is partly lucky, so its validation score tends to be better than the "
            "truth; the audit score is free of that."
        )
    return said + (
        "The best of many is partly lucky, so its validation score tends to be somewhat better "
        "than the truth, and no rows were held back to measure by how much."
    )
