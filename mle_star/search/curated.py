"""What stands between a source and the run: exclusion, cleaning, memory, the recording."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol

from mle_star.errors import NoAnswer
from mle_star.search.base import Page, Search, SearchFailed
from mle_star.search.cleaning import RAW_CHARACTERS, address, clean, clean_title, cut
from mle_star.search.exclude import Exclusions
from mle_star.search.memory import SearchMemory


class Recording(Protocol):
    """Takes searches down, such as :class:`mle_star.models.recording.Recorder`."""

    def search(self, source: str, query: str, pages: Sequence[Page]) -> None:
        """Write a result down."""

    def search_failure(self, source: str, query: str, message: str) -> None:
        """Write down that a search did not work."""


class Replaying(Protocol):
    """Answers in place of a source, such as :class:`mle_star.models.recording.Replay`."""

    def search(self, source: str, query: str) -> Sequence[Mapping[str, str]]:
        """Recorded pages; raises NoAnswer where the search failed then or none is left."""


class CuratedSearch:
    """A source whose results are fit for a prompt. Threads may share it.

    Excluded names leave the query; pages are cleaned, and dropped where they are excluded; the same
    question is asked once in a run, also by branches that ask it at the same time.
    """

    def __init__(
        self,
        source: Search,
        exclude: Exclusions,
        *,
        memory: SearchMemory | None = None,
        recorder: Recording | None = None,
        replay: Replaying | None = None,
        trusted: bool = False,
    ) -> None:
        """Stand before ``source``, which a replay takes the place of.

        ``trusted``: its pages are our own, so that there is nothing to clean.
        """
        self.name = source.name
        self._source = source
        self._exclude = exclude
        self._memory = memory
        self._recorder = recorder
        self._replay = replay
        self._trusted = trusted
        self._lock = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def search(self, query: str, limit: int) -> list[Page]:
        """See :class:`mle_star.search.base.Search`."""
        query = self._exclude.strike(query)
        if not query:
            raise SearchFailed("Nothing is left of the query without the excluded names.")
        if limit <= 0:
            return []
        if self._memory is None:
            return self._find(query, limit)
        key = self._key(query, limit)
        with self._lock:
            asking = self._asking[key]
        # Whoever holds this lock ends soon after a stop, and then the next one does.
        with asking:
            pages = self._memory.get(key)
            if pages is None:
                pages = self._find(query, limit)
                self._memory.put(key, self.name, query, pages)
            return pages

    def _find(self, query: str, limit: int) -> list[Page]:
        if self._replay is not None:
            return self._usable(self._replayed(query))[:limit]
        try:
            found = self._source.search(query, limit)
        except SearchFailed as failure:
            if self._recorder is not None:
                self._recorder.search_failure(self.name, query, str(failure))
            raise
        pages = self._usable(found if self._trusted else list(map(_cleaned, found)))[:limit]
        if self._recorder is not None:
            self._recorder.search(self.name, query, pages)
        return pages

    def _replayed(self, query: str) -> list[Page]:
        """Recorded pages as they are: cleaned again they might differ from those of the prompts."""
        assert self._replay is not None
        try:
            found = self._replay.search(self.name, query)
        except SearchFailed:
            raise
        except NoAnswer as failure:
            raise SearchFailed(str(failure)) from failure
        return [Page(page["title"], page["url"], page["text"]) for page in found]

    def _usable(self, pages: Sequence[Page]) -> list[Page]:
        """Pages that may be used, cut: a page is judged by the whole of it, not by what is kept."""
        return [
            Page(page.title or "untitled", address(page.url), cut(page.text))
            for page in self._exclude.allowed(pages)
            if page.text
        ]

    def _key(self, query: str, limit: int) -> str:
        content = [self.name, query, limit, self._exclude.domains, self._exclude.names]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _cleaned(page: Page) -> Page:
    return Page(clean_title(page.title), page.url, clean(page.text, RAW_CHARACTERS))
