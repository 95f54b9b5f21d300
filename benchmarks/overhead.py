"""How much of a run's time is not spent inside scripts: ``python benchmarks/overhead.py RUN``.

Reads the journal of a finished run. Scripts of parallel branches overlap; their union counts.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from mle_star.runs import read_events


def script_seconds(events: list[dict[str, Any]]) -> float:
    """Seconds during which at least one script ran: the union of all intervals."""
    finished = [event for event in events if event["kind"] == "script_finished"]
    spans = sorted(
        (event["elapsed"] - event["seconds"], event["elapsed"])
        for event in finished
        if not event["cached"]
    )
    total, end = 0.0, 0.0
    for start, stop in spans:
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def main() -> None:
    """Print the share of time outside scripts and the count of every kind of step."""
    events = read_events(Path(sys.argv[1]))
    wall = events[-1]["elapsed"]
    inside = script_seconds(events)
    sys.stdout.write(f"active seconds       {wall:8.1f}\n")
    sys.stdout.write(f"inside scripts       {inside:8.1f}\n")
    sys.stdout.write(f"outside scripts      {100 * (wall - inside) / wall:8.1f} %\n")
    for kind, count in Counter(event["kind"] for event in events).most_common():
        sys.stdout.write(f"{kind:20s} {count:8d}\n")


if __name__ == "__main__":
    main()
