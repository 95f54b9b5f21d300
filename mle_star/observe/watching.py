"""Showing a run to whoever called it from Python: in a notebook, on a terminal, or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol, Self

from mle_star.runs import RunFolder, read_events

if TYPE_CHECKING:
    from rich.console import Console

OnEvent = Callable[[dict[str, Any]], None]
OnAsk = Callable[[Any], Any]


class View(Protocol):
    """Shows what goes on inside its ``with`` block."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(self, *exception: object) -> None:
        """End it."""

    def restore(self, events: list[dict[str, Any]], settings: Mapping[str, Any]) -> None:
        """Take in the journal of an earlier sitting."""

    def update(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""


@contextmanager
def watching(
    progress: bool | None,
    on_event: OnEvent | None,
    folder: RunFolder | None = None,
    changes: Mapping[str, Any] | None = None,
    on_ask: OnAsk | None = None,
) -> Iterator[tuple[OnEvent | None, OnAsk | None]]:
    """Show a sitting, if that is wanted.

    Yields what is to be called with every event, and with every question.

    Args:
        progress: whether to show it; None: in a notebook and on a terminal, if nobody listens.
        on_event: the caller's own listener; called after the view has seen the event.
        folder: of a run that goes on.
        changes: its settings that are changed.
        on_ask: the caller's own; a panel leaves the terminal to it while it is called.
    """
    view = _view(progress, on_event is None)
    if view is None:
        yield on_event, on_ask
        return

    def hear(event: dict[str, Any]) -> None:
        view.update(event)
        if on_event is not None:
            on_event(event)

    def ask(question: Any) -> Any:
        assert on_ask is not None
        with getattr(view, "paused", nullcontext)():  # a panel of a terminal alone has it
            return on_ask(question)

    with view:
        if folder is not None:
            view.restore(read_events(folder.path), changes or {})
        yield hear, None if on_ask is None else ask


def _view(progress: bool | None, alone: bool) -> View | None:
    """The view that fits the place; None where nothing is to be shown."""
    if progress is False or (progress is None and not alone):
        return None
    if in_notebook():
        from mle_star.observe.notebook import NotebookView

        return NotebookView()
    if progress is None and not sys.stderr.isatty():
        return None  # before rich is imported
    from rich.console import Console

    # stderr: what the caller prints may go to a file.
    screen = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if progress is None and not screen.is_interactive:
        return None
    return _drawn_on(screen)


def _drawn_on(screen: Console) -> View:
    if screen.is_terminal:
        from mle_star.observe.live import LiveView

        return LiveView(screen)
    from mle_star.observe.lines import LineView

    return LineView(screen)


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    shell = sys.modules.get("IPython")
    current = shell.get_ipython() if shell is not None else None
    return current is not None and hasattr(current, "kernel")
