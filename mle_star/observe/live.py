"""Progress on a terminal: one panel that shows what goes on, as much of it as the height bears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.control import Control
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from mle_star.observe import sections as s
from mle_star.observe.lines import headline
from mle_star.observe.progress import Progress
from mle_star.report.text import clean

TABLES = ("branches", "trials")
"""Sections whose first row is a header."""

BORDERED = 7
"""Rows from which on the panel has a border."""


class LiveView:
    """Draws the panel four times a second; it is gone when the run has ended."""

    def __init__(self, console: Console, footer: str = "") -> None:
        """Draw on ``console``, which should be a terminal; ``footer`` stands in the border."""
        self.progress = Progress()
        self._console = console
        self._footer = footer
        self._size = console.size
        self._live = self._drawing()

    def __enter__(self) -> LiveView:
        self._live.start(refresh=True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else inside the ``with`` block."""
        self._live.stop()
        try:
            yield
        finally:
            # A new one: the old one would wipe as many rows as its last panel had, and they are
            # somebody else's now.
            self._live = self._drawing()
            self._live.start(refresh=True)

    def _drawing(self) -> Live:
        return Live(
            console=self._console, get_renderable=self._panel, refresh_per_second=4, transient=True
        )

    def _panel(self) -> RenderableType:
        size = self._console.size
        if size != self._size:  # what is there has been folded anew: nobody knows how high it is
            self._size = size
            self._console.control(Control.clear(), Control.home())
        # A terminal echoes ^C after the last character; at the right edge that would open a new
        # line, and the panel could not be wiped whole. The last row is the cursor's.
        return panel(
            self.progress,
            size.width - 3,
            size.height - 1,
            unicode=self._console.encoding.startswith("utf"),
            footer=self._footer,
        )

    def restore(
        self,
        events: Sequence[Mapping[str, Any]],
        settings: Mapping[str, Any],
        engineer: Mapping[str, Any] | None = None,
    ) -> None:
        """Take in the journal of an earlier sitting."""
        self.progress.restore(events, settings, engineer)

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        self.progress.update(event)


def panel(
    progress: Progress,
    width: int = 100,
    height: int = 40,
    *,
    unicode: bool = True,
    footer: str = "",
) -> RenderableType:
    """The picture of a run as a panel.

    Args:
        progress: the run.
        width: columns it takes.
        height: most rows it takes.
        unicode: whether the terminal can show more than ASCII.
        footer: what stands in the lower border.
    """
    with progress.lock:
        if progress.status == "starting":
            return Text("starting ...", style="dim")
        border = height >= BORDERED
        across = width - 4 if border else width
        rows = allotted(wishes(progress, across), height - 2 if border else height)
        inside = Group(*drawn(progress, rows, across, unicode))
        if not border:
            return inside
        return Panel(
            inside,
            title=Text(clean(headline(progress), max(8, width - 6)), style="bold not dim"),
            title_align="left",
            subtitle=Text(clean(footer, max(8, width - 6))) if footer else None,
            subtitle_align="right",
            box=box.ROUNDED,
            border_style="dim",
            width=width,
        )


def wishes(progress: Progress, width: int) -> Iterable[tuple[str, int]]:
    """(section, rows) in the order in which rows are given away; a section may come again."""
    tried, caps = len(progress.attempts()), len(s.caps(progress))
    spent = bool(progress.calls or progress.stood_in)
    notes = len(s.notes(progress, 6, width))
    return (
        ("best", 1),
        ("meters", int(progress.budget > 0)),
        ("branches", 1 + len(progress.branches)),
        ("notes", min(1, notes)),
        ("trials", min(4, 1 + tried) if tried else 0),
        ("meters", caps),
        ("spending", int(spent)),
        ("thinks", 1),
        ("gap before branches", 1),
        ("gap before best", 1),
        ("gap before trials", min(1, tried)),
        ("gap before meters", 1),
        ("notes", max(0, notes - 1)),
        ("plan", 1),
        ("cage", 1),
        ("trials", min(16, tried - 3) if tried > 3 else 0),
    )


def allotted(wanted: Iterable[tuple[str, int]], rows: int) -> dict[str, int]:
    """Rows of every section: who comes first is served first, nobody gets more than is left."""
    given: dict[str, int] = {}
    for name, most in wanted:
        granted = max(0, min(most, rows))
        if name in TABLES and name not in given and granted < 2:
            granted = 0  # a header with nothing below it
        given[name] = given.get(name, 0) + granted
        rows -= granted
    return given


def drawn(
    progress: Progress, rows: Mapping[str, int], width: int, unicode: bool
) -> Iterable[RenderableType]:
    """The sections from top to bottom."""
    narrow = width < s.NARROW
    sections: tuple[tuple[str, Iterable[RenderableType]], ...] = (
        ("thinks", [s.thinks(progress)]),
        ("plan", [s.plan(progress)]),
        ("cage", [s.cage(progress)]),
        ("gap before branches", [Text("")]),
        ("branches", [s.branches(progress, rows["branches"], narrow)]),
        ("gap before best", [Text("")]),
        ("best", [s.leader(progress, width, unicode)]),
        ("gap before trials", [Text("")]),
        ("trials", [s.trials(progress, rows["trials"], narrow)]),
        ("gap before meters", [Text("")]),
        ("meters", [s.meters(progress, rows["meters"])]),
        ("spending", [s.spending(progress)]),
        ("notes", s.notes(progress, rows["notes"], width)),
    )
    return [part for name, parts in sections if rows[name] > 0 for part in parts]
