"""A run that goes on elsewhere: another path, another machine, another place of its task.

The folder holds all a run needs but two things: the user's tables, which are read again for the
submission, and an interpreter. Both are looked for where they were, then where they would be now.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mle_star.context import Settings
from mle_star.errors import RunError, SettingsError
from mle_star.execution.packages import interpreter_versions
from mle_star.runs.folder import RunFolder, write_json
from mle_star.runs.lock import only_one
from mle_star.runs.storage import in_one_sentence
from mle_star.tasks import TaskSpec

_HASHED = 1024 * 1024
"""Bytes of each end of a table that are compared; the size is compared as well."""


def remember_place(folder: RunFolder, spec: TaskSpec, settings: Settings) -> dict[str, Any]:
    """What ``run.json`` must say so that :func:`find_task` and :func:`find_python` work later."""
    metric = spec.metric.partition(":")[0] if ".py:" in spec.metric else ""
    return {
        "place": str(folder.path),
        "tables": {
            name: _fingerprint(Path(spec.folder) / name)
            for name in (spec.train, spec.test, spec.sample_submission, metric)
            if name
        },
        "interpreter": dict(interpreter_versions(settings.python, settings.image))
        if settings.python_is_there
        else {},
    }


def find_task(folder: RunFolder, given: str | Path | None = None) -> str:
    """Make the run's records name the place where its task lies now.

    Args:
        folder: the run.
        given: where the user says it lies; None: where it was, or the same way from the run folder.

    Returns:
        What changed, in one sentence; empty where nothing did.

    Raises:
        RunError: it is not there, or its tables are not those the run began with.
    """
    record = folder.record()
    before = str(record["task"])
    place = _whole(given) if given is not None else _where_now(folder, record)
    tables: Mapping[str, Any] = record.get("tables") or {}
    for name, seen in tables.items():
        now = _fingerprint(place / name)
        if now == seen:
            continue
        what = f"is not the {name} this run began with" if now else "is not there"
        raise RunError(
            f"{place / name} {what}: put it back, or name the folder of the same task with "
            f"'mle-star resume {folder.path} --task FOLDER'."
        )
    if str(place) == before:
        return ""
    _rewrite(folder, str(place))
    return f"The task lies in {place} now (was {before})."


def use_task(run: Path, given: str) -> None:
    """Make a run's records name the place where its task lies now (see :func:`find_task`).

    Raises:
        RunError: the run is being run, or that is not its task.
    """
    folder = RunFolder.open(run.absolute())
    with in_one_sentence(folder.path), only_one(folder.path):
        find_task(folder, given)


def find_python(folder: RunFolder, settings: Settings, given: str | None) -> tuple[Settings, str]:
    """The settings with an interpreter that is there, and what changed in one sentence.

    Raises:
        SettingsError: the scripts' interpreter is gone, and ours has other packages.
    """
    recorded = folder.record().get("interpreter") or {}
    if settings.image:
        now = dict(interpreter_versions(settings.python, settings.image))
        if not recorded or now == recorded:
            return settings, ""
        return settings, (
            f"The image {settings.image} has other content than before, so scripts that finished "
            "run again."
        )
    if settings.python_is_there:
        return settings, ""
    chosen = given or sys.executable
    found = dict(interpreter_versions(chosen))
    other = sorted(n for n in recorded if found.get(n) != recorded[n])
    if given is None and (other or not recorded):
        names = ", ".join(f"{n or 'Python'} {recorded[n]}" for n in other[:4])
        raise SettingsError(
            f"The interpreter of this run's scripts, {settings.python}, is not there, and this one "
            f"lacks {names or 'what is known about it'}: "
            f"name one with 'mle-star resume {folder.path} --python PATH'."
        )
    text = f"The interpreter {settings.python} is not there any more; scripts now run with {chosen}"
    text += f" (other versions of: {', '.join(n or 'Python' for n in other)})." if other else "."
    return settings.model_copy(update={"python": chosen}), text


def _where_now(folder: RunFolder, record: Mapping[str, Any]) -> Path:
    before = Path(str(record["task"]))
    if before.is_dir():
        return before
    if record.get("place"):
        beside = Path(os.path.normpath(folder.path / os.path.relpath(before, record["place"])))
        if beside.is_dir():
            return beside
    raise RunError(
        f"The task folder {before} is not there any more: say where it lies with "
        f"'mle-star resume {folder.path} --task FOLDER'."
    )


def _whole(given: str | Path) -> Path:
    path = Path(given).expanduser().absolute()
    if not path.is_dir():
        raise RunError(f"There is no task folder {path}: give the path of the one the run is for.")
    return path


def _rewrite(folder: RunFolder, place: str) -> None:
    stored = folder.path / "task.json"
    if stored.is_file():
        spec = TaskSpec.model_validate_json(stored.read_text(encoding="utf-8"))
        moved = spec.model_copy(update={"folder": place})
        write_json(stored, moved.model_dump(mode="json"))
    spec_record = folder.record().get("spec")
    changed = {"spec": {**spec_record, "folder": place}} if spec_record else {}
    folder.update(task=place, **changed)


def _fingerprint(path: Path) -> list[Any] | None:
    """Size, and sha256 of both ends; None where there is no such file."""
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            state = hashlib.sha256(stream.read(_HASHED))
            stream.seek(max(_HASHED, size - _HASHED))
            state.update(stream.read(_HASHED))
    except OSError:
        return None
    return [size, state.hexdigest()]
