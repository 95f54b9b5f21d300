"""What can be wrong with a folder beside its tables: files that are no files, garbage, bombs."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[random.Random, Path, Path], object]
"""(chance, task folder, a table of it)"""

BOMB = 400_000_000
"""Bytes that a packed file of half a megabyte unpacks to."""


def _replaced(content: bytes, name: str = "") -> Damage:
    def apply(_chance: random.Random, folder: Path, table: Path) -> None:
        table.unlink()
        (folder / name if name else table).write_bytes(content)

    return apply


def _renamed(suffix: str) -> Damage:
    """The same bytes under another suffix."""
    return lambda _chance, folder, table: table.rename(folder / (table.name.split(".")[0] + suffix))


def _fifo(_chance: random.Random, _folder: Path, table: Path) -> None:
    table.unlink()
    os.mkfifo(table)


def _folder(chance: random.Random, _folder: Path, table: Path) -> None:
    content = table.read_bytes()
    table.unlink()
    table.mkdir()
    if chance.random() < 0.5:
        (table / table.name).write_bytes(content)


def _link(target: str) -> Damage:
    def apply(_chance: random.Random, _folder: Path, table: Path) -> None:
        table.unlink()
        table.symlink_to(target or table.name)

    return apply


def _outside(_chance: random.Random, folder: Path, table: Path) -> None:
    """A link to a table that lies elsewhere: that works."""
    away = folder.with_name(folder.name + "-data")
    away.mkdir(exist_ok=True)
    table.rename(away / table.name)
    table.symlink_to(away / table.name)


def _unreadable(_chance: random.Random, _folder: Path, table: Path) -> None:
    table.chmod(0)


def _cut(chance: random.Random, _folder: Path, table: Path) -> None:
    content = table.read_bytes()
    table.write_bytes(content[: chance.randint(0, max(len(content) - 1, 0))])


def _inserted(text: bytes) -> Damage:
    """Bytes somewhere in the file."""

    def apply(chance: random.Random, _folder: Path, table: Path) -> None:
        content = table.read_bytes()
        place = chance.randint(0, len(content))
        table.write_bytes(content[:place] + text + content[place:])

    return apply


def _before(text: bytes) -> Damage:
    return lambda _chance, _folder, table: table.write_bytes(text + table.read_bytes())


def _after(text: bytes) -> Damage:
    return lambda _chance, _folder, table: table.write_bytes(table.read_bytes() + text)


def _zip(*names: str, content: bytes = b"a,b\n1,2\n") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


def _bomb(kind: str) -> Damage:
    def apply(_chance: random.Random, folder: Path, table: Path) -> None:
        table.unlink()
        stem = table.name.split(".")[0]
        if kind == "zip":
            path = folder / f"{stem}.zip"
            with (
                zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
                archive.open(f"{stem}.csv", "w", force_zip64=True) as stream,
            ):
                for _ in range(BOMB // 1_000_000):
                    stream.write(b"0" * 1_000_000)
        else:
            with gzip.open(folder / f"{stem}.csv.gz", "wb", 1) as stream:
                for _ in range(BOMB // 1_000_000):
                    stream.write(b"0" * 1_000_000)

    return apply


def _side(apply: Callable[[Path], object]) -> Damage:
    """Something beside the tables."""
    return lambda _chance, folder, _table: apply(folder)


def _images(folder: Path) -> None:
    for split in ("train", "test"):
        (folder / "images" / split).mkdir(parents=True)
        for number in range(4):
            (folder / "images" / split / f"{number}.png").write_bytes(b"\x89PNG")


def _hostile_folder(folder: Path) -> None:
    """Side files that must not stop or hang anything."""
    extra = folder / "extra"
    extra.mkdir()
    (extra / "loop").symlink_to(extra)
    (extra / "up").symlink_to(folder)
    (extra / "gone").symlink_to("nowhere")
    os.mkfifo(extra / "pipe")
    (folder / "self").symlink_to("self")
    os.mkfifo(folder / "pipe.csv")


def _odd_names(folder: Path) -> None:
    (folder / "new\nline.txt").write_text("x")
    (folder / 'quo"te.csv').write_text("x\n1\n")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt")).write_text("x")


def _labels_elsewhere(folder: Path) -> None:
    """Copies of the labels, under other names and in a folder."""
    found = sorted(folder.glob("train.*"))
    if found and found[0].is_file():
        (folder / ("backup_of_" + found[0].name)).write_bytes(found[0].read_bytes())
        (folder / "old").mkdir()
        (folder / "old" / found[0].name).write_bytes(found[0].read_bytes())


def _description_folder(folder: Path) -> None:
    (folder / "description.md").unlink(missing_ok=True)
    (folder / "description.md").mkdir()


def _description(content: bytes) -> Damage:
    return lambda _chance, folder, _table: (folder / "description.md").write_bytes(content)


_NAMES = b"accuracy, F1, log loss, ROC AUC, RMSE, MAE, R2, MAPE, QWK, Brier score, Spearman. "

DAMAGES: dict[str, Damage] = {
    "missing": lambda _chance, _folder, table: table.unlink(),
    "empty": _replaced(b""),
    "newlines": _replaced(b"\n\n\n"),
    "only a mark": _replaced(b"\xef\xbb\xbf"),
    "header": _replaced(b"id,size,target\n"),
    "garbage": _replaced(bytes(range(256)) * 20),
    "zeros": _replaced(b"\0" * 5000),
    "one word": _replaced(b"hello"),
    "a page": _replaced(b"<!DOCTYPE html>\n<html><body>404, not found</body></html>\n"),
    "pointer": _replaced(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    "spreadsheet": _replaced(_zip("xl/workbook.xml", "[Content_Types].xml")),
    "open quote": _replaced(b'a,b\n"1,2\n3'),
    "fifo": _fifo,
    "folder": _folder,
    "link to nothing": _link("nowhere.csv"),
    "link to itself": _link(""),
    "link to a device": _link("/dev/zero"),
    "link to a terminal": _link("/dev/tty"),
    "link outside": _outside,
    "unreadable": _unreadable,
    "cut": _cut,
    "long row": _after(b"1,2,3,4,5,6,7,8,9,10,11,12,13,14\n"),
    "short row": _after(b"1\n"),
    "comment": _before(b"# made by hand\n"),
    "title": _before(b"My table\n\n"),
    "empty lines first": _before(b"\n\n"),
    "two marks": _before(b"\xef\xbb\xbf\xef\xbb\xbf"),
    "a zero byte": _inserted(b"\0"),
    "a bad byte": _inserted(b"\xff"),
    "a quote": _inserted(b'"'),
    "a carriage return": _inserted(b"\r"),
    "control characters": _inserted(b"\x1b[2J\x07"),
    "not gzip": _renamed(".csv.gz"),
    "not zip": _renamed(".csv.zip"),
    "not parquet": _renamed(".parquet"),
    "not json": _renamed(".json"),
    "not jsonl": _renamed(".jsonl"),
    "not csv": _renamed(".csv"),
    "parquet garbage": _replaced(b"PAR1" + b"\x15\x04" * 400 + b"PAR1", "train.parquet"),
    "json nested": _replaced(b"[" * 100_000, "train.json"),
    "json nested whole": _replaced(b"[" * 20_000 + b"]" * 20_000, "train.json"),
    "json scalar": _replaced(b"5", "train.json"),
    "json scalars": _replaced(b"[1, 2, 3]", "train.json"),
    "json of objects": _replaced(b'[{"a": {"b": [1, {"c": 2}]}, "y": 1}, {"y": 2}]', "train.json"),
    "json uneven": _replaced(b'{"a": [1, 2], "y": [1]}', "train.json"),
    "json text": _replaced(b'"hello"', "train.json"),
    "json numbers": _replaced(b'[{"y": NaN}, {"y": Infinity}, {"y": 1e999}]', "train.json"),
    "json huge number": _replaced(b'[{"y": ' + b"9" * 6000 + b"}]", "train.json"),
    "jsonl bad lines": _replaced(b'{"a": 1}\nnot json\n{"a": 2}\n', "train.jsonl"),
    "jsonl lists": _replaced(b"[1, 2]\n[3, 4]\n", "train.jsonl"),
    "jsonl scalars": _replaced(b"1\n2\n", "train.jsonl"),
    "zip of several": _replaced(_zip("a.csv", "b.csv"), "train.zip"),
    "zip of nothing": _replaced(_zip(), "train.zip"),
    "zip of a zip": _replaced(_zip("train.zip", content=_zip("train.csv")), "train.zip"),
    "zip of a path": _replaced(_zip("../../train.csv"), "train.zip"),
    "zip of garbage": _replaced(_zip("train.parquet"), "train.zip"),
    "zip of gzip": _replaced(
        _zip("train.csv.gz", content=gzip.compress(b"a,b\n1,2\n")), "train.zip"
    ),
    "zip cut": _replaced(_zip("train.csv")[:60], "train.zip"),
    "zip bomb": _bomb("zip"),
    "gzip bomb": _bomb("gzip"),
    "images": _side(_images),
    "hostile side files": _side(_hostile_folder),
    "odd file names": _side(_odd_names),
    "labels elsewhere": _side(_labels_elsewhere),
    "train twice": lambda chance, folder, table: (folder / f"train_{table.name}").write_text(
        "x\n1"
    ),
    "no description": _side(lambda folder: (folder / "description.md").unlink(missing_ok=True)),
    "description empty": _description(b""),
    "description binary": _description(bytes(range(256)) * 50),
    "description wide": _description("Metric: RMSE\n".encode("utf-16")),
    "description huge": _description(b"Metric: " + _NAMES * 40_000),
    "description long": _description(b"a mean of weighted " * 30_000 + b"\n# Metric\nrmse\n"),
    "description names all": _description(b"# Metric\n\n" + _NAMES),
    "description is a folder": _side(_description_folder),
    "toml is a folder": _side(lambda folder: (folder / "task.toml").mkdir(exist_ok=True)),
}
"""By name; a damage that can't be done to this folder raises OSError and is left out."""

COSTLY = frozenset(("zip bomb", "gzip bomb", "description huge", "description long"))

TOMLS: tuple[str, ...] = (
    "",
    "target = 3",
    "target = []",
    'target = ["y", "y"]',
    'target = ""',
    'target = "no such column"',
    'target = "id"',
    "target = [1, 2]",
    "id = true",
    'id = ""',
    'id = "target"',
    'metric = "nothing"',
    'metric = ""',
    "metric = 1",
    'metric = "m.py:f"',
    'metric = "../../m.py:f"\ndirection = "minimize"',
    'metric = "gone.py:f"\ndirection = "minimize"',
    'metric = "rmse\\nmae"',
    'metric = "pinball:0.9"',
    'metric = "pinball:7"',
    'direction = "up"',
    'kind = "binary"',
    'kind = "other"',
    'kind = "multilabel"',
    'kind = "ordinal"',
    'prediction = "label"',
    'prediction = "probability"',
    'positive = "yes"',
    "positive = 1",
    "positive = nan",
    "positive = 1979-05-27",
    'group = "id"',
    'group = "target"',
    'group = "colour"',
    'time = "age"',
    'time = "target"',
    "time = []",
    'time = ["", "x"]',
    'exclude = ["id"]',
    'exclude = ["target"]',
    'exclude = ["age", "age"]',
    "exclude = []",
    'evaluation = "printed"',
    'evaluation = "printed"\nmetric = "mine"\ndirection = "maximize"',
    'train = "../train.csv"',
    'train = "/etc/passwd"',
    'train = "."',
    'train = ""',
    'train = "test.csv"',
    'train = "a\\u0000b"',
    f'train = "{"x" * 5000}"',
    'test = "train.csv"',
    'test = "/dev/zero"',
    'sample_submission = "train.csv"',
    'sample_submission = "test.csv"',
    'description = "train.csv"',
    'description = "/proc/self/environ"',
    'description = "/dev/zero"',
    "unknown = 1",
    '"new\\nline" = 1',
    "[target]\nname = 'x'",
    "target = ",
    "\x00",
    "a = " + "[" * 5000,
    f"positive = {'9' * 5000}",
    "\ufeffmetric = 'rmse'",
)


def toml_text(values: dict[str, object]) -> str:
    """A task.toml with these values."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
    return "".join(lines).replace("\x7f", "\\u007f")
