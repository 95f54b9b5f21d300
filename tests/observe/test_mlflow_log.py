"""MLflow, for real: a store in a SQLite file, as a client of it sees the run afterwards."""

from __future__ import annotations

import importlib.util
import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context, Settings, context_from, resolve
from mle_star.errors import MissingExtra, SettingsError
from mle_star.graph.solving import solve
from mle_star.observe import mlflow_log
from mle_star.observe.following import following
from mle_star.runs import RunFolder, read_events, write_json
from tests.cli.journal import finished_run, write_run

if importlib.util.find_spec("mlflow") is None:
    pytest.skip("extra 'mlflow' is not installed", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore")  # those of MLflow are not ours to mend


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store; the first use makes its tables, which takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=store)


def settings(uri: str, **more: Any) -> Settings:
    return resolve(Context(preset="quick", mlflow=uri, **more), environ={})


def follow(run: RunFolder, events: list[dict[str, Any]], chosen: Settings) -> list[str]:
    said: list[str] = []
    with following(run, chosen, said.append) as followers:
        for event in events:
            followers.hear(event)
    return said


def the_run(client: Any, name: str) -> Any:
    experiments = [e.experiment_id for e in client.search_experiments()]
    [found] = [r for r in client.search_runs(experiments) if r.info.run_name == name]
    return found


def test_a_run_is_there_with_settings_scores_and_files(
    tmp_path: Path, store: str, client: Any
) -> None:
    events = finished_run()
    run = RunFolder.open(write_run(tmp_path / "whole", []))
    (run.path / "submission.csv").write_text("id,y\n", encoding="utf-8")
    run.solution.mkdir(exist_ok=True)
    (run.solution / "run.py").write_text("", encoding="utf-8")
    assert follow(run, events, settings(store)) == []
    found = the_run(client, "whole")
    assert found.info.status == "FINISHED"
    assert client.get_experiment(found.info.experiment_id).name == "mle-star houses"
    assert found.data.params["preset"] == "quick"
    assert found.data.params["time_budget"] == "120.0"
    assert found.data.tags["metric"] == "rmse"
    assert found.data.tags["run"] == str(run.path)
    best = client.get_metric_history(found.info.run_id, "best")
    assert [point.step for point in best] == list(range(1, len(best) + 1))
    assert [p.value for p in best] == sorted((p.value for p in best), reverse=True)
    files = {artefact.path for artefact in client.list_artifacts(found.info.run_id)}
    assert {"submission.csv", "solution", "trials.csv"} <= files
    assert str(tmp_path.parent) in found.info.artifact_uri  # beside the store, not below here


def test_a_run_that_goes_on_is_the_same_run(tmp_path: Path, store: str, client: Any) -> None:
    events = finished_run()
    half = len(events) // 2
    run = RunFolder.open(write_run(tmp_path / "twice", [], status="stopped"))
    follow(run, events[:half], settings(store))
    first = the_run(client, "twice")
    assert first.info.status == "KILLED"
    lines = "".join(json.dumps(event) + "\n" for event in events[:half])
    (run.path / "events.jsonl").write_text(lines, encoding="utf-8")
    run.update(status="finished")
    follow(run, events[half:], settings(store, time_budget=300.0))
    again = the_run(client, "twice")
    assert again.info.run_id == first.info.run_id
    assert again.info.status == "FINISHED"
    assert again.data.params["time_budget"] == "120.0"
    assert again.data.tags["resumed.time_budget"] == "300.0"
    steps = [point.step for point in client.get_metric_history(again.info.run_id, "score")]
    assert steps == list(range(1, len(steps) + 1))


def test_a_run_that_was_deleted_there_is_begun_again(
    tmp_path: Path, store: str, client: Any
) -> None:
    run = RunFolder.open(write_run(tmp_path / "deleted", finished_run()))
    follow(run, [], settings(store))
    first = the_run(client, "deleted")
    client.delete_run(first.info.run_id)
    follow(run, [], settings(store))
    assert the_run(client, "deleted").info.run_id != first.info.run_id
    write_json(run.path / mlflow_log.MEMORY, {"uri": store, "run_id": "0" * 32})
    assert follow(run, [], settings(store)) == []


def test_a_dead_server_is_one_note_and_costs_no_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    events = finished_run()
    run = RunFolder.open(write_run(tmp_path / "houses", events))
    begun = time.monotonic()
    [said] = follow(run, events, settings(f"http://127.0.0.1:{port}"))
    assert said.startswith("The run is not logged to MLflow any further, as http://127.0.0.1")
    assert "refused" in said
    assert time.monotonic() - begun < 5


def test_a_store_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow_log, "PATIENCE", 0.2)
    monkeypatch.setattr(mlflow_log, "_reach", lambda uri: time.sleep(2))
    run = RunFolder.open(write_run(tmp_path / "houses", finished_run()))
    [said] = follow(run, [], settings("http://127.0.0.1:9"))
    assert "took more than 0.2 s" in said


def test_a_real_run_is_logged_and_a_dead_store_does_not_fail_it(
    task: Path,
    store: str,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", raising=False)
    tiny: dict[str, Any] = {
        "num_candidates": 1, "num_solutions": 1, "outer_steps": 0, "ensemble_rounds": 0,
        "engineer": "tests.support.engineers:plain",
    }  # fmt: skip
    done = solve(task, mlflow=store, run="real", **tiny)
    found = the_run(client, "real")
    assert capsys.readouterr().out == "", "stdout is the caller's"
    assert done.score is not None
    assert found.data.metrics["final_score"] == float(done.score)
    assert found.data.tags["winner"] == done.best["label"]  # type: ignore[index]
    files = {artefact.path for artefact in client.list_artifacts(found.info.run_id)}
    assert {"submission.csv", "solution", "trials.csv", "report.html"} <= files
    heard: list[str] = []
    unlogged = solve(
        task, mlflow="http://127.0.0.1:9", report=False, run="dead", **tiny,
        on_event=lambda event: heard.append(str(event.get("text"))),
    )  # fmt: skip
    assert unlogged.submission is not None
    notes = [e["text"] for e in read_events(unlogged.run) if e["kind"] == "note"]
    assert sum("not logged to MLflow" in text for text in notes) == 1
    assert any("not logged to MLflow" in text for text in heard)


def test_what_is_missing_or_wrong_is_said_before_the_run(
    task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_USERNAME"):
        context_from({"mlflow": "http://me:secret@127.0.0.1"})
    monkeypatch.chdir(tmp_path)
    assert settings("sqlite:///mlflow.db").mlflow == f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setitem(sys.modules, "mlflow", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'mle-star\[mlflow\]'"):
        solve(task, mlflow="sqlite:///mlflow.db")
    assert not (tmp_path / "runs").exists()
