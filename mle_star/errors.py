"""What can go wrong, as a tree.

What a *person* must mend is an exception of this module; its message is one sentence that says what
is
wrong and how to mend it. What a *script* does wrong (a crash, a time-out, a missing file) is a
value:
an :class:`mle_star.execution.Execution` or a trial without a score.

    MleStarError
    ├── UserError            bad input; the command line prints the sentence and exits with code 2
    │   ├── TaskError        the task folder: what is in it, or what can't be inferred from it
    │   ├── SettingsError    a setting: unknown, out of range, or one that can't change on resume
    │   ├── RunError         a run folder: not there, not one of ours, already in use
    │   ├── ArgumentError    an argument of the Python API; a ValueError and a TypeError as well
    │   └── MissingExtra     an optional package that the request needs
    ├── SandboxUnavailable   no child process could be started: the run stops
    ├── NoAnswer             an engineer has no usable answer: the step is skipped with a note
    └── RunStopped           somebody asked the run to stop; it can be resumed
        └── RunWaits         a question waits for a person's answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class MleStarError(Exception):
    """Root of every exception raised on purpose by this package."""


class UserError(MleStarError):
    """Something a person must mend; the message says how."""


class TaskError(UserError):
    """The task folder can't be used as it is."""


class SettingsError(UserError):
    """A setting is unknown, out of range, or can't change for a run that has begun."""


class RunError(UserError):
    """A run folder is missing, is not a run, or can't be resumed."""


class ArgumentError(UserError, ValueError, TypeError):
    """An argument of a public function has a wrong type or value; the message names it."""


class MissingExtra(UserError):
    """An optional package is needed for what was asked."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        """Name the package, the extra that brings it and what it is needed for."""
        super().__init__(
            f"{purpose} needs the package {package!r}, which is not installed: "
            f"pip install 'mle-star[{extra}]' (in a checkout: pip install '.[{extra}]')."
        )


class SandboxUnavailable(MleStarError):
    """A script could not be started at all; no result exists."""


class NoAnswer(MleStarError):
    """An engineer has nothing (more) to offer, or its answer can't be used; the run goes on."""


class RunStopped(MleStarError):
    """The run was asked to stop; what was finished is kept and the run can be resumed."""

    def __init__(self, message: str, run: str = "") -> None:
        """Say so; ``run`` is the path of the run folder."""
        super().__init__(message)
        self.run = run


class RunWaits(RunStopped):
    """The run has come to questions that nobody was there to answer; resuming asks them again."""

    def __init__(self, message: str, run: str, questions: Sequence[Mapping[str, Any]]) -> None:
        """Say what waits; ``questions`` are those of :mod:`mle_star.runs.questions`."""
        super().__init__(message, run)
        self.questions = list(questions)
