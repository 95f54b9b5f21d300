"""Stopping a run from outside: Ctrl-C, a polite kill, a terminal that is closed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from langgraph.runtime import RunControl

from mle_star.nodes.workbench import find_workbench, stop_event
from mle_star.runs import RunFolder

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        control.request_drain(signal.Signals(number).name)
        stop_event(str(folder.path)).set()
        bench = find_workbench(str(folder.path))
        if bench is not None:
            bench.stop()

    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt inside: a person who is asked something wants out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
