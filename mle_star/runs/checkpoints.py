"""Where the graph's checkpoints live."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from mle_star.errors import RunError
from mle_star.runs.databases import connect, database_problem

TABLES = ("checkpoints", "writes")
"""Tables of the database."""


def plain_serializer() -> JsonPlusSerializer:
    """Serializer that stores and revives plain data alone.

    Nothing in a database can bring code to life.
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None)


class Saver(SqliteSaver):
    """Takes for the newest checkpoint the one that was written last.

    LangGraph goes by the time in a checkpoint's id, and the clock may have been set back between
    two sittings.
    """

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The checkpoint that is asked for by id, else the newest of its thread and namespace."""
        wanted = config["configurable"]
        if not wanted.get("checkpoint_id"):
            newest = self._newest(str(wanted["thread_id"]), str(wanted.get("checkpoint_ns", "")))
            if newest is None:
                return None
            config = {**config, "configurable": {**wanted, "checkpoint_id": newest}}
        return super().get_tuple(config)

    def _newest(self, thread: str, namespace: str) -> str | None:
        with self.cursor(transaction=False) as cursor:
            row = cursor.execute(
                "SELECT checkpoint_id FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = ? "
                "ORDER BY rowid DESC LIMIT 1",
                (thread, namespace),
            ).fetchone()
        return None if row is None else str(row[0])

    def places(self) -> list[tuple[str, str]]:
        """Thread and namespace of everything that was stored, the newest thread first."""
        with self.cursor(transaction=False) as cursor:
            rows = cursor.execute(
                "SELECT thread_id, checkpoint_ns FROM checkpoints "
                "GROUP BY thread_id, checkpoint_ns ORDER BY max(rowid) DESC"
            ).fetchall()
        return [(str(thread), str(namespace)) for thread, namespace in rows]

    def newest_values(self) -> dict[str, Any]:
        """The state of the whole graph as it was stored last; empty before its first node."""
        for thread, _ in self.places()[:1]:
            found = self.get_tuple({"configurable": {"thread_id": thread, "checkpoint_ns": ""}})
            if found is not None:
                return found.checkpoint["channel_values"]
        return {}


@contextmanager
def open_checkpoints(path: Path) -> Iterator[Saver]:
    """Open (or make) the checkpoint database of a run.

    Raises:
        RunError: the file is damaged.
        sqlite3.OperationalError: it is locked, or can't be written.
    """
    if path.exists() and path.stat().st_size and (problem := database_problem(path)):
        raise damaged(path, problem)
    with closing(connect(path)) as connection:
        saver = Saver(connection, serde=plain_serializer())
        saver.setup()
        _try_reading(saver, path)
        yield saver


def damaged(path: Path, problem: str) -> RunError:
    """The exception for a database of a run that can't be used."""
    return RunError(
        f"{path} is damaged ({problem}): mend it with 'mle-star repair {path.parent}', "
        f"then go on with: mle-star resume {path.parent}"
    )


def readable(serializer: JsonPlusSerializer, kind: Any, value: Any) -> bool:
    """Whether a stored value can be revived."""
    try:
        serializer.loads_typed((kind, value))
    except Exception:  # noqa: BLE001 - garbage may end in anything
        return False
    return True


def _try_reading(saver: Saver, path: Path) -> None:
    """Revive the newest checkpoint of each part of the graph: garbage in a value is no bad page."""
    for thread, namespace in saver.places():
        config: RunnableConfig = {"configurable": {"thread_id": thread, "checkpoint_ns": namespace}}
        try:
            saver.get_tuple(config)
        except sqlite3.Error:
            raise
        except Exception as error:  # noqa: BLE001 - garbage may end in anything
            raise damaged(path, f"{type(error).__name__}: {error}") from None
