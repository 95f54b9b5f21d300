"""Many quick runs side by side, killed and resumed at random: ``python -m benchmarks.soak``.

Watches what a long-lived harness must not leave or grow: processes, mounts, temporary folders, and
the memory of the process that runs one task after another. ``--minutes 60`` is the full run. From
the root of the repository.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Soak for some minutes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="killed runs side by side")
    parser.add_argument("--steady", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.steady:
        return steady(chosen.folder, chosen.minutes)
    with tempfile.TemporaryDirectory(prefix="mle-star-soak-") as folder:
        return soak(Path(folder), chosen.minutes, chosen.seed, chosen.jobs)


def soak(folder: Path, minutes: float, seed: int, jobs: int) -> int:
    """Killed runs in shards beside one process that is left alone; compares before and after."""
    temporary = folder / "tmp"  # of everything that is started here, so that what is left is ours
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    mounts = _mounts()
    started = time.monotonic()
    parent = subprocess.Popen(
        [
            *_ourselves("benchmarks.soak"),
            "--steady",
            "--minutes",
            str(minutes),
            "--folder",
            str(folder / "steady"),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: Counter[str] = Counter()
    threads = [
        threading.Thread(target=_shard, args=(number, seed, minutes, environment, found))
        for number in range(jobs)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = json.loads(parent.communicate()[0].splitlines()[-1])
    time.sleep(1.0)
    left = {
        "processes left": len(_processes(folder)),
        "mounts left": len(_mounts() - mounts),
        "temporary files left": len(list(temporary.iterdir())),
    }
    _table(time.monotonic() - started, found, told, left)
    for path in temporary.iterdir():
        sys.stdout.write(f"left: {path.name}\n")
    bad = found["points"] - found["passed"]
    return int(bool(bad or sum(left.values()) or told["failed"] or not found["points"]))


def _shard(
    number: int, seed: int, minutes: float, environment: dict[str, str], found: Counter[str]
) -> None:
    """Kill and resume runs, in new processes every eight points, until the time is up."""
    chance = random.Random(f"{seed} {number}")
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        points = [*_ourselves("tests.faults.points"), "--points", "8"]
        done = subprocess.run(
            [*points, "--seed", str(chance.randrange(10**9))],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            check=False,
            text=True,
        )
        for line in map(json.loads, done.stdout.splitlines()):
            if "point" in line:
                found["points"] += 1
                for key in ("hit", "same", "passed"):
                    found[key] += bool(line[key])
                for key in ("again", "half", "left"):
                    found[key] += len(line[key])
                if not line["passed"]:
                    sys.stdout.write(json.dumps(line) + "\n")


def steady(folder: Path, minutes: float) -> int:
    """Run one task after another in this process; prints how its memory and handles went."""
    from mle_star.context import Context
    from mle_star.graph.solving import solve
    from tests.faults.conftest import TINY
    from tests.support.tasks import slope_task

    task = slope_task(folder / "task")
    us, figures, failed = psutil.Process(), list[tuple[float, int, int]](), 0
    deadline = time.monotonic() + 60 * minutes
    while time.monotonic() < deadline or len(figures) < 4:
        runs = folder / "runs"
        result = solve(task, context=Context(**TINY, runs_dir=str(runs)), run="run")
        failed += result.submission is None
        shutil.rmtree(runs)
        gc.collect()
        figures.append((us.memory_info().rss / 2**20, us.num_threads(), us.num_fds()))
    warm = len(figures) // 4  # caches fill during the first runs
    first, last = figures[warm], figures[-1]
    told: dict[str, Any] = {"runs": len(figures), "failed": failed, "counted": len(figures) - warm}
    for number, name in enumerate(("rss_mb", "threads", "handles")):
        told[name] = [round(first[number], 1), round(last[number], 1)]
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _table(seconds: float, found: Counter[str], told: dict[str, Any], left: dict[str, int]) -> None:
    rss = told["rss_mb"]
    growth = 1024 * (rss[1] - rss[0]) / max(1, told["counted"])
    rows: list[tuple[str, object]] = [
        ("minutes", f"{seconds / 60:.1f}"),
        ("runs that were hit and resumed", found["points"]),
        ("of these with the undisturbed result", found["same"]),
        ("scripts run again", found["again"]),
        ("half-written files", found["half"]),
        ("runs one after another in one process", told["runs"]),
        ("its memory, MB, after a quarter and at the end", f"{rss[0]} -> {rss[1]}"),
        ("its growth per run, KB", f"{growth:.0f}"),
        ("its threads", " -> ".join(f"{n:.0f}" for n in told["threads"])),
        ("its open files", " -> ".join(f"{n:.0f}" for n in told["handles"])),
        *left.items(),
    ]
    for name, value in rows:
        sys.stdout.write(f"{name:48s} {value}\n")


def _ourselves(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _mounts() -> set[str]:
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {line.split()[1] for line in lines}


def _processes(folder: Path) -> list[int]:
    """Processes that have the folder in their working folder, command or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            continue
        if process.pid != os.getpid() and any(str(folder) in word for word in words):
            found.append(process.pid)
    return found


if __name__ == "__main__":
    sys.exit(main())
