"""Mending the databases of a run: checkpoints, answers of models, calls of models."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from mle_star.models.client import ANSWERS
from mle_star.models.store import reply_from
from mle_star.models.wallet import LEDGER
from mle_star.runs.checkpoints import TABLES, open_checkpoints, plain_serializer, readable
from mle_star.runs.databases import Row, connect, database_problem, salvage
from mle_star.runs.events import EventLog, has_begun, last_elapsed, read_events
from mle_star.runs.folder import write_bytes, write_text
from mle_star.runs.mending import DAMAGED, SIDES, Mending

CHECKPOINTS = "checkpoints.sqlite"
_NAMESPACE, _ID, _KIND, _CHECKPOINT, _METADATA = 1, 2, 4, 5, 6
"""Columns of the table ``checkpoints``."""
_WRITE_KIND, _WRITE_VALUE = 7, 8
"""Columns of the table ``writes``."""


def mend_answers(work: Mending) -> None:
    """Keep every answer that can still be read; the others are asked for again."""
    lost = "the others are asked for again"
    _mend(work, ANSWERS, ("answers",), "answers", lost, _is_answer)


def _is_answer(_: str, row: Row) -> bool:
    try:
        reply_from(json.loads(str(row[-1])))
    except (KeyError, TypeError, ValueError):
        return False
    return True


def mend_ledger(work: Mending) -> None:
    """Keep every entry that can still be read; what the others cost is not known any more."""
    lost = "what the others cost no longer counts against the caps"
    _mend(work, LEDGER, ("calls",), "entries", lost)


def mend_checkpoints(work: Mending) -> None:
    """Go back to the newest readable state of the whole graph; without any, to the first node.

    States of single branches are not kept: between rows that were lost they need not fit together.
    Scripts that were run are found by their content, so going back runs none of them again. The
    journal goes back as well, else the time they took would count twice.
    """
    begun = has_begun(work.path)
    with _copied(work.path / CHECKPOINTS) as copy:
        problem = _checkpoint_problem(copy, begun)
        if not problem:
            return
        target = copy.with_name("salvaged")
        since = _salvage_state(copy, target)
        where = f"its state of {since[:19].replace('T', ' ')} UTC" if since else "its first node"

        def act() -> None:
            work.set_aside(CHECKPOINTS)
            if since:
                _put(target, work.path / CHECKPOINTS)
            _rewind_journal(work, since, where)

        done = f"moved to {DAMAGED}/ with the journal; the run goes on from {where}, and scripts "
        work.report(CHECKPOINTS, problem, f"{done}that are finished are not run again", act)


def _salvage_state(path: Path, target: Path) -> str:
    """Put the newest state of the whole graph into a database of its own; returns when it was."""
    loads = plain_serializer().loads_typed
    times: dict[str, str] = {}

    def usable(_: str, row: Row) -> bool:
        if row[_NAMESPACE] != "":
            return False
        try:
            json.loads(cast(bytes, row[_METADATA]))
            state = loads((str(row[_KIND]), cast(bytes, row[_CHECKPOINT])))
            if not state["channel_values"].get("spec"):
                return False  # before the first node
            times[str(row[_ID])] = str(state["ts"])
        except Exception:  # noqa: BLE001 - garbage may end in anything
            return False
        return True

    if not _salvage(path, target, ("checkpoints",), usable).get("checkpoints"):
        return ""
    with closing(connect(target)) as database, database:
        database.execute(
            "DELETE FROM checkpoints WHERE rowid < (SELECT max(rowid) FROM checkpoints)"
        )
        (newest,) = database.execute("SELECT checkpoint_id FROM checkpoints").fetchone()
    return times[newest] if _holds_start(target) else ""


def _rewind_journal(work: Mending, since: str, where: str) -> None:
    """Begin the journal again with what it said when the state was stored."""
    events = read_events(work.path)
    last = max((n for n, event in enumerate(events) if event["time"] <= since), default=-1)
    kept = events[: last + 1]
    work.set_aside("events.jsonl")
    path = work.path / "events.jsonl"
    write_text(path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept))
    text = f"The checkpoints were damaged: the run went back to {where}."
    EventLog(path).append("note", node="", solution=-1, elapsed=last_elapsed(path), text=text)


def _checkpoint_problem(path: Path, begun: bool) -> str:
    if not path.exists():
        return "missing" if begun else ""
    problem = database_problem(path)
    if problem == "it is empty" and not begun:
        return ""  # killed as it began
    return problem or _unreadable_rows(path) or _without_start(path, begun)


def _without_start(path: Path, begun: bool) -> str:
    return "it holds no checkpoint of this run" if begun and not _holds_start(path) else ""


def _unreadable_rows(path: Path) -> str:
    sound = _sound(plain_serializer())
    with closing(connect(path)) as database:
        for table in TABLES:
            try:
                rows = database.execute(f'SELECT * FROM "{table}"').fetchall()
            except sqlite3.DatabaseError as error:
                return str(error)
            bad = sum(not sound(table, row) for row in rows)
            if bad:
                return f"{bad} of {len(rows)} rows of {table} can't be read"
    return ""


def _holds_start(path: Path) -> bool:
    """Whether there is a state of the whole graph to go on from."""
    try:
        with open_checkpoints(path) as saver:
            return bool(saver.newest_values())
    except Exception:  # noqa: BLE001 - whatever it is, there is none that can be used
        return False


def _sound(serializer: Any) -> Callable[[str, Row], bool]:
    def sound(table: str, row: Row) -> bool:
        if table == "writes":
            return readable(serializer, row[_WRITE_KIND], row[_WRITE_VALUE])
        return readable(serializer, row[_KIND], row[_CHECKPOINT])

    return sound


def _mend(
    work: Mending,
    name: str,
    tables: tuple[str, ...],
    what: str,
    lost: str,
    usable: Callable[[str, Row], bool] = lambda table, row: True,
) -> None:
    with _copied(work.path / name) as copy:
        problem = database_problem(copy)
        if not problem or (problem == "it is empty" and not _asked_models(work)):
            return
        target = copy.with_name("salvaged")
        kept = _salvage(copy, target, tables, usable)

        def act() -> None:
            work.set_aside(name)
            if kept:
                _put(target, work.path / name)

        count = sum(kept.values())
        work.report(name, problem, f"moved aside; {count} {what} were saved, {lost}", act)


def _asked_models(work: Mending) -> bool:
    return any(event["kind"] == "model_called" for event in read_events(work.path))


@contextmanager
def _copied(path: Path) -> Iterator[Path]:
    """A copy of a database: reading a damaged one may change it."""
    with tempfile.TemporaryDirectory(prefix="mle-star-repair-") as folder:
        for side in SIDES:
            source = path.with_name(path.name + side)
            if source.exists():
                shutil.copyfile(source, Path(folder, source.name))
        yield Path(folder, path.name)


def _put(source: Path, target: Path) -> None:
    write_bytes(target, source.read_bytes())


def _salvage(
    path: Path,
    target: Path,
    tables: tuple[str, ...],
    usable: Callable[[str, Row], bool] = lambda table, row: True,
) -> dict[str, int]:
    if not path.exists() or not path.stat().st_size:
        return {}
    try:
        return salvage(path, target, tables, usable)
    except sqlite3.DatabaseError:
        return {}
