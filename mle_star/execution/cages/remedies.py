"""The one thing to do on this host so that a level can be had."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from pathlib import Path

from mle_star.execution.cages import ruleset, sieve

_MANAGERS = {
    "apt-get": "sudo apt install bubblewrap",
    "dnf": "sudo dnf install bubblewrap",
    "yum": "sudo yum install bubblewrap",
    "pacman": "sudo pacman -S bubblewrap",
    "zypper": "sudo zypper install bubblewrap",
    "apk": "sudo apk add bubblewrap",
}
_SYSCTL = Path("/proc/sys")
_CONTAINER = ("/.dockerenv", "/run/.containerenv")
_PROFILE = (
    "printf 'abi <abi/4.0>,\\nprofile bwrap /usr/bin/bwrap flags=(unconfined) "
    "{\\n  userns,\\n}\\n' "
    "| sudo tee /etc/apparmor.d/bwrap && sudo apparmor_parser -r /etc/apparmor.d/bwrap"
)
_DOCKER = (
    "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined, which let it make namespaces of its own"
)
_LANDLOCK_SINCE = (5, 13)


def remedy(level: str, said: str) -> str:
    """What to do so that a level works here, as an imperative clause.

    Args:
        level: the level that was tried.
        said: why it failed.
    """
    if sys.platform != "linux" and level in ("bubblewrap", "landlock"):
        return f"it needs Linux: here choose 'container' or, for code you trust, {_process()}"
    if level == "bubblewrap":
        return _bubblewrap(said)
    if level == "landlock":
        return _landlock()
    if level == "container":
        return "see that the engine may mount the folder of the runs, or choose another level"
    return "look at what it said, or choose another level"


def _process() -> str:
    return "--sandbox process, which holds nothing in"


def _bubblewrap(said: str) -> str:
    if shutil.which("bwrap") is None:
        known = [command for tool, command in _MANAGERS.items() if shutil.which(tool)]
        return f"run '{known[0]}'" if known else "install the package 'bubblewrap'"
    if in_container():
        return _DOCKER
    if _value("user/max_user_namespaces") == "0":
        return "run 'sudo sysctl -w user.max_user_namespaces=15000'"
    if _value("kernel/unprivileged_userns_clone") == "0":
        return "run 'sudo sysctl -w kernel.unprivileged_userns_clone=1'"
    if _value("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return f"AppArmor forbids user namespaces: allow them to bwrap alone by running {_PROFILE}"
    if "unknown option" in said.lower():
        return "install bubblewrap 0.4 or newer"
    return "see whether 'bwrap --unshare-all --ro-bind / / true' works for this user"


def _landlock() -> str:
    version = tuple(int(n) for n in re.findall(r"\d+", platform.release())[:2])
    if version < _LANDLOCK_SINCE:
        return f"it needs Linux 5.13 or newer, and this is {platform.release()}"
    if not sieve.supported():
        return f"it is not made for this architecture ({os.uname().machine})"
    why = ruleset.why_not()
    if why == "EOPNOTSUPP":
        return "the kernel was started without it: add 'landlock' to lsm= on its command line"
    if why == "EPERM":
        return "the container's seccomp profile forbids it: use a profile of Docker 23 or newer"
    if why:
        return "this kernel was built without it: use one with CONFIG_SECURITY_LANDLOCK=y"
    return "see what the kernel's log says about landlock"


def in_container() -> bool:
    """Whether this looks like the inside of a container."""
    if any(Path(path).exists() for path in _CONTAINER):
        return True
    try:
        text = Path("/proc/1/cgroup").read_text(encoding="utf-8")
    except OSError:
        return False
    return any(word in text for word in ("docker", "kubepods", "containerd", "libpod"))


def _value(name: str) -> str:
    try:
        return (_SYSCTL / name).read_text(encoding="ascii").strip()
    except OSError:
        return ""
