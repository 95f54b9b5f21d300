"""``mle-star submit``: the official client against a Kaggle on this machine."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mle_star.cli import call
from mle_star.cli import kaggle as client
from mle_star.runs import read_events
from mle_star.tasks import load_task
from tests.cli.journal import finished_run, write_run
from tests.support.kaggle_server import KaggleServer, use
from tests.support.tasks import slope_task

KEY = "test-key-3f9a71c2"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose submission can be handed in."""
    task = slope_task(tmp_path / "slope", rows=60, test_rows=3)
    folder = write_run(tmp_path / "runs" / "houses", finished_run())
    (folder / "task.json").write_text(load_task(task).model_dump_json())
    (folder / "submission.csv").write_text("id,y\n100000,1.5\n100001,2.5\n100002,3\n")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without a key, also for a client that was imported before."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "kaggle"))
    for name in ("KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    from kaggle.api.kaggle_api_extended import KaggleApi

    monkeypatch.setattr(KaggleApi, "config", str(tmp_path / "kaggle" / "kaggle.json"))
    monkeypatch.setattr(KaggleApi, "config_values", {})
    return tmp_path


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    with KaggleServer() as found:
        use(found, monkeypatch)
        yield found


def answering(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """A terminal at which somebody types."""
    keyboard = io.StringIO(text)
    monkeypatch.setattr(keyboard, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", keyboard)


def submit(run: Path, *options: str) -> int:
    return call(["submit", str(run), "--kaggle", "slopes", *options])


def test_what_is_shown_is_sent_and_recorded(
    run: Path,
    server: KaggleServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answering(monkeypatch, "y\n")
    monkeypatch.setattr(client, "PAUSE", 0.01)
    server.grades = [{"status": "PENDING"}, {"status": "COMPLETE", "publicScore": "0.987"}]
    assert submit(run, "--wait", "-m", "second try") == 0
    shown = capsys.readouterr()
    for text in ("competitions/slopes", "3 rows", "100000,1.5", "51200", "rmse", "second try"):
        assert text in shown.out
    assert "Send it? [y/N]" in shown.err
    assert "Public score 0.987; validation 51200" in shown.out
    assert server.of("upload") == [(run / "submission.csv").read_text()]
    [start], [sent] = server.of("StartSubmissionUpload"), server.of("CreateSubmission")
    assert (start["competitionName"], start["fileName"]) == ("slopes", "submission.csv")
    assert (sent["blobFileTokens"], sent["submissionDescription"]) == ("the-token", "second try")
    assert len(server.of("GetSubmission")) == 2
    [record] = json.loads((run / "run.json").read_text())["submissions"]
    assert (record["status"], record["public"], record["number"]) == ("complete", "0.987", 77)
    told = [event for event in read_events(run) if event["kind"] == "submitted"]
    assert [event["status"] for event in told] == ["pending", "complete"]
    assert not any(KEY in path.read_text() for path in run.glob("*.json*"))


def test_without_a_yes_nothing_is_sent(
    run: Path,
    server: KaggleServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for typed in ("n\n", "\n", ""):
        answering(monkeypatch, typed)
        assert submit(run) == 1
        assert "Nothing was sent." in capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert submit(run) == 2
    assert "nobody is here to ask: --yes" in capsys.readouterr().err
    assert server.calls == []
    assert submit(run, "--yes", "--json") == 0  # says what would be asked, and sends
    assert json.loads(capsys.readouterr().out)["number"] == 77
    assert server.of("CreateSubmission")[0]["submissionDescription"].startswith("mle-star: rmse")


@pytest.mark.parametrize(
    ("name", "status", "message", "said"),
    [
        ("StartSubmissionUpload", 401, "Unauthorized", "does not know this key"),
        ("StartSubmissionUpload", 403, "Rules.", "refuses (Rules): join the competition and"),
        ("StartSubmissionUpload", 404, "Not found", "no competition 'slopes' that takes"),
        ("CreateSubmission", 400, "Daily allowance (5) used.", "(Daily allowance (5) used)"),
        ("CreateSubmission", 500, "oh", "status 500 (oh)"),
        ("upload", 400, "no", "The upload to Kaggle failed"),
    ],
)
def test_a_refusal_is_one_sentence_and_nothing_is_recorded(
    run: Path,
    server: KaggleServer,
    capsys: pytest.CaptureFixture[str],
    name: str,
    status: int,
    message: str,
    said: str,
) -> None:
    before = (run / "run.json").read_text()
    server.refuse[name] = (status, message)
    assert submit(run, "--yes") in (1, 2)
    words = capsys.readouterr().err
    assert said in words
    assert words.count("\n") == 1
    assert KEY not in words
    assert (run / "run.json").read_text() == before


def test_a_submission_that_can_not_be_scored(
    run: Path, server: KaggleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.grades = [{"status": "ERROR", "errorDescription": "Wrong\x1b[2J columns"}]
    assert submit(run, "--yes", "--wait") == 1
    assert "could not score it: Wrong\\x1b[2J columns." in capsys.readouterr().out
    server.grades = [{"status": "PENDING"}]
    from mle_star.cli import submitting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submitting, "PATIENCE", 0.0)
        assert submit(run, "--yes", "--wait") == 0
    assert "no score yet" in capsys.readouterr().out
    assert len(json.loads((run / "run.json").read_text())["submissions"]) == 2


def test_kaggle_out_of_reach(
    run: Path, server: KaggleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    assert submit(run, "--yes") == 1
    assert "Kaggle can't be reached (ConnectionError)" in capsys.readouterr().err


def test_a_key_is_needed(run: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert submit(run, "--yes") == 2
    assert "No key for Kaggle was found: make one" in capsys.readouterr().err
    (home / "kaggle").mkdir(exist_ok=True)
    (home / "kaggle" / "kaggle.json").write_text("{broken")
    assert submit(run, "--yes") == 2
    assert "No key for Kaggle was found: make one" in capsys.readouterr().err


def test_without_the_extra(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("kaggle", "kaggle.api", "kaggle.api.kaggle_api_extended"):
        monkeypatch.setitem(sys.modules, name, None)
    assert submit(run, "--yes") == 2
    assert "pip install 'mle-star[kaggle]'" in capsys.readouterr().err


def test_what_does_not_fit_the_sample_is_not_sent(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.csv"
    cases: list[tuple[str, Any]] = [
        ("id,y\n100000,1\n", "has 1 rows; expected 3"),
        ("id,z\n100000,1\n", "can't be handed in"),
    ]
    for text, said in cases:
        other.write_text(text)
        assert submit(run, "--file", str(other)) == 2
        assert said in capsys.readouterr().err
    (run / "submission.csv").unlink()
    assert submit(run) == 2
    assert "there is nothing to send" in capsys.readouterr().err
    assert call(["submit", str(run), "--kaggle", "https://kaggle.com/c/slopes"]) == 2
    assert "is no name of a competition" in capsys.readouterr().err
