"""What ``doctor`` looks at on this machine: packages, interpreter, sandbox, resources, task."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mle_star.context import Settings
from mle_star.errors import MleStarError, TaskError, UserError
from mle_star.report.text import better_is, clean, count, duration

REQUIRED = (
    "langgraph", "langchain", "langchain-core", "langchain-google-genai", "tavily-python",
    "pydantic", "numpy", "pandas", "scikit-learn", "xgboost", "lightgbm", "optuna",
)  # fmt: skip
"""Packages that come with this one and that a run uses."""

SHOWN = ("langgraph", "langchain-core", "langchain-google-genai", "pydantic")
"""Of these, the ones whose versions are worth a look."""

ENOUGH_MEMORY_MB = 2_000
ENOUGH_DISK_MB = 2_000

HELLO = """\
from pathlib import Path

Path("final").mkdir(exist_ok=True)
Path("final/hello.txt").write_text("hello")
"""

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    state: State
    text: str
    remedy: str = ""
    """What to do about it; empty where nothing needs to be done or the text says it."""
    details: tuple[str, ...] = ()


def check_packages() -> Check:
    """Versions of Python and of the packages, and which of them are missing."""
    versions = {name: version(name) for name in ("mle-star", *REQUIRED)}
    missing = [name for name in REQUIRED if not versions[name]]
    shown = ", ".join(f"{n} {versions[n]}" for n in ("mle-star", *SHOWN) if versions[n])
    text = f"Python {platform.python_version()}, {shown}"
    if missing:
        text = f"{', '.join(missing)} not installed; {text}"
        return Check("packages", "fail", text, f"pip install {' '.join(missing)}")
    return Check("packages", "ok", text)


def version(package: str) -> str:
    """Version of an installed package; empty where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def check_interpreter(settings: Settings) -> Check:
    """What the interpreter that runs the scripts has installed."""
    from mle_star.execution import installed_packages

    if not settings.python_is_there:
        text = f"there is no interpreter {clean(settings.python)}"
        return Check("scripts", "fail", text, "give --python the path of one")
    try:
        names = installed_packages(settings.python, settings.image)
    except UserError as error:
        return Check("scripts", "fail", str(error))
    where = clean(settings.python)
    where += f" of the image {clean(settings.image)}" if settings.image else ""
    needed = [n for n in ("numpy", "pandas", "sklearn") if n not in names]
    if needed:
        text = f"{where} lacks {', '.join(needed)}"
        return Check("scripts", "fail", text, _add(settings, " ".join(needed)))
    boosters = [n for n in ("xgboost", "lightgbm", "catboost") if n in names]
    text = f"{where} has {count(len(names), 'package')} that scripts may use"
    if not boosters:
        remedy = _add(settings, "lightgbm xgboost")
        return Check("scripts", "warn", f"{text}, but no boosted trees", remedy)
    return Check("scripts", "ok", f"{text}, {', '.join(boosters)} among them")


def _add(settings: Settings, packages: str) -> str:
    """How packages get to where the scripts run."""
    packages = packages.replace("sklearn", "scikit-learn")
    if settings.image:
        return f"build the image with 'pip install {packages}', or name another one"
    return f"{settings.python} -m pip install {packages}"


def check_sandbox(settings: Settings) -> Check:
    """Run a tiny script as every other script is run, and say what cages it."""
    from mle_star.execution import Job, Limits, LocalExecutor
    from mle_star.nodes.workbench import sandbox

    try:
        chosen = sandbox(settings)
    except MleStarError as error:
        return Check("sandbox", "fail", str(error))
    executor = LocalExecutor(
        python=settings.python, level=chosen.name, image=settings.container_image
    )
    try:
        with tempfile.TemporaryDirectory(prefix="mle-star-") as folder:
            limits = Limits(wall_seconds=60.0, memory_mb=settings.memory_limit_mb)
            job = Job(HELLO, Path(folder) / "hello", required=("final/hello.txt",), limits=limits)
            done = executor.submit(job).result()
    except MleStarError as error:
        return Check("sandbox", "fail", str(error))
    finally:
        executor.shutdown()
    level, gaps = done.isolation.level, done.isolation.gaps
    if done.outcome != "ok":
        text = f"level {level}: a script of four lines ended as {done.outcome}: {done.problem}"
        return Check("sandbox", "fail", clean(text), "look at memory and disk, and at --python")
    text = f"level {level}: a script ran in {duration(done.wall_seconds)}. {chosen.why}"
    text += " It does not stop:" if gaps else ""
    return Check("sandbox", "warn" if level == "process" else "ok", text, details=gaps)


def check_machine(settings: Settings) -> Check:
    """Cores, memory and disk that a run would have."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = psutil.virtual_memory().available / 2**20
    runs = Path(settings.runs_dir).absolute()
    home = next(path for path in (runs, *runs.parents) if path.exists())
    disk = shutil.disk_usage(home).free / 2**20
    text = (
        f"{count(cores or 1, 'core')}, {memory / 1024:.1f} GiB of memory free, "
        f"{disk / 1024:.1f} GiB of disk free where runs go ({clean(runs)})"
    )
    if not os.access(home, os.W_OK):
        text = f"{clean(home)} can't be written; {text}"
        return Check("machine", "fail", text, "give --runs-dir a folder of your own")
    if memory < ENOUGH_MEMORY_MB:
        return Check("machine", "warn", text, "free memory: scripts get 80 % of what is free")
    if disk < ENOUGH_DISK_MB:
        return Check("machine", "warn", text, "free disk, or give --runs-dir another folder")
    return Check("machine", "ok", text)


def check_task(task: str) -> Iterator[Check]:
    """Whether a task folder is understood."""
    from mle_star.tasks import load_task, profile_task

    try:
        spec = load_task(task)
        profile = profile_task(spec)
    except TaskError as error:
        yield Check("task", "fail", str(error), "'mle-star inspect' shows what is understood")
        return
    text = (
        f"{clean(spec.name)}: {clean(spec.metric)} ({better_is(spec.direction)}), "
        f"{count(profile.rows, 'training row')}, {count(profile.test_rows, 'test row')}"
    )
    if spec.evaluation == "printed":
        remedy = "name the id and target columns in task.toml"
        yield Check("task", "warn", f"{text}; the scripts' own printed scores count", remedy)
        return
    yield Check("task", "ok", text)
