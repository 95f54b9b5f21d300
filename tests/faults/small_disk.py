"""Runs on a disk that is too small, then made larger: ``python -m tests.faults.small_disk``.

Runs inside a mount namespace of its own (``unshare --mount``), where it mounts a small file system
in memory. Everything that writes to the run folder meets the full disk: we, SQLite and the scripts.
Prints one JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.faults.outcomes import finished_scripts, half_written, run_again
from tests.faults.points import SCRIPTED, Bench

ROOMY = 256 * 1024


def main() -> None:
    """Run until the disk is full, at random sizes; make room; resume; compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", type=Path)
    parser.add_argument("disk", type=Path, help="an empty folder, over which to mount")
    parser.add_argument("--points", type=int, default=3)
    chosen = parser.parse_args()
    _mount(chosen.disk, ROOMY)
    bench = Bench(chosen.task, chosen.disk, SCRIPTED)
    expected = bench.start("undisturbed").answer()
    used = shutil.disk_usage(chosen.disk).used // 1024
    shutil.rmtree(chosen.disk / "undisturbed")
    _tell({"undisturbed": expected, "used_kb": used})
    for number in range(chosen.points):
        share = (number + random.Random(number).random()) / chosen.points
        size = 40 + int(share * (used - 60))
        _mount(chosen.disk, size, again=True)
        told = bench.start("run").answer()
        _mount(chosen.disk, ROOMY, again=True)
        run = chosen.disk / "run"
        begun = (run / "run.json").exists()
        before = finished_scripts(run)
        answer = bench.resume("run").answer() if begun and "error" in told else expected
        _tell(
            {
                "size_kb": size,
                "told": told.get("error", ""),
                "begun": begun,
                "left": run.exists(),
                "done": len(before),
                "same": answer == expected,
                "again": run_again(before, run),
                "half": half_written(run),
                **({} if answer == expected else {"answer": answer, "where": told.get("where")}),
            }
        )
        shutil.rmtree(run, ignore_errors=True)


def _mount(disk: Path, kilobytes: int, *, again: bool = False) -> None:
    options = f"size={kilobytes}k" + (",remount" if again else "")
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
