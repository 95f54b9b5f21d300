"""Where the bench's tasks come from: folders whose test labels are hidden."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.bench.competition import INSTALL, Competition, find_competition, installed
from mle_star.bench.grading import grade_by_labels, read_answers
from mle_star.bench.records import BenchTask
from mle_star.errors import TaskError
from mle_star.tasks.loading import load_task
from mle_star.tasks.metrics import canonical_name
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import table_stem
from mle_star.tasks.wording import in_one_sentence


@dataclass(frozen=True)
class _Place:
    """A folder with a public and a private part."""

    folder: Path
    """Names the task."""
    parts: Path
    """Holds ``public`` and ``private``: the folder itself, or MLE-bench's ``prepared`` in it."""

    @property
    def prepared(self) -> bool:
        """Whether it is laid out as MLE-bench does."""
        return self.parts != self.folder


@in_one_sentence
def find_tasks(paths: Sequence[Path]) -> list[BenchTask]:
    """Find the tasks that the paths hold, in their order; those of one folder by name.

    Args:
        paths: each a folder with ``public/`` (a task folder) and ``private/`` (``answers.csv``, or
            one csv of any name); a competition as MLE-bench prepares it
            (``<competition-id>/prepared/public`` and ``.../private``); or a folder of such folders.

    A competition that the installed ``mlebench`` package knows is graded by that package; any other
    task by its hidden labels and our metric. Either way systems must find out of the public folder
    what is asked, so it must load as a task.

    Raises:
        TaskError: a path holds no task, a task can't be graded, or two have the same name.
    """
    if not paths:
        raise TaskError("No task was named; give a folder with public/ and private/ in it.")
    tasks: list[BenchTask] = []
    taken: dict[str, Path] = {}
    for path in paths:
        for place in _places(path.expanduser().absolute()):
            name = place.folder.name
            if name in taken:
                raise TaskError(
                    f"Two tasks are called {name!r} ({taken[name]} and {place.folder}); rename one "
                    "of the folders, or leave one out."
                )
            taken[name] = place.folder
            tasks.append(_task(place))
    return tasks


def _places(path: Path) -> Iterator[_Place]:
    if not path.is_dir():
        raise TaskError(f"There is no folder {path}; give one with public/ and private/ in it.")
    place = _place(path)
    if place is not None:
        yield place
        return
    found = [p for child in sorted(path.iterdir()) if child.is_dir() and (p := _place(child))]
    if not found:
        raise TaskError(
            f"{path} holds no task: neither it nor a folder in it has public/ and private/ in it."
        )
    yield from found


def _place(path: Path) -> _Place | None:
    def parted(folder: Path) -> bool:
        return (folder / "public").is_dir() or (folder / "private").is_dir()

    if parted(path):
        return _Place(path.parent if path.name == "prepared" else path, path)
    if parted(path / "prepared"):
        return _Place(path, path / "prepared")
    return None


def _task(place: _Place) -> BenchTask:
    public, private = place.parts / "public", place.parts / "private"
    for part in (public, private):
        if not part.is_dir():
            raise TaskError(f"The task {place.folder} has no folder {part.name}/; add it.")
    _check_apart(public, private)
    name = place.folder.name
    known = find_competition(place.folder) if place.prepared else None
    try:
        spec = load_task(public).model_copy(update={"name": name})
        if known is not None:
            _check_direction(spec, known)
            return BenchTask(name, public, known.metric, known.direction, known.grade, "mlebench")
        answers = _find_answers(private)
        _check_gradable(spec, answers, place.folder / "meta.json")
    except TaskError as error:
        reason = str(error).rstrip(".")
        if place.prepared and not installed():
            reason += f" (MLE-bench's own grader may do without that: {INSTALL})"
        raise TaskError(f"Task {name}: {reason}.") from None
    grade = functools.partial(grade_by_labels, spec, answers)
    return BenchTask(name, public, spec.metric, spec.direction, grade, "folder")


def _check_direction(spec: TaskSpec, known: Competition) -> None:
    """Systems must not search the wrong way because the description was misread."""
    if spec.direction != known.direction:
        raise TaskError(
            f"MLE-bench is to {known.direction} its metric {known.metric}, but the public folder "
            f"means to {spec.direction} {spec.metric}; set metric in a task.toml there"
        )


def _check_apart(public: Path, private: Path) -> None:
    """What a system gets must not lead to the labels, by a link either."""
    hidden, seen = private.resolve(), public.resolve()

    def within(a: Path, b: Path) -> bool:
        return a == b or b in a.parents

    if within(hidden, seen):
        raise TaskError(f"{private} lies in {public}, where every system sees it; move it out.")
    for folder, names, files in os.walk(public):
        for path in (Path(folder, name) for name in [*names, *files]):
            if not path.is_symlink():
                continue
            target = path.resolve()
            if within(target, hidden) or within(hidden, target):
                raise TaskError(f"{path} is a link that leads to {private}; remove it.")


def _find_answers(private: Path) -> Path:
    tables = sorted(p for p in private.iterdir() if p.is_file() and table_stem(p.name))
    named = [p for p in tables if table_stem(p.name) == "answers"]
    found = named or [p for p in tables if p.name.lower().endswith(".csv")] or tables
    if len(found) == 1:
        return found[0]
    have = ", ".join(p.name for p in found[:5]) or "no table"
    raise TaskError(f"{private} holds {have}; put the hidden labels there as answers.csv.")


def _check_gradable(spec: TaskSpec, answers: Path, meta: Path) -> None:
    """Find out now, and not after hours of runs, that a submission could not be graded."""
    if spec.evaluation == "printed":
        raise TaskError(
            'its task.toml says evaluation = "printed", which hidden labels can\'t judge; remove it'
        )
    _check_meta(spec, meta)
    read_answers(spec, answers)


def _check_meta(spec: TaskSpec, path: Path) -> None:
    """Where a meta.json says how the task is graded, the public folder must tell the same."""
    if not path.is_file():
        return
    try:
        said: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        raise TaskError(f"{path} is not valid JSON; mend or remove it") from None
    if not isinstance(said, dict):
        raise TaskError(f"{path} does not hold keys with values; mend or remove it")
    metric = said.get("metric")
    if isinstance(metric, str) and ".py:" not in metric:
        metric = canonical_name(metric) or metric
    target = said.get("target")
    wanted = {
        "metric": metric,
        "direction": said.get("direction"),
        "target": [target] if isinstance(target, str) else target,
        "id": said.get("id"),
    }
    for key, value in wanted.items():
        have = getattr(spec, key)
        if value not in (None, "", [], have):
            raise TaskError(
                f"meta.json says {key} = {value!r}, but its public folder means {have!r}; set "
                f"{key} in public/task.toml, or mend meta.json"
            )
