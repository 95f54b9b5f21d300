from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mle_star.execution import Job, Limits, job_key

BASE = Job("print(1)", Path("a"), inputs={"": Path("view"), "m.csv": Path("m")}, digest="d", seed=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, script="print(2)"),
        lambda job: replace(job, digest="e"),
        lambda job: replace(job, inputs={"": Path("view"), "n.csv": Path("m")}),
        lambda job: replace(job, seed=2),
        lambda job: replace(job, required=()),
        lambda job: replace(job, limits=Limits(processes=3)),
    ],
)
def test_what_makes_another_run(change: Callable[[Job], Job]) -> None:
    assert job_key(change(BASE)) != job_key(BASE)


@pytest.mark.parametrize(
    "change",
    [
        lambda job: replace(job, folder=Path("b")),
        lambda job: replace(job, label="x", cpus=2),
        lambda job: replace(job, inputs={"": Path("moved"), "m.csv": Path("elsewhere")}),
        lambda job: replace(job, limits=Limits(wall_seconds=1, memory_mb=1, disk_mb=1)),
    ],
)
def test_what_does_not(change: Callable[[Job], Job]) -> None:
    assert job_key(change(BASE)) == job_key(BASE)


def test_other_versions_make_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = job_key(BASE)
    monkeypatch.setattr(
        "mle_star.execution.key.interpreter_versions", lambda *_: (("numpy", "0.0.1"),)
    )
    assert job_key(BASE) != before


def test_inputs_without_digest_are_hashed(tmp_path: Path) -> None:
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "train.csv").write_text("1")
    job = Job("print(1)", tmp_path / "job", inputs={"": tmp_path / "view"})
    before = job_key(job)
    assert job_key(job) == before
    (tmp_path / "view" / "train.csv").write_text("2")
    assert job_key(job) != before
