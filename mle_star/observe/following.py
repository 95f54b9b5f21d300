"""Who follows a run beside the caller: OpenTelemetry, MLflow, LangSmith. None can end it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from mle_star.context import Settings
from mle_star.errors import RunError
from mle_star.observe import langsmith, mlflow_log, spans
from mle_star.runs import RunFolder

logger = logging.getLogger(__name__)


class Follower(Protocol):
    """Takes in the events of one sitting."""

    problem: str
    """What went wrong, in one sentence; empty where nothing did."""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take one event in; returns at once."""

    def close(self, status: str, hurry: bool) -> None:
        """The sitting has ended.

        Args:
            status: how: ``finished``, ``stopped`` or ``failed``.
            hurry: wait for nothing.
        """


class Followers:
    """All who follow a run; one that breaks is left out from then on, with a note."""

    def __init__(self, followers: Sequence[Follower], say: Callable[[str], None]) -> None:
        """Gather them; ``say`` writes a note, in the thread that drives the run."""
        self._followers, self._say = list(followers), say
        self._hurry = False

    def hear(self, event: Mapping[str, Any]) -> None:
        """Hand an event on."""
        for follower in list(self._followers):
            self._guarded(follower, lambda one: one.hear(event))

    def hurry(self) -> None:
        """Wait for nobody any more."""
        self._hurry = True

    def close(self, status: str) -> None:
        """Tell all that the sitting has ended."""
        for follower in list(self._followers):
            self._guarded(follower, lambda one: one.close(status, self._hurry))
        if not self._hurry:
            langsmith.send()

    def _guarded(self, follower: Follower, act: Callable[[Follower], None]) -> None:
        try:
            act(follower)
            problem = follower.problem
        except Exception as error:
            logger.debug("a follower broke", exc_info=True)
            problem = f"{type(follower).__name__} broke ({type(error).__name__}: {error})."
        if problem:
            self._followers.remove(follower)
            self._say(problem)


@contextmanager
def following(
    folder: RunFolder, settings: Settings, say: Callable[[str], None]
) -> Iterator[Followers]:
    """Have a sitting followed by all who are asked to.

    Args:
        folder: of the run.
        settings: the run's.
        say: writes a note.
    """
    found: list[Follower] = [*spans.make(folder, settings), *mlflow_log.make(folder, settings)]
    followers = Followers(found, say)
    try:
        yield followers
    finally:
        followers.close(_status(folder) if found else "")


def _status(folder: RunFolder) -> str:
    try:
        return str(folder.record().get("status", "failed"))
    except RunError:
        return "failed"  # before it began
