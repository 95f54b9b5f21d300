"""Level ``process``: a session, limits, a scrubbed environment, and nothing that holds files in."""

from __future__ import annotations

import sys

from mle_star.execution.cages.base import COUNTED, Cage, Plan, Surroundings

_GAPS = (
    "scripts can read and write every file the user can",
    "scripts can open network connections",
    "scripts can signal other processes of the user",
    *COUNTED,
    "memory in shared-memory files that nobody has mapped is not counted",
    "disk use is counted in the job's folder only",
    "a script that kills its supervisor and empties its environment can leave processes behind",
)
_GAPS_ELSEWHERE = (
    "a process that leaves its session and empties its environment outlives the script",
    "cores are not divided by the kernel, only by environment variables",
    "memory shared between processes is counted once for each",
)


class ProcessCage(Cage):
    """No cage: for code that is trusted, and where nothing better can be had."""

    name = "process"
    links = False

    def gaps(self) -> tuple[str, ...]:
        """Everything that needs the kernel's help."""
        return _GAPS if sys.platform == "linux" else _GAPS + _GAPS_ELSEWHERE

    def plan(self, around: Surroundings) -> Plan:
        """Run the script as it is."""
        return Plan(self.script_command)
