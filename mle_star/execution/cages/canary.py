"""Whether a level holds on this machine: a script that tries to get out, run as every script is.

"Installed" is not "works": a kernel, a container or a security module can take away the half of
what a level needs. So nothing is believed that was not tried.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from mle_star.errors import MleStarError
from mle_star.execution.base import Execution, Job, Limits
from mle_star.execution.disk import remove

_SCRIPT = """
import json, os, socket
MARK, FILE, PORT = {mark!r}, {file!r}, {port}
leaks = []
try:
    open(FILE).close()
    leaks.append("read a file beside its folder")
except OSError:
    pass
try:
    socket.create_connection(("127.0.0.1", PORT), 2).close()
    leaks.append("reached a port of this machine")
except OSError:
    pass
for name in os.listdir("/proc"):
    try:
        if name.isdigit() and MARK in open("/proc/" + name + "/environ", "rb").read():
            leaks.append("read the environment of another process")
            break
    except OSError:
        pass
wrong = []
def attempt(what, action):
    try:
        action()
    except Exception as error:
        wrong.append(what + " (" + type(error).__name__ + ": " + str(error) + ")")
def semaphore():
    import _multiprocessing
    _multiprocessing.SemLock(1, 1, 1, "/" + MARK.decode(), True)
def see():
    if open("input/one.txt").read() + open("input/folder/two.txt").read() != "onetwo":
        raise ValueError("other content")
attempt("read its input", see)
attempt("make a semaphore", semaphore)
open("final/canary.json", "w").write(json.dumps({{"leaks": leaks, "wrong": wrong}}))
"""
_LIMITS = Limits(wall_seconds=30.0, memory_mb=512, disk_mb=16, output_mb=1, processes=16)
_PREFIX = "mle-star-canary-"
_ANSWER = "final/canary.json"


@functools.cache
def failure(level: str, python: str, image: str = "") -> str:
    """Why a level can't be had here, as a phrase; empty when it holds. Tried once per process.

    Raises:
        SettingsError: the interpreter can't be started, there is no such level, or no such image.
    """
    from mle_star.execution.cages.engine import image_digest, sweep
    from mle_star.execution.cages.places import interpreter

    if image:
        image_digest(image)
        sweep()
    else:
        interpreter(python)  # no level can mend that
    try:
        _sweep()
        with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
            done = _run(level, python, image, Path(folder))
            return _judge(done)
    except (MleStarError, OSError) as error:
        return " ".join(str(error).split())


def _run(level: str, python: str, image: str, folder: Path) -> Execution:
    from mle_star.execution.process import LocalExecutor

    mark = "canary" + secrets.token_hex(8)
    secret = folder / "secret.txt"
    secret.write_text(mark, encoding="utf-8")
    view = folder / "view"
    (view / "folder").mkdir(parents=True)
    (view / "one.txt").write_text("one", encoding="utf-8")
    (view / "folder" / "two.txt").write_text("two", encoding="utf-8")
    executor = LocalExecutor(python=python, level=level, image=image)
    try:
        with _listener() as port, _bystander(mark):
            script = _SCRIPT.format(mark=mark.encode(), file=str(secret), port=port)
            job = Job(
                script, folder / "job", {"": view}, "canary", (_ANSWER,), _LIMITS, label="canary"
            )
            return executor.submit(job).result()
    finally:
        executor.shutdown()


def _sweep() -> None:
    """Remove what processes left that were killed during their trial."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(folder.name.removeprefix(_PREFIX).partition("-")[0])
            if not psutil.pid_exists(pid) and folder.lstat().st_uid == os.getuid():
                remove(folder)


def _judge(done: Execution) -> str:
    if done.outcome != "ok":
        return f"its trial script ended as {done.outcome}: {done.problem}"
    try:
        answer = json.loads(done.artefacts[_ANSWER].path.read_text(encoding="utf-8"))
        leaks, wrong = list(answer["leaks"]), list(answer["wrong"])
    except (OSError, ValueError, KeyError, TypeError):
        return "its trial script left no answer"
    if leaks:
        return f"a script could {' and '.join(leaks)}"
    return f"a script could not {' and '.join(wrong)}" if wrong else ""


@contextmanager
def _listener() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@contextmanager
def _bystander(mark: str) -> Iterator[None]:
    """A process that is none of the script's, with something to hide in its environment."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "input()"],
        env={"MLE_STAR_CANARY": mark},
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.kill()
        process.communicate()
