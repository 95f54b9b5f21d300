"""Outliving the script, and hurting whoever else runs on the machine."""

from __future__ import annotations

import signal

import psutil

from mle_star.execution.attacks.bench import GOOD, Bench, Family, expect, tried
from mle_star.execution.attacks.resources import SOON
from mle_star.execution.base import Executor

processes = Family("processes")

DAEMON = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (1, 2, 15):
            signal.signal(number, signal.SIG_IGN)
        open("tmp/ready", "w").close()
        {then}
        time.sleep(9)
    os._exit(0)
while not os.path.exists("tmp/ready"):
    time.sleep(0.01)
"""
"""A process of a session of its own whose parent is gone; it holds the streams of the script."""

BARE = (
    "os.execve(sys.executable, [sys.executable, '-S', '-c', 'import time; time.sleep(9)', "
    "{token!r}], {{}})"
)
"""The daemon again, without the environment by which it could be told."""

HOPPING = """
import os, sys, time
for hop in range(60):
    if os.fork():
        os._exit(0)
    if hop == 30:
        os.kill(int(sys.argv[1]), 9)
    time.sleep(0.005)
time.sleep(9)
"""
"""One process at a time, each the child of the one before: who looks now and then loses it."""

HOP = (
    "os.execve(sys.executable, [sys.executable, '-S', '-c', {program!r}, str(keeper), "
    "{token!r}], {{}})"
)

DEAF = """
import signal
for number in (1, 2, 15):
    signal.signal(number, signal.SIG_IGN)
"""

_KEEPER = """
import os, sys
keeper = os.getppid()
if keeper == {harness}:  # it is spared
    sys.exit("the harness itself is the parent")
"""

KILL_KEEPER = """
import time
os.kill(keeper, 9)
time.sleep(12)
"""

SIGNAL = """
import signal
attempt(lambda: os.kill(P["pid"], P["signal"]), lambda: os.killpg(P["pid"], P["signal"]))
"""

SLOW = """
attempt(
    lambda: os.setpriority(os.PRIO_PROCESS, P["pid"], 19),
    lambda: os.sched_setaffinity(P["pid"], {min(os.sched_getaffinity(0))}),
)
"""

TRACE = """
import ctypes, time
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
def trace():
    if libc.ptrace(16, P["pid"], None, None):
        raise OSError(ctypes.get_errno(), "not attached")
    time.sleep(1.5)
    os._exit(7)
attempt(trace)
"""

POKE = """
import ctypes
class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
libc = ctypes.CDLL(None, use_errno=True)
def vector():
    value = ctypes.create_string_buffer(b"spoilt")
    here, there = Vector(ctypes.addressof(value), 7), Vector(P["address"], 7)
    libc.process_vm_writev(P["pid"], ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
def memory():
    with open(f"/proc/{P['pid']}/mem", "r+b", buffering=0) as stream:
        stream.seek(P["address"])
        stream.write(b"spoilt\\0")
attempt(vector, memory)
"""


@processes("daemon", "leave a daemon that holds the output open")
def daemon(executor: Executor, bench: Bench) -> None:
    """The script itself ended well and at once, so that is the result; the daemon is ended."""
    done = bench.run(executor, DAEMON.format(then="") + GOOD)
    expect(done.outcome == "ok", f"outcome {done.outcome}: {done.problem}")
    expect(done.wall_seconds < 7, "the result waited for the daemon")
    expect(bench.gone(), "the daemon lives")


@processes("daemon-bare", "leave a daemon with an empty environment")
def daemon_bare(executor: Executor, bench: Bench) -> None:
    """So that nothing tells whose it is."""
    then = BARE.format(token=bench.token)
    done = bench.run(executor, DAEMON.format(then=then) + GOOD)
    expect(done.outcome == "ok", f"outcome {done.outcome}: {done.problem}")
    expect(done.wall_seconds < 7, "the result waited for the daemon")
    expect(bench.gone(), "the daemon lives")


@processes("term-ignored", "ignore SIGTERM, with a daemon that ignores it too")
def term_ignored(executor: Executor, bench: Bench) -> None:
    """The whole tree is gone within 2 s of the limit."""
    script = DEAF + DAEMON.format(then="") + "time.sleep(9)"
    done = bench.run(executor, script, wall_seconds=1.5)
    expect(done.outcome == "timeout", f"outcome {done.outcome}: {done.problem}")
    expect(done.wall_seconds < 1.5 + SOON, f"it took {done.wall_seconds:.1f} s to stop it")
    expect(bench.gone(), "processes are left")


def _keeper(bench: Bench) -> str:
    return _KEEPER.format(harness=bench.places["harness"])


@processes("kill-keeper", "kill whatever process is its parent")
def kill_keeper(executor: Executor, bench: Bench) -> None:
    """Never a success, never a process left, and the executor goes on."""
    done = bench.run(executor, _keeper(bench) + KILL_KEEPER, wall_seconds=3.0)
    expect(done.outcome != "ok", "the outcome is ok")
    expect("harness itself" not in done.problem, "the harness itself is the script's parent")
    expect(done.wall_seconds < 8, "the result waited for the script")
    expect(bench.gone(), "processes are left")
    again = bench.run(executor, GOOD)
    expect(again.outcome == "ok", f"the next script: {again.outcome}: {again.problem}")


@processes("outlive-keeper", "kill its parent and live on with an empty environment", linux=True)
def outlive_keeper(executor: Executor, bench: Bench) -> None:
    """Nobody is left who knows that the process belongs to a script."""
    then = HOP.format(token=bench.token, program=HOPPING)
    script = _keeper(bench) + DAEMON.format(then=then)
    done = bench.run(executor, script + "time.sleep(8)", wall_seconds=4.0)
    expect("harness itself" not in done.problem, "the harness itself is the script's parent")
    expect(done.wall_seconds < 7, "the result waited for the process")
    expect(bench.gone(), "a process lives on")


def _signals(executor: Executor, bench: Bench, number: int) -> None:
    other = bench.bystander()
    bench.places["signal"] = int(number)
    bench.attack(executor, SIGNAL)
    expect(other.process.poll() is None, "the other process was killed")
    stopped = psutil.Process(other.process.pid).status() == psutil.STATUS_STOPPED
    expect(not stopped, "the other process was stopped")


@processes("kill-others", "kill another process of the user (the harness)")
def kill_others(executor: Executor, bench: Bench) -> None:
    """A bystander stands for the harness, which the tests want to keep."""
    _signals(executor, bench, signal.SIGKILL)


@processes("stop-others", "stop another process of the user for ever")
def stop_others(executor: Executor, bench: Bench) -> None:
    """SIGSTOP needs no handler and leaves no trace."""
    _signals(executor, bench, signal.SIGSTOP)


@processes("slow-others", "take priority and cores from another process", linux=True)
def slow_others(executor: Executor, bench: Bench) -> None:
    """A process at the lowest priority hardly runs beside a busy one."""
    other = psutil.Process(bench.bystander().process.pid)
    before = other.nice(), other.cpu_affinity()
    bench.attack(executor, SLOW)
    expect((other.nice(), other.cpu_affinity()) == before, "priority or cores were changed")


@processes("trace-others", "take hold of another process by ptrace", linux=True)
def trace_others(executor: Executor, bench: Bench) -> None:
    """A traced process stands still; its tracer's death may kill it."""
    other = bench.bystander()
    future = executor.submit(bench.make(bench.script(TRACE)))
    held = False
    process = psutil.Process(other.process.pid)
    while not future.done():
        held |= process.status() == psutil.STATUS_TRACING_STOP
        bench.pause()
    expect(not held, "the other process was held")
    tried(future.result())


@processes("poke-others", "write into another process's memory", linux=True)
def poke_others(executor: Executor, bench: Bench) -> None:
    """By system call and by /proc."""
    other = bench.bystander()
    bench.attack(executor, POKE)
    expect(other.answer() == bench.secret, "the other process's memory was changed")
