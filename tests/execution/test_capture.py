from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.errors import SandboxUnavailable
from mle_star.execution.capture import KEPT, LOGGED, Ring, ScoreWatch, Stream
from tests.execution.running import run

chunks = st.lists(st.binary(max_size=40), max_size=30)


@given(chunks, st.integers(1, 64))
def test_ring_keeps_both_ends_and_counts_the_rest(parts: list[bytes], kept: int) -> None:
    ring = Ring(kept)
    for part in parts:
        ring.feed(part)
    whole = b"".join(parts)
    got = ring.capture()
    assert got.total == len(whole)
    assert got.dropped == max(0, len(whole) - 2 * kept)
    if got.dropped:
        assert got.head == whole[:kept].decode("utf-8", "replace")
        assert got.tail == whole[-kept:].decode("utf-8", "replace")
        assert str(got.dropped) in got.text
    else:
        assert got.text == whole.decode("utf-8", "replace")


def test_ring_does_not_cut_a_character_of_a_short_stream() -> None:
    ring = Ring(3)
    ring.feed("aé€".encode())
    assert ring.capture().text == "aé€"


def test_ring_is_bounded() -> None:
    ring = Ring()
    for _ in range(100):
        ring.feed(b"x" * 100_000)
    got = ring.capture()
    assert len(got.head) == len(got.tail) == KEPT
    assert got.total == 10_000_000


@given(st.integers(1, 50), st.sampled_from(["\n", "\r", "\r\n", ""]))
def test_score_is_found_however_the_stream_is_cut(size: int, end: str) -> None:
    data = f"fold 1\nFinal Validation Performance: 0.1\n\rFinal Validation Performance: 0.25{end}"
    watch = ScoreWatch()
    for start in range(0, len(data), size):
        watch.feed(data[start : start + size].encode())
    assert watch.result().value == 0.25


def test_score_watch_forgets_a_line_without_end() -> None:
    watch = ScoreWatch()
    for _ in range(50):
        watch.feed(b"x" * 100_000)
    watch.feed(b"\nFinal Validation Performance: 3\n" + b"y" * 100_000)
    assert watch.result().value == 3


def test_log_file_has_a_cap_and_the_tail(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    stream = Stream(log)
    for _ in range(40):
        stream.feed(b"x" * 100_000)
    stream.feed(b"the end")
    stream.close()
    text = log.read_bytes()
    assert text.endswith(b"the end")
    assert b"bytes left out" in text
    assert LOGGED < len(text) < LOGGED + KEPT + 100


def test_log_file_just_over_the_cap_is_whole(tmp_path: Path) -> None:
    log = tmp_path / "stdout.log"
    stream = Stream(log)
    whole = bytes(range(256)) * (LOGGED // 256) + b"a little more"
    stream.feed(whole)
    stream.close()
    assert log.read_bytes() == whole


@pytest.mark.parametrize("kind", ["link", "pipe", "hard link", "folder", "longer", "gone"])
def test_a_log_that_was_replaced_is_written_anew(tmp_path: Path, kind: str) -> None:
    log, outside = tmp_path / "stdout.log", tmp_path / "outside"
    outside.write_text("mine")
    stream = Stream(log)
    stream.feed(b"printed")
    if kind == "longer":
        os.truncate(log, 10 << 30)
    elif kind == "hard link":
        (tmp_path / "other").hardlink_to(log)
    else:
        log.unlink()
    if kind == "link":
        log.symlink_to(outside)
    elif kind == "pipe":
        os.mkfifo(log)
    elif kind == "folder":
        (log / "inner").mkdir(parents=True)
    assert stream.close().text == "printed"
    assert not log.is_symlink()
    assert log.stat().st_nlink == 1
    assert log.read_text() == "printed"
    assert outside.read_text() == "mine"


def test_a_log_is_closed_where_there_is_no_space_for_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Stream] = []

    def make(path: Path, *rest: Any) -> Stream:
        if made:
            raise OSError(28, "No space left on device")
        made.append(Stream(path, *rest))
        return made[0]

    monkeypatch.setattr("mle_star.execution.child.Stream", make)
    with pytest.raises(SandboxUnavailable, match="No space left"):
        run("pass", tmp_path / "job")
    assert made[0]._log.closed
