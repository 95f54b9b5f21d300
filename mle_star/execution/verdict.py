"""From evidence to an outcome: what we did decides first, then the kernel, then the script."""

from __future__ import annotations

import math
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

from mle_star.execution.artefacts import Collection
from mle_star.execution.base import Job, ScriptError
from mle_star.execution.evidence import Evidence
from mle_star.execution.tracebacks import parse_traceback
from mle_star.state import Outcome

_MEMORY_TYPES = ("MemoryError", "_ArrayMemoryError", "OutOfMemoryError")
_MEMORY_WORDS = (
    "MemoryError",
    "std::bad_alloc",
    "Cannot allocate memory",
    "CUDA out of memory",
    "Unable to allocate",
)
_LAST_WORDS = 4000
"""Characters of standard error in which a cause is looked for."""


@dataclass(frozen=True)
class Verdict:
    """How a run ended, and why in one sentence."""

    outcome: Outcome
    problem: str
    exit_code: int | None = None
    signal: int | None = None
    exception: ScriptError | None = None


def judge(job: Job, seen: Evidence, found: Collection, altered: list[Path]) -> Verdict:
    """Decide the outcome of a run."""
    code, number = _status(seen.status)
    error = None
    if code != 0:
        error = parse_traceback(_shorten(seen.stderr.tail or seen.stderr.head, job.folder))
    outcome, problem = _decide(job, seen, found, altered, code, number, error)
    if altered and seen.stop:
        problem += f" {_altered_sentence(altered)}"
    if outcome in ("timeout", "cancelled") and seen.score.value is not None:
        problem += f" It had printed a score of {seen.score.value:g}, which does not count."
    return Verdict(outcome, problem, code, number, error)


def _decide(
    job: Job,
    seen: Evidence,
    found: Collection,
    altered: list[Path],
    code: int | None,
    number: int | None,
    error: ScriptError | None,
) -> tuple[Outcome, str]:
    if seen.stop:
        return _stopped(seen)
    if altered:
        return "error", _altered_sentence(altered)
    limit = seen.limits.disk_mb
    if limit is not None and math.isinf(seen.disk_mb):
        return "disk_limit", "The script made folders too deep to be measured."
    if limit is not None and seen.disk_mb > limit:
        return "disk_limit", f"The script wrote {seen.disk_mb:.0f} MiB, over its limit of {limit}."
    if _lacked_memory(seen, number, error):
        return "out_of_memory", _memory_sentence(seen, error)
    if number is not None or code is None:
        return _signalled(number)
    if code != 0:
        return _failed(seen, code, error)
    return _finished(job, seen, found)


def _altered_sentence(altered: list[Path]) -> str:
    names = ", ".join(sorted({path.name for path in altered})[:3])
    return f"The script altered its input ({names}): ./input may only be read."


def _stopped(seen: Evidence) -> tuple[Outcome, str]:
    limits = seen.limits
    if seen.stop == "cancelled":
        return "cancelled", "The script was stopped because the run was asked to stop."
    if seen.stop == "timeout":
        return "timeout", (
            f"The script ran longer than its {limits.wall_seconds:g} seconds and was stopped: "
            "make it faster."
        )
    if seen.stop == "cpu":
        return "timeout", (
            f"The script used more than its {limits.cpu_seconds:g} seconds of processor time and "
            "was stopped: make it cheaper."
        )
    if seen.stop == "behind":
        return "behind", f"The script was stopped early: {seen.behind}."
    if seen.stop == "out_of_memory":
        return "out_of_memory", _memory_sentence(seen, None)
    if seen.stop == "disk_limit" and math.isinf(seen.disk_mb):
        return "disk_limit", "The script made folders too deep to be measured, and was stopped."
    if seen.stop == "disk_limit":
        return "disk_limit", (
            f"The script wrote more than its {limits.disk_mb} MiB to disk and was stopped."
        )
    if seen.stop == "output_limit":
        return "output_limit", (
            f"The script printed more than its {limits.output_mb} MiB and was stopped: print less."
        )
    return "error", (
        f"The script ran more than its {limits.processes} processes at once and was stopped: "
        "start fewer workers."
    )


def _lacked_memory(seen: Evidence, number: int | None, error: ScriptError | None) -> bool:
    if seen.status in (0, None) and number is None:
        return False
    if number == signal.SIGKILL and seen.kernel_killed:
        return True
    if error is not None and error.type in _MEMORY_TYPES:
        return True
    words = seen.stderr.text[-_LAST_WORDS:]
    if error is not None:  # what a caught error printed long before is not the cause
        words = f"{error.type}: {error.message}"
    return any(word in words for word in _MEMORY_WORDS)


def _memory_sentence(seen: Evidence, error: ScriptError | None) -> str:
    if error is not None:
        where = f" in line {error.line}" if error.line else ""
        return f"The script ran out of memory{where}: {_first_line(error.message) or error.type}."
    limit = seen.limits.memory_mb
    had = f" of {limit} MiB" if limit is not None else ""
    peak = f" (it used {seen.peak_memory_mb:.0f} MiB)" if seen.peak_memory_mb else ""
    return f"The script used more memory than its limit{had} allows{peak}."


def _signalled(number: int | None) -> tuple[Outcome, str]:
    if number is None:
        return "killed", "The script's supervisor vanished, so how the script ended is not known."
    if number == getattr(signal, "SIGXFSZ", None):
        return "disk_limit", "The script wrote a file larger than its limit allows."
    if number == getattr(signal, "SIGXCPU", None):
        return "timeout", "The script used more processor time than its limit allows."
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = "unknown"
    return "killed", f"The script was ended by signal {number} ({name}), which we did not send."


def _failed(seen: Evidence, code: int, error: ScriptError | None) -> tuple[Outcome, str]:
    if error is None:
        lines = [line for line in seen.stderr.text.splitlines() if line.strip()]
        said = f": {lines[-1].strip()[:300]}" if lines else " and said nothing about why"
        return "error", f"The script ended with exit code {code}{said}"
    if error.type == "OSError" and "[Errno 27]" in error.message:  # EFBIG
        return "disk_limit", "The script wrote a file larger than its limit allows."
    where = f" in line {error.line}" if error.line else ""
    said = _first_line(error.message)
    return "error", f"{error.type}{where}{': ' + said if said else ''}"


def _finished(job: Job, seen: Evidence, found: Collection) -> tuple[Outcome, str]:
    for name in job.required:
        if name in found.refused:
            return (
                "no_score",
                f"The script left {name} as {found.refused[name]}, not as a plain file.",
            )
        if name not in found.artefacts:
            return "no_score", f"The script ended without writing {name}.{_elsewhere(job, name)}"
        if found.artefacts[name].size == 0:
            return "no_score", f"The script left {name} empty."
    return "ok", ""


def _elsewhere(job: Job, name: str) -> str:
    """A file of that name where models often put it: in the folder itself."""
    base = Path(name).name
    if os.path.lexists(job.folder / base):
        return f" It wrote ./{base}, which is not looked at."
    return ""


def _status(status: int | None) -> tuple[int | None, int | None]:
    """Exit code and signal from a wait status."""
    if status is None:
        return None, None
    code = os.waitstatus_to_exitcode(status)
    return (code, None) if code >= 0 else (None, -code)


def _shorten(text: str, folder: Path) -> str:
    """Leave out the path of the job folder: a failure reads the same wherever the run lies."""
    for path in {str(folder.resolve()), str(folder)}:
        text = re.sub(re.escape(path) + r"/+", "", text)
    return text


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:300]
