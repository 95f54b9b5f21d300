"""Things a script leaves for others: code for whoever runs next, files, traps for the harness."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path

from mle_star.execution.attacks.bench import GOOD, Bench, Family, expect, read
from mle_star.execution.attacks.writing import CHANGES
from mle_star.execution.base import Executor
from mle_star.execution.cache import CachedExecutor

planting = Family("plant")

LIBRARIES = """
import site
places = {*sys.path, *site.getsitepackages(), os.path.dirname(os.__file__), sys.prefix}
places = sorted(place for place in places if os.path.isdir(place))
json.dump(places, open("final/places.json", "w"))
for place in places:
    attempt(lambda: open(f"{place}/{P['token']}.pth", "w").write("# nothing\\n") and None)
"""

PLANT = """
import site
code = "print('planted code ran')\\n"
version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
def plant(folder):
    os.makedirs(folder, exist_ok=True)
    for name in ("sitecustomize.py", "usercustomize.py", "json.py", "random.py", "colorsys.py"):
        with open(f"{folder}/{name}", "w") as stream:
            stream.write(code)
    with open(f"{folder}/planted.pth", "w") as stream:
        stream.write("import sys; " + code)
home = os.path.realpath(os.path.expanduser("~"))
folders = [".", "final", "tmp"]
if home.startswith(P["root"] + "/"):
    folders += [home, f"{home}/.local/lib/{version}/site-packages"]
else:  # nothing is planted there: it may be a person's
    print("the home is not the script's own:", home)
for folder in folders:
    attempt(lambda: plant(folder))
"""

NEXT = "import colorsys, json, random, site, sys\nprint('next script ran')\n"

TIDY = """
import shutil
home = os.path.dirname(P["note0"])
def swap(name):
    shutil.rmtree(name)
    os.symlink(home, name)
attempt(
    lambda: os.symlink(home, "tmp/home"),
    lambda: os.symlink(P["audit"], "home/.audit"),
    lambda: os.symlink(home, "execution.json"),
    *(lambda name=name: swap(name) for name in ("home", "input", "tmp")),
)
"""

LEAVE = (
    CHANGES
    + """
for folder in P["folders"]:
    attempt(lambda: write(os.path.join(folder, P["token"]), "w"))
"""
)


@planting("libraries", "plant a .pth file among the interpreter's packages")
def libraries(executor: Executor, bench: Bench) -> None:
    """The planted file is a comment and is removed at once."""
    done = bench.attack(executor, LIBRARIES)
    places = [Path(place) for place in json.loads(read(done.artefacts["final/places.json"]))]
    planted = [path for place in places if (path := place / f"{bench.token}.pth").exists()]
    for path in planted:
        path.unlink()
    expect(not planted, f"planted in {len(planted)} folders")


@planting("planted-code", "plant sitecustomize, usercustomize, .pth or modules for the next script")
def planted_code(executor: Executor, bench: Bench) -> None:
    """In its folder, its home, its output; the next script reads that output or has its folder."""
    done = bench.attack(executor, PLANT)
    expect("the home is not the script's own" not in done.stdout.text, "it has the user's home")
    after = bench.job.with_name(bench.token + "next")
    inputs = {"members/0": bench.job / "final"}
    for folder, given in ((after, inputs), (bench.job, {})):
        done = bench.run(executor, NEXT, folder=folder, inputs=given)
        expect("next script ran" in done.stdout.text, f"the next script failed: {done.problem}")
        expect("planted code ran" not in done.stdout.text, "planted code ran in the next script")


def _leaves(executor: Executor, bench: Bench, folders: list[str]) -> None:
    bench.places["folders"] = folders
    paths = [Path(folder) / bench.token for folder in folders]
    for path in paths:
        bench.undo(lambda path=path: path.unlink(missing_ok=True))  # type: ignore[misc]
    bench.attack(executor, LEAVE)
    left = [str(path.parent) for path in paths if path.exists()]
    expect(not left, f"left a file in {', '.join(left)}")


@planting("leave-temporary", "leave files in the machine's temporary folders")
def leave_temporary(executor: Executor, bench: Bench) -> None:
    """Where the next script or another program may find them."""
    _leaves(executor, bench, sorted({tempfile.gettempdir(), "/tmp", "/var/tmp"}))


@planting("leave-shared-memory", "leave files in /dev/shm", linux=True)
def leave_shared_memory(executor: Executor, bench: Bench) -> None:
    """They hold memory for as long as the machine runs."""
    _leaves(executor, bench, ["/dev/shm"])


@planting("record-link", "make the harness write its record through a planted link")
def record_link(executor: Executor, bench: Bench) -> None:
    """The record of a run is kept in the job's folder, by us, outside the cage."""
    names = ("execution.json", ".execution.json.tmp", "stdout.log", "stderr.log", "script.py")
    plant = [f"os.path.lexists({n!r}) and os.remove({n!r})\nos.symlink(P['note0'], {n!r})"
             for n in names]  # fmt: skip
    cached = CachedExecutor(executor)
    job = bench.make(bench.script("\n".join(plant)))
    for _ in range(2):
        cached.submit(job).result(30)
    changed = bench.changes()
    expect(not changed, f"altered: {', '.join(changed)[:300]}")


@planting("tidy-link", "make the harness remove the user's files through a planted link")
def tidy_link(executor: Executor, bench: Bench) -> None:
    """Folders are tidied after a run and wiped before the next."""
    for _ in range(2):
        bench.attack(executor, TIDY, inputs={"": bench.view})
    changed = bench.changes()
    expect(not changed, f"altered: {', '.join(changed)[:300]}")


@planting("record-pipe", "make the harness wait for ever on a planted pipe")
def record_pipe(executor: Executor, bench: Bench) -> None:
    """Opening a pipe for writing waits for a reader."""
    names = ("execution.json", ".execution.json.tmp")
    plant = "\n".join(f"os.mkfifo({name!r})" for name in names)
    job = bench.make(bench.script(plant + GOOD))
    future = CachedExecutor(executor).submit(job)
    try:
        future.result(30)
    except TooLate:
        for name in names:  # frees whoever waits
            with contextlib.suppress(OSError):
                os.close(os.open(bench.job / name, os.O_RDONLY | os.O_NONBLOCK))
        raise AssertionError("the harness waits for a reader of the pipe") from None
