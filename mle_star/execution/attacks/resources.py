"""Taking more than is given: processes, memory, disk, output, time."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil

from mle_star.execution.attacks.bench import GOOD, Bench, Family, NotRun, expect
from mle_star.execution.base import Executor, Limits

resources = Family("resources")

_MB = 1024 * 1024
SOON = 4.0
"""Seconds within which a script that went past its limit is gone: 2, and as many for a machine
that is busy."""

FORK_BOMB = """
import os, time
for _ in range(6):
    try:
        os.fork()
    except OSError:
        break
time.sleep(8)
"""
"""At most 64 processes."""

MEMORY_ONE = """
import time
kept = []
for _ in range(28):
    kept.append(bytearray(b"x" * 10_000_000))
    time.sleep(0.03)
open("final/all.txt", "w").write("got it all")
"""

MEMORY_MANY = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        kept = bytearray(b"x" * 45_000_000)
        time.sleep(2)
        os._exit(0)
for _ in range(5):
    os.wait()
open("final/all.txt", "w").write("got it all")
"""

MEMORY_UNMAPPED = """
import os, time
kept = os.memfd_create("x")
for _ in range(25):
    os.write(kept, b"x" * 10_000_000)
    time.sleep(0.03)
open("final/all.txt", "w").write("got it all")
"""

DISK_ONE = """
with open("{name}", "wb", buffering=0) as stream:
    for _ in range(48):
        stream.write(b"x" * 1_000_000)
open("final/all.txt", "w").write("got it all")
"""

DISK_MANY = """
import os, time
for number in range(48):
    with open(f"tmp/{number}", "wb") as stream:
        stream.write(b"x" * 1_000_000)
    time.sleep(0.04)
open("final/all.txt", "w").write("got it all")
"""

DISK_OUTSIDE = """
import time
for folder in P["folders"]:
    for number in range(4):
        def fill():
            with open(f"{folder}/{P['token']}{number}", "wb") as stream:
                stream.write(b"x" * 6_000_000)
        attempt(fill)
time.sleep(0.7)
"""

OUTPUT = """
import os, time
for _ in range(1600):
    os.write({stream}, b"x" * 65536 {end})
    time.sleep(0.001)
open("final/all.txt", "w").write("printed it all")
"""

PROCESSOR = """
import time
while time.process_time() < 8:
    pass
open("final/all.txt", "w").write("got it all")
"""

OPEN_FILES = """
import os
kept = [os.open("/dev/null", 0) for _ in range(300)]
"""


def _short(executor: Executor, bench: Bench, script: str, outcome: str, **limits: int) -> None:
    """A script that must be stopped before it got all it wanted, with the right reason."""
    done = bench.run(executor, script, **limits)
    expect(not (bench.job / "final" / "all.txt").exists(), "the script got all it wanted")
    expect(done.outcome == outcome, f"outcome {done.outcome}, not {outcome}: {done.problem}")
    expect(bench.gone(), "processes are left")


@resources("fork-bomb", "fork without end")
def fork_bomb(executor: Executor, bench: Bench) -> None:
    """Harm: more live processes after the result than before, or no word of it."""
    done = bench.run(executor, FORK_BOMB, processes=20)
    expect(bench.gone(), "processes are left")
    expect(done.outcome == "error", f"outcome {done.outcome}: {done.problem}")
    expect(done.wall_seconds < 6, "it ran to its own end")


@resources("memory-bomb", "take memory without end in one process")
def memory_bomb(executor: Executor, bench: Bench) -> None:
    """280 MB against a limit of 120."""
    _short(executor, bench, MEMORY_ONE, "out_of_memory", memory_mb=120)


@resources("memory-bomb-many", "take memory without end in many processes")
def memory_bomb_many(executor: Executor, bench: Bench) -> None:
    """5 times 45 MB against a limit of 120 in all."""
    _short(executor, bench, MEMORY_MANY, "out_of_memory", memory_mb=120)


@resources("memory-unmapped", "hide memory in a file that nobody has mapped", linux=True)
def memory_unmapped(executor: Executor, bench: Bench) -> None:
    """No process shows such memory as its own: only the kernel's control groups count it."""
    _short(executor, bench, MEMORY_UNMAPPED, "out_of_memory", memory_mb=120)


@resources("disk-one-file", "fill the disk with one file")
def disk_one_file(executor: Executor, bench: Bench) -> None:
    """48 MB against a limit of 16."""
    for name in ("final/large.bin", "tmp/large.bin"):
        _short(executor, bench, DISK_ONE.format(name=name), "disk_limit", disk_mb=16)


@resources("disk-many-files", "fill the disk with many files")
def disk_many_files(executor: Executor, bench: Bench) -> None:
    """48 files of 1 MB against a limit of 16 MB."""
    _short(executor, bench, DISK_MANY, "disk_limit", disk_mb=16)


@resources("disk-empty-files", "fill the disk with empty files")
def disk_empty_files(executor: Executor, bench: Bench) -> None:
    """10,000 of them: each takes an entry and an inode, though no block."""
    script = "for number in range(10_000):\n    open(f'tmp/{number}', 'w').close()"
    done = bench.run(executor, script, disk_mb=3)
    expect(done.outcome == "disk_limit", f"outcome {done.outcome}: {done.problem}")


@resources("disk-outside", "fill the disk outside its folder")
def disk_outside(executor: Executor, bench: Bench) -> None:
    """24 MB per folder against a limit of 8; what is in a private folder is gone afterwards."""
    folders = sorted({tempfile.gettempdir(), "/tmp", "/var/tmp", str(bench.root)})
    bench.places["folders"] = folders
    paths = [Path(folder) / f"{bench.token}{n}" for folder in folders for n in range(4)]
    for path in paths:
        bench.undo(lambda path=path: path.unlink(missing_ok=True))  # type: ignore[misc]
    bench.run(executor, bench.script(DISK_OUTSIDE), disk_mb=8)
    left = sum(path.stat().st_size for path in paths if path.exists())
    expect(left <= 8 * _MB, f"{left / _MB:.0f} MiB are left outside its folder")


def _floods(executor: Executor, bench: Bench, script: str) -> None:
    before = psutil.Process().memory_info().rss
    done = bench.run(executor, script, output_mb=1)
    grown = (psutil.Process().memory_info().rss - before) / _MB
    expect(not (bench.job / "final" / "all.txt").exists(), "the script printed 100 MB")
    expect(done.outcome == "output_limit", f"outcome {done.outcome}: {done.problem}")
    expect(len(done.stdout.text) + len(done.stderr.text) < 400_000, "the result keeps too much")
    logs = sum(path.stat().st_size for path in bench.job.glob("*.log"))
    expect(logs < 3 * _MB, f"the logs are {logs / _MB:.0f} MiB long")
    expect(grown < 80, f"the harness grew by {grown:.0f} MiB")


@resources("output-endless", "print without end")
def output_endless(executor: Executor, bench: Bench) -> None:
    """100 MB against a limit of 1."""
    _floods(executor, bench, OUTPUT.format(stream=1, end='+ b"\\n"'))


@resources("output-one-line", "print one line without end, to standard error")
def output_one_line(executor: Executor, bench: Bench) -> None:
    """Whoever reads by lines keeps all of it."""
    _floods(executor, bench, OUTPUT.format(stream=2, end=""))


@resources("sleep-endless", "sleep without end")
def sleep_endless(executor: Executor, bench: Bench) -> None:
    """Stopped within 2 s of its limit; what it wrote and printed is kept and does not count."""
    done = bench.run(executor, GOOD + "import time\ntime.sleep(12)", wall_seconds=1.0)
    expect(done.outcome == "timeout", f"outcome {done.outcome}: {done.problem}")
    expect(done.wall_seconds < 1.0 + SOON, f"it took {done.wall_seconds:.1f} s to stop it")
    expect(bench.gone(), "processes are left")


@resources("processor-endless", "use the processor without end")
def processor_endless(executor: Executor, bench: Bench) -> None:
    """A limit on processor time, where the protocol has one."""
    if "cpu_seconds" not in Limits.__dataclass_fields__:
        raise NotRun("there is no limit on processor time")
    _short(executor, bench, PROCESSOR, "timeout", cpu_seconds=1)


@resources("open-files", "open files without end")
def open_files(executor: Executor, bench: Bench) -> None:
    """300 against a limit of 100."""
    if os.name != "posix":
        raise NotRun("no limits of the kernel")
    done = bench.run(executor, OPEN_FILES, open_files=100)
    expect(done.outcome == "error", f"outcome {done.outcome}: {done.problem}")
    expect(done.exception is not None and "Too many open files" in done.exception.message, "why?")
