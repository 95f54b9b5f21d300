"""What is raised rather than returned, and what the cache keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mle_star.errors import MleStarError
from mle_star.execution.attacks.bench import GOOD, PATIENCE, Bench, Family, expect
from mle_star.execution.attacks.results import ended
from mle_star.execution.base import Executor
from mle_star.execution.cache import CachedExecutor

promises = Family("promise")


def _raises(executor: Executor, bench: Bench, kind: type[Exception], **fields: Any) -> None:
    future = executor.submit(bench.make(GOOD, **fields))
    try:
        done = future.result(PATIENCE)
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised; the outcome is {done.outcome}")


@promises("raise-folder", "a folder that can't be made is raised, and the executor goes on")
def raise_folder(executor: Executor, bench: Bench) -> None:
    """No script can mend it, so it is no result."""
    _raises(executor, bench, MleStarError, folder=bench.home / "note0.txt" / "job")
    ended(bench.run(executor, GOOD), "ok")


@promises("raise-foreign", "a folder that is not a job's is never wiped")
def raise_foreign(executor: Executor, bench: Bench) -> None:
    """A wrong path must not cost the user his files."""
    _raises(executor, bench, ValueError, folder=bench.home)
    expect(not bench.changes(), f"altered: {', '.join(bench.changes())}")


@promises("raise-input", "an input placed outside ./input is raised")
def raise_input(executor: Executor, bench: Bench) -> None:
    """By ``..`` and by an absolute path."""
    for place in ("../out.csv", str(bench.home / "out.csv")):
        _raises(executor, bench, ValueError, inputs={place: bench.view / "test.csv"})
    expect(not bench.changes(), f"altered: {', '.join(bench.changes())}")


@promises("after-shutdown", "nothing can be submitted after a shutdown")
def after_shutdown(executor: Executor, bench: Bench) -> None:
    """It is a mistake of the caller, so it is raised at once."""
    executor.shutdown()
    try:
        executor.submit(bench.make(GOOD))
    except RuntimeError:
        return
    raise AssertionError("RuntimeError was not raised")


@promises("side-by-side", "jobs side by side do not meet")
def side_by_side(executor: Executor, bench: Bench) -> None:
    """Four at once, each with a folder of its own."""
    jobs = [
        bench.make(f"open('final/{n}', 'w').write('{n}')", folder=bench.root / f"{bench.token}{n}")
        for n in range(4)
    ]
    futures = [executor.submit(job) for job in jobs]
    for number, future in enumerate(futures):
        done = ended(future.result(PATIENCE), "ok")
        expect(set(done.artefacts) == {f"final/{number}"}, f"artefacts: {sorted(done.artefacts)}")


@promises("cache-keeps", "ok, errors and missing files are kept; killed and cancelled are not")
def cache_keeps(executor: Executor, bench: Bench) -> None:
    """What would come out the same again."""
    scripts = {
        "print(1)": True,
        "raise KeyError('x')": True,
        "import os; os.kill(os.getpid(), 9)": False,
        "raise ConnectionError('gone')": False,
    }
    cached = CachedExecutor(executor)
    for number, (script, kept) in enumerate(scripts.items()):
        job = bench.make(script, folder=bench.root / f"{bench.token}{number}")
        first = cached.submit(job).result(PATIENCE)
        second = cached.submit(job).result(PATIENCE)
        expect(not first.cached, "the first run came from the cache")
        expect(second.cached == kept, f"{script!r}: kept is {second.cached}, not {kept}")
        expect(second.outcome == first.outcome, "the kept outcome differs")


@promises("cache-limits", "a time-out is kept for limits as tight, and run again for a wider one")
def cache_limits(executor: Executor, bench: Bench) -> None:
    """0.6 s against a script of 1.2 s."""
    cached = CachedExecutor(executor)
    job = bench.make("import time; time.sleep(1.2)", wall_seconds=0.6)
    ended(cached.submit(job).result(PATIENCE), "timeout")
    again = cached.submit(job).result(PATIENCE)
    expect(again.cached and again.outcome == "timeout", "the time-out was not kept")
    wider = replace(job, limits=replace(job.limits, wall_seconds=20.0))
    done = ended(cached.submit(wider).result(PATIENCE), "ok")
    expect(not done.cached, "the time-out of a tighter limit was taken")


@promises("single-flight", "equal jobs in flight run once; one caller's cancel spares the others")
def single_flight(executor: Executor, bench: Bench) -> None:
    """Each run leaves a line."""
    cached = CachedExecutor(executor)
    job = bench.make("import time\ntime.sleep(0.5)\nprint(time.time())")
    futures = [cached.submit(job) for _ in range(3)]
    futures[0].cancel()
    told = {future.result(PATIENCE).stdout.text for future in futures[1:]}
    expect(len(told) == 1 and told != {""}, f"{len(told)} runs")
