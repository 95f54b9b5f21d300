"""An executor as one would write it in ten minutes. Every attack must succeed against it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from mle_star.execution import Artefact, Capture, Execution, Executor, Isolation, Job, ScriptError
from mle_star.execution.scoreline import parse_score_line
from mle_star.state import Outcome


class NaiveExecutor(Executor):
    """A plain subprocess, its output kept whole, its files read as they come."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def submit(self, job: Job) -> Future[Execution]:
        """Run the job here and now in a thread of its own."""
        future: Future[Execution] = Future()

        def work() -> None:
            try:
                future.set_result(self._run(job))
            except Exception as error:  # noqa: BLE001 - the future carries it
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def capabilities(self) -> Isolation:
        """None."""
        return Isolation("naive")

    def cancel_all(self) -> None:
        """Kill what was started, and nothing that this started."""
        for process in self._running:
            process.kill()

    def shutdown(self) -> None:
        """Nothing is held."""

    def _run(self, job: Job) -> Execution:
        for name in ("input", "final", "tmp"):
            (job.folder / name).mkdir(parents=True, exist_ok=True)
        (job.folder / "script.py").write_text(job.script)
        for name, source in job.inputs.items():
            for path in source.iterdir() if name == "" else [source]:
                target = job.folder / "input" / (path.name if name == "" else name)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists():
                    target.symlink_to(path)
        begun = time.monotonic()
        # A shell between us and the script, so that a script that kills its parent does not hit us.
        process = subprocess.Popen(
            ["/bin/sh", "-c", '"$0" -u script.py; exit $?', sys.executable],
            cwd=job.folder,
            # The environment is handed on, all but the home, in which attacks plant files.
            env={**os.environ, "HOME": str(job.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            close_fds=False,
        )
        self._running.append(process)
        timed_out = False
        try:
            out, err = process.communicate(timeout=job.limits.wall_seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            process.kill()
            out, err = process.communicate()
        code = process.returncode
        outcome: Outcome = "timeout" if timed_out else "ok" if code == 0 else "error"
        return self._result(job, outcome, out, err, code, time.monotonic() - begun)

    def _result(
        self, job: Job, outcome: Outcome, out: bytes, err: bytes, code: int, wall: float
    ) -> Execution:
        stderr = err.decode("utf-8", "surrogateescape")
        lines = stderr.strip().splitlines()
        kind, _, message = stderr.rpartition("\n  ")[2].partition(": ")
        stdout = out.decode("utf-8", "surrogateescape")
        (job.folder / "stdout.log").write_bytes(out)
        return Execution(
            key="",
            outcome=outcome,
            exit_code=code,
            signal=None,
            stdout=Capture(head=stdout, total=len(out)),
            stderr=Capture(head=stderr, total=len(err)),
            exception=ScriptError(kind, message, None, stderr) if lines and code else None,
            wall_seconds=wall,
            cpu_seconds=None,
            peak_memory_mb=None,
            disk_mb=0.0,
            processes=1,
            artefacts=dict(self._files(job.folder)),
            isolation=self.capabilities(),
            printed=parse_score_line(stdout).value,
            problem="" if outcome == "ok" else message or outcome,
        )

    def _files(self, folder: Path) -> Iterator[tuple[str, Artefact]]:
        for path in sorted((folder / "final").rglob("*")):
            if not path.is_file():
                continue
            with path.open("rb") as stream:
                data = stream.read(1 << 24)
            with contextlib.suppress(Exception):
                pickle.loads(data)
            if path.suffix == ".zip":
                with contextlib.suppress(Exception):
                    zipfile.ZipFile(path).extractall(folder)
                    path.unlink()
                    shutil.copy(folder / "script.py", path)
            sha256 = hashlib.sha256(data).hexdigest()
            yield path.relative_to(folder).as_posix(), Artefact(path, sha256, path.stat().st_size)
