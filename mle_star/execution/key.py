"""The content key of a job: what makes two runs of a script the same run."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from mle_star.execution.artefacts import digest
from mle_star.execution.base import Job
from mle_star.execution.packages import interpreter_versions


def job_key(job: Job, python: str = sys.executable, image: str = "") -> str:
    """Hash everything that decides what a job's run brings.

    That is: script, inputs and where they are placed, versions of interpreter and packages, seed,
    files asked for, and the limits a script can see (processes, open files). Not: folder, label
    and cores; nor the limits that only end a run (time, memory, disk, output): the cache compares
    those itself, so that a finished run is found again under another time-out.

    Args:
        job: the job.
        python: interpreter of the script.
        image: container image that the interpreter lies in; empty: this machine.

    Raises:
        SettingsError: the interpreter can't be started.
    """
    parts = {
        "script": hashlib.sha256(job.script.encode("utf-8", "surrogatepass")).hexdigest(),
        "inputs": sorted(job.inputs),
        "digest": job.digest or _digest_inputs(job),
        "versions": interpreter_versions(python, image),
        "seed": job.seed,
        "required": sorted(job.required),
        "limits": [job.limits.processes, job.limits.open_files],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest_inputs(job: Job) -> str:
    """Content of all inputs, for a caller that did not hash them."""
    state = hashlib.sha256()
    for name, source in sorted(job.inputs.items()):
        files = [source]
        if source.is_dir():
            files = sorted(Path(p) / n for p, _, names in os.walk(source) for n in names)
        for path in files:
            inner = path.relative_to(source).as_posix() if source.is_dir() else ""
            sha256, _ = digest(path.resolve()) or ("", 0)
            state.update(f"{name}\0{inner}\0{sha256}\n".encode())
    return state.hexdigest()
