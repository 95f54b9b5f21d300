"""Progress in a notebook: the panel of the terminal as one output that is drawn again and again.

rich's own live display would need ipywidgets there; an output that is updated needs IPython alone.
"""

from __future__ import annotations

import contextvars
import importlib
import io
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.terminal_theme import DEFAULT_TERMINAL_THEME

from mle_star.observe.live import panel
from mle_star.observe.progress import Progress

WIDTH = 100
"""Columns of the panel."""
EVERY = 1.0
"""Seconds between two drawings."""
_FRAME = (
    "<pre style=\"font-family:Menlo,'DejaVu Sans Mono',Consolas,monospace;line-height:1.15;"
    'white-space:pre;overflow-x:auto;color:inherit">{code}</pre>'
)


class NotebookView:
    """Draws the panel every second; the output is gone when the run has ended."""

    def __init__(self) -> None:
        self.progress = Progress()
        self._ended = threading.Event()
        self._handle: Any = None
        self._thread = threading.Thread(
            # With the context of the cell, so that its output is where the panel is drawn.
            target=contextvars.copy_context().run,
            args=(self._draw_on,),
            daemon=True,
        )

    def __enter__(self) -> NotebookView:
        shown = _display()
        self._handle = shown.display(shown.HTML(self.html()), display_id=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()
        self._handle.update(_display().HTML(""))  # what came of it is the caller's to show

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

    def html(self) -> str:
        """The panel as HTML, escaped."""
        console = Console(
            file=io.StringIO(), record=True, width=WIDTH, force_jupyter=False,
            force_terminal=True, color_system="truecolor", markup=False, emoji=False,
            highlight=False,
        )  # fmt: skip
        console.print(panel(self.progress, WIDTH))
        return console.export_html(
            theme=DEFAULT_TERMINAL_THEME, inline_styles=True, code_format=_FRAME
        )

    def _draw_on(self) -> None:
        while not self._ended.wait(EVERY):
            self._handle.update(_display().HTML(self.html()))


def _display() -> Any:
    """IPython's module, which is there where a kernel runs."""
    return importlib.import_module("IPython.display")
