"""Layout of a run folder.

    runs/<name>/
      run.json          versions, settings, task, status
      task.json         the resolved TaskSpec
      profile.json      the data profile
      views/            what scripts see (search, smoke, full) and, apart from it, what only the
      harness sees
      scripts/<sha>.py  every script, once, by content
      trials/<key>/     one run of a script on the search view: output, execution.json, final/*.csv
      studies/<key>/    ablation studies
      final/<key>/      runs on the full view
      events.jsonl      what happened, one line each
      checkpoints.sqlite
      lock              held by the process that drives the run
      damaged/          what ``mle-star repair`` took out of the way
      submission.csv    solution/
      report.html       everything above on one page

A folder is never overwritten: a new run gets a new name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from mle_star.errors import RunError


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, flush it to disk, then rename it into place."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Like :func:`write_text`; a write that fails leaves the old file and nothing else."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def leftovers(run: Path) -> list[Path]:
    """What writes that were cut short have left below a run that nobody drives; never read."""
    patterns = (".*.tmp", "*/.*.tmp", "*/*/.execution.json.*", ".submission.csv.*", "*.partial")
    return sorted(path for pattern in patterns for path in run.glob(pattern))


def remove(path: Path) -> None:
    """Remove a file or a folder, without following links."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class RunFolder:
    """Paths and records of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder for a new run.

        Raises:
            RunError: the folder already holds a run, or can't be written.
        """
        if (path / "run.json").exists():
            raise RunError(
                f"{path} already holds a run: resume it with 'mle-star resume {path}' or choose "
                "another name."
            )
        try:
            for name in ("scripts", "trials", "studies", "final", "views"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"The run folder {path} can't be made ({error.strerror}): choose another one with "
                "--runs-dir."
            ) from None
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing run.

        Raises:
            RunError: there is no run in this folder.
        """
        if not (path / "run.json").is_file():
            raise RunError(f"{path} is not a run folder: 'mle-star runs' lists the runs there are.")
        return cls(path)

    @property
    def checkpoints(self) -> Path:
        """SQLite database of the graph's checkpoints."""
        return self.path / "checkpoints.sqlite"

    @property
    def processes(self) -> Path:
        """Record of the process groups that run now, for whoever has to clean up after a crash."""
        return self.path / "processes.json"

    @property
    def views(self) -> Path:
        """Folder of the data views."""
        return self.path / "views"

    @property
    def submission(self) -> Path:
        """The final submission."""
        return self.path / "submission.csv"

    @property
    def solution(self) -> Path:
        """Folder with the runnable solution."""
        return self.path / "solution"

    def trial(self, key: str) -> Path:
        """Folder of a run on the search view."""
        return self.path / "trials" / key[:16]

    def study(self, key: str) -> Path:
        """Folder of an ablation study."""
        return self.path / "studies" / key[:16]

    def full_run(self, key: str) -> Path:
        """Folder of a run on the full view."""
        return self.path / "final" / key[:16]

    def save_script(self, text: str) -> str:
        """Store a script by content; returns its sha256."""
        digest = hashlib.sha256(text.encode()).hexdigest()
        target = self.path / "scripts" / f"{digest[:16]}.py"
        if not target.exists():
            write_text(target, text)
        return digest

    def script(self, digest: str) -> str:
        """Text of a stored script.

        Raises:
            RunError: the file is not there, or is not what was stored.
        """
        path = self.path / "scripts" / f"{digest[:16]}.py"
        try:
            text = path.read_bytes().decode()
        except OSError:
            raise RunError(f"{path} is missing: the run folder is not complete.") from None
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise RunError(f"{path} was changed after the run stored it: restore it to go on.")
        return text

    def record(self) -> dict[str, Any]:
        """What ``run.json`` says.

        Raises:
            RunError: the file can't be read.
        """
        return read_record(self.path)

    def update(self, **fields: Any) -> None:
        """Change fields of ``run.json``."""
        with self._lock:
            path = self.path / "run.json"
            old = self.record() if path.exists() else {}
            write_json(path, {**old, **fields})


def read_record(path: Path) -> dict[str, Any]:
    """``run.json`` of a run folder.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        value = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise RunError(
            f"{path / 'run.json'} can't be read: this is not a whole run folder."
        ) from None
    if not isinstance(value, dict):
        raise RunError(f"{path / 'run.json'} does not describe a run.")
    return value
