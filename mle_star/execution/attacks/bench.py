"""Where a check runs: a fake home, task and run with canaries, and the means to see harm done."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from mle_star.execution.attacks import bystander, harm
from mle_star.execution.attacks.bystander import Bystander
from mle_star.execution.base import Artefact, Execution, Executor, Job, Limits

PATIENCE = 60.0
"""Seconds to wait for a result before an executor counts as stuck."""

GOOD = """
with open("final/oof.csv", "w") as stream:
    stream.write("id,y\\n1,0.5\\n")
with open("final/submission.csv", "w") as stream:
    stream.write("id,y\\n2,0.5\\n")
print("Final Validation Performance: 0.75")
"""
"""A script that does its duty."""

_PRELUDE = """
import json, os, sys
P = json.loads({places!r})
def loot(value):
    print(value)
    with open("final/loot.txt", "a") as stream:
        print(value, file=stream)
def attempt(*actions):
    for action in actions:
        try:
            value = action()
            if value is not None:
                loot(value)
        except Exception as error:
            print("attempt:", type(error).__name__, error)
"""
_TRIED = "every attempt was made"


class NotRun(Exception):
    """A check can't be run here; its text says why."""


class Broken(Exception):
    """A check did not do what it was to do, so it says nothing about the executor."""


def expect(condition: object, text: str) -> None:
    """Raise AssertionError with a text unless a condition holds; also under ``python -O``."""
    if not condition:
        raise AssertionError(text)


@dataclass(frozen=True)
class Check:
    """One statement about an executor.

    ``run(executor, bench)`` returns when it holds and raises AssertionError when it does not.
    """

    name: str
    family: str
    title: str
    run: Callable[[Executor, Bench], None]
    linux: bool = False
    """Whether it makes sense on Linux only."""


@dataclass
class Family:
    """Collects the checks of a module; used as a decorator."""

    name: str
    checks: list[Check] = field(default_factory=list)

    def __call__(
        self, name: str, title: str, *, linux: bool = False
    ) -> Callable[[Callable[[Executor, Bench], None]], Callable[[Executor, Bench], None]]:
        """Register a function as a check."""

        def register(run: Callable[[Executor, Bench], None]) -> Callable[[Executor, Bench], None]:
            self.checks.append(Check(name, self.name, title, run, linux))
            return run

        return register


class Bench:
    """The surroundings of one check, made afresh and removed by :meth:`close`.

    Below ``root``: ``home`` (files of the user), ``task`` (the task folder with hidden labels) and
    ``run`` (views, the harness's own data, trials). The job folder is named by ``token``, so every
    process of the script carries it in its environment.

    Args:
        root: an empty folder of the check's own.
        show: makes text fit for a terminal; None: nothing is shown.
    """

    def __init__(self, root: Path, show: Callable[[object], str] | None = None) -> None:
        self.root = root.resolve()
        self.token = f"job{secrets.token_hex(8)}"
        self.secret = f"canary{secrets.token_hex(8)}"
        self.show = show
        self.job = self.root / "run" / "trials" / self.token
        self.view = self.root / "run" / "views" / "search"
        self.home = self.root / "home"
        self._undo: list[Callable[[], object]] = []
        self.places: dict[str, Any] = {
            "root": str(self.root), "job": str(self.job), "token": self.token,
            "harness": os.getpid(),
        }  # fmt: skip
        for name, path in self._canaries().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{self.secret}\n", encoding="utf-8")
            self.places[name] = str(path)
        self.view.mkdir(parents=True)
        for name in ("train.csv", "test.csv"):
            (self.view / name).write_text("id,y\n1,0.5\n", encoding="utf-8")
        self.before = self._snapshot()

    def _canaries(self) -> dict[str, Path]:
        run = self.root / "run"
        notes = {f"note{n}": self.home / f"note{n}.txt" for n in range(6)}
        return notes | {
            "ssh": self.home / ".ssh" / "id_ed25519",
            "cloud": self.home / ".aws" / "credentials",
            "named": self.home / f"{self.secret}.txt",
            "audit": run / "views" / "harness" / "audit.csv",
            "labels": self.root / "task" / "labels.csv",
            "record": run / "run.json",
            "other": run / "trials" / "other" / "final" / "submission.csv",
        }

    def script(self, body: str) -> str:
        """A whole script: where things are, the body, and a last line that says it was tried."""
        places = json.dumps(self.places)
        return f"{_PRELUDE.format(places=places)}{textwrap.dedent(body)}\nprint({_TRIED!r})\n"

    def make(self, script: str, **fields: Any) -> Job:
        """A job with short limits; names of limits go to its limits."""
        names = [name for name in fields if name in Limits.__dataclass_fields__]
        limits: dict[str, Any] = {"wall_seconds": 20.0, "memory_mb": 400, "processes": 40}
        limits |= {name: fields.pop(name) for name in names}
        fields.setdefault("required", ())
        fields.setdefault("digest", self.token)
        folder = fields.pop("folder", self.job)
        return Job(textwrap.dedent(script), folder, limits=Limits(**limits), **fields)

    def run(self, executor: Executor, script: str, **fields: Any) -> Execution:
        """Run a plain script."""
        return executor.submit(self.make(script, **fields)).result(PATIENCE)

    def attack(self, executor: Executor, body: str, **fields: Any) -> Execution:
        """Run an attack that must come to its last line, whatever each attempt brought."""
        done = self.run(executor, self.script(body), **fields)
        tried(done)
        return done

    def leaked(self, done: Execution) -> bool:
        """Whether the secret is in anything that came of a run."""
        texts = [done.stdout.text, done.stderr.text, done.problem]
        texts += [read(artefact) for artefact in done.artefacts.values()]
        return any(self.secret in text for text in texts)

    def changes(self) -> list[str]:
        """What is not as it was in home, task and run, the job's own folder left out."""
        now = self._snapshot()
        names = sorted(now.keys() | self.before.keys())
        return [name for name in names if now.get(name) != self.before.get(name)]

    def note(self) -> None:
        """Take what lies around now as the state to compare with."""
        self.before = self._snapshot()

    def _snapshot(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for parent, folders, names in os.walk(self.root):
            here = Path(parent)
            folders[:] = [name for name in folders if not name.startswith(self.token)]
            for name in (*folders, *names):
                found[str((here / name).relative_to(self.root))] = harm.look(here / name)
        return found

    def bystander(self) -> Bystander:
        """Start one that holds the secret; the script is told where."""
        other = bystander.start(self.secret, Path(self.places["note0"]))
        self._undo.append(other.end)
        self.places |= {
            "pid": other.process.pid,
            "address": other.address,
            "length": other.length,
            "fd": other.descriptor,
        }
        return other

    def survivors(self) -> list[int]:
        """Processes of this check's scripts that still run."""
        return [process.pid for process in harm.carrying(self.token)]

    def gone(self, seconds: float = 2.0) -> bool:
        """Whether every process of this check's scripts is gone within some seconds."""
        deadline = time.monotonic() + seconds
        while self.survivors():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def pause(self) -> None:
        """Wait a moment between two looks."""
        time.sleep(0.02)

    def undo(self, action: Callable[[], object]) -> None:
        """Do something when the check is over, whatever came of it."""
        self._undo.append(action)

    def close(self) -> None:
        """End what still runs and remove everything."""
        for process in harm.carrying(self.token):
            with contextlib.suppress(psutil.Error):
                process.kill()
        for action in reversed(self._undo):
            with contextlib.suppress(OSError):
                action()
        with contextlib.suppress(OSError):
            for parent, _, _ in os.walk(self.root):
                os.chmod(parent, stat.S_IRWXU)  # noqa: PTH101 - a script may have closed it
        shutil.rmtree(self.root, ignore_errors=True)


def tried(done: Execution) -> None:
    """Make sure that an attack came to its last line: one that did not proves nothing.

    Raises:
        Broken: it did not.
    """
    if not done.stdout.text.rstrip().endswith(_TRIED):
        raise Broken(f"the attack did not come to its end ({done.outcome}: {done.problem})")


def read(artefact: Artefact) -> str:
    """An artefact as text, its first MiB."""
    with artefact.path.open("rb") as stream:
        return stream.read(1 << 20).decode("utf-8", "replace")
