"""Things a script must leave alone: files outside its folder, inputs, and who runs after it."""

from __future__ import annotations

from collections.abc import Callable

from mle_star.execution.attacks.bench import Bench, Family, expect
from mle_star.execution.base import Executor
from mle_star.execution.workspace import COPIED_BYTES

writing = Family("write")

CHANGES = """
def write(path, mode="a"):
    with open(path, mode) as stream:
        stream.write("spoilt")
"""

ABSOLUTE = (
    CHANGES
    + """
attempt(
    lambda: write(P["note0"]),
    lambda: os.truncate(P["note1"], 0),
    lambda: os.remove(P["note2"]),
    lambda: os.rename(P["note3"], P["note3"] + ".moved"),
    lambda: os.replace("final/loot.txt", P["note4"]),
    lambda: write(os.path.dirname(P["note0"]) + "/.bashrc", "w"),
    lambda: os.mkdir(os.path.dirname(P["note0"]) + "/new"),
)
"""
)

DOTDOT = (
    CHANGES
    + """
attempt(
    lambda: write(os.path.relpath(P["note0"])),
    lambda: write("final/../../../../home/note1.txt"),
    lambda: write("../beside.txt", "w"),
    lambda: os.rename(".", "../elsewhere"),
)
"""
)

SYMLINK = (
    CHANGES
    + """
def through(target, name):
    os.symlink(target, name)
    write(name)
attempt(
    lambda: through(P["note0"], "final/a.csv"),
    lambda: through(P["note1"], "tmp/b"),
    lambda: os.symlink(os.path.dirname(P["note2"]), "final/home"),
    lambda: write("final/home/note2.txt"),
    lambda: write("final/home/new.txt", "w"),
)
"""
)

HARD_LINK = (
    CHANGES
    + """
def through(target, name):
    os.link(target, name)
    write(name)
attempt(lambda: through(P["note0"], "final/a.csv"), lambda: through(P["note1"], "tmp/b"))
"""
)

MODES = """
attempt(
    lambda: os.chmod(P["note0"], 0o777),
    lambda: os.utime(P["note1"], (1, 1)),
    lambda: os.chmod(os.path.dirname(P["note0"]), 0),
)
"""

RUN = (
    CHANGES
    + """
attempt(
    lambda: write(P["record"]),
    lambda: write(P["audit"]),
    lambda: write(P["labels"]),
    lambda: write(os.path.dirname(P["audit"]) + "/../search/test.csv"),
)
"""
)

OTHER = (
    CHANGES
    + """
attempt(lambda: write(P["other"]), lambda: write("../other/final/submission.csv"))
"""
)

INPUT = (
    CHANGES
    + """
def spoil(path):
    real = os.path.realpath(path)
    attempt(
        lambda: os.chmod(path, 0o666),
        lambda: write(path),
        lambda: write(real),
        lambda: os.remove(real),
        lambda: write(os.path.dirname(real) + "/planted.csv", "w"),
    )
for place in P["spoil"]:
    spoil(place)
"""
)


def _spoils(body: str) -> Callable[[Executor, Bench], None]:
    def run(executor: Executor, bench: Bench) -> None:
        bench.attack(executor, body)
        changed = bench.changes()
        expect(not changed, f"altered: {', '.join(changed)[:300]}")

    return run


for _name, _title, _body in (
    ("write-absolute", "write, cut, move or delete files outside its folder", ABSOLUTE),
    ("write-dotdot", "write outside its folder through ..", DOTDOT),
    ("write-symlink", "write outside its folder through a symbolic link", SYMLINK),
    ("write-hard-link", "write outside its folder through a hard link", HARD_LINK),
    ("write-modes", "change permissions and times of the user's files", MODES),
    ("write-run", "alter the run's records, the audit labels or the task folder", RUN),
    ("write-other-trial", "alter another trial's predictions", OTHER),
):
    writing(_name, _title)(_spoils(_body))


def _alters(bench: Bench, executor: Executor, places: list[str]) -> None:
    bench.places["spoil"] = places
    more = bench.root / "member"
    bench.attack(executor, INPUT, inputs={"": bench.view, "more": more})
    changed = bench.changes()
    expect(not changed, f"altered: {', '.join(changed)[:300]}")
    folder = bench.job.with_name(bench.token + "next")
    done = bench.run(executor, "print(open('input/train.csv').read())", folder=folder,
                     inputs={"": bench.view, "more": more})  # fmt: skip
    expect("spoilt" not in done.stdout.text, "the next script saw the altered input")


def _member(bench: Bench) -> None:
    (bench.root / "member").mkdir()
    (bench.root / "member" / "oof.csv").write_text("id,y\n1,0.5\n", encoding="utf-8")
    bench.note()


@writing("input-small", "alter an input file for the next script")
def input_small(executor: Executor, bench: Bench) -> None:
    """Through ``./input`` and through where it leads."""
    _member(bench)
    _alters(bench, executor, ["input/train.csv"])


@writing("input-folder", "alter a file in an input folder")
def input_folder(executor: Executor, bench: Bench) -> None:
    """Folders may be links to their source."""
    _member(bench)
    _alters(bench, executor, ["input/more/oof.csv"])


@writing("input-large", "alter an input file too large to be copied")
def input_large(executor: Executor, bench: Bench) -> None:
    """A sparse file takes no space."""
    with (bench.view / "large.bin").open("wb") as stream:
        stream.truncate(COPIED_BYTES + 1)
    _member(bench)
    _alters(bench, executor, ["input/large.bin"])
