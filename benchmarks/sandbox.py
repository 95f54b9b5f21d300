"""What each sandbox level costs a script: levels take turns, so that a busy machine is fair to all.

    python benchmarks/sandbox.py [--rounds 7]

Three scripts: one that does nothing, one that imports what most scripts import, and one that trains
a small model. Prints the median seconds of a run and the ratio to the level ``process``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mle_star.errors import UserError
from mle_star.execution import Job, Limits, LocalExecutor, choose_level

SCRIPTS = {
    "nothing": "pass",
    "imports": "import numpy, pandas, sklearn.model_selection",
    "training": """
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 10))
y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
print(cross_val_score(RandomForestClassifier(50, n_jobs=1, random_state=0), X, y, cv=3).mean())
""",
}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = min(50, max(1, parser.parse_args().rounds))
    levels = [name for name in ("process", "landlock", "bubblewrap") if available(name)]
    executors = {name: LocalExecutor(level=name) for name in levels}
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="mle-star-bench-") as folder:
        for script in SCRIPTS:
            for turn in range(rounds + 1):  # the first warms the caches and is dropped
                for name in levels[turn % len(levels) :] + levels[: turn % len(levels)]:
                    took = measure(executors[name], SCRIPTS[script], Path(folder) / "job")
                    if turn:
                        times.setdefault((script, name), []).append(took)
    for executor in executors.values():
        executor.shutdown()
    head = f"{'script':10} {'level':12} {'median s':>9} {'min s':>7} {'ratio':>6} {'+ ms':>7}"
    sys.stdout.write(f"{head}\n")
    for (script, name), values in times.items():
        middle, base = statistics.median(values), statistics.median(times[script, "process"])
        line = f"{script:10} {name:12} {middle:9.3f} {min(values):7.3f} {middle / base:6.2f}"
        sys.stdout.write(f"{line} {1000 * (middle - base):7.1f}\n")


def available(name: str) -> bool:
    """Whether a level can be had here; says why not."""
    try:
        choose_level(name)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return False
    return True


def measure(executor: LocalExecutor, script: str, folder: Path) -> float:
    """Seconds of one run, preparing and collecting included."""
    job = Job(script, folder, required=(), limits=Limits(wall_seconds=120.0, memory_mb=2000))
    begun = time.perf_counter()
    done = executor.submit(job).result()
    took = time.perf_counter() - begun
    if done.outcome != "ok":
        raise SystemExit(f"{done.isolation.level}: {done.outcome}: {done.problem}")
    return took


if __name__ == "__main__":
    main()
