"""What an engineer wants a person to know while it works on an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heard: ContextVar[Callable[[str], None] | None] = ContextVar("heard", default=None)


@contextmanager
def hearing(callback: Callable[[str], None]) -> Iterator[None]:
    """Hear what is said inside the ``with`` block, in this thread."""
    token = _heard.set(callback)
    try:
        yield
    finally:
        _heard.reset(token)


def say(text: str) -> None:
    """Tell whoever listens; without a listener nothing happens."""
    callback = _heard.get()
    if callback is not None:
        callback(text)
