"""Running and resuming a whole task from Python: the graph, its checkpoints, and a clean stop."""

from __future__ import annotations

import fcntl
import shutil
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl
from langgraph.types import StateSnapshot

from mle_star.context import FIXED, Context, Settings, context_from, resolve
from mle_star.engineer import choose
from mle_star.errors import RunError, RunStopped, SettingsError
from mle_star.graph.pipeline import build_graph
from mle_star.nodes.prepare import versions
from mle_star.nodes.workbench import (
    close_workbench,
    find_workbench,
    open_workbench,
    stop_event,
)
from mle_star.runs import EventLog, RunFolder, read_events
from mle_star.runs.checkpoints import open_checkpoints
from mle_star.runs.events import last_elapsed
from mle_star.scoring import best_of
from mle_star.state import InputState, Trial
from mle_star.tasks import load_task

OnEvent = Callable[[dict[str, Any]], None]

STEPS_PER_SCRIPT = 12
"""Most super-steps one script can take (check, fix, run, score, repair), with room to spare."""


@dataclass(frozen=True)
class Result:
    """What a run hands back."""

    run: Path
    submission: Path | None
    """None when no script ran to a score, or the task has no test data."""
    solution: Path | None
    """Folder with run.py, which reproduces the submission."""
    best: Trial | None
    single: Trial | None
    """Best trial that is one script."""
    ensemble: Trial | None
    """Best trial that combines others."""
    source: str
    """View the submission came from: ``full``, ``search`` (the full run failed) or ``none``."""
    seconds: float
    """Active seconds over all sittings."""
    solutions: list[Trial] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether the run was resumed at least once."""
    engineer: str = "playbook"
    """Who led: ``playbook``, a model as ``provider:name``, or ``module:factory``."""
    bill: dict[str, Any] | None = None
    """Calls, tokens, seconds and US dollars spent on models; None where none was asked."""


def solve(
    task: str | Path,
    *,
    context: Context | None = None,
    on_event: OnEvent | None = None,
    run: str | None = None,
) -> Result:
    """Run MLE-STAR on a task folder, with checkpoints, to its end.

    Args:
        task: the task folder.
        context: settings; what is left empty comes from the environment, then from the preset.
        on_event: called with every event of the journal, in the calling thread.
        run: name of the run folder below ``runs_dir``; by default time and task.

    Raises:
        UserError: something a person must mend; the message says how.
        RunStopped: the run was stopped by SIGINT or SIGTERM; ``resume`` goes on.
    """
    settings = resolve(context)
    choose(settings)  # an unknown model must fail before a folder is made
    spec = load_task(task)
    name = run or f"{datetime.now():%Y%m%d-%H%M%S}-{spec.name}"
    folder = _new_folder(Path(settings.runs_dir).absolute(), name)
    return _drive(folder, {"task": str(task)}, on_event, settings)


def resume(
    run: str | Path,
    *,
    changes: Mapping[str, Any] | None = None,
    on_event: OnEvent | None = None,
) -> Result:
    """Go on with a run that was stopped, or that crashed, from its last finished node.

    Args:
        run: the run folder.
        changes: settings to change, such as ``{"time_budget": 3600}``; None values are ignored.
        on_event: as in :func:`solve`.

    Raises:
        RunError: there is nothing to resume.
        SettingsError: a setting can't change for a run that has begun.
        ModelRefused: the model's key or name is wrong.
        RunStopped: the run was stopped again.
    """
    folder = RunFolder.open(Path(run).absolute())
    record = folder.record()
    if "settings" not in record:
        raise RunError(
            f"{folder.path.name} was stopped before it had read its task: start a new run instead."
        )
    settings = changed(Settings.model_validate(record["settings"]), changes or {})
    return _drive(folder, None, on_event, settings)


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """The settings with some of them changed.

    Raises:
        SettingsError: a setting is unknown, out of range, or fixed for a run that has begun.
    """
    wanted = {name: value for name, value in changes.items() if value is not None}
    current = settings.model_dump()
    fixed = [n for n in wanted if n in FIXED and n in current and wanted[n] != current[n]]
    if fixed:
        name = fixed[0]
        raise SettingsError(
            f"{name} was {current[name]!r} when this run began and can't become {wanted[name]!r}, "
            "as scores before and after would not compare: start a new run to change it."
        )
    context = Context.model_validate(current)
    return resolve(context_from({**context.model_dump(), **wanted}), environ={})


def _new_folder(runs: Path, name: str) -> RunFolder:
    path, number = runs / name, 1
    while path.exists():
        number += 1
        path = runs / f"{name}-{number}"
    return RunFolder.create(path)


def _drive(
    folder: RunFolder,
    given: dict[str, str] | None,
    on_event: OnEvent | None,
    settings: Settings,
) -> Result:
    control = RunControl()
    # The folder's own settings, also on resume: a run killed in its first node starts it again.
    context = Context.model_validate({**settings.model_dump(), "runs_dir": str(folder.path.parent)})
    config: RunnableConfig = {
        "configurable": {"thread_id": folder.path.name},
        "recursion_limit": recursion_limit(settings),
    }
    with (
        _only_one(folder),
        open_checkpoints(folder.checkpoints) as saver,
        _signals(folder, control),
    ):
        graph = build_graph(saver)
        if given is None:
            given = _reopen(folder, settings, graph.get_state(config))
            if given is None:
                _greet(folder)
        stream = graph.stream(
            cast(InputState | None, given),
            config,
            context=context,
            stream_mode=["custom"],
            subgraphs=True,
            durability="sync",
            control=control,
        )
        try:
            for _, _, event in stream:
                if on_event is not None and isinstance(event, dict):
                    on_event(event)
        except GraphDrained:
            _mark(folder, "stopped")
            if not folder.path.exists():
                raise RunStopped("Stopped before anything was begun.") from None
            raise RunStopped(
                f"The run was stopped; go on with: mle-star resume {folder.path}", str(folder.path)
            ) from None
        except BaseException:
            _abandon(folder, stream)
            _mark(folder, "failed")
            raise
        finally:
            close_workbench(str(folder.path))
        return read_result(folder, graph.get_state(config).values)


def _reopen(
    folder: RunFolder, settings: Settings, snapshot: StateSnapshot
) -> dict[str, str] | None:
    """Record a new sitting; returns the input where the run died before its first checkpoint.

    The checkpoint decides whether a run is finished, not the status: the last node may have been
    killed between writing the one and the other.
    """
    record = folder.record()
    if snapshot.values.get("final") and not snapshot.next:
        raise RunError(
            f"{folder.path.name} is finished: 'mle-star show {folder.path}' shows its result."
        )
    _say_what_differs(folder, settings)
    sittings = int(record.get("sittings", 1)) + 1
    folder.update(settings=settings.model_dump(), status="running", sittings=sittings)
    if snapshot.next:
        return None
    folder.update(prepared_by="")  # the first node is to take this folder, not to make another
    return {"task": record["task"]}


def _greet(folder: RunFolder) -> None:
    """Say hello to the models again: a key may have died since the last sitting."""
    try:
        open_workbench(str(folder.path)).team.check()
    except BaseException:
        close_workbench(str(folder.path))
        raise


def _say_what_differs(folder: RunFolder, settings: Settings) -> None:
    """Note in the journal which settings and package versions are not those of the last sitting."""
    record = folder.record()
    log = EventLog(folder.path / "events.jsonl")
    now = {**settings.model_dump(), **{f"version of {k}": v for k, v in versions().items()}}
    before = {
        **record["settings"],
        **{f"version of {k}": v for k, v in record.get("versions", {}).items()},
    }
    for name, value in now.items():
        if name in before and before[name] != value:
            log.append(
                "note",
                node="",
                solution=-1,
                elapsed=last_elapsed(log.path),
                text=f"Resumed with another {name}: {value} (was {before[name]}).",
            )
    folder.update(versions=versions())


def _abandon(folder: RunFolder, stream: Iterator[Any]) -> None:
    """End what still runs in other branches, so that nothing works on after the exception."""
    bench = find_workbench(str(folder.path))
    if bench is not None:
        bench.stop()
    with suppress(GraphDrained):
        cast(Generator[Any, None, None], stream).close()


def recursion_limit(settings: Settings) -> int:
    """A bound on LangGraph's super-steps that our own counters always reach first."""
    scripts = (
        settings.num_candidates
        + settings.outer_steps * (settings.inner_steps + 2)
        + settings.ensemble_rounds
        + 4
    )
    return STEPS_PER_SCRIPT * scripts * (1 + settings.debug_rounds) + 100


def read_result(folder: RunFolder, values: Mapping[str, Any]) -> Result:
    """Gather a finished run's result from its last state."""
    direction = values["spec"]["direction"]
    trials: list[Trial] = values.get("trials", [])
    events, record = read_events(folder.path), folder.record()
    return Result(
        run=folder.path,
        submission=Path(values["submission"]) if values.get("submission") else None,
        solution=Path(values["solution_folder"]) if values.get("solution_folder") else None,
        best=values.get("best"),
        single=best_of([t for t in trials if not t["members"]], direction),
        ensemble=best_of([t for t in trials if t["members"]], direction),
        source=str(values.get("final", {}).get("source", "none")),
        seconds=float(values.get("elapsed", 0.0)),
        solutions=values.get("solutions", []),
        trials=trials,
        notes=[event["text"] for event in events if event["kind"] == "note"],
        interrupted=int(record.get("sittings", 1)) > 1,
        engineer=str(record.get("engineer", {}).get("name", "")),
        bill=record.get("bill"),
    )


def _mark(folder: RunFolder, status: str) -> None:
    """Record how a sitting ended; a run that never read its task leaves nothing behind."""
    bench = find_workbench(str(folder.path))
    if bench is None:
        if not (folder.path / "task.json").exists():
            shutil.rmtree(folder.path, ignore_errors=True)
        return
    elapsed = bench.clock.elapsed()
    bench.events.append(f"run_{status}", node="", solution=-1, elapsed=elapsed)
    folder.update(status=status, seconds=round(elapsed, 3), bill=bench.bill())


@contextmanager
def _only_one(folder: RunFolder) -> Iterator[None]:
    """Keep a second process from driving the same run."""
    with (folder.path / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(
                f"{folder.path.name} is being run by another process: wait for it or stop it."
            ) from None
        yield


@contextmanager
def _signals(folder: RunFolder, control: RunControl) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a clean stop; a second SIGINT gives up at once.

    Signals can be handled in the main thread alone; elsewhere the caller's own handling stays.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> None:
        if control.drain_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        control.request_drain(signal.Signals(number).name)
        stop_event(str(folder.path)).set()
        bench = find_workbench(str(folder.path))
        if bench is not None:
            bench.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
