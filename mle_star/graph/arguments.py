"""What callers from Python pass: looked at once, so that a slip is one sentence that names it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mle_star.context import Context, context_from
from mle_star.errors import ArgumentError

_REMEDIES: dict[str, tuple[tuple[type, ...], str, str]] = {
    "task": (
        (str, os.PathLike),
        "the path of a task folder",
        "write the tables into a folder (train.csv, test.csv, description.md) and pass its path",
    ),
    "run": ((str, os.PathLike), "a run folder", "pass result.run or the path of the folder"),
    "context": (
        (Context, type(None)),
        "a Context",
        "pass Context(...), or the settings as keywords: solve(task, preset='quick')",
    ),
    "name": (
        (str, type(None)),
        "the name of the new run folder",
        "pass a plain name; 'runs_dir' says where it is made",
    ),
    "progress": ((bool, type(None)), "True, False or None", "leave it out to have it decided"),
}
"""Argument -> types, what it is, how to mend it."""


def check(function: str, **arguments: Any) -> None:
    """Look at the types of some arguments.

    Raises:
        ArgumentError: one can't be used; the message names the first.
    """
    for name, value in arguments.items():
        said = "run" if name == "name" else name
        if name in ("on_event", "on_ask"):
            if value is not None and not callable(value):
                what = "event" if name == "on_event" else "question"
                raise ArgumentError(
                    f"{function}() calls {name!r} with every {what}, but "
                    f"{type(value).__name__} can't be called: pass a function of one argument."
                )
            continue
        kinds, what, remedy = _REMEDIES[name]
        if not isinstance(value, kinds):
            raise ArgumentError(
                f"{function}() takes as {said!r} {what}, not {type(value).__name__}: {remedy}."
            )
        if name == "name" and value is not None and Path(str(value)).name != value:
            raise ArgumentError(f"{function}() takes as 'run' {what}, not {value!r}: {remedy}.")


def merged(context: Context | None, settings: Mapping[str, Any]) -> Context:
    """A context with some settings given as keywords; paths become text.

    Raises:
        SettingsError: a name is unknown or a value is out of range.
    """
    given = {
        name: os.fspath(value) if isinstance(value, os.PathLike) else value
        for name, value in settings.items()
    }
    return context_from({**(context.model_dump(exclude_unset=True) if context else {}), **given})
