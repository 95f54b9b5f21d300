"""Isolated environments of the other systems, whose requirements would not bear with ours.

An environment is made beside its place and moved there when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mle_star.errors import SettingsError

_MARK = "mle-star.json"


@dataclass(frozen=True)
class Peer:
    """What a system needs."""

    requirements: tuple[str, ...]
    module: str
    """Is imported to see whether it works."""


PEERS: dict[str, Peer] = {
    "flaml": Peer(("flaml[automl]==2.7.0", "catboost==1.2.10"), "flaml.automl"),
    "autogluon": Peer(("autogluon.tabular[all]==1.6.3",), "autogluon.tabular"),
}
"""Each as its documentation says to install it; CatBoost is among FLAML's default learners where
it is there."""


def _root(root: Path | None) -> Path:
    return root if root is not None else Path.home() / ".cache" / "mle-star" / "bench"


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def environment_of(peer: str, root: Path | None = None) -> Path:
    """The interpreter that runs a peer, whether it is there or not.

    Args:
        peer: a name of :data:`PEERS`.
        root: folder of the environments; None: ``~/.cache/mle-star/bench``.

    Raises:
        SettingsError: there is no such peer.
    """
    _peer(peer)
    return _python((_root(root) / peer).absolute())


def missing(peer: str, root: Path | None = None) -> str:
    """Why a peer can't be run here, with the command that mends it; empty where it can.

    An environment without our mark is somebody's own, and is used as it is.

    Raises:
        SettingsError: there is no such peer.
    """
    python = environment_of(peer, root)
    where = "" if root is None else f" --environments {root}"
    remedy = f"run 'mle-star bench install {peer}{where}'"
    if not python.is_file():
        return f"{peer} is not installed: {remedy}."
    wanted = list(_peer(peer).requirements)
    if _installed(python.parents[1]) not in (None, wanted):
        return f"{peer} is installed in other versions than {', '.join(wanted)}: {remedy}."
    return ""


def _installed(folder: Path) -> object:
    try:
        mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
        return mark["requirements"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return []


def install(peer: str, root: Path | None = None, *, say: Callable[[str], None] = print) -> Path:
    """Make the environment of a peer where it is missing, and return its interpreter.

    uv makes it where it is on the path, else venv and pip do.

    Args:
        peer: a name of :data:`PEERS`.
        root: folder of the environments; None: ``~/.cache/mle-star/bench``.
        say: hears what the installer says, line by line.

    Raises:
        SettingsError: there is no such peer, or it can't be installed.
    """
    python = environment_of(peer, root)
    if not missing(peer, root):
        return python
    place = python.parents[1]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{peer}-", dir=place.parent))
    except OSError as error:
        raise SettingsError(
            f"The environment of {peer} can't be made in {place.parent} ({error.strerror}): name "
            "another folder with --environments."
        ) from None
    try:
        _make(peer, made, say)
        _move(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return python


def _make(peer: str, folder: Path, say: Callable[[str], None]) -> None:
    wanted = _peer(peer)
    uv, python = shutil.which("uv"), str(_python(folder))
    if uv:
        steps = [
            [uv, "venv", "--clear", "--python", sys.executable, str(folder)],
            [uv, "pip", "install", "--python", python, *wanted.requirements],
        ]
    else:
        steps = [
            [sys.executable, "-m", "venv", str(folder)],
            [python, "-m", "pip", "install", "--disable-pip-version-check", *wanted.requirements],
        ]
    for step in [*steps, [python, "-c", f"import {wanted.module}"]]:
        _step(peer, step, say)
    mark = json.dumps({"requirements": wanted.requirements})
    (folder / _MARK).write_text(mark, encoding="utf-8")


def _step(peer: str, command: Sequence[str], say: Callable[[str], None]) -> None:
    last = ""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")},
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.strip():
                    last = line.strip()
                    say(last)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        reason = last.rstrip(".") or f"exit code {process.returncode}"
        raise SettingsError(
            f"{peer} can't be installed ({reason}): see what '{' '.join(command[:4])} ...' says, "
            "mend it, and install again."
        )


def _move(made: Path, place: Path) -> None:
    """Put a whole environment where an older one may be."""
    old = made.with_name(f"{made.name}-old")
    with contextlib.suppress(FileNotFoundError):
        place.rename(old)
    try:
        made.rename(place)
    finally:
        if old.is_symlink():
            old.unlink()
        shutil.rmtree(old, ignore_errors=True)


def _peer(name: str) -> Peer:
    if name not in PEERS:
        raise SettingsError(
            f"{name!r} needs no environment or is not known: choose among {', '.join(PEERS)}."
        )
    return PEERS[name]
