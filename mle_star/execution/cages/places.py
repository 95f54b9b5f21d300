"""Which parts of the machine a script needs to see: its interpreter, libraries, a few devices."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mle_star.errors import SettingsError

SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin", "/nix/store")
"""Programs and libraries of the system: read and run."""
SETTINGS = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/fonts",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/OpenCL",
    "/etc/nvidia",
)
"""What libraries look up; nothing about the user or the network."""
KERNEL = ("/sys/devices/system",)
"""Cores and memory nodes, which libraries count."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# Below a prefix only these: a prefix may be a folder that holds a project, or the home itself.
_PARTS = ("bin", "lib", "lib64", "lib32", "libexec", "include", "share", "etc", "ssl", "pyvenv.cfg")
_SITE = ("site-packages", "dist-packages")
_QUERY = """
import json, sys
print(json.dumps({
    "prefixes": [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix],
    "path": sys.path,
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """Where an interpreter and its packages lie."""

    paths: tuple[str, ...]
    """Folders and files to read and run; both as the interpreter names them and as they are."""
    links: tuple[tuple[str, str], ...]
    """Symbolic links outside ``paths`` by which the interpreter is reached -> their targets."""


@functools.lru_cache(maxsize=8)
def interpreter(python: str) -> Interpreter:
    """Ask an interpreter where it lives.

    Packages that are installed in place (``pip install -e``) are left out: their folders are
    projects, with whatever else lies in them.

    Raises:
        SettingsError: it can't be started.
    """
    try:
        answer = subprocess.run(
            [python, "-I", "-c", _QUERY],
            capture_output=True,
            check=True,
            timeout=60,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )
        value = json.loads(answer.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        raise SettingsError(
            f"The interpreter {python!r} can't be started: "
            "set 'python' to a Python 3.8 or newer that exists."
        ) from None
    wanted = [os.path.join(prefix, part) for prefix in value["prefixes"] for part in _PARTS]  # noqa: PTH118
    wanted += [path for path in value["path"] if Path(path).name in _SITE]
    paths = _existing(_both(wanted))
    return Interpreter(tuple(paths), tuple(_links(python, paths)))


def libraries() -> list[str]:
    """Folders that the user's environment adds to the search for shared libraries."""
    value = os.environ.get("LD_LIBRARY_PATH", "")
    home = str(Path.home())
    folders = [p for p in value.split(os.pathsep) if os.path.isabs(p)]  # noqa: PTH117
    return [p for p in _existing(_both(folders)) if not within(home, p)]


def accelerators() -> list[str]:
    """Devices of graphics processors."""
    names = [f"/dev/{n}" for n in _names("/dev") if n.startswith("nvidia")]
    return [*names, *_existing(["/dev/kfd", "/dev/dri"])]


def system_paths() -> list[str]:
    """Folders of :data:`SYSTEM` that exist."""
    return _existing(SYSTEM)


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []


def _existing(paths: Iterable[str]) -> list[str]:
    return [path for path in dict.fromkeys(paths) if os.path.exists(path)]  # noqa: PTH110


def _both(paths: Iterable[str]) -> list[str]:
    return [form for path in paths for form in (path, os.path.realpath(path))]


def _links(python: str, paths: list[str]) -> list[tuple[str, str]]:
    """The links from the given path to the interpreter that no folder above contains."""
    found = []
    here = os.path.abspath(python)  # noqa: PTH100 - links must stay
    for _ in range(40):
        if not os.path.islink(here):  # noqa: PTH114
            break
        target = os.readlink(here)  # noqa: PTH115
        if not any(within(here, path) for path in (*paths, *SYSTEM)):
            found.append((here, target))
        here = os.path.normpath(os.path.join(os.path.dirname(here), target))  # noqa: PTH118, PTH120
    return found
