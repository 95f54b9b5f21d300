"""Traps in what a script leaves for us to read: links, pipes, devices, bombs."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from mle_star.execution.attacks.bench import GOOD, Bench, Family, expect
from mle_star.execution.base import Execution, Executor
from mle_star.execution.cache import CachedExecutor

leftovers = Family("leftovers")

SUBMISSION = "final/submission.csv"

_TRAPS = (
    ("leave-pipe", "a submission that is a pipe", "os.mkfifo(name)"),
    ("leave-device", "a submission that is a device", "device(name)"),
    (
        "leave-passwd",
        "a submission that is a link to /etc/passwd",
        "os.symlink('/etc/passwd', name)",
    ),
    ("leave-link", "a submission that is a link to a hidden file", "os.symlink(P['audit'], name)"),
    ("leave-hard-link", "a submission that is a hard link to a hidden file", "link(name)"),
    ("leave-socket", "a submission that is a socket", "listen()"),
    ("leave-folder", "a submission that is a folder", "os.makedirs(name + '/deeper')"),
    ("leave-sparse", "a submission of 10 GB that takes no space", "sparse(name)"),
)

_TRAP = """
import os, socket
name = "final/submission.csv"
open("final/oof.csv", "w").write("id,y\\n1,0.5\\n")
def device(name):
    try:
        os.mknod(name, 0o20666, os.makedev(1, 5))
    except OSError:
        os.symlink("/dev/zero", name)
def link(name):
    try:
        os.link(P["audit"], name)
    except OSError:
        os.link("script.py", name)
def listen():
    os.chdir("final")
    try:
        socket.socket(socket.AF_UNIX).bind("submission.csv")
    except OSError:
        os.symlink("/run/systemd/notify", "submission.csv")
def sparse(name):
    with open(name, "wb") as stream:
        stream.truncate(10 * 1024**3)
{trap}
print("Final Validation Performance: 0.9")
"""

FINAL_LINK = """
os.rmdir("final")
os.symlink(os.path.dirname(P["audit"]), "final")
"""

_OWN_FOLDER_ONLY = """
import os
ours = {"script.py", "input", "final", "tmp"}
assert ours <= set(os.listdir(".")), "this is not a job folder"
"""

FOLDER_GONE = (
    _OWN_FOLDER_ONLY
    + """
import shutil
for name in os.listdir("."):
    if os.path.isdir(name) and not os.path.islink(name):
        shutil.rmtree(name, ignore_errors=True)
    else:
        try:
            os.remove(name)
        except OSError:
            pass
"""
)

CLOSED = (
    _OWN_FOLDER_ONLY
    + """
os.mkdir("final/deep")
open("final/deep/a.csv", "w").write("a")
for name in ("final/deep", "final", "tmp", "home", "."):
    if os.path.exists(name):
        os.chmod(name, 0)
"""
)

DEEP = """
here = "final"
for _ in range(60):
    here += "/x"
    os.mkdir(here)
os.symlink("..", "final/up")
for number in range(300):
    open(f"final/{number}.csv", "w").write("a")
"""

PICKLE = """
import pickle
class Bomb:
    def __reduce__(self):
        return os.system, ("touch " + P["mark"],)
for name in ("model.pkl", "oof.csv", "submission.csv", "oof.npy", "model.joblib"):
    with open("final/" + name, "wb") as stream:
        pickle.dump(Bomb(), stream)
"""

ZIP = """
import zipfile, gzip
with zipfile.ZipFile("final/bomb.zip", "w", zipfile.ZIP_DEFLATED) as bundle:
    bundle.writestr("../../../escaped.csv", b"0" * 20_000_000)
with gzip.open("final/oof.csv.gz", "wb", 6) as stream:
    stream.write(b"0" * 20_000_000)
"""


def _handed_over(bench: Bench, done: Execution) -> None:
    path = bench.job / SUBMISSION
    taken = done.artefacts.get(SUBMISSION)
    expect(taken is None or taken.size == 0, "the trap is an artefact")
    expect(done.outcome != "ok", "the outcome is ok")
    expect(not bench.leaked(done), "the hidden file came out")
    expect(not path.is_symlink(), "a link is left where the submission is read")
    if path.exists() and not path.is_dir():
        expect(path.is_file(), "no plain file is left where the submission is read")
        expect(path.stat().st_nlink == 1, "a hard link is left where the submission is read")
    expect(not bench.changes(), f"altered: {', '.join(bench.changes())[:300]}")


def _trap(trap: str) -> Callable[[Executor, Bench], None]:
    def run(executor: Executor, bench: Bench) -> None:
        begun = time.monotonic()
        script = bench.script(_TRAP.format(trap=trap))
        done = bench.run(
            executor, script, required=("final/oof.csv", SUBMISSION), disk_mb=64, memory_mb=300
        )
        expect(time.monotonic() - begun < 15, "it took too long to look at")
        _handed_over(bench, done)

    return run


for _name, _title, _body in _TRAPS:
    leftovers(_name, _title)(_trap(_body))


@leftovers("leave-final-link", "an output folder that is a link to the audit labels")
def final_link(executor: Executor, bench: Bench) -> None:
    """What is behind it must be neither read nor removed."""
    done = bench.attack(executor, FINAL_LINK)
    expect(not done.artefacts, f"artefacts: {', '.join(done.artefacts)}")
    expect(not bench.leaked(done), "the hidden file came out")
    expect(not bench.changes(), f"altered: {', '.join(bench.changes())[:300]}")


@leftovers("leave-nothing", "delete its whole folder")
def leave_nothing(executor: Executor, bench: Bench) -> None:
    """A result without files, not an exception; the folder can be used again."""
    cached = CachedExecutor(executor)
    done = cached.submit(bench.make(FOLDER_GONE, required=("final/oof.csv",))).result(30)
    expect(done.outcome in ("no_score", "error"), f"outcome {done.outcome}")
    again = bench.run(executor, GOOD)
    expect(again.outcome == "ok", f"the next script: {again.outcome}: {again.problem}")


@leftovers("leave-closed", "take away all permissions of its folders")
def leave_closed(executor: Executor, bench: Bench) -> None:
    """The next script may have the folder."""
    bench.attack(executor, CLOSED)
    again = bench.run(executor, GOOD, required=("final/oof.csv",))
    expect(again.outcome == "ok", f"the next script: {again.outcome}: {again.problem}")


@leftovers("leave-deep", "folders in folders, a loop of links and many files")
def leave_deep(executor: Executor, bench: Bench) -> None:
    """What is a plain file is taken, and looking ends."""
    done = bench.attack(executor, DEEP)
    expect("final/299.csv" in done.artefacts, "a plain file was not taken")
    expect(not any("/up/" in name for name in done.artefacts), "the loop was followed")


@leftovers("pickle-bomb", "pickles that run code when read, by any name")
def pickle_bomb(executor: Executor, bench: Bench) -> None:
    """Run, kept and read back from the cache: none of it may unpickle."""
    mark = bench.places["mark"] = str(bench.root / "unpickled")
    cached = CachedExecutor(executor)
    job = bench.make(bench.script(PICKLE), required=("final/oof.csv",))
    done = cached.submit(job).result(30)
    expect("final/model.pkl" in done.artefacts, f"it was not left: {done.problem}")
    cached.submit(job).result(30)
    expect(not Path(mark).exists(), "the harness ran code of the script")


@leftovers("zip-bomb", "archives that unpack to a thousand times their size, or outside")
def zip_bomb(executor: Executor, bench: Bench) -> None:
    """They are files like others: hashed, never opened."""
    done = bench.attack(executor, ZIP)
    bundle = done.artefacts["final/bomb.zip"]
    expect(zipfile.is_zipfile(bundle.path), "it is no archive any more")
    expect(bundle.size == os.path.getsize(bundle.path) < 1_000_000, "it was unpacked")  # noqa: PTH202
    expect(not bench.changes(), f"altered: {', '.join(bench.changes())[:300]}")
