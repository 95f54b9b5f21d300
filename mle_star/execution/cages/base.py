"""What a level of isolation is to the executor: how the command line of a script is built.

A level is one file beside this one with a subclass of :class:`Cage`, entered in
:func:`mle_star.execution.cages.make_cage`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mle_star.execution.base import Isolation, Limits
from mle_star.execution.evidence import Evidence

INSIDE = str(Path(__file__).with_name("inside.py"))
"""The program that is run inside a cage just before the script."""

COUNTED = (
    "memory and processes are counted ten times a second, so a limit can be passed for a moment",
)
"""Gaps of every level whose limits are watched from outside."""


@dataclass(frozen=True)
class Surroundings:
    """What one script is given: the part of a job that a cage must know."""

    folder: Path
    """The job folder: absolute, links resolved; the script may write there."""
    sources: Sequence[Path]
    """Files and folders outside that ``./input`` links to: to be read only."""
    limits: Limits
    status: int
    """Descriptor on which :mod:`mle_star.execution.cages.inside` reports."""
    harness: int
    """Process id of the harness."""
    environment: Mapping[str, str]
    """Variables that every script has."""


@dataclass(frozen=True)
class Plan:
    """How the supervisor starts a script."""

    command: list[str]
    """Command line; an argument that is a key of ``files`` becomes a descriptor's number."""
    files: dict[str, str] = field(default_factory=dict)
    """Placeholder -> text that the command reads from an inherited descriptor."""
    announced: bool = False
    """Whether something inside reports on the status descriptor that the script began."""
    engine: bool = False
    """Whether the command is the client of a container engine: trusted, outside the limits, and
    told that the harness is gone by the end of its standard input."""
    environment: dict[str, str] | None = None
    """The command's environment; None: that of every script."""


class Cage(ABC):
    """One level of isolation for one interpreter. Thread-safe."""

    name: str
    keepers = 0
    """Processes of the cage itself between the supervisor and the script, one below the other."""
    memory_folders: tuple[str, ...] = ()
    """Folders inside that are the script's own and lie in memory, where the innermost keeper sees
    them: what is in their files counts as memory."""
    links = True
    """Whether inputs may be given as links because their sources can't be written through them."""

    def __init__(self, python: str) -> None:
        self.python = python

    @property
    def script_command(self) -> list[str]:
        """The command line of the script itself."""
        return [self.python, "-s", "-u", "script.py"]

    @abstractmethod
    def gaps(self) -> tuple[str, ...]:
        """What the level does not stop on this machine, one phrase each."""

    @abstractmethod
    def plan(self, around: Surroundings) -> Plan:
        """Build the command line of one script.

        Raises:
            SettingsError: the interpreter can't be started.
            SandboxUnavailable: the level can't be had here.
        """

    def isolation(self) -> Isolation:
        """Name and gaps."""
        return Isolation(self.name, self.gaps())

    def settle(self, folder: Path, seen: Evidence) -> None:  # noqa: B027 - most know no better
        """Correct what was seen of a run by what only the cage knows; called once it has ended."""

    def has_begun(self, folder: Path) -> bool:
        """Whether the script's time runs; asked until it does, for a minute at most."""
        return True

    def kill(self, folder: Path) -> None:  # noqa: B027 - most are part of the tree
        """End what runs for this job folder outside the tree of processes."""

    def end(self, folder: Path) -> None:  # noqa: B027 - most cages leave nothing
        """Free what a run of this job folder left beside its processes; called after each run."""


def shell_status(status: int) -> int:
    """Undo what a shell-like parent does: it ends with 128 + n for a child that signal n ended."""
    code = os.waitstatus_to_exitcode(status)
    return code - 128 if 128 < code <= 128 + 64 else status


def inside_text(
    command: list[str],
    status: int,
    *,
    access: Mapping[str, Iterable[str]],
    abi: int,
    families: Iterable[int] = (),
    shared: bool,
    spare: Iterable[int] = (),
    processes: int | None = None,
) -> str:
    """What :mod:`mle_star.execution.cages.inside` is told.

    Args:
        command: the script's command line.
        status: descriptor to report on.
        access: kind of :data:`mle_star.execution.cages.ruleset.RIGHTS` -> paths.
        abi: version of Landlock's interface to use; 0: no Landlock.
        families: socket families that may be opened.
        shared: whether the machine's own files, network and processes are in sight.
        spare: processes that must not be signalled.
        processes: RLIMIT_NPROC; only where the kernel counts the cage alone.
    """
    fields: list[tuple[str, object]] = [("status", status), ("abi", abi)]
    fields.append(("shared", "yes" if shared else "no"))
    fields += [(kind, path) for kind, paths in access.items() for path in paths]
    fields += [("family", number) for number in families]
    fields += [("spare", number) for number in spare]
    fields += [("command", word) for word in command]
    if processes is not None:
        fields.append(("processes", processes))
    return "\0".join(f"{name}={value}" for name, value in fields)
