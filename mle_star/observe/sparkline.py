"""A curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence

BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(points: Sequence[tuple[float, float]], end: float, width: int) -> str:
    """A curve of steps: each point holds until the next one, the last until ``end``.

    Args:
        points: (time, value), by time; the axis begins at time 0.
        end: where the axis ends, at or after the last point.
        width: columns; those before the first point are blank.
    """
    if not points or width < 1:
        return ""
    values = [value for _, value in points]
    low, high = min(values), max(values)
    columns: list[float | None] = [None] * width
    for at, value in points:
        # The last column is now, so the newest value always shows.
        first = min(width - 1, int(width * at / end)) if end > 0 else width - 1
        columns[first:] = [value] * (width - first)
    return "".join(" " if value is None else _block(value, low, high) for value in columns)


def _block(value: float, low: float, high: float) -> str:
    if high == low:
        return BLOCKS[len(BLOCKS) // 2]
    share = (value - low) / (high - low)
    return BLOCKS[round(share * (len(BLOCKS) - 1))]
