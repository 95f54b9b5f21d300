"""One fuzzed task folder from one source of chance."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

from tests.fuzz import damage, draft
from tests.fuzz.writing import FORMATS, Dialect, draw_dialect, write_table


def make_folder(chance: random.Random, folder: Path, costly: bool = True) -> list[str]:
    """Write a task folder; what is odd about it, in a few words each.

    The same chance gives the same folder. ``costly`` allows what takes seconds to write.
    """
    folder.mkdir(parents=True)
    drawn = draft.draw(chance)
    if not costly and len(drawn.train.names) > 20:
        drawn = draft.draw(random.Random(0))
    tables = _tables(chance, folder, drawn)
    if drawn.description:
        (folder / "description.md").write_text(drawn.description, encoding="utf-8")
    oddities = [path.name for path in tables]
    oddities += _task_toml(chance, folder, drawn)
    for _ in range(chance.choice((1, 1, 2)) if chance.random() < 0.3 else 0):
        names = [n for n in damage.DAMAGES if costly or n not in damage.COSTLY]
        name = chance.choice(names)
        table = tables[0] if chance.random() < 0.6 else chance.choice(tables)
        if table.exists() and not table.is_file():
            continue  # a device has no end
        with contextlib.suppress(OSError, ValueError):
            damage.DAMAGES[name](chance, folder, table)
            oddities.append(f"{name}: {table.name}")
    return oddities


def _tables(chance: random.Random, folder: Path, drawn: draft.Draft) -> list[Path]:
    common = draw_dialect(chance)
    paths = []
    for stem, grid in (
        ("train", drawn.train),
        ("test", drawn.test),
        ("sample_submission", drawn.sample),
    ):
        if grid is None:
            continue
        dialect = common if chance.random() < 0.9 else draw_dialect(chance)
        form = chance.choice(FORMATS) if chance.random() < 0.15 else "csv"
        try:
            paths.append(write_table(folder, stem, grid, form, dialect))
        except Exception:  # noqa: BLE001 - a format that can't hold this table
            paths.append(write_table(folder, stem, grid, "csv", Dialect()))
    return paths


def _task_toml(chance: random.Random, folder: Path, drawn: draft.Draft) -> list[str]:
    text = damage.toml_text(drawn.toml)
    chosen = ""
    if chance.random() < 0.12:
        chosen = chance.choice(damage.TOMLS)
        keys = {line.partition(" ")[0] for line in chosen.splitlines()}
        text = damage.toml_text({k: v for k, v in drawn.toml.items() if k not in keys}) + chosen
    if text:
        (folder / "task.toml").write_text(text, encoding="utf-8")
    return [f"task.toml: {chosen[:40]!r}"] if chosen else []
