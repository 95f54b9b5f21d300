"""Errors as one sentence that a terminal can show, whatever the user's names hold."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mle_star.errors import TaskError

P = ParamSpec("P")
R = TypeVar("R")

LONGEST = 600
"""Characters of a sentence; of a longer one the middle is left out."""


def in_one_sentence(function: Callable[P, R]) -> Callable[P, R]:
    """Make the errors of a function fit to be shown: its own, and those of files it can't read."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TaskError as error:
            raise TaskError(shown(str(error))) from None
        except PermissionError as error:
            raise TaskError(
                shown(f"{error.filename} can't be read; give yourself the permission to read it.")
            ) from None

    return called


def shown(text: str) -> str:
    """Escape line ends, control and other invisible characters, and cut what is too long."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
    return text
