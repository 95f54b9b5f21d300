"""Where the graph's checkpoints live."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from mle_star.errors import RunError


def plain_serializer() -> JsonPlusSerializer:
    """Serializer that stores and revives plain data alone.

    Nothing in a database can bring code to life.
    """
    return JsonPlusSerializer(allowed_msgpack_modules=None)


@contextmanager
def open_checkpoints(path: Path) -> Iterator[SqliteSaver]:
    """Open (or make) the checkpoint database of a run.

    Raises:
        RunError: the file is not a usable database.
    """
    with closing(sqlite3.connect(path, check_same_thread=False, timeout=30.0)) as connection:
        saver = SqliteSaver(connection, serde=plain_serializer())
        try:
            saver.setup()
        except sqlite3.DatabaseError as error:
            raise RunError(f"{path} is not a usable checkpoint database ({error}).") from None
        yield saver
