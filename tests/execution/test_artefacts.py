from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

import pytest

from mle_star.execution.artefacts import collect, digest


@pytest.fixture
def final(tmp_path: Path) -> Path:
    folder = tmp_path / "final"
    folder.mkdir()
    return folder


def test_plain_files_are_taken_with_hash_and_size(tmp_path: Path, final: Path) -> None:
    (final / "deep").mkdir()
    (final / "deep" / "model.bin").write_bytes(b"abc")
    (tmp_path / "outside.txt").write_text("not below final")
    found = collect(tmp_path, 1)
    assert list(found.artefacts) == ["final/deep/model.bin"]
    taken = found.artefacts["final/deep/model.bin"]
    assert taken.path == final / "deep" / "model.bin"
    assert (taken.sha256, taken.size) == (hashlib.sha256(b"abc").hexdigest(), 3)


def test_what_is_no_plain_file_is_refused_and_removed(tmp_path: Path, final: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("labels")
    (final / "link").symlink_to(secret)
    (final / "folder").symlink_to(tmp_path, target_is_directory=True)
    (final / "hard").hardlink_to(secret)
    os.mkfifo(final / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(final)  # the name of a socket must be short
        listener.bind("socket")
        os.chdir(here)
    found = collect(tmp_path, 1)
    assert found.artefacts == {}
    assert {name: what.split()[-1] for name, what in found.refused.items()} == {
        "final/link": "link",
        "final/folder": "link",
        "final/hard": "file",
        "final/pipe": "pipe",
        "final/socket": "socket",
    }
    assert list(final.iterdir()) == []
    assert secret.read_text() == "labels"


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, final: Path) -> None:
    with (final / "sparse").open("wb") as stream:
        stream.truncate(10 * 1024**3)
    found = collect(tmp_path, 1)
    assert "larger" in found.refused["final/sparse"]


def test_final_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "oof.csv").write_text("x")
    (tmp_path / "final").symlink_to(other)
    assert collect(tmp_path, 1).artefacts == {}
    assert (other / "oof.csv").exists()


def test_digest_of_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link", "missing", "."):
        assert digest(tmp_path / name) is None
