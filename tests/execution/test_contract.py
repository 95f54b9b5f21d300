"""Every level that is here keeps the contract, and the suite itself tells right from wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mle_star.errors import MleStarError
from mle_star.execution import Executor, LocalExecutor
from mle_star.execution.attacks.bench import GOOD, Bench, Check, NotRun, expect
from mle_star.execution.cages import LEVELS, choose_level
from mle_star.execution.contract import (
    ATTACKS,
    CHECKS,
    DECLARED,
    DEPENDS,
    RESULTS,
    Outcome,
    bad,
    not_run,
    run_contract,
)
from mle_star.report.text import clean

IMAGE = os.environ.get("CONTAINER_TEST_IMAGE", "")
"""An image with a python3, where there is an engine to run it."""


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder outside the machine's temporary folder, which a sandbox may hide as a whole."""
    cache = request.config.cache
    folder = Path(cache.mkdir("contract") if cache else tmp_path) / f"{os.getpid()}"
    yield folder
    folder.rmdir()  # the checks leave nothing behind


@pytest.mark.parametrize("level", LEVELS)
def test_every_check_passes_or_is_declared(level: str, place: Path) -> None:
    """Not passed, not declared, declared but held, or broken: each of them is shown."""
    place.mkdir()
    python = "python3" if level == "container" else sys.executable
    try:
        choose_level(level, python, image=IMAGE)
    except MleStarError as error:
        pytest.skip(f"not run: {error}")
    outcomes = run_contract(lambda: LocalExecutor(python, level, image=IMAGE), place, show=clean)
    assert [outcome.check for outcome in outcomes] == list(CHECKS)
    assert {outcome.level for outcome in outcomes} == {level}
    told = [f"{o.check.name}: {o.status}: {o.detail}" for o in bad(outcomes)]
    assert not told, "\n".join(told)
    assert not list(Path("/dev/shm").glob("job*")), "a check left something behind"
    skipped = {o.check.name for o in outcomes if o.status == "not run"}
    if sys.platform != "linux":
        skipped -= {check.name for check in CHECKS if check.linux}
    assert skipped <= {"keyring", "tcp6"}, "only what this host lacks may be left out"


def test_names_are_unique_and_declarations_are_about_checks_and_levels() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    assert len(RESULTS) > 30
    assert len(ATTACKS) > 70
    for level, name in DECLARED:
        assert level in LEVELS
        assert name in names
    assert DEPENDS.keys() <= DECLARED.keys()
    assert all(reason and not reason.endswith(".") for reason in DECLARED.values())


def test_bubblewrap_stops_every_attack_on_files_network_and_processes() -> None:
    gaps = {name for level, name in DECLARED if level == "bubblewrap"}
    assert gaps == {"exit-137"}


class Stub(LocalExecutor):
    """Of level ``process``, for which much is declared."""


def judged(check: Check, place: Path) -> Outcome:
    return run_contract(Stub, place, checks=[check])[0]


def holds(executor: Executor, bench: Bench) -> None:
    expect(executor.capabilities().level == "process", "the level")


def breaks(executor: Executor, bench: Bench) -> None:
    expect(False, "harm was done")


def crashes(executor: Executor, bench: Bench) -> None:
    raise KeyError("what")


def misses(executor: Executor, bench: Bench) -> None:
    raise NotRun("this host lacks it")


def stops_early(executor: Executor, bench: Bench) -> None:
    bench.attack(executor, "raise SystemExit(0)")


@pytest.mark.parametrize(
    ("name", "run", "status", "detail"),
    [
        ("new", holds, "pass", ""),
        ("new", breaks, "fail", "harm was done"),
        ("new", misses, "not run", "this host lacks it"),
        ("new", crashes, "fail", "the check broke: KeyError"),
        ("new", stops_early, "fail", "did not come to its end"),
        ("home-file", breaks, "declared", DECLARED["process", "home-file"]),
        ("home-file", holds, "undeclare", ""),
        ("home-file", crashes, "fail", "the check broke"),
        ("home-file", stops_early, "fail", "did not come to its end"),
        ("keyring", holds, "pass", ""),
        ("keyring", breaks, "declared", ""),
    ],
)
def test_a_check_is_judged(name: str, run: object, status: str, detail: str, place: Path) -> None:
    assert callable(run)
    outcome = judged(Check(name, "family", "title", run), place)
    assert outcome.status == status
    assert detail in outcome.detail
    assert bool(bad([outcome])) == (status in ("fail", "undeclare"))


def test_a_level_that_is_absent_is_never_passed() -> None:
    outcomes = not_run("bubblewrap", "not installed")
    assert {outcome.status for outcome in outcomes} == {"not run"}
    assert {outcome.detail for outcome in outcomes} == {"not installed"}
    assert len(outcomes) == len(CHECKS)


def test_checks_leave_environment_and_folder_as_they_were(place: Path) -> None:
    before = dict(os.environ)
    seen: list[Path] = []

    def look(executor: Executor, bench: Bench) -> None:
        assert dict(os.environ) != before
        bench.bystander()
        bench.run(executor, GOOD)
        (bench.root / "closed").mkdir(mode=0)
        seen.append(bench.root)

    assert judged(Check("new", "family", "title", look), place).status == "pass"
    assert dict(os.environ) == before
    assert not seen[0].exists()


def test_harm_is_seen_where_it_is_done(place: Path) -> None:
    bench = Bench(place / "bench")
    assert bench.changes() == []
    (bench.home / "note1.txt").write_text("spoilt")
    (bench.home / "note2.txt").unlink()
    (bench.home / "note3.txt").chmod(0o600)
    (bench.home / "new").mkdir()
    bench.job.mkdir()
    wanted = ["home/new", "home/note1.txt", "home/note2.txt", "home/note3.txt"]
    assert [name for name in bench.changes() if name != "home"] == wanted
    bench.close()
