"""Databases of a run that are damaged, or that another program holds."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mle_star.errors import RunError
from mle_star.graph.solving import resume
from mle_star.models.base import Call, Reply, Usage
from mle_star.models.ledger import Ledger
from mle_star.models.store import AnswerStore
from mle_star.runs import EventLog, databases
from mle_star.runs.repair import repair_run
from tests.faults.outcomes import finished_scripts, outcome, run_again

PAGE = 4096


def truncate(path: Path) -> None:
    settle(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4 - 100])


def zero(path: Path) -> None:
    settle(path)
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path) -> None:
    settle(path)
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    settle(path)
    content, chance = bytearray(path.read_bytes()), random.Random(0)
    for start in range(PAGE * 2, len(content), PAGE * 5):
        content[start : start + PAGE] = chance.randbytes(len(content[start : start + PAGE]))
    path.write_bytes(content)


def newest_value(path: Path) -> None:
    """Garbage in a value is a sound database."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "UPDATE checkpoints SET checkpoint = x'C1C1C1' WHERE rowid = "
            "(SELECT max(rowid) FROM checkpoints WHERE checkpoint_ns = '')"
        )


def gone(path: Path) -> None:
    settle(path)
    path.unlink()


def settle(path: Path) -> None:
    """Bring everything into the one file."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for side in ("-wal", "-shm"):
        path.with_name(path.name + side).unlink(missing_ok=True)


@pytest.mark.parametrize("damage", [truncate, zero, garbage, newest_value, gone])
def test_damaged_checkpoints_are_named_and_repaired_without_running_a_script_again(
    stopped: Path, undisturbed: dict[str, Any], damage: Callable[[Path], None]
) -> None:
    path = stopped / "checkpoints.sqlite"
    damage(path)
    content = path.read_bytes() if path.exists() else b""
    before = finished_scripts(stopped)
    with pytest.raises(RunError, match=f"damaged .*mle-star repair {stopped}"):
        resume(stopped)
    found = repair_run(stopped)
    assert [finding.file for finding in found] == ["checkpoints.sqlite"]
    assert all(finding.mended for finding in found)
    assert repair_run(stopped) == [], "a second look finds nothing"
    kept = stopped / "damaged" / "checkpoints.sqlite"
    assert not content or kept.read_bytes()[:PAGE] == content[:PAGE]
    assert outcome(resume(stopped)) == undisturbed
    assert run_again(before, stopped) == []


def paid(run: Path, count: int = 200) -> None:
    """What a run with a model leaves: its answers, and what they cost."""
    answers, ledger = AnswerStore(run / "answers.sqlite"), Ledger(run / "calls.sqlite")
    for number in range(count):
        usage = Usage(input=100, output=number)
        reply = Reply(f"answer {number} " * 30, "m:m", "stop", usage, 1.0)
        answers.put(f"key {number}", "writer", 0, reply)
        ledger.insert(Call("writer", "write", 0, "m:m", usage, 1.0, 0.5, "answered"))
    EventLog(run / "events.jsonl").append("model_called", node="write", solution=0, elapsed=0.0)


@pytest.mark.parametrize("damage", [truncate, zero, empty, garbage])
@pytest.mark.parametrize("name", ["answers.sqlite", "calls.sqlite"])
def test_damaged_answers_and_bills_are_named_and_salvaged_row_by_row(
    stopped: Path, name: str, damage: Callable[[Path], None]
) -> None:
    paid(stopped)
    damage(stopped / name)
    with pytest.raises(RunError, match=f"{name} is damaged .*mle-star repair"):
        resume(stopped)
    (finding,) = repair_run(stopped)
    assert finding.file == name
    assert repair_run(stopped) == []
    store = AnswerStore(stopped / "answers.sqlite")
    answers = sum(store.get(f"key {number}") is not None for number in range(200))
    calls = len(Ledger(stopped / "calls.sqlite").read())
    whole, hurt = (calls, answers) if name == "answers.sqlite" else (answers, calls)
    assert whole == 200
    if damage in (truncate, garbage):
        assert 0 < hurt <= 200, "what can still be read is kept"
        assert f"{hurt} " in finding.done


HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_database_that_another_program_holds_is_waited_for_then_named(
    stopped: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "LOCK_SECONDS", 0.3)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(stopped / "checkpoints.sqlite")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(RunError, match=r"in use by another program .*mle-star resume"):
            resume(stopped)
        holder.communicate()
    assert outcome(resume(stopped)) == undisturbed
