"""The live objects of a run: built from its frozen settings by one function, and reused.

The state carries the path of the run folder; everything that can't be checkpointed (the executor
with its child
processes, the engineer, the data views) is reached from there. A resumed run builds the same
workbench again.
"""

from __future__ import annotations

import json
import os
import statistics
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mle_star.context import Settings
from mle_star.engineer import Brief, Engineer, Team, choose, make_team, read_lessons
from mle_star.errors import SettingsError, UserError
from mle_star.execution import (
    CachedExecutor,
    Executor,
    Limits,
    LocalExecutor,
    installed_packages,
    reap_stale,
)
from mle_star.execution.cages import Level, choose_level
from mle_star.models.wallet import read_bill
from mle_star.nodes.clock import Clock, Rounds
from mle_star.nodes.kept import KeptPredictions
from mle_star.nodes.lessons import Board
from mle_star.nodes.turns import Turns
from mle_star.runs import EventLog, RunFolder, read_events
from mle_star.runs.events import last_elapsed
from mle_star.runs.folder import write_json
from mle_star.runs.memory import recalled
from mle_star.state import Trial
from mle_star.tasks import DataProfile, TaskSpec, Views, load_views
from mle_star.tasks.folds import fold_count

GROWTH = 0.85
"""Power of the number of rows with which a script's time grows: starting and reading do not."""
TREES = 0.1
"""What that power is larger by for the playbook's scripts, whose trees grow with the rows."""
PART = 4.0
"""Times as long as in the search that a script of the final run takes at least, if it takes longer
on all rows: then it learns from as many rows as there is time for."""
WORTH = 2.0
"""Times as many rows as the search saw from which on a final run on a part of all is worth it."""
READING = 40e6
"""Bytes of a table that are read, sampled and written again in a second."""
SHORT_RUN, SHORT = 300.0, 0.15
"""Seconds of a short run, and what its reserve is larger by where a final run is needed."""
CANDIDATES = 0.3
"""Part of the search's time by which the last further candidate should have ended."""
FIRST = 0.5
"""Part of the time budget that a candidate gets where none ran yet, even when reading a large table
took all of it: a run that is late is worth more than one with nothing."""
LEARN = 3.0
"""Rows that are predicted in the time in which one is learnt from."""
LEAST_SECONDS = 20.0
"""Time a script always gets, even when the budget is all but spent."""


def usable_cores() -> int:
    """Cores this process may use: fewer than the machine has in a container or under taskset."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _work(rows: int, folds: int, test_rows: int) -> float:
    """What a script does with so many rows, in rows predicted.

    It learns from the other folds for each fold, or once from four fifths; every model predicts all
    test rows.
    """
    learnt = rows * (folds - 1) if folds > 1 else 0.8 * rows
    return LEARN * learnt + rows + folds * test_rows


@dataclass
class Workbench:
    """Everything a node may need beyond its state."""

    folder: RunFolder
    settings: Settings
    spec: TaskSpec
    profile: DataProfile
    views: Views
    brief: Brief
    team: Team
    level: Level
    """What keeps the scripts in."""
    executor: Executor
    events: EventLog
    clock: Clock
    stopping: threading.Event = field(default_factory=threading.Event)
    pace: list[float] = field(default_factory=list)
    """Seconds that the scripts run so far took, one each."""

    units: list[float] = field(default_factory=list)
    """Seconds of the candidates that ran in this sitting, each divided by what its kind of model is
    expected to take against a typical one."""
    begun: set[int] = field(default_factory=set)
    """Solutions with a candidate that ran."""
    cores: int = field(default_factory=usable_cores)
    """Cores this process may use."""
    board: Board = field(default_factory=Board)
    """Where solutions read what the others found out."""
    told: set[int] = field(default_factory=set)
    """Records of what people told that the journal holds."""
    heeded: set[int] = field(default_factory=set)
    """Those whose card or block a solution has taken up."""
    allowed: float = 0.0
    """US dollars up to which people let the search go on; 0.0 before they were asked."""
    halted: bool = False
    """Whether they ended the search, as it had cost enough."""
    said: set[str] = field(default_factory=set)
    """What was noted already, where once a sitting is enough."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    predictions: KeptPredictions = field(init=False)
    """What the trials predicted, read once."""
    rounds: Rounds = field(init=False)
    """Of planned ensembles."""
    turns: Turns = field(init=False)
    """Lets as many candidates run at once as there are cores for, the most promising first."""

    def __post_init__(self) -> None:
        self.predictions, self.rounds = KeptPredictions(), Rounds()
        self.turns = Turns(self.cores // self.settings.cpus_per_script, self.stopping.is_set)

    @property
    def engineer(self) -> Engineer:
        """Who leads."""
        return self.team.lead

    def bill(self) -> dict[str, Any] | None:
        """What was spent on models over all sittings, in all; None where no model was asked.

        Plain data: calls, failed, input, cached, output, thinking (tokens), seconds, usd (None
        where a price is not known).
        """
        client = self.team.client
        if client is not None:
            bill = client.wallet.spent()
        else:  # the playbook may have taken over from a model whose key is gone
            bill = read_bill(self.folder.path, self.settings.prices)
        total: dict[str, Any] = bill.data()["total"]
        return total if total["calls"] else None

    def cost(self) -> float:
        """US dollars spent on models so far; those whose price is not known are left out."""
        return float((self.bill() or {}).get("usd") or 0.0)

    def over_cost(self) -> bool:
        """Whether people are to be asked before more is spent."""
        if "spend" not in self.settings.approve or self.halted:
            return False
        return self.cost() >= max(self.allowed, self.settings.approve_cost)

    def spent(self) -> bool:
        """Whether the search has no more answers to come.

        That is so when its share of the wallet is spent and nobody stands in for the model.
        """
        team = self.team
        if team.client is None or team.stand_in is not None:
            return False
        return team.client.wallet.search_spent

    def typical_seconds(self) -> float:
        """Median time of a script in this run; 0.0 before the first one ended."""
        return statistics.median(self.pace) if self.pace else 0.0

    def limits(self, seconds: float | None = None) -> Limits:
        """Limits of one script; ``seconds`` is its wall clock, by default the script time-out."""
        return Limits(
            wall_seconds=self.settings.script_timeout if seconds is None else seconds,
            cpu_seconds=self.settings.cpu_limit,
            memory_mb=self.settings.memory_limit_mb,
            disk_mb=self.settings.disk_limit_mb,
            processes=self.settings.process_limit,
        )

    def time_left(self) -> float:
        """Seconds of the time budget that are left, the reserve included; never negative."""
        return max(0.0, self.settings.time_budget - self.clock.elapsed())

    @property
    def settled(self) -> bool:
        """Whether what the search predicts for the test rows is final.

        That is so where it sees all labelled rows: then no script has to be run again.
        """
        return self.views.search.digest == self.views.full.digest

    @property
    def reserve(self) -> float:
        """Part of the time budget that is kept for the ensemble, and for a final run if any."""
        if self.settled:
            return self.settings.reserve / 3
        # Several members must be run again on all rows: a short run needs a larger part for that.
        more = SHORT if self.settings.time_budget < SHORT_RUN else 0.0
        return min(0.6, self.settings.reserve + more)

    def thinking_seconds(self) -> float:
        """Longest that anybody may wait for a model now: the final run keeps its share."""
        share = self.settings.time_budget * self.reserve / 2
        return max(0.0, self.time_left() - share)

    def seconds_left(self) -> float:
        """Seconds that are left to the search; never negative."""
        return max(0.0, self.time_left() - self.settings.time_budget * self.reserve)

    def late(self, solution: int, times: float = 1.0) -> bool:
        """Whether a further candidate of a solution would take the time that refinement needs.

        Args:
            solution: which.
            times: how many times as long as a typical script it is expected to take.
        """
        search = self.settings.time_budget * (1 - self.reserve)
        unit = statistics.median(self.units) if self.units else self.typical_seconds()
        over = self.clock.elapsed() + times * unit > CANDIDATES * search
        return solution in self.begun and (over or self.hopeless())

    def hopeless(self) -> bool:
        """Whether a script of the search may take less than half of what one typically took."""
        return 2 * self.search_seconds() < self.typical_seconds()

    def search_seconds(self) -> float:
        """Longest time a script of the search may take now.

        What takes longer could not be run again on the full view in the time that is then left, so
        half of what is left is the bound, and never more than what leaves the final run its share.
        """
        share = self.settings.time_budget * self.reserve / 2
        first = 0.0 if self.begun else FIRST * self.settings.time_budget
        least = max(LEAST_SECONDS / 2, first)
        left = self.time_left()
        if self.settled:
            return max(least, left - share)
        growth = max(1.0, self.views.full.rows / max(1, self.views.search.rows))
        if not self.views.search.answers:
            growth = max(growth, self._growth(self.views.search.rows))
        return max(least, min(left - share, left / (1 + min(growth, self._least_growth()))))

    def affordable(self, trials: Sequence[Trial]) -> list[Trial]:
        """The leading trials that can be run again on the full view in the time that is left.

        Estimated from the seconds each took on the search view, the rows of both views and the
        cores; a quarter of the time is left for what is slower than it was. The first is always
        kept.
        """
        if self.settled:
            return list(trials)
        growth = min(self._least_growth(), self._growth(self.views.full.rows))
        left = self.time_left() * 3 / 4 * (self.cores or 1)
        kept: list[Trial] = []
        for trial in trials:
            left -= trial["seconds"] * growth
            if kept and left < 0:
                break
            kept.append(trial)
        return kept

    def fits(self, trials: Sequence[Trial], later: float) -> bool:
        """Whether these trials can run again when so many seconds more have gone by.

        On the full view, or on the part of it that is worth it: as in :meth:`affordable`.
        """
        if self.settled:
            return True
        growth = min(self._least_growth(), self._growth(self.views.full.rows))
        left = (self.time_left() - later) * 3 / 4 * (self.cores or 1)
        return sum(trial["seconds"] for trial in trials) * growth <= left

    def final_rows(self, trials: Sequence[Trial]) -> int:
        """Labelled rows that these trials can learn from in the time that is left, all of them run.

        All rows where there is time for that, and 0 where there is none for many more than the
        search saw: its own predictions will do then, where they are for all test rows. Estimated as
        in :meth:`affordable`.
        """
        search = self.views.search
        least = WORTH * search.rows if search.answers else search.rows
        rows = self.views.full.rows
        seconds = sum(trial["seconds"] for trial in trials)
        left = self.time_left() * 3 / 4 * (self.cores or 1)
        if seconds * self._growth(rows) <= left:
            return rows
        table = (self.views.full.folder / "train.csv").stat().st_size
        left -= table / READING * (self.cores or 1)
        while seconds * self._growth(rows) > left and rows >= least:
            rows = int(rows * 0.9)
        if rows >= least:
            return rows
        if search.answers:
            return 0
        # A hold-out of all rows can take less than the folds of a part, each with all test rows.
        every = self.views.full.rows
        return every if self._growth(every) <= self._growth(search.rows) else search.rows

    def _least_growth(self) -> float:
        """How many times longer than in the search a script takes when it learns from a part."""
        search = self.views.search
        return PART if search.answers else max(PART, self._growth(search.rows))

    def again_seconds(self, trial: Trial) -> float:
        """How long a script will take on as many rows as the search saw, and all test rows."""
        return trial["seconds"] * self._growth(self.views.search.rows)

    def _growth(self, rows: int) -> float:
        """How many times longer than in the search a script takes on a view of so many rows."""
        search, folds = self.views.search, self.settings.folds or fold_count(rows)
        work = _work(rows, folds, self.views.full.test_rows)
        power = GROWTH + (TREES if self.settings.trusted else 0.0)
        return float((work / _work(search.rows, search.folds, search.test_rows)) ** power)

    def stop(self) -> None:
        """Ask every node to stop at once: running scripts are killed, their results dropped.

        Safe to call from a signal handler.
        """
        self.stopping.set()
        self.executor.cancel_all()


_open: dict[str, Workbench] = {}
_lock = threading.Lock()
_stops: dict[str, threading.Event] = {}


_driven: ContextVar[str] = ContextVar("driven", default="")


@contextmanager
def driving(folder: Path) -> Iterator[None]:
    """Say where the run lies that is driven inside the ``with`` block.

    Its state has the place where it began, and it may have been moved or copied since.
    """
    token = _driven.set(str(folder))
    try:
        yield
    finally:
        _driven.reset(token)


def driven(recorded: str = "") -> str:
    """Folder of the run that is driven here: what :func:`driving` said, else what is recorded."""
    return _driven.get() or recorded


def stop_event(run: str) -> threading.Event:
    """The event that asks a run to stop; there before its workbench is. Takes no lock."""
    return _stops.setdefault(str(Path(run).resolve()), threading.Event())


def open_workbench(run: str) -> Workbench:
    """The workbench of a run folder; made on first use in this process.

    Raises:
        RunError: the folder is not a whole run.
        SettingsError: the run's engineer can't be made.
    """
    key = str(Path(run).resolve())
    with _lock:
        if key not in _open:
            _open[key] = _build(RunFolder.open(Path(run)))
        return _open[key]


def find_workbench(run: str) -> Workbench | None:
    """The workbench of a run if this process has one. Takes no lock: signal handlers call it."""
    return _open.get(str(Path(run).resolve()))


def close_workbench(run: str) -> None:
    """Shut the executor down and forget the live objects of a run."""
    with _lock:
        bench = _open.pop(str(Path(run).resolve()), None)
        _stops.pop(str(Path(run).resolve()), None)
    if bench is not None:
        bench.executor.shutdown()


def _build(folder: RunFolder) -> Workbench:
    settings = Settings.model_validate(folder.record()["settings"])
    spec = TaskSpec.model_validate_json((folder.path / "task.json").read_text(encoding="utf-8"))
    profile = DataProfile.model_validate_json(
        (folder.path / "profile.json").read_text(encoding="utf-8")
    )
    views = load_views(folder.views)
    reap_stale(folder.processes)
    level = sandbox(settings)
    executor = CachedExecutor(
        LocalExecutor(
            python=settings.python,
            level=level.name,
            registry=folder.processes,
            image=settings.container_image,
        )
    )
    events = EventLog(folder.path / "events.jsonl")
    journal = read_events(events.path)
    stopping = stop_event(str(folder.path))
    bench = Workbench(
        level=level,
        folder=folder,
        settings=settings,
        spec=spec,
        profile=profile,
        views=views,
        brief=replace(
            make_brief(settings, spec, profile, views),
            lessons=read_lessons(recalled(folder.path)),
        ),
        team=make_team(settings, folder.path, stopping),
        executor=executor,
        events=events,
        clock=Clock(last_elapsed(events.path)),
        stopping=stopping,
        board=Board(journal),
        begun={
            event["solution"]
            for event in journal
            if event["kind"] == "script_finished"
            and event["phase"] == "write"
            and event["outcome"] == "ok"
        },
        told={event["id"] for event in journal if event["kind"] == "told"},
        heeded={
            event["id"] for event in journal if event["kind"] == "heeded" and event["act"] != "hint"
        },
        pace=[
            event["seconds"]
            for event in journal
            if event["kind"] == "script_finished"
            and event["phase"] not in ("smoke", "submit", "ablate")
            and not event["cached"]
        ],
    )
    for event in journal:
        if event["kind"] == "spending":
            bench.halted, bench.allowed = bool(event["halted"]), float(event["allowed"])
    if bench.team.client is not None:
        bench.team.client.bound(bench.thinking_seconds)
    return bench


def sandbox(settings: Settings) -> Level:
    """The sandbox level of a run on this machine; scripts of the playbook count as our own.

    Raises:
        SettingsError: the level that is asked for, or any level, can't be had here.
    """
    if settings.container_image and not settings.image:
        raise SettingsError(
            f"container_image is set, but sandbox is {settings.sandbox!r}: set sandbox to "
            "'container' as well, or leave the image out."
        )
    try:
        trusted = choose(settings).lead == "playbook"
    except UserError:
        trusted = False  # the engineer's own problem is said where it is built
    return choose_level(
        settings.sandbox,
        settings.python,
        trusted=trusted,
        image=settings.container_image,
    )


def make_brief(settings: Settings, spec: TaskSpec, profile: DataProfile, views: Views) -> Brief:
    """What every agent is told."""
    search = views.search
    return Brief(
        task=spec,
        profile=profile,
        rows=search.rows,
        test_rows=search.test_rows,
        folds=search.folds,
        files=tuple(sorted(path.name for path in search.folder.iterdir())),
        metric_source=metric_source(spec),
        seed=settings.seed,
        # A script that fills its whole time-out leaves no room for refinement.
        script_seconds=min(settings.script_timeout, settings.time_budget / 12),
        cpus=settings.cpus_per_script,
        installed=installed_packages(settings.python, settings.image),
    )


def metric_source(spec: TaskSpec) -> str:
    """Source of a metric that the user wrote; empty where it is one of the registry."""
    name, _, function = spec.metric.partition(":")
    if not function:
        return ""
    try:
        return (Path(spec.folder) / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def store_task(folder: RunFolder, spec: TaskSpec, profile: DataProfile) -> None:
    """Write the resolved task where :func:`open_workbench` finds it."""
    write_json(folder.path / "task.json", spec.model_dump(mode="json"))
    write_json(folder.path / "profile.json", profile.model_dump(mode="json"))


def plain(value: Any) -> Any:
    """Turn numbers of numeric libraries into Python's own, as checkpoints hold plain data alone."""
    return json.loads(json.dumps(value, default=float))
