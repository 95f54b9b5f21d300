"""What a run costs as the table grows: time, memory, and how many scripts the time bears.

    python benchmarks/scaling.py OUT [--rows 1000 10000 ...] [--preset quick] [--seconds 120]

For each number of rows a table of 50 columns (35 numbers with gaps, 15 categories) is made and
solved by ``mle-star run`` in a process of its own. OUT/scaling.csv gets a line for each, and
OUT/scaling.svg the picture (with matplotlib). Lines that are there are not measured again.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

from mle_star.runs import read_events

NUMBERS, CATEGORIES = 35, 15
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Row:
    """One run."""

    rows: int
    preset: str
    limit: float
    """Seconds it was given."""
    seconds: float
    """Seconds it took, start and end of the process included."""
    prepare: float
    """Seconds until the first script began: reading, profile, views."""
    script: float
    """Median seconds of a candidate script."""
    scripts: int
    """Scripts with a score."""
    submit: float
    """Seconds from the last scored script to the end: runs on all rows, where there are any."""
    peak_mb: float
    """Most memory of all its processes together (resident, shared pages counted in each)."""
    score: float


def make_task(folder: Path, rows: int, seed: int = 0) -> None:
    """Write a regression task; the same seed makes the same table."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(seed)
    total = int(rows * (1 + TEST_SHARE))
    table = {f"n{i}": draw.normal(size=total).round(4) for i in range(NUMBERS)}
    levels = {f"c{i}": draw.integers(0, 3 + 5 * i, total) for i in range(CATEGORIES)}
    effects = {name: draw.normal(size=100) for name in levels}
    y = (
        table["n0"] * table["n1"]
        + np.sin(2 * table["n2"])
        + np.abs(table["n3"])
        + sum(effects[name][levels[name]] for name in list(levels)[:5])
        + draw.normal(size=total)
    )
    for name in list(table)[:10]:
        table[name] = np.where(draw.random(total) < 0.05, np.nan, table[name])
    frame = pd.DataFrame({"id": np.arange(total), **table})
    for name, codes in levels.items():
        frame[name] = np.char.add("level ", codes.astype(str))
    frame["y"] = np.round(y, 4)
    frame[:rows].to_csv(folder / "train.csv", index=False)
    frame[rows:].drop(columns="y").to_csv(folder / "test.csv", index=False)
    (folder / "task.toml").write_text('target = "y"\nid = "id"\nmetric = "rmse"\n')


def measure(task: Path, out: Path, rows: int, preset: str, seconds: float | None) -> Row:
    """Run a task to its end."""
    command = [sys.executable, "-m", "mle_star", "run", str(task), "--runs-dir", str(out)]
    command += ["--preset", preset, "--engineer", "playbook", "--quiet"]
    command += ["--time-budget", str(seconds)] if seconds else []
    begun = time.monotonic()
    process = subprocess.Popen(command)
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak))
    watch.start()
    process.wait()
    took = time.monotonic() - begun
    watch.join()
    run = max(out.iterdir(), key=lambda path: path.stat().st_mtime)
    return _row(read_events(run), rows, preset, took, peak[0])


def _row(
    events: Sequence[Mapping[str, Any]], rows: int, preset: str, took: float, mb: float
) -> Row:
    settings = next(e["settings"] for e in events if e["kind"] == "run_started")
    finished = [e for e in events if e["kind"] == "script_finished"]
    scored = [e for e in finished if e["score"] is not None]
    if not scored:
        raise SystemExit(f"No script of the run on {rows:,} rows has a score.")
    started = next(e["elapsed"] for e in events if e["kind"] == "script_started")
    return Row(
        rows=rows,
        preset=preset,
        limit=settings["time_budget"],
        seconds=round(took, 1),
        prepare=round(started, 1),
        script=round(statistics.median(e["seconds"] for e in scored if e["phase"] == "write"), 2),
        scripts=len(scored),
        submit=round(events[-1]["elapsed"] - scored[-1]["elapsed"], 1),
        peak_mb=round(mb),
        score=min(e["score"] for e in scored),
    )


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    """Look at the memory of the whole tree until it ends."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(_sizes(process.pid)) / 2**20)
        time.sleep(0.3)


def _sizes(pid: int) -> Iterator[int]:
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
    except psutil.Error:
        return
    for member in members:
        try:
            yield member.memory_info().rss
        except psutil.Error:
            continue


def known(path: Path) -> list[Row]:
    """Rows measured before."""
    if not path.is_file():
        return []
    reads: dict[Any, Callable[[str], Any]] = {"str": str, "float": float, "int": int}
    kinds = {field.name: reads[field.type] for field in fields(Row)}
    with path.open(newline="") as stream:
        return [
            Row(**{name: kinds[name](value) for name, value in line.items()})
            for line in csv.DictReader(stream)
        ]


def draw(rows: Sequence[Row], path: Path) -> None:
    """The picture: seconds on the left, memory and scripts on the right."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "mle-star"
    import matplotlib.pyplot as plt

    rows = sorted(rows, key=lambda row: (row.preset, row.rows))
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    for preset in dict.fromkeys(row.preset for row in rows):
        own = [row for row in rows if row.preset == preset]
        x = [row.rows for row in own]
        axes[0].plot(x, [row.script for row in own], "o-", label=f"a first script, {preset}")
        axes[0].plot(x, [row.prepare for row in own], "s--", label=f"preparing, {preset}")
        axes[1].plot(x, [row.peak_mb / 1024 for row in own], "o-", label=preset)
        axes[2].plot(x, [row.scripts for row in own], "o-", label=f"{preset}, {own[0].limit:.0f} s")
    for axis, title in zip(axes, ("seconds", "memory, GiB", "scored scripts"), strict=True):
        axis.set(xscale="log", xlabel="training rows", title=title, ylim=(0, None))
        axis.legend(fontsize=7)
        axis.grid(alpha=0.3)
    axes[0].set(yscale="log", ylim=(0.5, None))
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure what is not there yet, then draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--seconds", type=float, help="time budget, where not the preset's")
    given = parser.parse_args()
    table = given.out / "scaling.csv"
    done = known(table)
    for rows in given.rows:
        if any(row.rows == rows and row.preset == given.preset for row in done):
            continue
        task = given.out / "tasks" / f"{rows}x{NUMBERS + CATEGORIES}"
        if not (task / "task.toml").is_file():
            make_task(task, rows)
        runs = given.out / "runs" / f"{given.preset}-{rows}"
        done.append(measure(task, runs, rows, given.preset, given.seconds))
        with table.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, [field.name for field in fields(Row)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in done)
        sys.stdout.write(f"{done[-1]}\n")
    draw(done, given.out / "scaling.svg")


if __name__ == "__main__":
    main()
