"""Level ``container``: docker or podman, an image that the user names, no network.

The script sees the image, read only, its own folder and its input, and nothing else of this
machine. Its first process is ``warden.py``: it counts what the script uses, and ends the container
when the harness is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.errors import SandboxUnavailable, SettingsError
from mle_star.execution.base import Limits
from mle_star.execution.cages import engine, places
from mle_star.execution.cages.base import Cage, Plan, Surroundings, shell_status
from mle_star.execution.evidence import Evidence

_WARDEN = Path(__file__).with_name("warden.py")
_REPORT = "container.json"
_REPORT_BYTES = 4096
_TRIES = 3
_UNBOUNDED = 10**9
_DEFAULT_MEMORY_MB = 1024
_THREADS = 128
"""Threads beside the processes: the engine's limit counts both, the warden processes alone."""
_MARGIN = 3.0
"""Seconds after which the warden ends a script that the harness should have ended."""
_GAPS = (
    "processor time and processes are counted ten times a second by a process inside, which a "
    "script may cheat",
    "cores are divided by environment variables only, not by the kernel",
    "scripts can see what hardware and which kernel the machine has",
    "the kernel is shared, and so is the engine: a hole in either is a way out",
)
_DAEMON = "the engine's daemon runs as root"
_GPU = "scripts can use the graphics processor, whose driver is a way to attack the kernel"
# Of our own environment only what holds inside; the image says where its programs are.
_OUTSIDE = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class ContainerCage(Cage):
    """One container for each script.

    Args:
        python: interpreter in the image: a name or an absolute path.
        image: the image.

    Raises:
        SettingsError: no image is named.
    """

    name = "container"

    def __init__(self, python: str, image: str) -> None:
        super().__init__(python)
        if not image:
            raise SettingsError(
                "The sandbox 'container' needs an image with Python and the packages: name one "
                "with container_image."
            )
        self.image = image
        self._names: dict[Path, str] = {}
        self._lock = threading.Lock()

    def gaps(self) -> tuple[str, ...]:
        """What a container can't stop."""
        own = engine.engine()
        gaps = list(_GAPS)
        if not own.podman and not own.rootless:
            gaps.append(_DAEMON)
        return (*gaps, _GPU) if _graphics(own) else tuple(gaps)

    def plan(self, around: Surroundings) -> Plan:
        """Build the client's command line."""
        try:
            own = engine.engine()
            volumes = engine.image_volumes(self.image)
        except SettingsError as error:
            raise SandboxUnavailable(str(error)) from None
        name = f"mle-star-{os.getpid()}-{secrets.token_hex(6)}"
        with self._lock:
            self._names[around.folder] = name
        limits = around.limits
        folder = str(around.folder)
        words = [own.program, "run", "--interactive", "--pull", "never", "--name", name]
        words += ["--label", f"{engine.LABEL}={engine.owner()}", "--log-driver", "none"]
        words += ["--network", "none", "--hostname", "script", "--read-only", "--cap-drop", "ALL"]
        # A label for SELinux would have to be put on the user's own files.
        words += ["--security-opt", "no-new-privileges", "--security-opt", "label=disable"]
        words += [*own.identity(), *_bounds(limits)]
        for path in volumes:  # else each would be a place on disk to write to
            words += ["--tmpfs", f"{path}:rw,size=16m"]
        words += ["--gpus", "all"] if _graphics(own) else []
        words += ["--workdir", folder, *_mount(folder, write=True)]
        for path in dict.fromkeys([f"{folder}/input", *map(str, around.sources)]):
            words += _mount(path)
        for variable, value in around.environment.items():
            if variable not in _OUTSIDE:
                words += ["--env", f"{variable}={value}"]
        # By its content: the name may be given to another image meanwhile.
        words += ["--no-healthcheck", "--entrypoint", self.python, engine.image_digest(self.image)]
        words += ["-I", "-S", "-c", _WARDEN.read_text(encoding="utf-8"), f"{folder}/{_REPORT}"]
        words += [str(limits.wall_seconds + _MARGIN), str(limits.cpu_seconds or _UNBOUNDED)]
        words += [str(limits.processes or _UNBOUNDED), str(limits.disk_mb or _UNBOUNDED)]
        words += self.script_command
        return Plan(words, announced=True, engine=True, environment=engine.client_environment())

    def settle(self, folder: Path, seen: Evidence) -> None:
        """Take what engine and warden know of the script."""
        with self._lock:
            name = self._names.get(folder.resolve(), "")
        state, report = _state(name), _report(folder)
        if seen.status is not None:
            seen.status, sure = _exact(seen.status, report.status)
            # An engine that died under the script says nothing of it; the warden may have.
            seen.began = sure if state is None or state.running else state.began
        if seen.stop == "timeout" and state is not None and not state.began:
            seen.stop = ""  # the engine's time, not the script's
        seen.cpu_seconds = report.cpu
        seen.peak_memory_mb = report.peak or None
        seen.processes = max(1, report.processes)
        if seen.stop or seen.status == 0:
            return
        if (state is not None and state.out_of_memory) or report.stop == "memory":
            seen.stop = "out_of_memory"
        elif report.stop == "cpu":
            seen.stop = "cpu"
        elif report.stop == "processes":
            seen.stop = "processes"
        elif report.stop == "disk":
            seen.stop = "disk_limit"
        elif report.stop == "time":
            seen.stop = "timeout"

    def kill(self, folder: Path) -> None:
        """Have the engine kill the container."""
        with self._lock:
            name = self._names.get(folder.resolve(), "")
        if name:
            with contextlib.suppress(OSError, SettingsError, subprocess.CalledProcessError):
                engine.ask(engine.engine().program, "kill", name, patience=10.0)

    def has_begun(self, folder: Path) -> bool:
        """The warden writes its first report just before it starts the script."""
        return os.path.lexists(folder / _REPORT)

    def end(self, folder: Path) -> None:
        """Remove the container, whatever it still does."""
        with self._lock:
            name = self._names.pop(folder.resolve(), "")
        for _ in range(_TRIES if name else 0):
            with contextlib.suppress(OSError, SettingsError, subprocess.CalledProcessError):
                engine.ask(engine.engine().program, "rm", "--force", "--volumes", name)
                return


@dataclass(frozen=True)
class _State:
    """What the engine says of a container."""

    began: bool
    running: bool
    out_of_memory: bool


@dataclass(frozen=True)
class _Report:
    """What the warden counted; a script may have written it instead."""

    cpu: float = 0.0
    peak: float = 0.0
    processes: int = 0
    stop: str = ""
    status: int | None = None


def _state(name: str) -> _State | None:
    """None where the engine gives no answer, or knows no such container."""
    try:
        own = engine.engine()
        text = engine.ask(own.program, "container", "inspect", "--format", "{{json .State}}", name)
        state: dict[str, Any] = json.loads(text)
    except (OSError, ValueError, SettingsError, subprocess.CalledProcessError):
        return None
    at = str(state.get("StartedAt") or "0001")
    began = not state.get("Error") and not at.startswith("0001")
    return _State(began, bool(state.get("Running")), bool(state.get("OOMKilled")))


def _report(folder: Path) -> _Report:
    try:
        descriptor = os.open(folder / _REPORT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return _Report()
    try:
        value = json.loads(os.read(descriptor, _REPORT_BYTES))
        return _Report(
            cpu=_number(value["cpu"]),
            peak=_number(value["peak"]),
            processes=int(_number(value["processes"])),
            stop=str(value["stop"]),
            status=value["status"] if isinstance(value.get("status"), int) else None,
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return _Report()
    finally:
        os.close(descriptor)


def _exact(status: int, told: int | None) -> tuple[int, bool]:
    """The script's wait status, and whether the warden told it.

    What the warden tells must agree with how it ended itself.
    """
    if told is not None:
        with contextlib.suppress(ValueError, OverflowError):
            code = os.waitstatus_to_exitcode(told)
            if os.waitstatus_to_exitcode(status) == (code if code >= 0 else 128 - code):
                return told, True
    return shell_status(status), False


def _number(value: object) -> float:
    number = float(value) if isinstance(value, int | float) else 0.0
    return number if 0 <= number < _UNBOUNDED else 0.0


def _graphics(own: engine.Engine) -> bool:
    return own.graphics and any("nvidia" in path for path in places.accelerators())


def _bounds(limits: Limits) -> list[str]:
    """Limits that the engine sets."""
    memory = limits.memory_mb or _DEFAULT_MEMORY_MB
    temporary = memory // 4
    if limits.disk_mb is not None:
        temporary = min(temporary, limits.disk_mb)
    words = ["--memory", f"{memory}m", "--memory-swap", f"{memory}m"]
    words += ["--shm-size", f"{max(16, memory // 2)}m"]
    words += ["--tmpfs", f"/tmp:rw,exec,mode=1777,size={max(16, temporary)}m"]
    words += ["--ulimit", "core=0:0"]
    if limits.processes is not None:
        words += ["--pids-limit", str(limits.processes + _THREADS)]
    if limits.open_files is not None:
        words += ["--ulimit", f"nofile={limits.open_files}:{limits.open_files}"]
    if limits.disk_mb is not None:
        most = limits.disk_mb * 1024 * 1024
        words += ["--ulimit", f"fsize={most}:{most}"]
    return words


def _mount(path: str, *, place: str = "", write: bool = False) -> list[str]:
    fields = [f"type=bind,source={path},target={place or path}"]
    if any(mark in path for mark in ',"\n'):  # the option is a line of CSV
        quoted = path.replace('"', '""')
        fields = ["type=bind", f'"source={quoted}"', f'"target={place or quoted}"']
    return ["--mount", ",".join([*fields, *([] if write else ["readonly"])])]
