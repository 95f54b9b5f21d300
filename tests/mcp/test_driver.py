"""The process of a run: what it is ordered, and what it leaves behind when it fails."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context
from mle_star.errors import RunError, RunStopped
from mle_star.graph import solving
from mle_star.mcp import driver


def drive(monkeypatch: pytest.MonkeyPatch, order: dict[str, Any], error: Exception | None) -> Any:
    """Let the driver obey an order; the exit code, and what solve or resume was called with."""
    called: list[Any] = []

    def record(*args: Any, **named: Any) -> None:
        called.append((args, named))
        if error is not None:
            raise error

    monkeypatch.setattr(solving, "solve", record)
    monkeypatch.setattr(solving, "resume", record)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(order)))
    return driver.main(), called


def test_a_new_run_gets_its_name_folder_and_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = {"run": str(tmp_path / "a"), "task": "houses", "settings": {"folds": 2}}
    code, [(args, named)] = drive(monkeypatch, order, None)
    assert (code, args, named["run"]) == (0, ("houses",), "a")
    assert named["context"] == Context(folds=2, runs_dir=str(tmp_path))


def test_a_run_goes_on_with_its_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"run": str(tmp_path / "a"), "settings": {"time_budget": 60.0}}
    code, [(args, named)] = drive(monkeypatch, order, None)
    assert (code, args, named) == (0, (tmp_path / "a",), {"changes": {"time_budget": 60.0}})


@pytest.mark.parametrize(
    ("error", "code", "kept"),
    [
        (RunStopped("stopped"), driver.STOPPED, None),
        (RunError("It is finished."), 2, "It is finished.\n"),
        (ZeroDivisionError("broken"), 1, "ZeroDivisionError: broken\n"),
    ],
)
def test_why_it_failed_is_kept_in_the_run_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    kept: str | None,
) -> None:
    order = {"run": str(tmp_path / "a"), "settings": {}}
    assert drive(monkeypatch, order, error)[0] == code
    assert not (tmp_path / "a").exists()  # nothing is made where there is no run
    (tmp_path / "a").mkdir()
    assert drive(monkeypatch, order, error)[0] == code
    log = tmp_path / "a" / driver.LOG
    if kept is None:
        assert not log.exists()
    else:
        assert log.read_text(encoding="utf-8").endswith(kept)
        assert kept in capsys.readouterr().err
