"""Which file of a task folder is what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mle_star.errors import TaskError
from mle_star.tasks.table import TABLE_SUFFIXES, read_header, table_stem
from mle_star.tasks.tasktoml import TaskToml

DESCRIPTIONS = ("description.md", "task_description.txt", "task_description.md", "readme.md")

_WORD = r"(?:^|[\s_\-.]){}(?:$|[\s_\-.\d])"
TRAIN = re.compile(_WORD.format("train(?:ing)?(?:set|data)?"))
TEST = re.compile(_WORD.format("test(?:ing)?(?:set|data)?"))
SUBMISSION = re.compile(r"submission|submit")


@dataclass(frozen=True)
class Files:
    """Files of a task folder by their part in the task; names relative to the folder."""

    train: str
    test: str | None
    sample_submission: str | None
    description: str | None
    side: list[str]
    provenance: dict[str, str]


def find_files(folder: Path, told: TaskToml) -> Files:
    """Assign the files of the folder.

    Raises:
        TaskError: the folder is missing or empty, a named file does not exist, or no training table
            (or more than one) is found.
    """
    if not folder.exists():
        raise TaskError(f"There is no folder {folder}; give the path of a task folder.")
    if not folder.is_dir():
        raise TaskError(f"{folder} is a file; give the path of the folder it lies in.")
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith((".", "__")))
    if not names:
        raise TaskError(
            f"The task folder {folder} is empty; put train.csv and description.md into it."
        )
    for name in (str(folder), *names):
        _check_spelling(name)
    for key in ("train", "test", "sample_submission", "description"):
        named = getattr(told, key)
        if named is not None and (named not in names or not (folder / named).is_file()):
            raise TaskError(f"task.toml names {named!r} as {key}, but there is no such file.")
    _check_files(folder, names, told)
    tables = [n for n in names if table_stem(n) is not None and (folder / n).is_file()]
    taken = [n for n in (told.train, told.test, told.sample_submission) if n]
    free = [n for n in tables if n not in taken]
    samples = [n for n in free if SUBMISSION.search(table_stem(n) or "")]
    sample = told.sample_submission or _preferred_sample(samples)
    free = [n for n in free if n not in samples]
    test = told.test or _pick(free, "test", TEST, "test")
    train = told.train or _find_train(folder, [n for n in free if n != test])
    description = told.description or _find_description(folder, names)
    found = {"train": train, "test": test, "sample_submission": sample, "description": description}
    return Files(
        train=train,
        test=test,
        sample_submission=sample,
        description=description,
        side=_side_files(folder, names, told, found),
        provenance={
            key: "task.toml" if getattr(told, key) else ("data" if name else "default")
            for key, name in found.items()
        },
    )


def _check_spelling(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise TaskError(
            f"The name of {name!a} is not valid UTF-8, so it can't be stored; rename it."
        ) from None


def _check_files(folder: Path, names: list[str], told: TaskToml) -> None:
    """Refuse what is called like a table of the task but is no file: it would be passed over."""
    for key, pattern in (("train", TRAIN), ("test", TEST), ("sample_submission", SUBMISSION)):
        for name in names:
            path, stem = folder / name, table_stem(name)
            if getattr(told, key) or stem is None or not pattern.search(stem) or path.is_file():
                continue
            what = "something other than a file"
            if path.is_dir():
                what = "a folder"
            elif path.is_symlink():
                what = "a link that leads to no file"
            raise TaskError(
                f"{name} is {what}; put the table itself there, or set {key} in task.toml."
            )


def _find_train(folder: Path, tables: list[str]) -> str:
    train = _pick(tables, "train", TRAIN, "train")
    if train is None and len({table_stem(n) for n in tables}) == 1:
        train = _by_suffix(tables)[0]
    if train is None:
        raise TaskError(
            f"No training table was found in {folder}; name it train.csv, or set train in "
            "task.toml."
        )
    return train


def _pick(tables: list[str], exact: str, pattern: re.Pattern[str], key: str) -> str | None:
    """The table with the exact name, else the only one whose name has the word in it."""
    same = [n for n in tables if table_stem(n) == exact]
    if same:
        return _by_suffix(same)[0]
    like = [n for n in tables if pattern.search(table_stem(n) or "")]
    if len({table_stem(n) for n in like}) > 1:
        raise TaskError(
            f"Several files may be the {key} table ({', '.join(like)}); set {key} in task.toml."
        )
    return _by_suffix(like)[0] if like else None


def _preferred_sample(names: list[str]) -> str | None:
    """A name with 'sample' in it first: a bare submission.csv may be somebody's own."""
    ordered = sorted(
        _by_suffix(names), key=lambda n: not re.search("sample|example|format|gender", n.lower())
    )
    return ordered[0] if ordered else None


def _by_suffix(names: list[str]) -> list[str]:
    def rank(name: str) -> int:
        return next((i for i, s in enumerate(TABLE_SUFFIXES) if name.lower().endswith(s)), 99)

    return sorted(names, key=lambda n: (rank(n), n))


def _find_description(folder: Path, names: list[str]) -> str | None:
    by_lower = {n.lower(): n for n in names if (folder / n).is_file()}
    for known in DESCRIPTIONS:
        if known in by_lower:
            return by_lower[known]
    texts = [n for lower, n in by_lower.items() if lower.endswith(".md")]
    texts += [n for lower, n in by_lower.items() if lower.endswith(".txt") and "descr" in lower]
    return texts[0] if texts else None


def _side_files(
    folder: Path, names: list[str], told: TaskToml, found: dict[str, str | None]
) -> list[str]:
    """Everything else a script may read: no second copy of a table, no code of the metric."""
    hidden = {"task.toml", *(name for name in found.values() if name)}
    if told.metric and ".py:" in told.metric:
        hidden.add(told.metric.partition(":")[0])
    stems = {
        table_stem(n) for n in (found["train"], found["test"], found["sample_submission"]) if n
    }
    return [
        n
        for n in names
        if n not in hidden and (table_stem(n) is None or table_stem(n) not in stems)
    ]


def labelled_side_tables(folder: Path, side: list[str], target: list[str]) -> list[str]:
    """Side tables that hold every target column: they may be copies of the labels."""
    return [
        n
        for n in side
        if (folder / n).is_file()
        and table_stem(n) is not None
        and set(target) <= set(read_header(folder / n))
    ]
