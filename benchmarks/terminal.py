"""A picture of the live view: a run's journal, drawn as it stood at some moment of the run.

    python benchmarks/terminal.py RUN OUT.svg [--at 75] [--columns 100] [--rows 30]

RUN is a run folder; ``--at`` counts seconds of the run. ``docs/images/terminal.svg`` is made so.
"""

from __future__ import annotations

import argparse
import io
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from mle_star.observe.live import panel
from mle_star.observe.progress import Progress
from mle_star.runs import read_events


def picture(run: Path, at: float, columns: int, rows: int) -> str:
    """The live view of a run after ``at`` seconds, in a terminal of that size, as SVG."""

    def when(event: Mapping[str, Any]) -> float:
        return time.monotonic() - (at - float(event["elapsed"]))

    progress = Progress(when=when)
    for event in read_events(run):
        if event["elapsed"] <= at:
            progress.update(event)
    console = Console(
        record=True,
        file=io.StringIO(),
        width=columns,
        height=rows,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(panel(progress, columns, rows))
    svg = console.export_svg(title=f"mle-star run {progress.task}", unique_id="terminal")
    # Readers have a font of equal widths of their own: nothing is fetched for a picture.
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--at", type=float, default=75.0)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--rows", type=int, default=30)
    given = parser.parse_args()
    given.out.write_text(picture(given.run, given.at, given.columns, given.rows), encoding="utf-8")


if __name__ == "__main__":
    main()
