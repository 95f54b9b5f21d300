"""Level ``landlock``: the kernel's own walls, set by the process that becomes the script.

No package and no privilege is needed. The script stays among the machine's processes and sees the
same folders, but can open only what it needs, and no socket at all.
"""

from __future__ import annotations

import functools
import os

from mle_star.errors import SandboxUnavailable
from mle_star.execution.cages import places, ruleset, sieve
from mle_star.execution.cages.base import COUNTED, INSIDE, Cage, Plan, Surroundings, inside_text

_GAPS = (
    *COUNTED,
    "scripts can see which files exist and how large they are, but not open them",
    "scripts can see the command lines of other processes, but not their environment",
    "scripts can change priority and cores of the user's other processes",
    "shared memory (/dev/shm) is the machine's: what scripts leave there is not counted",
    "the kernel is shared: a hole in it is a way out",
)
_GPU = "scripts can use the graphics processor, whose driver is a way to attack the kernel"
_NO_SIGNALS = (
    "scripts can signal other processes of the user than the harness (needs Linux 6.12 or newer)"
)
_NO_IOCTL = "scripts can send commands (ioctl) to devices they have open (needs Linux 6.10)"


class LandlockCage(Cage):
    """Landlock, the system call filter and limits, set just before the script begins.

    Args:
        python: interpreter of the scripts.
        abi: version of Landlock's interface to use; None: the kernel's.
    """

    name = "landlock"

    def __init__(self, python: str, abi: int | None = None) -> None:
        super().__init__(python)
        self._abi = kernel_abi() if abi is None else abi

    def gaps(self) -> tuple[str, ...]:
        """What Landlock does not guard, and what this kernel's version does not yet."""
        gaps = list(_GAPS)
        if self._abi < ruleset.SCOPES_SINCE:
            gaps.append(_NO_SIGNALS)
        if self._abi < 5:
            gaps.append(_NO_IOCTL)
        return (*gaps, _GPU) if places.accelerators() else tuple(gaps)

    def plan(self, around: Surroundings) -> Plan:
        """Let ``inside.py`` shut itself in and become the script."""
        if not self._abi or not sieve.supported():
            raise SandboxUnavailable("This kernel has no Landlock: choose another sandbox level.")
        text = inside_text(
            self.script_command,
            around.status,
            access=access(self.python, around),
            abi=self._abi,
            shared=True,
            spare={around.harness, os.getpgid(around.harness)},
        )
        command = [self.python, "-I", "-S", INSIDE, "@inside"]
        return Plan(command, {"@inside": text}, announced=True)


@functools.cache
def kernel_abi() -> int:
    """Version of Landlock's interface that this kernel has; 0: none."""
    return ruleset.version()


def access(python: str, around: Surroundings) -> dict[str, list[str]]:
    """What a script may do where; see :data:`mle_star.execution.cages.ruleset.RIGHTS`."""
    home = places.interpreter(python)
    return {
        "run": [*places.SYSTEM, *home.paths, *places.libraries()],
        "read": [*places.SETTINGS, "/proc", *places.KERNEL, "/sys/fs/cgroup", *_sources(around)],
        "write": [str(around.folder)],
        "memory": ["/dev/shm"],
        "device": [*places.DEVICES, *places.accelerators()],
    }


def _sources(around: Surroundings) -> list[str]:
    return [str(path) for path in around.sources]
