from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

import mle_star.cli
from mle_star.cli.studio import configuration

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would have replaced this process."""
    calls: list[Any] = []
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    return calls


def test_the_server_is_started_offline(
    started: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.delenv("LANGSMITH_TRACING")
    assert mle_star.cli.call(["studio", "--port", "2345"]) == 0
    [(_, command, environment)] = started
    assert command[1:4] == ["-m", "langgraph_cli", "dev"]
    assert {"--no-browser", "--no-reload", "2345"} <= set(command)
    assert environment["LANGSMITH_TRACING"] == "false"
    assert environment["LANGGRAPH_CLI_NO_ANALYTICS"] == "1"
    assert "studio/?baseUrl=http://127.0.0.1:2345" in capsys.readouterr().err


def test_without_the_extra_it_names_it(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert mle_star.cli.call(["studio"]) == 2
    assert "pip install 'mle-star[studio]'" in capsys.readouterr().err


def test_a_port_must_be_one(started: list[Any], capsys: Capture) -> None:
    assert mle_star.cli.call(["studio", "--port", "70000"]) == 2
    assert "70000" in capsys.readouterr().err
    assert not started


def test_elsewhere_a_configuration_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = json.loads(configuration().read_text(encoding="utf-8"))
    assert written["graphs"] == {"mle-star": "mle_star.graph:graph"}
    own = Path("langgraph.json")
    own.write_text("{}", encoding="utf-8")  # another project's
    assert configuration() != own
    own.write_text(json.dumps(written), encoding="utf-8")
    assert configuration() == own
