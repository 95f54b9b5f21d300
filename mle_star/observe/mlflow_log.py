"""MLflow: one run there for a run here; settings, scores as they come, and what came out of it.

A thread of its own speaks to the store, so that a slow or dead one costs the run nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import socket
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mle_star.context import Settings
from mle_star.errors import MissingExtra
from mle_star.models.redaction import without_secrets
from mle_star.observe.scores import Scores
from mle_star.report.frames import trials_frame
from mle_star.report.writing import PAGE
from mle_star.runs import RunFolder, read_events, write_json

if TYPE_CHECKING:
    from mlflow import MlflowClient

MEMORY = "mlflow.json"
"""File in the run folder: which run of which store it is, for a run that goes on."""
STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}
"""How a sitting ended -> what MLflow calls it."""
PATIENCE = 60.0
"""Seconds to wait at the end until everything is logged."""
_REACH = 5.0
"""Seconds in which a server must accept a connection."""
_QUIET = ("MLFLOW_DISABLE_TELEMETRY", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT")
"""MLflow would tell its makers about every use, and print into the output of ``--json``."""
_LONGEST = 500
"""Characters of a parameter or a tag."""


def require(settings: Settings) -> None:
    """See to it that the package is there where a store is named.

    Raises:
        MissingExtra: it is not.
    """
    if settings.mlflow and importlib.util.find_spec("mlflow") is None:
        raise MissingExtra("mlflow-skinny", "mlflow", "Logging to MLflow")


def make(folder: RunFolder, settings: Settings) -> list[MlflowLog]:
    """The follower that logs to MLflow; none where no store is named."""
    return [MlflowLog(folder, settings)] if settings.mlflow else []


class MlflowLog:
    """Logs the events of a sitting."""

    def __init__(self, folder: RunFolder, settings: Settings) -> None:
        """Begin; the store is spoken to in the background."""
        self.problem = ""
        self._folder, self._settings = folder, settings
        self._scores = Scores.of(read_events(folder.path))
        self._events: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        self._status = ""
        self._thread = threading.Thread(target=self._work, name="mle-star-mlflow", daemon=True)
        self._thread.start()

    def hear(self, event: Mapping[str, Any]) -> None:
        """Hand an event to the background."""
        self._events.put(event)

    def close(self, status: str, hurry: bool) -> None:
        """Have the rest logged, and wait for that."""
        self._status = status
        self._events.put({})
        self._thread.join(0.0 if hurry else PATIENCE)
        if self._thread.is_alive() and not hurry:
            self.problem = _sentence(self._settings.mlflow, f"it took more than {PATIENCE:g} s")

    def _work(self) -> None:
        uri = self._settings.mlflow
        try:
            _reach(uri)
            log = _Store(uri, self._folder, self._settings)
            while event := self._events.get():
                point = self._scores.take(event)
                if event.get("kind") == "run_started":
                    log.began(event)
                elif point:
                    log.scored(point, self._scores.step, _milliseconds(event))
            log.ended(self._status, self._scores)
        except Exception as error:  # noqa: BLE001 - a log is never worth a run
            lines = str(error).strip().splitlines() or [type(error).__name__]
            self.problem = _sentence(uri, lines[0][:300])


class _Store:
    """One run of an MLflow store."""

    def __init__(self, uri: str, folder: RunFolder, settings: Settings) -> None:
        for name in _QUIET:
            os.environ.setdefault(name, "true")
        from mlflow import MlflowClient

        self._client: MlflowClient = MlflowClient(tracking_uri=uri)
        self._folder = folder
        self._task = Path(str(folder.record().get("task", ""))).name
        self._run = self._known(uri) or self._new(uri)
        self._settings(settings)

    def _known(self, uri: str) -> str:
        """The run that an earlier sitting logged to; empty where there is none any more."""
        try:
            told = json.loads((self._folder.path / MEMORY).read_text(encoding="utf-8"))
            if told["uri"] != uri:
                return ""
            found = self._client.get_run(told["run_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        except Exception as error:
            if getattr(error, "error_code", "") == "RESOURCE_DOES_NOT_EXIST":
                return ""
            raise
        if found.info.lifecycle_stage != "active":
            return ""
        self._client.update_run(told["run_id"], status="RUNNING")
        return str(told["run_id"])

    def _new(self, uri: str) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or f"mle-star {self._task}"
        found = self._client.get_experiment_by_name(name)
        place = uri.removeprefix("sqlite:///")
        # MLflow's own default is below the working folder, wherever that happens to be.
        beside = None if place == uri else (Path(place).parent / "mlartifacts").as_uri()
        number = found.experiment_id if found else self._client.create_experiment(name, beside)
        tags = {
            "mlflow.source.name": "mle-star",
            "mlflow.source.type": "LOCAL",
            "task": self._task,
            "run": str(self._folder.path),
        }
        made = self._client.create_run(number, run_name=self._folder.path.name, tags=tags)
        run = str(made.info.run_id)
        write_json(self._folder.path / MEMORY, {"uri": uri, "run_id": run, "experiment": name})
        return run

    def _settings(self, settings: Settings) -> None:
        """Settings are parameters, which can't change: what did on resume becomes a tag."""
        from mlflow.entities import Param

        known = self._client.get_run(self._run).data.params
        values = {
            name: str(without_secrets(str(value)))[:_LONGEST]
            for name, value in settings.model_dump().items()
            if value not in (None, "", [], {})
        }
        new = [Param(name, value) for name, value in values.items() if name not in known]
        self._client.log_batch(self._run, params=new)
        self._tag(
            {
                f"resumed.{name}": value
                for name, value in values.items()
                if known.get(name, value) != value
            }
        )

    def began(self, event: Mapping[str, Any]) -> None:
        """The task was read."""
        engineer = event.get("engineer") or {}
        self._tag(
            {
                "metric": event.get("metric"),
                "direction": event.get("direction"),
                "engineer": engineer.get("name"),
                "sandbox": (event.get("isolation") or {}).get("level"),
            }
        )

    def scored(self, values: Mapping[str, float], step: int, at: int) -> None:
        """A script has a score."""
        from mlflow.entities import Metric

        metrics = [Metric(name, value, at, step) for name, value in values.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def ended(self, status: str, scores: Scores) -> None:
        """The sitting has ended: last figures and files."""
        run = self._folder.path
        if not (run / "run.json").is_file():  # stopped before anything was begun
            self._client.set_terminated(self._run, "KILLED")
            return
        record = self._folder.record()
        events = read_events(run)
        last = {"seconds": float(record.get("seconds") or 0.0)}
        final = next((e for e in reversed(events) if e.get("kind") == "run_finished"), None)
        if final:
            score = final.get("score") or {}
            named = {"value": "final_score", "error": "final_error", "audit": "final_audit"}
            last |= {
                ours: float(score[name])
                for name, ours in named.items()
                if score.get(name) is not None
            }
            self._tag({"winner": final.get("label"), "source": final.get("source")})
        now = int(datetime.now().timestamp() * 1000)
        self.scored(last, scores.step, now)
        self._tag({"status": status, "mle_star": record.get("mle_star")})
        for path in (run / "submission.csv", run / PAGE):
            if path.is_file():
                self._client.log_artifact(self._run, str(path))
        if self._folder.solution.is_dir():
            self._client.log_artifacts(self._run, str(self._folder.solution), "solution")
        table = trials_frame(run, events).drop(columns="script").to_csv()
        self._client.log_text(self._run, table, "trials.csv")
        self._client.set_terminated(self._run, STATUS.get(status, "KILLED"))

    def _tag(self, values: Mapping[str, Any]) -> None:
        from mlflow.entities import RunTag

        tags = [
            RunTag(name, str(without_secrets(str(value)))[:_LONGEST])
            for name, value in values.items()
            if value not in (None, "")
        ]
        if tags:
            self._client.log_batch(self._run, tags=tags)


def _reach(uri: str) -> None:
    """See whether a server accepts connections: MLflow would try for minutes.

    Raises:
        OSError: it does not.
    """
    parts = urlsplit(uri)
    if parts.scheme in ("http", "https") and parts.hostname:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname, port), _REACH).close()


def _sentence(uri: str, why: str) -> str:
    return f"The run is not logged to MLflow any further, as {uri} failed: {why.rstrip('.')}."


def _milliseconds(event: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(str(event["time"])).timestamp() * 1000)
