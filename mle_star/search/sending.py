"""One request to Tavily's server, which a stop of the run does not wait for."""

from __future__ import annotations

import contextlib
import importlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mle_star.errors import RunStopped

_LOOK = 0.02
"""Seconds between two looks at the stop event: one wait can't be for two things."""


@dataclass
class Outcome:
    """What became of one request; filled in by the thread that sends it."""

    done: threading.Event = field(default_factory=threading.Event)
    status: int = 0
    """Of HTTP; 0 where no answer came."""
    retry_after: float | None = None
    """Seconds the server asks to wait."""
    body: Any = None
    problem: str = ""
    """Why there is no usable answer; '' where there is one."""


class Requests:
    """Sends searches through tavily-python, each with a client of its own. Threads may share it."""

    def __init__(self, key: str, url: str, timeout: float, stopping: threading.Event) -> None:
        """Say whom to ask, with which key, and for how many seconds."""
        self._key = key
        self._url = url
        self._timeout = timeout
        self._stopping = stopping

    def send(self, asked: dict[str, Any]) -> Outcome:
        """Send one search; failures are values.

        Args:
            asked: arguments of ``TavilyClient.search``.

        Raises:
            RunStopped: the run was stopped; what the thread still receives is dropped.
        """
        self._stop_if_asked()
        outcome = Outcome()
        sending = threading.Thread(
            target=self._send, args=(asked, outcome), name="tavily", daemon=True
        )
        sending.start()
        # The library's time-out starts anew with every byte; this one does not.
        end = time.monotonic() + self._timeout + 1
        while not outcome.done.wait(_LOOK):
            self._stop_if_asked()
            if time.monotonic() > end:
                return Outcome(problem=f"no answer within {self._timeout:g} s")
        self._stop_if_asked()
        return outcome

    def _send(self, asked: dict[str, Any], outcome: Outcome) -> None:
        try:
            client = importlib.import_module("tavily").TavilyClient(
                self._key, api_base_url=self._url
            )
            # The library's exceptions do not tell a wrong key from a plan that is used up.
            client.session.hooks["response"].append(_noting(outcome))
            # Otherwise a line in ~/.netrc would take the place of the key.
            client.session.auth = _unchanged
            if _is_loopback(self._url):
                client.session.trust_env = False  # no proxy leads to this machine
            with contextlib.closing(client):
                outcome.body = client.search(**asked, timeout=self._timeout)
            if not isinstance(outcome.body.get("results"), list):
                outcome.problem = "the answer holds no list of results"
        except Exception as error:  # noqa: BLE001 - the library's errors have no common base
            outcome.problem = _problem(outcome.status, error, self._key)
        finally:
            outcome.done.set()

    def _stop_if_asked(self) -> None:
        if self._stopping.is_set():
            raise RunStopped("The run was stopped during a web search.")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def _noting(outcome: Outcome) -> Callable[..., None]:
    def note(response: Any, *_: Any, **__: Any) -> None:
        outcome.status = int(response.status_code)
        # The header may also hold a date; doubling is good enough then.
        with contextlib.suppress(KeyError, ValueError):
            outcome.retry_after = float(int(response.headers["Retry-After"]))

    return note


def _unchanged(request: Any) -> Any:
    return request


def _problem(status: int, error: Exception, key: str) -> str:
    """What went wrong, in a few words that hold neither the key nor anything unprintable."""
    said = " ".join(str(error).replace(key, "…").split())
    said = "".join(char for char in said if char.isprintable())[:200].rstrip(".")
    kind = f"HTTP {status}" if status >= 400 else type(error).__name__
    if 0 < status < 400:
        return f"the answer can't be read ({kind})"
    return f"{kind}: {said}" if said else kind
