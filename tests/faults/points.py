"""Kill runs at random moments, resume them, and compare: ``python -m tests.faults.points``.

Every run is a fork of this process, which has everything imported and no thread, so that a point
costs little more than the run itself. Prints one JSON object a line: first the undisturbed run,
then every point.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from mle_star.context import Context
from mle_star.errors import RunError
from mle_star.graph.result import read_result
from mle_star.graph.solving import Result, resume, solve
from mle_star.runs import RunFolder
from mle_star.runs.checkpoints import open_checkpoints
from tests.faults.forks import Fork
from tests.faults.outcomes import (
    finished_scripts,
    half_written,
    processes_below,
    run_again,
)
from tests.support.killable import SETTINGS
from tests.support.runs import SMALL
from tests.support.tasks import slope_task

SCRIPTED: dict[str, Any] = {**SETTINGS, "inner_steps": 1}
PLAYBOOK: dict[str, Any] = {
    **SMALL,
    "num_solutions": 2,
    "engineer": "playbook",
    "share_lessons": False,  # what the other solution has found by then depends on its speed
}
TARGETS = ("group", "group", "tree", "twice", "script", "helper")
"""What is killed: the process group of the run; everything it started as well; the group, and the
resumed run again; one script; the process that guards one."""


@dataclass(frozen=True)
class Bench:
    """A task, how it is solved, and the run that nothing happened to."""

    task: Path
    folder: Path
    settings: dict[str, Any]

    def start(self, name: str) -> Fork:
        """Start a run."""
        context = Context(**self.settings, runs_dir=str(self.folder))
        return Fork(lambda: solve(self.task, context=context, run=name))

    def resume(self, name: str) -> Fork:
        """Go on with a run."""
        return Fork(lambda: self._go_on(self.folder / name))

    def _go_on(self, run: Path) -> Result:
        try:
            return resume(run)
        except RunError as error:
            if "is finished" not in str(error):
                raise
            with open_checkpoints(run / "checkpoints.sqlite") as saver:
                return read_result(RunFolder(run), saver.newest_values())


@dataclass(frozen=True)
class Pace:
    """How an undisturbed run goes: its events, and its seconds before the first and after it."""

    events: int
    before: float
    after: float

    def moment(self, chance: random.Random) -> tuple[int, float]:
        """A moment of a run: so many events, and so many seconds after the last of them."""
        number = chance.randint(1, self.events - 2)
        if chance.random() < 0.1:  # the first node says nothing before it is done
            return 0, chance.uniform(0.0, self.before)
        return number, chance.uniform(0.0, 3 * self.after / self.events)


def measure(bench: Bench) -> tuple[dict[str, Any], Pace]:
    """The undisturbed run: its outcome and its pace."""
    run = bench.folder / "undisturbed"
    fork = bench.start("undisturbed")
    _wait_for(lambda: (run / "run.json").exists(), fork)
    begun = time.monotonic()
    _wait_for(lambda: _events(run) > 0, fork)
    first = time.monotonic()
    answer = fork.answer()
    return answer, Pace(_events(run), first - begun, time.monotonic() - first)


def disturb(
    bench: Bench, name: str, target: str, chance: random.Random, pace: Pace
) -> dict[str, Any]:
    """One point: start, kill, look, resume; returns outcome and findings."""
    run = bench.folder / name
    fork = bench.start(name)
    number, seconds = pace.moment(chance)
    _reach(run, fork, number, seconds)
    found: dict[str, Any] = {"target": target, "events": number, "seconds": round(seconds, 3)}
    if target in ("script", "helper"):
        found["hit"] = _kill_one(fork, target)
        return {**found, **_judge(run, {}, fork.answer())}
    found["hit"] = not fork.ended()
    _kill(fork, tree=target == "tree")
    if not found["hit"]:
        return {**found, **_judge(run, {}, fork.answer())}
    if target == "twice":
        again = bench.resume(name)
        more = _events(run) + chance.randint(0, max(1, pace.events - _events(run) - 2))
        _reach(run, again, more, seconds)
        _kill(again, tree=False)
        if again.code == 0:
            return {**found, **_judge(run, {}, again.answer())}
    before = finished_scripts(run)
    return {**found, "done": len(before), **_judge(run, before, bench.resume(name).answer())}


def _reach(run: Path, fork: Fork, events: int, seconds: float) -> None:
    """Wait until a run has come so far."""
    _wait_for(lambda: (run / "run.json").exists(), fork)
    _wait_for(lambda: _events(run) >= events, fork)
    fork.wait(seconds)


def _events(run: Path) -> int:
    journal = run / "events.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def _judge(run: Path, before: dict[str, tuple[int, int]], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "answer": answer,
        "again": run_again(before, run),
        "half": half_written(run),
        "left": processes_below(run),
    }


def _wait_for(reached: Callable[[], bool], fork: Fork) -> None:
    while not reached() and not fork.ended():
        time.sleep(0.005)  # less would take a core from the run


def _kill(fork: Fork, *, tree: bool) -> None:
    below = _below(fork)
    if tree:
        for process in below:
            _end(process)
    fork.kill()
    psutil.wait_procs(below, timeout=10.0)


def _kill_one(fork: Fork, target: str) -> bool:
    """Kill one script, or one process that guards one, when there is one; whether there was."""
    while not fork.ended():
        for process in _below(fork):
            if _kind(process) == target:
                _end(process)
                return True
        time.sleep(0.01)
    return False


def _kind(process: psutil.Process) -> str:
    """Script, helper (a supervisor or a cage), or something else that we started."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    if not words:
        return ""
    if "bwrap" in words[0] or any(word.endswith("supervisor.py") for word in words):
        return "helper"
    return "script" if words[-1] == "script.py" else ""


def _below(fork: Fork) -> list[psutil.Process]:
    try:
        return psutil.Process(fork.pid).children(recursive=True)
    except psutil.Error:
        return []


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.Error:
        return


def main() -> int:
    """Run the points of one shard; returns how many failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard", default="0/1", help="run every n-th point, from the i-th on")
    parser.add_argument("--engineer", choices=("scripted", "playbook"), default="scripted")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed points")
    chosen = parser.parse_args()
    first, step = (int(part) for part in chosen.shard.split("/"))
    folder = Path(tempfile.mkdtemp(prefix="mle-star-points-"))
    settings = SCRIPTED if chosen.engineer == "scripted" else PLAYBOOK
    bench = Bench(slope_task(folder / "task"), folder / "runs", settings)
    expected, pace = measure(bench)
    _tell({"undisturbed": expected, "seconds": round(pace.before + pace.after, 3)})
    failures = int("error" in expected)
    for number in range(first, chosen.points, step):
        chance = random.Random(f"{chosen.seed} {number}")
        target = TARGETS[number % len(TARGETS)]
        found = disturb(bench, f"point-{number}", target, chance, pace)
        answer = found.pop("answer")
        found["same"] = answer == expected
        found["passed"] = found["same"] and not (found["again"] or found["half"] or found["left"])
        failures += not found["passed"]
        _tell({"point": number, **found, **({} if found["same"] else {"answer": answer})})
        if found["passed"]:
            shutil.rmtree(bench.folder / f"point-{number}")
    if not (failures and chosen.keep):
        shutil.rmtree(folder)
    return failures


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(min(main(), 100))
