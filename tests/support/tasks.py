"""Small task folders for tests."""

from __future__ import annotations

import random
from pathlib import Path


def slope_task(folder: Path, rows: int = 700, test_rows: int = 40, slope: float = 3.0) -> Path:
    """A regression task with y = slope * x + noise.

    Linear so that a script's score follows from its slope.
    """
    chance = random.Random(7)
    folder.mkdir(parents=True, exist_ok=True)

    def table(count: int, first: int, labelled: bool) -> str:
        lines = ["id,x,z,y" if labelled else "id,x,z"]
        for number in range(count):
            x = chance.uniform(-1, 1)
            z = chance.uniform(-1, 1)
            y = slope * x + chance.gauss(0, 0.1)
            lines.append(f"{first + number},{x:.6f},{z:.6f}" + (f",{y:.6f}" if labelled else ""))
        return "\n".join(lines) + "\n"

    (folder / "description.md").write_text(
        "# Slope\n\nPredict `y`.\n\n# Metric\n\nrmse (lower is better)\n"
    )
    (folder / "train.csv").write_text(table(rows, 0, True))
    (folder / "test.csv").write_text(table(test_rows, 100_000, False))
    sample = [f"{100_000 + number},0.5" for number in range(test_rows)]
    (folder / "sample_submission.csv").write_text("id,y\n" + "\n".join(sample) + "\n")
    return folder
