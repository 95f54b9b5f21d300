"""Limits, at every level."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.execution import running
from tests.execution.running import GOOD, names, run, strays

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
    pytest.mark.usefixtures("level"),
]


def test_processor_time_of_one_process(tmp_path: Path) -> None:
    done = run(GOOD + "while True: pass", tmp_path, cpu_seconds=0.5)
    assert done.outcome == "timeout"
    assert "0.5 seconds of processor time" in done.problem
    assert done.printed == 0.75
    assert done.cpu_seconds is not None
    assert done.cpu_seconds >= 0.5


def test_processor_time_of_a_tree(tmp_path: Path) -> None:
    script = """
    import os, time
    for _ in range(4):
        if os.fork() == 0:
            while time.process_time() < 0.25:
                pass
            time.sleep(60)
    time.sleep(60)
    """
    done = run(script, tmp_path, cpu_seconds=0.7)
    assert done.outcome == "timeout"
    assert "processor time" in done.problem


def test_processor_time_of_children_nobody_waits_for(tmp_path: Path) -> None:
    script = """
    import os, signal, time
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(100):
        if os.fork() == 0:
            while time.process_time() < 0.15:
                pass
            os._exit(0)
        time.sleep(0.2)
    """
    assert run(script, tmp_path, cpu_seconds=0.6).outcome == "timeout"


def test_open_files(tmp_path: Path) -> None:
    done = run("kept = [open('script.py') for _ in range(200)]", tmp_path, open_files=100)
    assert done.outcome == "error"
    assert "Too many open files" in done.problem


def test_removed_files_still_fill_the_disk(tmp_path: Path) -> None:
    script = """
    import os, time
    kept = []
    for i in range(40):
        kept.append(open(f"tmp/{i}", "wb"))
        os.unlink(f"tmp/{i}")
        kept[-1].write(b"x" * 1_000_000)
        kept[-1].flush()
    time.sleep(60)
    """
    done = run(script, tmp_path, disk_mb=20)
    assert done.outcome == "disk_limit"
    assert 20 < done.disk_mb < 50


def test_empty_files_fill_the_disk_as_well(tmp_path: Path) -> None:
    script = """
    import itertools
    for i in itertools.count():
        open(f"tmp/{i}", "w").close()
    """
    assert run(script, tmp_path, disk_mb=1).outcome == "disk_limit"


DEEP = """
import os
os.chdir("tmp")
for _ in range({depth}):
    os.mkdir("d")
    os.chdir("d")
open("hidden", "wb").write(b"x" * 1_000_000)
"""


def test_a_folder_too_deep_to_look_into_is_no_hiding_place(tmp_path: Path) -> None:
    done = run(DEEP.format(depth=1500) + "import time; time.sleep(60)", tmp_path, disk_mb=20)
    assert done.outcome == "disk_limit"
    assert "deep" in done.problem
    assert names(tmp_path / "final") == []
    assert not (tmp_path / "tmp").exists()


def test_a_time_out_ends_the_tree_at_once(tmp_path: Path) -> None:
    script = """
    import os, signal, time
    for number in (1, 2, 3, 15, 24):
        signal.signal(number, signal.SIG_IGN)
    for i in range(6):
        if os.fork() == 0:
            if i % 2:
                os.setsid()
            if os.fork() == 0:
                os.setsid()
            time.sleep(300)
    print("partial", flush=True)
    time.sleep(300)
    """
    done = run(script, tmp_path, wall_seconds=1.0)
    assert done.outcome == "timeout"
    assert done.wall_seconds < 1.0 + 2.0 + running.SLACK
    assert done.stdout.text == "partial\n"
    assert strays(tmp_path) == []


def test_a_fork_bomb_ends(tmp_path: Path) -> None:
    script = """
    import os, time
    def bomb(depth):
        for _ in range(3):
            try:
                if os.fork() == 0:
                    return bomb(depth - 1) if depth else time.sleep(300)
            except OSError:
                pass
        time.sleep(300)
    bomb(3)
    """
    done = run(script, tmp_path, processes=30, memory_mb=1000)
    assert done.outcome == "error"
    assert "30 processes" in done.problem
    assert strays(tmp_path) == []


UNMAPPED = """
import time
kept = b"x" * (70 << 20)
with open("{folder}/fill", "wb") as stream:
    for _ in range(60):
        stream.write(b"x" * (1 << 20))
time.sleep(0.6)
"""


@pytest.mark.parametrize("folder", ["/dev/shm", "/tmp"])
@pytest.mark.parametrize("level", ["bubblewrap"], indirect=True)
def test_files_in_memory_are_memory(tmp_path: Path, folder: str) -> None:
    done = run(UNMAPPED.format(folder=folder), tmp_path / "more", memory_mb=300, required=())
    assert done.outcome == "ok", done
    assert done.peak_memory_mb is not None
    assert 130 < done.peak_memory_mb < 200
    less = run(UNMAPPED.format(folder="/dev/shm"), tmp_path / "less", memory_mb=120, required=())
    assert less.outcome == "out_of_memory"


@pytest.mark.parametrize("level", ["bubblewrap"], indirect=True)
def test_mapped_shared_memory_is_not_counted_twice(tmp_path: Path) -> None:
    script = """
    import time
    from multiprocessing import shared_memory
    block = shared_memory.SharedMemory(create=True, size=60 << 20)
    block.buf[:] = b"x" * (60 << 20)
    time.sleep(0.5)
    block.close()
    block.unlink()
    """
    done = run(script, tmp_path, memory_mb=400, required=())
    assert done.outcome == "ok", done
    assert done.peak_memory_mb is not None
    assert 60 < done.peak_memory_mb < 150  # the block, the bytes it was filled with, the rest


def test_a_folder_that_was_closed_is_opened_again(tmp_path: Path) -> None:
    script = "import os\nfor name in ('final', 'tmp', '.'): os.chmod(name, 0)"
    for _ in range(2):
        done = run(script, tmp_path / "job", required=())
        assert done.outcome == "ok", done
    assert names(tmp_path / "job") == ["final", "script.py", "stderr.log", "stdout.log"]


def test_files_without_a_name_are_memory(tmp_path: Path) -> None:
    script = """
    import os, time
    descriptor = os.memfd_create("x")
    for _ in range(150):
        os.write(descriptor, b"x" * (1 << 20))
    time.sleep(30)
    """
    done = run(script, tmp_path, memory_mb=120)
    assert done.outcome == "out_of_memory", done
