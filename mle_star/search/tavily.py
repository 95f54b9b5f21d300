"""Searching the web through Tavily."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from mle_star.errors import SettingsError
from mle_star.search.base import Page, SearchFailed
from mle_star.search.exclude import Exclusions
from mle_star.search.sending import Outcome, Requests

KEY = "TAVILY_API_KEY"
SERVICE = "https://api.tavily.com"
QUERY_CHARACTERS = 400
"""The service refuses longer queries."""
MOST_RESULTS = 20
"""The service gives no more."""
TRIES = 3
TIMEOUT = 45.0
"""Seconds an answer may take."""
LONGEST_WAIT = 60.0
"""Seconds between two tries at most, whatever the service asks for."""

_SPARE = 3
"""Results asked for beyond the limit where some may be dropped afterwards."""
_DOMAINS = 150
"""The service takes no longer list of domains to exclude."""


class TavilySearch:
    """Tavily's web search. Pages come as they are: :func:`make_search` cleans and filters them.

    Without a key the client library would silently ask the public service; this class refuses.
    """

    name = "tavily"

    def __init__(
        self,
        key: str,
        *,
        url: str = "",
        exclude: Exclusions | None = None,
        stopping: threading.Event | None = None,
        sleep: Callable[[float], object] | None = None,
        timeout: float = TIMEOUT,
        tries: int = TRIES,
    ) -> None:
        """Say whom to ask; nothing is sent yet.

        Args:
            key: the API key.
            url: address of another server than the public one.
            exclude: domains the service is asked to leave out.
            stopping: set when the run is to stop; every wait then ends at once.
            sleep: waits that many seconds, or less where the run stops; the default waits for
                ``stopping``.
            timeout: seconds one answer may take.
            tries: requests sent for one query at most.

        Raises:
            SettingsError: there is no key, or key or address can't be right.
        """
        self._url = _checked_url(url)
        self._elsewhere = bool(url.strip())
        self._exclude = exclude or Exclusions()
        self._stopping = stopping or threading.Event()
        self._sleep = sleep or self._stopping.wait
        self._tries = tries
        self._let_in = False
        self._requests = Requests(_checked_key(key), self._url, timeout, self._stopping)

    def search(self, query: str, limit: int) -> list[Page]:
        """See :class:`mle_star.search.base.Search`; a few pages more where domains are excluded."""
        spare = _SPARE if self._exclude else 0
        asked = {
            "query": _shortened(query),
            "max_results": max(1, min(limit + spare, MOST_RESULTS)),
            "include_raw_content": "markdown",
            "exclude_domains": list(self._exclude.domains[:_DOMAINS]) or None,
        }
        outcome = self._requests.send(asked)
        for attempt in range(1, self._tries):
            if not self._worth_another_try(outcome):
                break
            self._sleep(_pause(attempt, outcome.retry_after))
            outcome = self._requests.send(asked)
        if outcome.problem:
            raise SearchFailed(f"The web search did not work: {outcome.problem}.")
        self._let_in = True
        return _pages(outcome.body)

    def _worth_another_try(self, outcome: Outcome) -> bool:
        """Whether a failure may pass. Raises where it never will.

        A key that was good is not called wrong: a filter may turn single queries down, and the run
        can go on without pages.
        """
        if outcome.status in (401, 403) and not self._let_in:
            raise SettingsError(
                f"Tavily refuses the key in {KEY} ({outcome.problem}): set another one, or choose "
                "search=catalogue."
            )
        if outcome.status in (404, 405) and self._elsewhere:
            raise SettingsError(
                f"{self._url} does not answer as a Tavily server ({outcome.problem}): correct the "
                "setting search_url."
            )
        # 400: the query; 432, 433: the plan is used up, which no wait of ours will change.
        passing = outcome.status < 400 or outcome.status in (408, 429) or outcome.status >= 500
        return bool(outcome.problem) and passing


def _checked_key(key: str) -> str:
    key = key.strip()
    if not key:
        raise SettingsError(
            f"Web search through Tavily needs a key: set {KEY}, or choose search=catalogue."
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError(f"{KEY} holds characters that no key has: copy it anew.")
    return key


def _checked_url(url: str) -> str:
    url = url.strip().rstrip("/")
    if not url:
        return SERVICE
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", url):
        raise SettingsError(
            f"search_url can't be {url!r}: give an address such as https://search.example.org."
        )
    return url


def _shortened(query: str) -> str:
    """A query the service takes: cut at a word's end."""
    query = " ".join(query.split())
    if len(query) <= QUERY_CHARACTERS:
        return query
    return query[:QUERY_CHARACTERS].rpartition(" ")[0] or query[:QUERY_CHARACTERS]


def _pause(attempt: int, retry_after: float | None) -> float:
    """Seconds to wait: what the service asks for, else doubling, shaken so that branches part."""
    wait = retry_after if retry_after is not None else 2.0**attempt * random.uniform(0.5, 1.0)
    return min(max(wait, 0.0), LONGEST_WAIT)


def _pages(body: Any) -> list[Page]:
    """Pages of an answer; entries of another form are passed over."""
    pages = []
    for entry in body["results"]:
        if not isinstance(entry, dict):
            continue
        text = entry.get("raw_content") or entry.get("content") or ""
        url, title = entry.get("url") or "", entry.get("title") or ""
        if all(isinstance(part, str) for part in (text, url, title)) and text.strip():
            pages.append(Page(title or url, url, text))
    return pages
