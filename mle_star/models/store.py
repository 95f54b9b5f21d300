"""Answers that were paid for, kept so that a resumed run pays nothing twice."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mle_star.errors import RunError
from mle_star.models.base import Reply, Request, Source, Usage

_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, role TEXT NOT NULL, solution INTEGER NOT NULL, reply TEXT NOT NULL
)
"""


def answer_key(model: str, parameters: Mapping[str, object], request: Request) -> str:
    """Name of the answer to a request: sha256 over everything that can change it.

    That includes who asks (two branches with the same question get two answers) but not the phase,
    which is for the bill alone.

    Args:
        model: ``provider:name``.
        parameters: what else is sent, such as the temperature; plain data.
        request: the question.
    """
    content = {
        "model": model,
        "parameters": dict(parameters),
        "schema": request.schema.model_json_schema() if request.schema else None,
        "messages": [[message.role, message.text] for message in request.messages],
        "grounded": request.grounded,
        "role": request.role,
        "solution": request.solution,
    }
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def reply_data(reply: Reply) -> dict[str, Any]:
    """An answer as plain data, for a file."""
    data = asdict(reply)
    del data["remembered"]
    return data


def reply_from(data: Mapping[str, Any]) -> Reply:
    """The answer that :func:`reply_data` wrote down.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    return Reply(
        text=str(data["text"]),
        model=str(data["model"]),
        finish=data["finish"],
        usage=Usage(**data["usage"]),
        seconds=float(data["seconds"]),
        sources=tuple(Source(**source) for source in data["sources"]),
    )


class AnswerStore:
    """Answers by key, in a file of the run folder. Threads may share it.

    Every answer is on disk when :meth:`put` returns.
    """

    def __init__(self, path: Path | None) -> None:
        """Open or create the file; without a path answers live as long as the object.

        Raises:
            RunError: the file is not a database.
        """
        self._path = path
        self._lock = threading.Lock()
        self._answers: dict[str, Reply] = {}
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connect(path) as database:
                database.execute(_TABLE)

    def get(self, key: str) -> Reply | None:
        """The answer under a key, marked as remembered; None where there is none."""
        with self._lock:
            if self._path is None:
                reply = self._answers.get(key)
                return None if reply is None else replace(reply, remembered=True)
            with self._connect(self._path) as database:
                row = database.execute("SELECT reply FROM answers WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        try:
            return replace(reply_from(json.loads(row[0])), remembered=True)
        except (KeyError, TypeError, ValueError):
            # Written by another version: asking again is better than ending the run.
            return None

    def put(self, key: str, role: str, solution: int, reply: Reply) -> None:
        """Keep an answer; a later one under the same key takes its place."""
        with self._lock:
            if self._path is None:
                self._answers[key] = reply
                return
            with self._connect(self._path) as database:
                database.execute(
                    "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                    (key, role, solution, json.dumps(reply_data(reply))),
                )

    @contextmanager
    def _connect(self, path: Path) -> Iterator[sqlite3.Connection]:
        # A connection per use: nothing to close at the end, and no thread it belongs to.
        try:
            with closing(sqlite3.connect(path, timeout=30)) as database, database:
                yield database
        except sqlite3.DatabaseError as error:
            raise RunError(
                f"The store of answers {path} can't be used ({error}): move it away and resume; "
                "the model is then asked again."
            ) from None
