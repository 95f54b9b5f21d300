"""A run as a stream of events, from ordinary code and from a running event loop.

The run goes on in a thread of its own. Whoever leaves the loop early stops it cleanly: the run can
be resumed.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from mle_star.context import Context
from mle_star.events import Event, typed
from mle_star.graph.driving import OnAsk
from mle_star.graph.result import Result
from mle_star.graph.solving import solve
from mle_star.graph.stopping import Stop
from mle_star.keywords import SettingsKeywords

Item = Event | Result | BaseException
"""What the thread hands over; the last is a result or what the run ended with."""


def stream(
    task: str | Path,
    *,
    context: Context | None = None,
    run: str | None = None,
    report: bool = True,
    on_ask: OnAsk | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Iterator[Event | Result]:
    """Run MLE-STAR on a task folder and yield what happens; the last item is the result.

    Args:
        task: as in :func:`mle_star.solve`, like all others.
        context: settings.
        run: name of the run folder, by which a run that was left can be resumed.
        report: leave ``report.html``.
        on_ask: answers the run's questions, in the thread of the run.
        settings: fields of :class:`Context`.

    Raises:
        UserError: something a person must mend; the message says how.
        RunStopped: the run was stopped.
        RunWaits: a question was not answered; :func:`mle_star.resume` asks again.
    """
    items: queue.SimpleQueue[Item] = queue.SimpleQueue()
    work = _Background(
        items.put,
        lambda hear, stop: solve(
            task, context=context, on_event=hear, on_ask=on_ask, run=run, report=report,
            progress=False, stop=stop, **settings,
        ),
    )  # fmt: skip
    try:
        while True:
            item = items.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if isinstance(item, Result):
                return
    finally:
        work.stop()
        work.join()


async def astream(
    task: str | Path,
    *,
    context: Context | None = None,
    run: str | None = None,
    report: bool = True,
    on_ask: OnAsk | None = None,
    **settings: Unpack[SettingsKeywords],
) -> AsyncGenerator[Event | Result, None]:
    """Like :func:`stream`, for ``async for``; the event loop is never blocked.

    A task that is cancelled stops the run as well. ``on_ask`` is an ordinary function, called in
    the thread of the run.
    """
    items: asyncio.Queue[Item] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def put(item: Item) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(items.put_nowait, item)

    work = _Background(
        put,
        lambda hear, stop: solve(
            task, context=context, on_event=hear, on_ask=on_ask, run=run, report=report,
            progress=False, stop=stop, **settings,
        ),
    )  # fmt: skip
    try:
        while True:
            item = await items.get()
            if isinstance(item, BaseException):
                raise item
            yield item
            if isinstance(item, Result):
                return
    finally:
        work.stop()
        await asyncio.shield(asyncio.to_thread(work.join))


async def asolve(
    task: str | Path,
    *,
    context: Context | None = None,
    run: str | None = None,
    report: bool = True,
    on_ask: OnAsk | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Result:
    """Like :func:`mle_star.solve`, to be awaited; the event loop is never blocked."""
    items = astream(task, context=context, run=run, report=report, on_ask=on_ask, **settings)
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Result):
                return item
    raise AssertionError("a stream ends with a result or raises")


class _Background:
    """A run in a thread of its own, which hands over its events and how it ended."""

    def __init__(
        self,
        put: Callable[[Item], None],
        work: Callable[[Callable[[dict[str, Any]], None], Stop], Result],
    ) -> None:
        """Begin.

        Args:
            put: takes an item over.
            work: runs; gets a listener and what stops it.
        """
        self.stop = Stop()

        def go() -> None:
            try:
                put(work(lambda event: put(typed(event)), self.stop))
            except BaseException as error:  # noqa: BLE001 - it is raised where the stream is read
                put(error)

        # With the caller's context, so that traces hang together.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(go,), name="mle-star-run")
        self._thread.start()

    def join(self) -> None:
        """Wait until the run has ended."""
        self._thread.join()
