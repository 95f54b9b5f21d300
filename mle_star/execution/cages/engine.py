"""The container engine of this machine: docker or podman, spoken to by its command line."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.errors import SettingsError
from mle_star.execution.probe import start_time

LABEL = "mle-star.harness"
"""Label of every container: who started it, as :func:`owner` says."""
_PATIENCE = 60.0
_CLIENT = (
    "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION", "CONTAINER_HOST", "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS", "CONTAINERS_CONF",
    "CONTAINERS_STORAGE_CONF", "PATH",
)  # fmt: skip
"""Variables that the engine's own client needs; the container gets none of them."""


@dataclass(frozen=True)
class Engine:
    """An engine that answers."""

    program: str
    """Path of its client."""
    podman: bool
    rootless: bool
    graphics: bool
    """Whether it can hand a graphics processor to a container."""

    def identity(self) -> list[str]:
        """Options by which the script is, to the files it is given, the user of the harness."""
        if not self.rootless:
            return ["--user", f"{os.getuid()}:{os.getgid()}"]
        return ["--userns", "keep-id"] if self.podman else ["--user", "0:0"]


def client_environment() -> dict[str, str]:
    """The environment of the engine's client."""
    return {name: os.environ[name] for name in _CLIENT if name in os.environ}


def ask(program: str, *words: str, patience: float = _PATIENCE) -> str:
    """What the client prints.

    Raises:
        OSError: it can't be started, or takes longer than ``patience`` seconds.
        subprocess.CalledProcessError: it says no; ``stderr`` has its words.
    """
    try:
        return subprocess.run(
            [program, *words], capture_output=True, check=True, text=True, timeout=patience,
            env=client_environment(), stdin=subprocess.DEVNULL,
        ).stdout  # fmt: skip
    except subprocess.TimeoutExpired:
        raise OSError(f"'{Path(program).name} {words[0]}' did not answer") from None


@functools.cache
def engine() -> Engine:
    """The engine to use: the first of docker and podman that answers; asked once per process.

    Raises:
        SettingsError: there is none, or none answers.
    """
    said = []
    for name in ("docker", "podman"):
        program = shutil.which(name)
        if program is None:
            continue
        try:
            return _look_at(program)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            said.append(f"{name} does not answer ({last_words(error)})")
    if said:
        raise SettingsError(
            f"The sandbox 'container' needs docker or podman, and {' and '.join(said)}: start its "
            "daemon, see that this user may speak to it, or choose another sandbox."
        )
    raise SettingsError(
        "The sandbox 'container' needs docker or podman, and neither is installed: install one, "
        "or choose another sandbox."
    )


def _look_at(program: str) -> Engine:
    # Debian and Fedora have a 'docker' that is podman; only its version says so.
    podman = "podman" in ask(program, "--version").lower()
    facts: dict[str, Any] = json.loads(ask(program, "info", "--format", "{{json .}}"))
    if podman:
        rootless = bool(facts.get("host", {}).get("security", {}).get("rootless"))
        return Engine(program, podman=True, rootless=rootless, graphics=False)
    problems = facts.get("ServerErrors")
    if problems:
        raise OSError(str(problems[0]))
    for limit, what in (("MemoryLimit", "memory"), ("PidsLimit", "the number of processes")):
        if facts.get(limit) is False:
            raise OSError(f"it can't limit {what} here, which needs control groups")
    options = [str(option) for option in facts.get("SecurityOptions") or []]
    rootless = any("rootless" in option for option in options)
    graphics = "nvidia" in (facts.get("Runtimes") or {})
    return Engine(program, podman=False, rootless=rootless, graphics=graphics)


def last_words(error: BaseException) -> str:
    """Why a client failed, in one line."""
    text = str(getattr(error, "stderr", "") or "")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # What follows the error is advice on how to get help.
    chosen = next((line for line in lines if "rror" in line), lines[-1] if lines else str(error))
    return " ".join(chosen.split())[:300]


def run_in(image: str, python: str, words: Sequence[str]) -> str:
    """Run an interpreter of an image once, with no file and no network; returns what it prints.

    Raises:
        SettingsError: there is no engine, no such image, or no such interpreter in it.
    """
    own = engine()
    try:
        return ask(
            own.program, "run", "--rm", "--pull", "never", "--network", "none", "--read-only",
            "--cap-drop", "ALL", "--log-driver", "none", "--entrypoint", python,
            image_digest(image), *words,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        raise SettingsError(
            f"The interpreter {python!r} of the image {image!r} can't be started "
            f"({last_words(error)}): set container_image to an image that is here and has a "
            "Python 3.8 or newer, and python to its name in there if it is not python3."
        ) from None


@functools.lru_cache(maxsize=8)
def image_digest(image: str) -> str:
    """What identifies the content of an image; changes when its name is given to another.

    Raises:
        SettingsError: there is no such image here.
    """
    own = engine()
    try:
        return ask(own.program, "image", "inspect", "--format", "{{.Id}}", image).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SettingsError(
            f"There is no image {image!r} on this machine ({last_words(error)}): fetch it with "
            f"'{Path(own.program).name} pull {image}', or name another in container_image."
        ) from None


@functools.lru_cache(maxsize=8)
def image_volumes(image: str) -> tuple[str, ...]:
    """Folders for which an image asks a volume of its own.

    Raises:
        SettingsError: there is no such image here.
    """
    form = "{{json .Config.Volumes}}"
    try:
        text = ask(engine().program, "image", "inspect", "--format", form, image_digest(image))
        return tuple(sorted(json.loads(text) or {}))
    except (OSError, ValueError, TypeError, subprocess.CalledProcessError):
        return ()


def owner() -> str:
    """This process, told from every other that has been or will be on this machine."""
    return f"{_host()}:{os.getpid()}:{start_time(os.getpid())}"


def _host() -> str:
    """This machine since its last start, and the process numbers that are seen from here."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}".replace(":", "")  # noqa: PTH115
    except OSError:
        return f"{uuid.getnode():x}"


def sweep() -> None:
    """Remove the containers of harnesses of this machine that are gone.

    They end when their harness does; what is left is their record in the engine.
    """
    own = engine()
    form = '{{.ID}} {{.Label "' + LABEL + '"}}'
    try:
        listed = ask(own.program, "ps", "--all", "--filter", f"label={LABEL}", "--format", form)
        gone = [name for name, _, who in (x.partition(" ") for x in listed.splitlines()) if
                _is_gone(who)]  # fmt: skip
        if gone:
            ask(own.program, "rm", "--force", *gone)
    except (OSError, subprocess.CalledProcessError):
        return  # another process may be sweeping too


def _is_gone(who: str) -> bool:
    host, _, rest = who.partition(":")
    pid, _, born = rest.partition(":")
    if host != _host() or not pid.isdigit():
        return False
    return str(start_time(int(pid))) != born
