"""Levels of isolation, strongest first: making one, and choosing the best that holds here."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass

from mle_star.errors import SettingsError
from mle_star.execution.cages import canary
from mle_star.execution.cages.base import Cage
from mle_star.execution.cages.bubblewrap import BubblewrapCage
from mle_star.execution.cages.bytecode import compile_packages
from mle_star.execution.cages.container import ContainerCage
from mle_star.execution.cages.landlock import LandlockCage
from mle_star.execution.cages.plain import ProcessCage
from mle_star.execution.cages.remedies import remedy

LEVELS = ("bubblewrap", "landlock", "container", "process")
"""Names of the levels."""
_AUTOMATIC = ("bubblewrap", "landlock")


@dataclass(frozen=True)
class Level:
    """The level that the scripts of a run get."""

    name: str
    gaps: tuple[str, ...]
    """What it does not stop on this machine, one phrase each."""
    why: str
    """Why it is this one, as a sentence."""


def make_cage(level: str, python: str, image: str = "") -> Cage:
    """Make the cage of a level; nothing is started or looked up yet.

    Args:
        level: one of :data:`LEVELS`.
        python: interpreter of the scripts.
        image: image of the level ``container``.

    Raises:
        SettingsError: there is no such level, or its image is not named.
    """
    if level == "bubblewrap":
        return BubblewrapCage(python)
    if level == "landlock":
        return LandlockCage(python)
    if level == "container":
        return ContainerCage(python, image)
    if level == "process":
        return ProcessCage(python)
    raise SettingsError(f"There is no sandbox level {level!r}: choose one of {', '.join(LEVELS)}.")


def choose_level(
    wanted: str, python: str = sys.executable, *, trusted: bool = False, image: str = ""
) -> Level:
    """Find the level for a run: the one asked for, or the best that holds on this machine.

    A level is only given out after a script of it tried to get out and could not (see
    :mod:`mle_star.execution.cages.canary`; once per process, about 0.2 s). Packages that nobody
    has compiled yet are, as scripts in a cage can't keep what they compile.

    Args:
        wanted: a name of :data:`LEVELS`, or ``auto``.
        python: interpreter of the scripts.
        trusted: whether every script is our own, so that ``auto`` may end at ``process``.
        image: image of the level ``container``.

    Raises:
        SettingsError: the level can't be had here (the message says what to do), there is no such
            level, or the interpreter can't be started.
    """
    python = python if wanted == "container" else shutil.which(python) or python
    if wanted != "auto":
        return _forced(wanted, python, image)
    failures: dict[str, str] = {}
    for name in _AUTOMATIC:
        said = canary.failure(name, python)
        if not said:
            others = "; ".join(f"{n} can't be had: {s}" for n, s in failures.items())
            why = f"It held when it was tried{f' ({others})' if others else ''}."
            return _level(name, python, why)
        failures[name] = said
    if trusted:
        why = (
            "Nothing holds the scripts in, which are this package's own: "
            f"bubblewrap could be had if you {remedy('bubblewrap', failures['bubblewrap'])}."
        )
        return _level("process", python, why)
    raise SettingsError(
        "No sandbox can be had on this machine, so scripts of a language model are not run: "
        f"{remedy('bubblewrap', failures['bubblewrap'])} ({failures['bubblewrap']})."
    )


def _forced(wanted: str, python: str, image: str) -> Level:
    image = image if wanted == "container" else ""
    make_cage(wanted, python, image)
    if wanted == "process":
        return _level(wanted, python, "It was asked for; nothing holds the scripts in.")
    said = canary.failure(wanted, python, image)
    if said:
        raise SettingsError(
            f"The sandbox {wanted!r} can't be had on this machine ({said.rstrip('.')}): "
            f"{remedy(wanted, said)}."
        )
    return _level(wanted, python, "It was asked for, and held when it was tried.", image)


def _level(name: str, python: str, why: str, image: str = "") -> Level:
    if name in _AUTOMATIC:
        compile_packages(python)
    return Level(name, make_cage(name, python, image).gaps(), why)
