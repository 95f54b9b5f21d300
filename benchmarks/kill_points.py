"""How many killed runs end as if nothing had happened: ``python -m benchmarks.kill_points``.

Kills runs of the slope task at seeded random moments, resumes them, and compares trials, scores and
submission with an undisturbed run of the same seed; also counts scripts that were run again.
``--points 200 --seed 0`` takes about 20 minutes on 2 cores. From the root of the repository.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

Lines = list[dict[str, Any]]


def main() -> int:
    """Run the points in parallel shards and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("--engineer", choices=("scripted", "playbook"), default="scripted")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed points")
    parser.add_argument("--log", type=Path, help="folder for the lines, as they come")
    chosen = parser.parse_args()
    command = [sys.executable, "-m", "tests.faults.points", "--points", str(chosen.points)]
    command += ["--seed", str(chosen.seed), "--engineer", chosen.engineer]
    command += ["--keep"] if chosen.keep else []
    with tempfile.TemporaryDirectory(prefix="mle-star-kill-points-") as scratch:
        lines = _run(command, chosen.jobs, chosen.log or Path(scratch))
    first = [line for line in lines if "undisturbed" in line]
    points = sorted((line for line in lines if "point" in line), key=lambda p: int(p["point"]))
    alike = {json.dumps(line["undisturbed"], sort_keys=True) for line in first}
    sys.stdout.write(f"undisturbed run: {first[0]['seconds']:.1f} s, " if first else "no run, ")
    sys.stdout.write(f"{len(alike)} different result(s) in {len(first)} runs\n")
    _table(points)
    for point in points:
        if not point["passed"]:
            sys.stdout.write(json.dumps(point) + "\n")
    return int(len(points) != chosen.points or not all(point["passed"] for point in points))


def _run(command: list[str], jobs: int, folder: Path) -> Lines:
    """Run the shards side by side; their lines lie in files as they come."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = [folder / f"shard-{number}.jsonl" for number in range(jobs)]
    shards = []
    for number, log in enumerate(logs):
        with log.open("w", encoding="utf-8") as stream:
            shards.append(
                subprocess.Popen(
                    [*command, "--shard", f"{number}/{jobs}"],
                    cwd=Path(__file__).parents[1],
                    stdout=stream,
                    stderr=subprocess.DEVNULL,
                )
            )
    for shard in shards:
        shard.wait()
    return [
        json.loads(line) for log in logs for line in log.read_text(encoding="utf-8").splitlines()
    ]


def _table(points: Lines) -> None:
    groups: dict[str, Lines] = defaultdict(list)
    for point in points:
        groups[point["target"]].append(point)
    sys.stdout.write(f"{'killed':8s} points  hit  same  run again  half-written  left running\n")
    for name, group in [*sorted(groups.items()), ("all", points)]:
        again, half, left = (sum(len(p[k]) for p in group) for k in ("again", "half", "left"))
        sys.stdout.write(
            f"{name:8s} {len(group):6d} {sum(p['hit'] for p in group):4d} "
            f"{sum(p['same'] for p in group):5d} {again:10d} {half:13d} {left:13d}\n"
        )


if __name__ == "__main__":
    sys.exit(main())
