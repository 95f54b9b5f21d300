"""Looking things up: one protocol for every source of model cards and remedies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mle_star.errors import NoAnswer


class SearchFailed(NoAnswer):
    """The search did not work this time; the step goes on without results."""


@dataclass(frozen=True)
class Page:
    """One result. The text is data from the open web: cleaned of markup, capped, never trusted."""

    title: str
    url: str
    """Empty for entries of the built-in catalogue."""
    text: str


class Search(Protocol):
    """A source of pages."""

    name: str
    """``tavily``, ``google``, ``catalogue`` or ``none``."""

    def search(self, query: str, limit: int) -> list[Page]:
        """At most ``limit`` pages for a query, best first.

        Raises:
            SearchFailed: no result this time (rate limit, time-out, no connection).
            SettingsError: it will never work as things stand (wrong key).
            RunStopped: the run was stopped while waiting.
        """
