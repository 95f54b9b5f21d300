"""Waiting for a run in an assistant's stead, and saying how it stands meanwhile."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.to_thread

from mle_star.mcp import looking
from mle_star.mcp.answers import StatusAnswer
from mle_star.report.text import clean

Tell = Callable[[float, float | None, str], Awaitable[None]]
"""Takes seconds gone, seconds in all (None: unknown), and what is being done."""
_LOOK = 1.0
"""Seconds between two looks."""


async def wait(run: Path, seconds: float, since: int, tell: Tell) -> StatusAnswer:
    """Wait until a run has ended, or the seconds are over.

    Args:
        run: its folder.
        seconds: how long to wait at most.
        since: events that are known already.
        tell: called whenever something has happened.

    Returns:
        How the run stands then.
    """
    deadline = time.monotonic() + seconds
    seen = -1
    while not await anyio.to_thread.run_sync(looking.is_over, run):
        size = _size(run / "events.jsonl")
        if size != seen:
            seen = size
            status = await anyio.to_thread.run_sync(looking.status_in, run, 0, 0)
            await tell(status.elapsed, status.budget or None, doing(status))
        left = deadline - time.monotonic()
        if left <= 0:
            break
        await anyio.sleep(min(_LOOK, left))
    return await anyio.to_thread.run_sync(looking.status_in, run, since)


def doing(status: StatusAnswer) -> str:
    """What a run is doing, in one line."""
    phases = [f"{who}: {phase}" for who, phase in status.phases.items() if phase != "waiting"]
    return clean("; ".join(phases) or status.status, 200)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
