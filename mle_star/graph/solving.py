"""Running and resuming a whole task from Python: the graph, its checkpoints, and a clean stop."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from mle_star.context import FIXED, Context, Settings, context_from, resolve
from mle_star.engineer import choose
from mle_star.errors import RunError, SettingsError
from mle_star.graph.arguments import check, merged
from mle_star.graph.driving import OnAsk, OnEvent, drive, taken
from mle_star.graph.result import Result
from mle_star.graph.stopping import Stop
from mle_star.keywords import SettingsKeywords
from mle_star.models.client import ANSWERS
from mle_star.models.wallet import LEDGER
from mle_star.nodes.prepare import versions
from mle_star.observe.mlflow_log import require
from mle_star.observe.watching import watching
from mle_star.runs import EventLog, RunFolder, read_events
from mle_star.runs.checkpoints import damaged, open_checkpoints
from mle_star.runs.databases import database_problem
from mle_star.runs.events import last_elapsed
from mle_star.runs.folder import leftovers, remove
from mle_star.runs.moving import find_python, find_task, remember_place
from mle_star.tasks import forget_tables, keep_tables, load_task

__all__ = ["Result", "changed", "resume", "solve"]


def solve(
    task: str | Path,
    *,
    context: Context | None = None,
    on_event: OnEvent | None = None,
    on_ask: OnAsk | None = None,
    run: str | None = None,
    report: bool = True,
    progress: bool | None = None,
    stop: Stop | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Result:
    """Run MLE-STAR on a task folder, with checkpoints, to its end.

    Args:
        task: the task folder.
        context: settings; what is left empty comes from the environment, then from the preset.
        on_event: called with every event of the journal, in the calling thread.
        on_ask: answers what ``approve`` has the run ask, in the calling thread; None stops the run
            at its first question.
        run: name of the run folder below ``runs_dir``; by default time and task.
        report: leave a page about the run in its folder, ``report.html``, also where it stops.
        progress: show what goes on. None: in notebooks and on terminals, where nobody listens by
            ``on_event``.
        stop: stops the run cleanly when another thread calls it.
        settings: fields of :class:`Context`, such as ``preset="quick"``; where ``context`` has one
            as well, these count.

    Raises:
        ArgumentError: an argument has a wrong type; the message names it.
        UserError: something a person must mend; the message says how.
        RunStopped: the run was stopped by SIGINT, SIGTERM or SIGHUP; ``resume`` goes on.
        RunWaits: a question was not answered; ``resume`` asks again.
    """
    check(
        "solve", task=task, context=context, on_event=on_event, on_ask=on_ask, name=run,
        progress=progress,
    )  # fmt: skip
    decided = resolve(merged(context, settings))
    choose(decided)  # an unknown model must fail before a folder is made
    require(decided)
    keep_tables()  # the first node reads them as well, and lets go of them
    try:
        return _begin(Path(task), decided, on_event, run, report, progress, stop, on_ask)
    finally:
        forget_tables()


def _begin(
    task: Path,
    decided: Settings,
    on_event: OnEvent | None,
    run: str | None,
    report: bool,
    progress: bool | None,
    stop: Stop | None,
    on_ask: OnAsk | None,
) -> Result:
    spec = load_task(task)
    name = run or f"{datetime.now():%Y%m%d-%H%M%S}-{spec.name}"
    folder = new_folder(Path(decided.runs_dir).absolute(), name)
    with watching(progress, on_event, on_ask=on_ask) as (hear, ask), taken(folder):
        # At once, so that a run that is killed in its first node can go on as well.
        folder.update(
            task=spec.folder,
            status="running",
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            settings=decided.model_dump(),
            versions=versions(),
            sittings=1,
            **remember_place(folder, spec, decided),
        )
        return drive(folder, decided, hear, report, stop, ask)


def resume(
    run: str | Path,
    *,
    task: str | Path | None = None,
    changes: Mapping[str, Any] | None = None,
    on_event: OnEvent | None = None,
    on_ask: OnAsk | None = None,
    report: bool = True,
    progress: bool | None = None,
    stop: Stop | None = None,
    **settings: Unpack[SettingsKeywords],
) -> Result:
    """Go on with a run that was stopped, or that crashed, from its last finished node.

    The run folder may have been moved, or copied to another machine.

    Args:
        run: the run folder.
        task: where the task folder lies now; None: where it was, also seen from the run folder.
        changes: settings to change, such as ``{"time_budget": 3600}``; None values are ignored.
        on_event: as in :func:`solve`.
        on_ask: as in :func:`solve`; questions that wait are asked again.
        report: as in :func:`solve`.
        progress: as in :func:`solve`.
        stop: as in :func:`solve`.
        settings: ``changes`` as keywords: ``resume(run, time_budget=3600)``.

    Raises:
        ArgumentError: an argument has a wrong type; the message names it.
        RunError: there is nothing to resume, the run is being run, or its files are damaged.
        SettingsError: a setting can't change for a run that has begun.
        ModelRefused: the model's key or name is wrong.
        RunStopped: the run was stopped again.
        RunWaits: a question was not answered.
    """
    check("resume", run=run, on_event=on_event, on_ask=on_ask, progress=progress)
    folder = RunFolder.open(Path(run).absolute())
    wanted = {**(changes or {}), **settings}
    with watching(progress, on_event, folder, wanted, on_ask) as (hear, ask), taken(folder):
        decided = _reopen(folder, task, wanted)
        return drive(folder, decided, hear, report, stop, ask)


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
    if _moves(current["sandbox"], wanted) and "python" not in wanted:
        wanted["python"] = ""  # an interpreter of the machine is none of the image, and vice versa
    context = Context.model_validate(current)
    return resolve(context_from({**context.model_dump(), **wanted}), environ={})


def _moves(sandbox: str, changes: Mapping[str, Any]) -> bool:
    """Whether scripts change between the machine's own interpreters and those of an image."""
    wanted = changes.get("sandbox") or sandbox
    return bool((wanted == "container") != (sandbox == "container"))


def new_folder(runs: Path, name: str) -> RunFolder:
    """Make a run folder of that name, with a number behind it where there is one already."""
    path, number = runs / name, 1
    while True:
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
            path = runs / f"{name}-{number}"
            continue
        except OSError:
            pass  # said in one sentence below
        return RunFolder.create(path)


def _reopen(folder: RunFolder, task: str | Path | None, changes: dict[str, Any]) -> Settings:
    """Check that the run can go on here, and record a new sitting; returns its settings."""
    record = folder.record()
    if "settings" not in record:
        raise RunError(
            f"{folder.path.name} was stopped before it had read its task: start a new run instead."
        )
    _refuse_damaged(folder)
    before = Settings.model_validate(record["settings"])
    here, python_changed = before, ""
    if not _moves(before.sandbox, changes):
        here, python_changed = find_python(folder, before, changes.get("python"))
    if python_changed:
        changes.pop("python", None)
    settings = changed(here, changes)
    require(settings)
    _refuse_finished(folder)
    notes = [find_task(folder, task), python_changed]
    for path in leftovers(folder.path):
        remove(path)
    log = EventLog(folder.path / "events.jsonl")
    log.append(
        "run_resumed",
        node="",
        solution=-1,
        elapsed=last_elapsed(log.path),
        settings=settings.model_dump(),
    )
    _say_what_differs(folder, settings, [text for text in notes if text])
    folder.update(
        settings=settings.model_dump(),
        versions=versions(),
        status="running",
        sittings=int(record.get("sittings", 1)) + 1,
        place=str(folder.path),
    )
    return settings


def _refuse_damaged(folder: RunFolder) -> None:
    """Refuse what holds money before anything is spent; checkpoints are looked at when opened."""
    asked = None
    for name in (LEDGER, ANSWERS):
        path = folder.path / name
        problem = database_problem(path)
        if problem == "it is empty":  # also one that was killed as it began
            asked = asked or {event["kind"] for event in read_events(folder.path)}
            problem = problem if "model_called" in asked else ""
        if problem:
            raise damaged(path, problem)


def _refuse_finished(folder: RunFolder) -> None:
    """The checkpoint decides whether a run is finished, not the status.

    The last node may have been killed between writing the one and the other.
    """
    with open_checkpoints(folder.checkpoints) as saver:
        if saver.newest_values().get("final"):
            raise RunError(
                f"{folder.path.name} is finished: 'mle-star show {folder.path}' shows its result."
            )


def _say_what_differs(folder: RunFolder, settings: Settings, notes: list[str]) -> None:
    """Note in the journal what is not as it was in the last sitting."""
    record = folder.record()
    now = {**settings.model_dump(), **{f"version of {k}": v for k, v in versions().items()}}
    before = {
        **record["settings"],
        **{f"version of {k}": v for k, v in record.get("versions", {}).items()},
    }
    texts = notes + [
        f"Resumed with another {name}: {value} (was {before[name]})."
        for name, value in now.items()
        if name in before and before[name] != value
    ]
    log = EventLog(folder.path / "events.jsonl")
    for text in texts:
        log.append("note", node="", solution=-1, elapsed=last_elapsed(log.path), text=text)
