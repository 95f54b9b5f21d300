"""What plans brought in runs that were made, and how well the policy foretells it.

    python benchmarks/foretelling.py FOLDER... [--leave-out NAME ...]

Every ``events.jsonl`` below the folders is read, except where its path has one of the names in it;
of runs that begin with the same lessons one counts. Three tables are printed: what each strategy
added to plans, from plans that were tried with and without it on the same script; how alike the
same plan gained on two models; and how well each plan's gain is foretold from the lessons before
it, with other constants of the policy than it has. What a strategy promises on a task is not in a
journal: for the last table all are taken to promise the same.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from mle_star.engineer import Lesson, policy, read_lessons
from mle_star.engineer.playbook.catalogue import model_named
from mle_star.engineer.playbook.planner import kin_of
from mle_star.engineer.policy import Policy, terms_of
from mle_star.errors import NoAnswer

PRIOR = 0.3
"""What every strategy is taken to promise."""
FAR = 0.1
"""Gains beyond it, in either direction, count as this much."""
FEWEST = 5
"""Pairs, or foretold plans of a run, from which on they count."""
TASKS = 3
"""Tasks from which on it is told what a strategy added."""
VARIANTS: tuple[dict[str, float], ...] = (
    {},
    {"SPREAD": 0.015},
    {"SPREAD": 0.02},
    {"SPREAD": 0.04},
    {"ELSEWHERE": 0.5},
    {"ELSEWHERE": 0.9},
    {"KIN": 0.25},
    {"KIN": 0.75},
)


@dataclass(frozen=True)
class Run:
    """What one run learnt."""

    task: str
    lessons: list[Lesson]
    """In the order they were learnt, each once."""


def read(folders: Sequence[Path], left_out: Sequence[str]) -> list[Run]:
    """The runs below the folders."""
    runs: dict[tuple[Lesson, ...], Run] = {}
    for path in sorted(path for folder in folders for path in folder.rglob("events.jsonl")):
        if any(name in str(path) for name in left_out):
            continue
        events = list(_events(path))
        lessons = list(dict.fromkeys(x for e in events for x in read_lessons(e.get("lessons", ()))))
        if len(lessons) > FEWEST:
            runs.setdefault(tuple(lessons[:4]), Run(_task(events), lessons))
    return list(runs.values())


def _events(path: Path) -> Iterator[dict[str, object]]:
    """Beginnings and lessons."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            if '"learnt"' in line or '"run_started"' in line:
                event = json.loads(line)
                if event["kind"] in ("learnt", "run_started"):
                    yield event


def _task(events: Sequence[dict[str, object]]) -> str:
    """Name of the task folder, or of the folder around its public part."""
    path = Path(next((str(event["task"]) for event in events if event.get("task")), ""))
    return path.parent.name if path.name == "public" else path.name


def gain(lesson: Lesson) -> float:
    """What it measured, as the policy takes it, within bounds."""
    found = policy.BEHIND if lesson.gain is None else lesson.gain
    return max(-FAR, min(FAR, found))


def added(runs: Sequence[Run]) -> dict[str, dict[str, list[float]]]:
    """Strategy -> task -> by how much a plan gained more with it than without it."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        tried: dict[tuple[object, ...], dict[frozenset[str], float]] = defaultdict(dict)
        for lesson in run.lessons:
            if (lesson.gain is not None or lesson.behind) and terms_of(lesson.change):
                place = lesson.part, lesson.model, lesson.solution
                tried[place].setdefault(frozenset(), 0.0)
                tried[place].setdefault(frozenset(terms_of(lesson.change)), gain(lesson))
        for plans in tried.values():
            for terms, value in plans.items():
                for key in terms:
                    if terms - {key} in plans:
                        found[key][run.task].append(value - plans[terms - {key}])
    return found


def pairs(runs: Sequence[Run]) -> dict[tuple[str, str], list[tuple[float, float]]]:
    """Part and kinds of model -> gains of the same plan on two models of one run."""
    found = defaultdict(list)
    for run in runs:
        tried: dict[tuple[str, tuple[str, ...]], dict[str, float]] = defaultdict(dict)
        for lesson in run.lessons:
            terms = tuple(sorted(terms_of(lesson.change)))
            if terms and lesson.gain is not None:
                tried[lesson.part, terms][lesson.model] = gain(lesson)
        for (part, _), by_model in tried.items():
            for one, other in itertools.combinations(sorted(by_model), 2):
                kinds = {_kind(model) for model in (one, other)}
                kind = "trees and others" if len(kinds) > 1 else f"{kinds.pop()} alone"
                found[part, kind].append((by_model[one], by_model[other]))
    return found


def _kind(model: str) -> str:
    """Trees, or others: a model that the playbook has no block for is taken for one of trees."""
    try:
        return "trees" if model_named(model).group in ("boosting", "forest") else "others"
    except NoAnswer:
        return "trees"


def foretell(lessons: Sequence[Lesson]) -> tuple[list[float], list[float]]:
    """Gain of each plan that an earlier lesson is about, foretold and as it came."""
    foretold, came = [], []
    for number, lesson in enumerate(lessons):
        terms = terms_of(lesson.change)
        kins = set(map(kin_of, terms))
        before = lessons[:number]
        known = {kin_of(term) for other in before for term in terms_of(other.change)}
        measured = lesson.behind or lesson.gain is not None
        if not terms or "" in kins or not kins & known or not measured:
            continue
        priors = dict.fromkeys(terms, PRIOR)
        told = Policy(before, lesson.part, lesson.model).promises(priors, kin_of)
        foretold.append(policy.SHARE * sum(told.values()))
        came.append(gain(lesson))
    return foretold, came


def judge(runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray, int]:
    """Mean squared error and rank correlation of each run, and the number of plans."""
    errors, ranks, count = [], [], 0
    for run in runs:
        foretold, came = map(np.array, foretell(run.lessons))
        if len(came) < FEWEST:
            continue
        count += len(came)
        errors.append(np.mean((foretold - came) ** 2))
        ranks.append(np.corrcoef(rankdata(foretold), rankdata(came))[0, 1])
    return np.array(errors), np.array(ranks), count


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell_added(runs: Sequence[Run]) -> None:
    """What each strategy added, the best first: mean over tasks with its standard error."""
    say(f"{'strategy':<28}{'tasks':>6}{'plans':>7}{'added, %':>10}{'':>8}{'better on':>11}")
    lines = []
    for key, by_task in added(runs).items():
        means = [statistics.mean(values) for values in by_task.values()]
        if len(means) >= TASKS:
            count, better = sum(map(len, by_task.values())), sum(mean > 0 for mean in means)
            value, error = 100 * statistics.mean(means), 100 * _error(np.array(means))
            told = f"{len(means):>6}{count:>7}{value:>+10.2f} ± {error:<5.2f}{better:>11}"
            lines.append((-value, f"{key:<28}{told}"))
    for _, line in sorted(lines):
        say(line)


def tell_pairs(runs: Sequence[Run]) -> None:
    """How alike the same plan gained on two models."""
    say(f"\n{'part':<14}{'models':<20}{'pairs':>6}{'correlation':>13}{'same sign':>11}")
    for (part, kind), found in sorted(pairs(runs).items()):
        if len(found) > FEWEST:
            one, other = np.array(found).T
            alike = (
                f"{np.corrcoef(one, other)[0, 1]:>13.2f}{np.mean((one > 0) == (other > 0)):>11.2f}"
            )
            say(f"{part:<14}{kind:<20}{len(found):>6}{alike}")


def tell_foretold(runs: Sequence[Run]) -> None:
    """How well gains are foretold, with the policy's constants and with others."""
    say(f"\n{'constants':<30}{'error x 1e4':>12}{'less by':>16}{'rank':>8}{'more by':>18}")
    base: tuple[np.ndarray, np.ndarray] | None = None
    usual = {name: getattr(policy, name) for variant in VARIANTS for name in variant}
    for variant in VARIANTS:
        for name, value in {**usual, **variant}.items():
            setattr(policy, name, value)
        errors, ranks, count = judge(runs)
        base = base or (errors, ranks)
        less, more = base[0] - errors, ranks - base[1]
        label = ", ".join(f"{key} {value}" for key, value in variant.items())
        say(
            f"{label or f'as they are, {count} plans':<30}{1e4 * errors.mean():>12.2f}"
            f"{1e4 * less.mean():>8.2f} ± {1e4 * _error(less):.2f}"
            f"{ranks.mean():>9.3f}{more.mean():>+9.3f} ± {_error(more):.3f}"
        )


def _error(values: np.ndarray) -> float:
    return statistics.stdev(values.tolist()) / len(values) ** 0.5


def main() -> None:
    """Read and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--leave-out", nargs="*", default=[], help="parts of paths to pass over")
    asked = parser.parse_args()
    runs = read(asked.folders, asked.leave_out)
    tasks = len({run.task for run in runs})
    say(f"{len(runs)} runs of {tasks} tasks, {sum(len(run.lessons) for run in runs)} lessons\n")
    tell_added(runs)
    tell_pairs(runs)
    tell_foretold(runs)


if __name__ == "__main__":
    main()
