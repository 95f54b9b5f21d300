"""What a run hands back."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mle_star.errors import ArgumentError, RunError
from mle_star.events import Event, typed_all
from mle_star.report.reading import COMBINED
from mle_star.report.text import better_is, plus_minus
from mle_star.runs import RunFolder, read_events
from mle_star.scoring import best_of
from mle_star.state import Direction, Trial

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FinalScore:
    """What the best script of a run is worth, in the metric's own units."""

    value: float
    """On rows that the script did not learn from; the search compared this."""
    error: float | None
    """Standard error of ``value``."""
    metric: str
    direction: Direction
    audit: float | None = None
    """On labelled rows that no script saw: the one to quote. None where none were held back."""
    audit_error: float | None = None
    alarm: str = ""
    """Why the leakage alarm rang; empty where it did not."""

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        parts = [f"{self.metric} {plus_minus(self.value, self.error)}"]
        if self.audit is not None:
            parts.append(f"audit {plus_minus(self.audit, self.audit_error)}")
        if self.alarm:
            parts.append(f"leakage alarm: {self.alarm}")
        return f"{', '.join(parts)} ({better_is(self.direction)})"


@dataclass(frozen=True, repr=False)
class Result:
    """What a run hands back. What ends in ``_frame`` is a pandas table, read from the folder."""

    run: Path
    """The run folder."""
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
    """View the submission came from: ``full``, ``part`` (no time for all rows), ``search`` (no
    final run, or it failed) or ``none``."""
    seconds: float
    """Active seconds over all sittings."""
    solutions: list[Trial] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    """As the graph's state has them; see :attr:`trials_frame` for a table."""
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    """Whether the run was resumed at least once."""
    engineer: str = "playbook"
    """Who led: ``playbook``, a model as ``provider:name``, or ``module:factory``."""
    bill: dict[str, Any] | None = None
    """Calls, tokens, seconds and US dollars spent on models; None where none was asked."""
    task: str = ""
    """Name of the task."""
    metric: str = ""
    direction: Direction = "minimize"
    status: str = "finished"
    """``finished``, ``stopped``, ``failed``, ``interrupted`` (killed) or ``running``."""

    @classmethod
    def load(cls, run: str | Path) -> Result:
        """Read a run from its folder: see :func:`mle_star.load`."""
        from mle_star.graph.loading import load

        return load(run)

    @property
    def score(self) -> FinalScore | None:
        """The score of the best script with its error; None where no script has one."""
        if self.best is None or self.best["score"] is None:
            return None
        score = self.best["score"]
        return FinalScore(
            value=score["value"],
            error=score["error"],
            metric=self.metric,
            direction=self.direction,
            audit=score["audit"],
            audit_error=score["audit_error"],
            alarm=score["alarm"],
        )

    @cached_property
    def _journal(self) -> list[dict[str, Any]]:
        return read_events(self.run)

    @property
    def events(self) -> list[Event]:
        """Everything that happened, as the types of :mod:`mle_star.events`, oldest first."""
        return typed_all(self._journal)

    @property
    def events_frame(self) -> pd.DataFrame:
        """Everything that happened, one row per event: see :func:`report.frames.events_frame`."""
        from mle_star.report.frames import events_frame

        return events_frame(self._journal)

    @property
    def trials_frame(self) -> pd.DataFrame:
        """Everything that was tried, one row per attempt.

        The columns: ``solution`` (-1: ensembles), ``phase``, ``change`` (what was tried),
        ``score`` with its standard ``error``, ``audit`` and ``audit_error`` (metric's units),
        ``verdict``, ``accepted``, ``seconds``, ``at`` (active seconds of the run), ``repairs``,
        ``problem``, ``base`` (number of the attempt it was made from), ``trial``, ``script``
        (path).
        """
        from mle_star.report.frames import trials_frame

        return trials_frame(self.run, self._journal)

    @property
    def submission_frame(self) -> pd.DataFrame:
        """The submission as a table.

        Raises:
            RunError: the run has none.
        """
        import pandas as pd

        if self.submission is None or not self.submission.is_file():
            raise RunError(
                f"{self.run.name} has no submission: no script ran to a score, the task has no "
                "test table, or the run has not ended."
            )
        return pd.read_csv(self.submission)

    def script(self, trial: Trial | str | int | None = None) -> str:
        """The text of a script.

        Args:
            trial: one of :attr:`trials`, its id, the number of a row of :attr:`trials_frame`; None:
                the best one.

        Raises:
            ArgumentError: there is no such trial.
            RunError: its script is not in the run folder any more.
        """
        if trial is None:
            if self.best is None:
                raise RunError(f"{self.run.name} has no best script: none ran to a score.")
            trial = self.best
        if isinstance(trial, int):
            frame = self.trials_frame
            trial = str(frame["trial"].get(trial, "")) if len(frame) else ""
        key = trial if isinstance(trial, str) else trial["id"]
        found = [t for t in self.trials if key and t["id"][:16] == key[:16]]
        if not found:
            raise ArgumentError(
                f"script() knows no trial {key or trial!r}: pass one of result.trials, its id, or "
                "the number of a row of result.trials_frame that has a trial."
            )
        return RunFolder.open(self.run).script(found[0]["script"])

    def report(self) -> Path:
        """The run's page, ``report.html``; written where it is missing or older than the run.

        Raises:
            RunError: it can't be written.
        """
        from mle_star.report.writing import PAGE, write_report

        page, journal = self.run / PAGE, self.run / "events.jsonl"
        if page.is_file() and page.stat().st_mtime >= journal.stat().st_mtime:
            return page
        return write_report(self.run)

    def predict(
        self, new_data: pd.DataFrame | str | Path, *, timeout: float | None = None
    ) -> pd.DataFrame:
        """Predict new rows by the solution, in a process of its own.

        The scripts run outside of the sandbox, as ``solution/run.py`` does, without your keys.

        Args:
            new_data: a table with the columns of the task's test table, or the path of its CSV.
            timeout: seconds it may take; None: as long as it needs.

        Returns:
            A table in the form of the submission.

        Raises:
            ArgumentError: ``new_data`` is neither a table nor a file.
            RunError: there is no solution that predicts, or it failed; the message says why.
        """
        from mle_star.runs.predicting import predict

        python = str(RunFolder.open(self.run).record().get("settings", {}).get("python", ""))
        inside = not Path(python).is_file()  # of a container, or of another machine
        return predict(
            self.solution, new_data, python=sys.executable if inside else python, timeout=timeout
        )

    def __repr__(self) -> str:
        score = self.score or "no score"
        return f"<Result {self.task or self.run.name}: {self.status}, {score}; {self.run}>"

    def _repr_html_(self) -> str:
        """The card that notebooks show."""
        from mle_star.report.result_card import card

        return card(self.run)


def read_result(folder: RunFolder, values: Mapping[str, Any]) -> Result:
    """Gather a run's result from its folder and its last state."""
    spec, record = values["spec"], folder.record()
    direction = spec["direction"]
    trials: list[Trial] = values.get("trials", [])
    return Result(
        run=folder.path,
        submission=Path(values["submission"]) if values.get("submission") else None,
        solution=Path(values["solution_folder"]) if values.get("solution_folder") else None,
        best=values.get("best"),
        single=best_of([t for t in trials if t["phase"] not in COMBINED], direction),
        ensemble=best_of([t for t in trials if t["phase"] in COMBINED], direction),
        source=str(values.get("final", {}).get("source", "none")),
        seconds=float(values.get("elapsed", 0.0)),
        solutions=values.get("solutions", []),
        trials=trials,
        notes=[
            event["text"]
            for event in read_events(folder.path)
            if event["kind"] == "note" and not event.get("passing")
        ],
        interrupted=int(record.get("sittings", 1)) > 1,
        engineer=str(record.get("engineer", {}).get("name", "")),
        bill=record.get("bill"),
        task=str(spec["name"]),
        metric=str(spec["metric"]),
        direction=direction,
    )
