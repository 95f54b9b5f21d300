"""Cells: run, graded, kept, resumed; systems that fail in every way."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mle_star.bench import process, running
from mle_star.bench.own import curve
from mle_star.bench.records import BenchTask, Budget, CellResult, Grade
from mle_star.bench.running import Bench, Cell, read_missing, read_results, run_bench
from mle_star.bench.systems import System, find_system
from mle_star.errors import SettingsError
from tests.tasks.folders import price_task

CORES = 1
GOOD = """
import json, pathlib, sys
job = json.loads(pathlib.Path(sys.argv[1]).read_text())
public, out = pathlib.Path(job["public"]), pathlib.Path(job["out"])
(out / "submission.csv").write_bytes((public / "sample_submission.csv").read_bytes())
report = {"validation": 1.5, "curve": [[1, 3.0], [2, 1.5]], "version": "good 1.0"}
(out / "report.json").write_text(json.dumps(report))
"""


def grade(submission: Path) -> Grade:
    """Judges by the number of lines."""
    lines = submission.read_text().splitlines()
    return Grade(float(len(lines))) if len(lines) > 1 else Grade(None, "It has no rows.")


@pytest.fixture
def task(tmp_path: Path) -> BenchTask:
    public = price_task(tmp_path / "houses" / "public")
    return BenchTask("houses", public, "rmse", "minimize", grade, "folder")


def system(code: str = GOOD, name: str = "good") -> System:
    literal = code.replace("{", "{{").replace("}", "}}")
    return System(name, [sys.executable, "-c", literal, "{job}"])


def bench(task: BenchTask, *systems: System, seeds: int = 1, seconds: float = 30.0) -> Bench:
    return Bench([task], systems, range(seeds), [Budget(seconds, CORES)])


def one(task: BenchTask, code: str, out: Path, seconds: float = 30.0) -> CellResult:
    (result,) = run_bench(bench(task, system(code), seconds=seconds), out)
    return result


def test_a_cell_is_run_graded_and_kept(task: BenchTask, tmp_path: Path) -> None:
    result = one(task, GOOD, tmp_path / "out")
    rows = len((task.public / "sample_submission.csv").read_text().splitlines())
    assert (result.score, result.error) == (rows, "")
    assert (result.validation, result.version) == (1.5, "good 1.0")
    assert result.curve == [(1.0, 3.0), (2.0, 1.5)]
    assert 0 < result.seconds < 30
    assert read_results(tmp_path / "out") == [result]
    folder = tmp_path / "out" / "cells" / "houses" / "good" / "30s-1c-seed0"
    assert not (folder / "public").exists()
    job = json.loads((folder / "job.json").read_text())
    assert (job["seconds"], job["cores"], job["seed"]) == (30, 1, 0)
    assert job["task"]["target"] == ["price"]
    assert "private" not in json.dumps(job)


def test_a_system_can_not_spoil_the_task_of_the_next(task: BenchTask, tmp_path: Path) -> None:
    spoil = GOOD + "\nfor path in public.iterdir(): path.write_text('spoilt')"
    before = (task.public / "train.csv").read_bytes()
    results = run_bench(bench(task, system(spoil, "spoiler"), system()), tmp_path / "out")
    assert [r.score is not None for r in results] == [True, True]
    assert (task.public / "train.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise SystemExit(4)", "It ended with exit code 4. It left no submission.csv."),
        ("import os; os.kill(os.getpid(), 9)", "It ended with a signal."),
        ("pass", "It left no submission.csv."),
        (GOOD + "(out / 'submission.csv').write_text('id,price')", "It has no rows."),
        (
            GOOD + "(out / 'submission.csv').unlink(); (out / 'submission.csv').symlink_to('/etc')",
            "no plain file",
        ),
    ],
)
def test_failures_are_sentences(task: BenchTask, tmp_path: Path, code: str, says: str) -> None:
    result = one(task, code, tmp_path / "out")
    assert result.score is None
    assert says in result.error


def test_what_was_handed_in_before_the_end_of_time_counts(
    task: BenchTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "overtime", lambda _: 0.5)
    result = one(task, GOOD + "import time; time.sleep(60)", tmp_path / "out", seconds=2.0)
    assert result.timed_out
    assert result.score is not None
    late = one(task, "import time; time.sleep(60)", tmp_path / "other", seconds=1.0)
    assert "It was ended after" in late.error


@pytest.mark.parametrize(
    "report",
    ["'[' * 100000", '\'{"validation": NaN, "curve": [[1, 2, 3]]}\'', "'[1]'", "'{\"curve\": 5}'"],
)
def test_a_report_that_can_not_be_read_costs_its_figures_only(
    task: BenchTask, tmp_path: Path, report: str
) -> None:
    result = one(task, GOOD + f"(out / 'report.json').write_text({report})", tmp_path / "out")
    assert result.score is not None
    assert (result.validation, result.curve) == (None, [])


def test_a_bench_goes_on_where_it_was_stopped(task: BenchTask, tmp_path: Path) -> None:
    stopping = threading.Event()
    heard: list[tuple[str, int]] = []

    def hear(kind: str, cell: Cell, result: CellResult | None) -> None:
        heard.append((kind, cell.seed))
        if kind == "finished":
            stopping.set()

    asked = bench(task, system(), seeds=3)
    first = run_bench(asked, tmp_path / "out", at_once=1, stopping=stopping, on_cell=hear)
    assert [result.seed for result in first] == [0]
    heard.clear()
    second = run_bench(asked, tmp_path / "out", at_once=1, on_cell=on(heard))
    assert [result.seed for result in second] == [0, 1, 2]
    assert [seed for kind, seed in heard if kind == "started"] == [1, 2]
    heard.clear()
    run_bench(asked, tmp_path / "out", on_cell=on(heard))
    assert heard == []


def on(heard: list[tuple[str, int]]) -> Callable[[str, Cell, CellResult | None], None]:
    return lambda kind, cell, _: heard.append((kind, cell.seed))


def test_a_cell_that_was_stopped_leaves_nothing(task: BenchTask, tmp_path: Path) -> None:
    stopping = threading.Event()
    threading.Timer(1.0, stopping.set).start()
    slow = bench(task, system("import time; time.sleep(60)"))
    assert run_bench(slow, tmp_path / "out", stopping=stopping) == []
    assert not list((tmp_path / "out" / "cells").glob("*/*/*"))


def test_failed_cells_are_repeated_on_request_only(task: BenchTask, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = f"import pathlib\nif not pathlib.Path({str(flag)!r}).exists(): raise SystemExit(1)\n"
    asked = bench(task, system(code + GOOD))
    assert run_bench(asked, tmp_path / "out")[0].score is None
    flag.touch()
    assert run_bench(asked, tmp_path / "out")[0].score is None
    assert run_bench(asked, tmp_path / "out", again=True)[0].score is not None


def test_one_name_is_one_system_and_one_task(task: BenchTask, tmp_path: Path) -> None:
    run_bench(bench(task, system()), tmp_path / "out")
    with pytest.raises(SettingsError, match="'good' was something else in the bench"):
        run_bench(bench(task, system(GOOD + "\npass")), tmp_path / "out")
    run_bench(bench(task, system(name="more")), tmp_path / "out")
    assert {r.system for r in read_results(tmp_path / "out")} == {"good", "more"}


def test_missing_systems_are_remembered(task: BenchTask, tmp_path: Path) -> None:
    absent = System("gone", ["gone", "{job}"], missing="there is no program 'gone': install it")
    asked = bench(task, system(), absent)
    assert len(run_bench(asked, tmp_path / "out")) == 1
    assert read_missing(tmp_path / "out") == {"gone": absent.missing}


def test_cells_side_by_side_have_cores_of_their_own(
    task: BenchTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "usable_cores", lambda: [0, 1, 2, 3, 4])
    given: list[frozenset[int]] = []

    def run_cell(
        cell: Cell, out: Path, cores: frozenset[int], stopping: threading.Event
    ) -> CellResult | None:
        given.append(cores)
        meet.wait(10)
        return None

    monkeypatch.setattr(running, "run_cell", run_cell)
    meet = threading.Barrier(2)
    asked = Bench([task], [system()], range(4), [Budget(1, 2)])
    run_bench(asked, tmp_path / "out")
    assert set(given) == {frozenset([0, 1]), frozenset([2, 3])}
    with pytest.raises(SettingsError, match="5 cores hold 1 to 2 runs of 2"):
        run_bench(asked, tmp_path / "out", at_once=3)
    with pytest.raises(SettingsError, match="more than the 5 here: lower --cores"):
        run_bench(Bench([task], [system()], [0], [Budget(1, 6)]), tmp_path / "out")


@pytest.mark.slow
def test_ours_runs_on_a_real_task(task: BenchTask, tmp_path: Path) -> None:
    own = find_system("mini=mle-star preset=quick num_solutions=1 num_candidates=1 outer_steps=0")
    (result,) = run_bench(bench(task, own, seconds=60.0), tmp_path / "out")
    assert result.score is not None, result.error
    assert result.validation is not None
    assert result.version.startswith("mle-star ")
    assert result.curve[-1][1] == pytest.approx(result.validation)
    (run,) = (tmp_path / "out").glob("cells/*/*/*/out/runs/run")
    assert curve(run) == result.curve
