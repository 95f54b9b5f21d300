"""Trouble with a disk is told apart from mistakes, in one sentence with the remedy."""

from __future__ import annotations

import errno
import shutil
import sqlite3
from pathlib import Path

import pytest

from mle_star.errors import RunError, SandboxUnavailable
from mle_star.runs.storage import in_one_sentence, is_storage_error, refuse_full_disk


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("said by SQLite")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "full"), "There is no space left for the run folder"),
        (OSError(errno.EDQUOT, "quota"), "There is no space left"),
        (sqlite_error(sqlite3.SQLITE_FULL), "There is no space left"),
        (OSError(errno.EROFS, "read-only"), "can't be written"),
        (sqlite_error(sqlite3.SQLITE_READONLY), "can't be written"),
        (OSError(errno.EIO, "broken"), "see to the disk"),
        (sqlite_error(sqlite3.SQLITE_IOERR | (7 << 8)), "see to the disk"),
        (sqlite_error(sqlite3.SQLITE_BUSY), "in use by another program"),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), "mle-star repair"),
    ],
)
def test_trouble_is_one_sentence(tmp_path: Path, error: Exception, sentence: str) -> None:
    (tmp_path / "run.json").touch()
    assert is_storage_error(error, tmp_path)
    with pytest.raises(RunError, match=sentence) as told, in_one_sentence(tmp_path):
        raise error
    assert f"mle-star resume {tmp_path}" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_folder_of_ours_that_is_closed_is_trouble_another_is_a_mistake(tmp_path: Path) -> None:
    ours = PermissionError(errno.EACCES, "no", str(tmp_path / "run.json"))
    assert is_storage_error(ours, tmp_path)
    for other in (
        PermissionError(errno.EACCES, "no", "/etc/shadow"),
        FileNotFoundError(errno.ENOENT, "no", str(tmp_path / "x")),
        sqlite_error(sqlite3.SQLITE_CONSTRAINT),
        ValueError("no"),
    ):
        assert not is_storage_error(other, tmp_path)
        with pytest.raises(type(other)), in_one_sentence(tmp_path):
            raise other


def test_a_sandbox_that_lacked_space_is_trouble_with_the_disk(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no space left"), in_one_sentence(tmp_path):
        raise SandboxUnavailable("can't be prepared") from OSError(errno.ENOSPC, "full")
    with pytest.raises(SandboxUnavailable), in_one_sentence(tmp_path):
        raise SandboxUnavailable("no bwrap")


def test_a_run_that_never_began_is_not_to_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"then start again\."), in_one_sentence(tmp_path):
        raise OSError(errno.ENOSPC, "full")


def test_a_failure_on_a_full_disk_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_full_disk(tmp_path)
    refuse_full_disk(tmp_path / "nowhere")
    usage = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(path)._replace(free=4096))
    with pytest.raises(RunError, match="no space left"):
        refuse_full_disk(tmp_path)
