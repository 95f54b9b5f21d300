"""Stopping a run from outside: Ctrl-C, a polite kill, a terminal that is closed, another thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from langgraph.runtime import RunControl

from mle_star.nodes.workbench import find_workbench, stop_event
from mle_star.runs import RunFolder

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Stops a run cleanly from another thread: give it to ``solve``, then call it.

    The run ends as by Ctrl-C: with :class:`mle_star.errors.RunStopped`, and it can be resumed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = False
        self._act: Callable[[], None] | None = None

    def __call__(self) -> None:
        """Ask the run to stop; also before it began. Returns at once."""
        with self._lock:
            self._asked, act = True, self._act
        if act is not None:
            act()

    @contextmanager
    def of(self, act: Callable[[], None]) -> Iterator[None]:
        """Do ``act`` when somebody calls, at once where somebody did before."""
        with self._lock:
            self._act, asked = act, self._asked
        if asked:
            act()
        try:
            yield
        finally:
            with self._lock:
                self._act = None


def stop_now(folder: RunFolder, control: RunControl, reason: str) -> None:
    """Stop a run that this process drives. Safe to call from a signal handler."""
    control.request_drain(reason)
    stop_event(str(folder.path)).set()
    if bench := find_workbench(str(folder.path)):
        bench.stop()


@contextmanager
def stoppable(folder: RunFolder, control: RunControl) -> Iterator[None]:
    """Turn the first of :data:`SIGNALS` into a clean stop; a second SIGINT gives up at once.

    Signals can be handled in the main thread alone; elsewhere the caller's own handling stays. One
    that is ignored stays ignored: that is how ``nohup`` lets a run outlive its terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        if control.drain_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop_now(folder, control, signal.Signals(number).name)

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let :data:`SIGNALS` raise KeyboardInterrupt inside: whoever is asked something wants out.

    A prompt would wait on after a signal that is only noted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
