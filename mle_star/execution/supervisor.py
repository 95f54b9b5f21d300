"""The process between the harness and a script, run as ``python -I -S supervisor.py``.

It adopts every orphan below it (Linux: child subreaper), so that nothing a script starts can leave
the tree, and ends the whole tree when the script ends or when the harness does (its standard
input, a pipe from the harness, reaches its end). It also spares the harness ``preexec_fn``, which
is not safe in a process with threads.

It reads one line from its standard input, a JSON object: ``command`` (list), ``files`` (word of
the command -> text to read from a descriptor, whose number takes the word's place), ``status``
(file descriptor to report on), ``announced`` (whether the command reports there too), ``engine``
(whether it is the client of a container engine: its standard input then ends with this process, and
it may raise its rights), ``limits`` (name of an rlimit -> soft and hard value) and ``cores``
(list). It reports lines of JSON:
``{"failed": text}`` when the command could not be started, ``{"ended": wait status}`` when it
ended, ``{"cpu": seconds}`` when everything it left behind has ended too.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterable
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 36, 38
_IGNORED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SWEEP_ROUNDS = 400


def read_stat(pid: int) -> tuple[int, int, int, int] | None:
    """What ``/proc`` says of a process; None when it is gone or a zombie.

    That is: its parent, its start time (ticks since boot), and the processor time (ticks) of itself
    and of those of its children that it has waited for.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return None
    try:
        # The name is in parentheses and may hold anything, parentheses included.
        fields = os.read(descriptor, 4096).rpartition(b")")[2].split()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    own, waited = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    return int(fields[1]), int(fields[19]), own, waited


def list_pids() -> list[int]:
    """Every process id in ``/proc``."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208


def descendants(root: int) -> dict[int, int]:
    """Everything below a process: pid -> start time."""
    parents: dict[int, tuple[int, int, int, int]] = {}
    for pid in list_pids():
        found = read_stat(pid)
        if found:
            parents[pid] = found
    below: dict[int, int] = {}
    reached = {root}
    while reached:
        reached = {p for p, stat in parents.items() if stat[0] in reached and p not in below}
        below.update((pid, parents[pid][1]) for pid in reached)
    return below


def kill_groups(pids: Iterable[int]) -> None:
    """Kill the process groups these descendants are in, each by one call that no fork can outrun.

    A script begins a session of its own, so a group of its descendants holds nothing else.
    """
    groups = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            groups.add(os.getpgid(pid))
    for group in groups - {os.getpgrp()}:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)


def main() -> None:
    """Start the script, wait for it, sweep up behind it."""
    config = json.loads(_first_line())
    status = int(config["status"])
    os.set_inheritable(status, False)
    linux = sys.platform == "linux"
    if linux:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    wake, woken = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    child = _start(config, status, linux)
    ended = False
    while not ended:
        ready, _, _ = select.select([0, wake], [], [])
        with contextlib.suppress(BlockingIOError):
            os.read(wake, 512)
        ended = _reap(child, status)[0] or 0 in ready
    _sweep(child, status, linux)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1024 if linux else 1
    _report(status, {"cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * unit})


def _first_line() -> bytes:
    """The line the harness writes; what keeps the pipe open after it is that the harness lives."""
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            os._exit(127)
        text += piece
    return text


def _start(config: dict[str, Any], status: int, linux: bool) -> int:
    parent = os.getpid()
    # Nobody writes to it, and its other end is open for as long as this process is there.
    standard_input = os.pipe()[0] if config["engine"] else os.open(os.devnull, os.O_RDONLY)
    pid = os.fork()
    if pid:
        os.close(standard_input)
        return pid
    try:
        os.setsid()
        for number in (*_IGNORED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        if linux:
            _harden(parent, raising=config["engine"])
        _limit(config["limits"])
        if linux and config["cores"]:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, config["cores"])
        os.dup2(standard_input, 0)
        command = _with_files(config["command"], config["files"])
        os.set_inheritable(status, config["announced"])
        os.execv(command[0], command)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the harness must hear of it
        _report(status, {"failed": f"{type(error).__name__}: {error}"})
    os._exit(127)


def _with_files(command: list[str], files: dict[str, str]) -> list[str]:
    """Put the number of an open descriptor in the place of each word that stands for a text."""
    numbers = {}
    for word, text in files.items():
        descriptor = os.memfd_create("text", 0)
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
        os.lseek(descriptor, 0, os.SEEK_SET)
        numbers[word] = str(descriptor)
    return [numbers.get(word, word) for word in command]


def _harden(parent: int, raising: bool) -> None:
    if not raising:  # podman starts its containers by programs with the rights of others
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:  # it died before the line above
        os._exit(127)
    # When memory runs out, the kernel shall pick the script, not the harness or the user's desktop.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as stream:  # noqa: PTH123
        stream.write("800")


def _limit(limits: dict[str, list[int]]) -> None:
    for name, pair in limits.items():
        kind = getattr(resource, name)
        most = resource.getrlimit(kind)[1]
        soft, hard = pair if most == resource.RLIM_INFINITY else [min(v, most) for v in pair]
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (soft, hard))


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _reap(child: int, status: int) -> tuple[bool, bool]:
    """Collect every ended process; whether the script is among them, and whether any is left."""
    ended = False
    while True:
        try:
            pid, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended, False
        if pid == 0:
            return ended, True
        if pid == child:
            _report(status, {"ended": code})
            ended = True


def _sweep(child: int, status: int, linux: bool) -> None:
    """Kill everything below until nothing is left."""
    for _ in range(_SWEEP_ROUNDS):
        if linux:
            kill_groups(descendants(os.getpid()))
        else:
            with contextlib.suppress(OSError):
                os.killpg(child, signal.SIGKILL)
        if not _reap(child, status)[1]:
            return
        time.sleep(0.005)


def _report(status: int, line: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        os.write(status, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
