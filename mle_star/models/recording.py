"""The traffic with models and search, written down and played back.

A recording is a file of JSON lines: a heading, then one line per request that was answered or
given up, in the order in which that happened. Anything that looks like a secret is taken out before
it is written.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mle_star.errors import NoAnswer, SettingsError
from mle_star.models.base import ModelRefused, ModelUnavailable, Reply, Request
from mle_star.models.redaction import without_secrets
from mle_star.models.store import reply_data, reply_from

_HEADING = {"recording": "mle-star traffic", "version": 1}


class PageLike(Protocol):
    """A search result, such as :class:`mle_star.search.Page`."""

    @property
    def title(self) -> str:
        """Its heading."""

    @property
    def url(self) -> str:
        """Its address."""

    @property
    def text(self) -> str:
        """What it says."""


class Recorder:
    """Appends to a recording. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Begin a recording, or go on with the one that is there.

        Raises:
            SettingsError: the file is something else.
        """
        self._path = path
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        heading = json.dumps(_HEADING) + "\n"
        # A run may have been killed while it began the file, or in the middle of a line.
        if not path.exists() or heading.encode().startswith(path.read_bytes()):
            path.write_text(heading, encoding="utf-8")
        else:
            _read(path)
            _drop_torn_line(path)

    def model(self, request: Request, key: str, reply: Reply) -> None:
        """Write an answer of a model down."""
        self._write(request, key, {"reply": reply_data(reply)})

    def failure(self, request: Request, key: str, kind: str, message: str) -> None:
        """Write down that a request was given up: the kind of failure and what was said."""
        self._write(request, key, {"failure": {"kind": kind, "message": message}})

    def search(self, source: str, query: str, pages: Sequence[PageLike]) -> None:
        """Write the result of a search down; ``source`` is the name of the search."""
        found = [{"title": page.title, "url": page.url, "text": page.text} for page in pages]
        content = {"source": source, "query": query, "pages": found}
        self._append({"kind": "search", **without_secrets(content)})

    def search_failure(self, source: str, query: str, message: str) -> None:
        """Write down that a search did not work."""
        content = {"source": source, "query": query, "failure": {"message": message}}
        self._append({"kind": "search", **without_secrets(content)})

    def _write(self, request: Request, key: str, outcome: dict[str, Any]) -> None:
        messages = [{"role": turn.role, "text": turn.text} for turn in request.messages]
        head = {
            "kind": "model",
            "key": key,
            "role": request.role,
            "solution": request.solution,
            "phase": request.phase,
            "grounded": request.grounded,
        }
        self._append({**head, **without_secrets({"messages": messages, **outcome})})

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry) + "\n"
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write(line)


class Replay:
    """A recording that answers in place of models and search. Threads may share it."""

    def __init__(self, path: str | Path) -> None:
        """Read a recording.

        Raises:
            SettingsError: the file is missing or is not a recording.
        """
        self._path = Path(path).expanduser()
        self._lock = threading.Lock()
        entries = _read(self._path)
        self._models = [entry for entry in entries if entry["kind"] == "model"]
        self._searches = [entry for entry in entries if entry["kind"] == "search"]
        self._used: set[int] = set()
        self.sources = frozenset(str(entry["source"]) for entry in self._searches)
        """Searches that were recorded, such as ``tavily``."""

    def model(self, request: Request, key: str) -> Reply:
        """The recorded answer to a request.

        That is the one with the same key; where there is none, the next unused one of the same
        agent and solution.

        Raises:
            ModelRefused, ModelUnavailable: that is what was recorded.
            ModelUnavailable: nothing is left that fits.
        """
        who = (request.role, request.solution)
        entry = self._next(
            self._models,
            lambda entry: entry["key"] == key,
            lambda entry: (entry["role"], entry["solution"]) == who,
        )
        if entry is None:
            raise ModelUnavailable(
                f"The recording {self._path} has no answer left for {request.role} "
                f"(solution {request.solution})."
            )
        if "reply" in entry:
            return reply_from(entry["reply"])
        failure = entry["failure"]
        kind = ModelRefused if failure["kind"] == "refused" else ModelUnavailable
        raise kind(failure["message"])

    def search(self, source: str, query: str) -> list[dict[str, str]]:
        """The recorded pages for a query, each with ``title``, ``url`` and ``text``.

        Those of the same query; where there are none, those of the next unused search.

        Raises:
            NoAnswer: the search failed then, or nothing is left.
        """
        entry = self._next(
            self._searches,
            lambda entry: entry["query"] == query,
            lambda entry: entry["source"] == source,
        )
        if entry is None:
            raise NoAnswer(f"The recording {self._path} has no search left for {query!r}.")
        if "failure" in entry:
            raise NoAnswer(str(entry["failure"]["message"]))
        return [dict(page) for page in entry["pages"]]

    def _next(
        self,
        entries: Sequence[dict[str, Any]],
        same: Callable[[dict[str, Any]], bool],
        similar: Callable[[dict[str, Any]], bool],
    ) -> dict[str, Any] | None:
        with self._lock:
            alike = [entry for entry in entries if same(entry)]
            unused = [entry for entry in alike if id(entry) not in self._used]
            # A question asked once more than it was recorded gets its last answer again.
            found = next(iter(unused or alike[-1:]), None)
            if found is None:
                rest = (e for e in entries if id(e) not in self._used and similar(e))
                found = next(rest, None)
            if found is not None:
                self._used.add(id(found))
            return found


def _read(path: Path) -> list[dict[str, Any]]:
    """Entries of a recording, the heading aside."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The recording {path} can't be read: {error}.") from None
    # A line that a killed run did not finish has no end.
    lines = text.split("\n")[:-1]
    if not lines or _parsed(lines[0]) != _HEADING:
        raise SettingsError(
            f"{path} is not a recording of mle-star: name the traffic.jsonl of a run that was made "
            "with --record."
        )
    entries = []
    for number, line in enumerate(lines[1:], start=2):
        entry = _parsed(line)
        if not _is_entry(entry):
            raise SettingsError(
                f"Line {number} of the recording {path} is damaged: take it out or record again."
            )
        entries.append(entry)
    return entries


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_entry(entry: Any) -> bool:
    try:
        failure = entry.get("failure")
        if entry["kind"] == "search":
            known = isinstance(entry["source"], str) and isinstance(entry["query"], str)
            pages = [] if failure else entry["pages"]
            return known and all({"title", "url", "text"} == set(page) for page in pages)
        known = all(name in entry for name in ("key", "role", "solution"))
        if failure:
            return known and {"kind", "message"} <= set(failure)
        return known and entry["kind"] == "model" and bool(reply_from(entry["reply"]).model)
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line that a killed run did not finish."""
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
