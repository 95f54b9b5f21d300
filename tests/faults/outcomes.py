"""What must not depend on interruptions, and what shows that a script was run again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import psutil

from mle_star.graph.solving import Result


def outcome(result: Result) -> dict[str, Any]:
    """Winner, every trial with its score, and the bytes of the submission, as plain data."""
    assert result.best is not None
    assert result.submission is not None
    return {
        "best": result.best["id"],
        "trials": sorted([t["id"], t["label"], str(t["score"])] for t in result.trials),
        "submission": hashlib.sha256(result.submission.read_bytes()).hexdigest(),
        "source": result.source,
    }


def finished_scripts(run: Path) -> dict[str, tuple[int, int]]:
    """Every script that ended by itself, with what would change if it were run again."""
    return {
        str(path.relative_to(run)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in run.glob("*/*/execution.json")
        if json.loads(path.read_text())["execution"]["outcome"] not in ("cancelled", "killed")
    }


def run_again(before: dict[str, tuple[int, int]], run: Path) -> list[str]:
    """Scripts that had a result and were run all the same."""
    after = finished_scripts(run)
    return sorted(name for name, stamp in before.items() if after.get(name) != stamp)


def half_written(run: Path) -> list[str]:
    """Temporary files and folders that a finished run left behind."""
    left = [*run.rglob("*.tmp"), *run.rglob("*.partial"), *run.rglob(".submission.csv.*")]
    return sorted(str(path.relative_to(run)) for path in left)


def processes_below(folder: Path) -> list[int]:
    """Processes whose working folder lies in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()).is_relative_to(folder):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found
