"""What is a result and what is raised: the outcome table, limits apart, and what a script finds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import time
from concurrent.futures import CancelledError
from typing import Any

from mle_star.execution.attacks.bench import GOOD, Bench, Family, expect, read
from mle_star.execution.base import Execution, Executor

results = Family("result")

REQUIRED = ("final/oof.csv", "final/submission.csv")
SLEEP = "import time\nopen('final/begun', 'w').close()\ntime.sleep(15)"

LOOK = """
import json, os, sys
json.dump({
    "environ": dict(os.environ), "hash": hash("a"), "stdin": sys.stdin.read(), "cwd": os.getcwd(),
    "files": sorted(os.listdir(".")), "final": os.listdir("final"),
    "input": [open("input/" + name).read() for name in ("train.csv", "members/0/oof.csv")],
    "private": [os.path.realpath(os.environ[n]).startswith(os.getcwd() + "/") and
                bool(open(os.environ[n] + "/x", "w").write("x")) for n in ("HOME", "TMPDIR")],
}, open("final/look.json", "w"))
"""

WORK = """
import multiprocessing, time
def double(value):
    time.sleep(0.4)
    return 2 * value
if __name__ == "__main__":
    kept = bytearray(b"x" * 60_000_000)
    end = time.process_time() + 0.5
    while time.process_time() < end:
        pass
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(double, [1, 2]))
    print(len(kept))
"""


def ended(done: Execution, outcome: str) -> Execution:
    """Make sure of an outcome, and of a reason exactly where it is not ok."""
    expect(done.outcome == outcome, f"outcome {done.outcome}, not {outcome}: {done.problem}")
    expect((done.problem == "") == (outcome == "ok"), f"the problem is {done.problem!r}")
    return done


@results("ok", "a good script is ok, with its files, hashes and score")
def ok(executor: Executor, bench: Bench) -> None:
    """Exit code 0 and every file that was asked for."""
    done = ended(bench.run(executor, GOOD, required=REQUIRED), "ok")
    expect((done.exit_code, done.signal, done.exception) == (0, None, None), "how did it end?")
    expect(done.printed == 0.75, f"the score is {done.printed}")
    expect(set(done.artefacts) == set(REQUIRED), f"artefacts: {sorted(done.artefacts)}")
    for artefact in done.artefacts.values():
        data = artefact.path.read_bytes()
        expect(artefact.sha256 == hashlib.sha256(data).hexdigest(), "a wrong hash")
        expect(artefact.size == len(data), "a wrong size")
    expect(done.isolation == executor.capabilities(), "the isolation is not the executor's")


@results("no-score", "a script without its files has no score, and the problem names the file")
def no_score(executor: Executor, bench: Bench) -> None:
    """Missing and empty."""
    for script in ("print(1)", "open('final/oof.csv', 'w').close()"):
        done = ended(bench.run(executor, script, required=REQUIRED), "no_score")
        expect(done.exit_code == 0 and "final/oof.csv" in done.problem, done.problem)


@results("error", "an exception is an error with type, message and line")
def error(executor: Executor, bench: Bench) -> None:
    """Also when predictions were written before."""
    done = ended(bench.run(executor, GOOD + "raise KeyError('colour')", required=()), "error")
    expect(done.exit_code == 1 and done.exception is not None, "no exception was seen")
    assert done.exception is not None
    found = (done.exception.type, done.exception.message, done.exception.line)
    wanted = ("KeyError", "'colour'", GOOD.count("\n") + 1)
    expect(found == wanted, f"{found}, not {wanted}")
    expect(str(bench.root) not in done.problem + done.exception.traceback, "a path is shown")


@results("syntax-error", "a script that can't be read is an error with its line")
def syntax_error(executor: Executor, bench: Bench) -> None:
    """It never began to run."""
    done = ended(bench.run(executor, "x = 1\ny = (\n"), "error")
    expect(done.exception is not None and done.exception.line == 2, f"{done.exception}")


@results("exit-code", "an exit code is kept")
def exit_code(executor: Executor, bench: Bench) -> None:
    """Without a word on standard error."""
    done = ended(bench.run(executor, "import os; os._exit(3)"), "error")
    expect((done.exit_code, done.signal) == (3, None), f"{done.exit_code}, {done.signal}")


@results("exit-137", "exit code 137 is no signal")
def exit_137(executor: Executor, bench: Bench) -> None:
    """Some sandboxes report signal n as 128 + n."""
    done = bench.run(executor, "import os; os._exit(137)")
    expect((done.exit_code, done.signal) == (137, None), f"{done.exit_code}, {done.signal}")
    ended(done, "error")


@results("killed", "a signal that we did not send is 'killed'")
def killed(executor: Executor, bench: Bench) -> None:
    """SIGKILL and a crash."""
    for number in (signal.SIGKILL, signal.SIGSEGV):
        done = ended(bench.run(executor, f"import os; os.kill(os.getpid(), {number:d})"), "killed")
        expect((done.exit_code, done.signal) == (None, number), f"{done.exit_code}, {done.signal}")


@results("memory-error", "MemoryError and bad_alloc are 'out_of_memory'")
def memory_error(executor: Executor, bench: Bench) -> None:
    """An allocation that failed without the limit being hit."""
    for script in ("raise MemoryError", "import os; os.write(2, b'std::bad_alloc'); os.abort()"):
        ended(bench.run(executor, script), "out_of_memory")


def _begun(bench: Bench) -> None:
    deadline = time.monotonic() + 20
    while not (bench.job / "final" / "begun").exists():
        expect(time.monotonic() < deadline, "the script did not begin")
        time.sleep(0.02)


@results("cancel-running", "cancelling a running job kills it and ends as 'cancelled'")
def cancel_running(executor: Executor, bench: Bench) -> None:
    """By its future, and by cancel_all."""
    for cancel in ("future", "all"):
        future = executor.submit(bench.make(SLEEP))
        _begun(bench)
        if cancel == "future":
            future.cancel()
        else:
            executor.cancel_all()
        done = ended(future.result(20), "cancelled")
        expect(done.wall_seconds < 10, "it ran to its own end")
        expect(bench.gone(), "processes are left")


@results("cancel-waiting", "a job cancelled before it began never runs")
def cancel_waiting(executor: Executor, bench: Bench) -> None:
    """Jobs of one folder wait for each other."""
    first = executor.submit(bench.make(SLEEP))
    second = executor.submit(bench.make("open('final/second', 'w').close()"))
    second.cancel()
    executor.cancel_all()
    ended(first.result(20), "cancelled")
    with contextlib.suppress(CancelledError):
        ended(second.result(20), "cancelled")
    expect(not (bench.job / "final" / "second").exists(), "it ran")


@results("what-it-finds", "own folder, input, empty final/, private home and temporary folder")
def what_it_finds(executor: Executor, bench: Bench) -> None:
    """And no standard input."""
    inputs = {"": bench.view, "members/0/oof.csv": bench.view / "test.csv"}
    seen = _look(bench.run(executor, LOOK, inputs=inputs, seed=7))
    expect(seen["input"] == ["id,y\n1,0.5\n"] * 2, "the input is not what was given")
    expect(seen["final"] == [], f"final/ held {seen['final']}")
    expect({"input", "final", "script.py"} <= set(seen["files"]), f"files: {seen['files']}")
    expect(seen["private"] == [True, True] and seen["stdin"] == "", "home, tmp or stdin")
    expect(seen["environ"].get("PYTHONHASHSEED") == "7", "the hash seed is not the job's")


@results("seed", "string hashes follow the seed")
def seed(executor: Executor, bench: Bench) -> None:
    """The order of sets, and with it the result, is the same again."""
    inputs = {"": bench.view, "members/0/oof.csv": bench.view / "test.csv"}
    found = [_look(bench.run(executor, LOOK, inputs=inputs, seed=s))["hash"] for s in (1, 1, 2)]
    expect(found[0] == found[1] != found[2], f"hashes: {found}")


def _look(done: Execution) -> dict[str, Any]:
    ended(done, "ok")
    value: dict[str, Any] = json.loads(read(done.artefacts["final/look.json"]))
    return value


@results("measured", "processor time, memory and processes are measured; worker pools work")
def measured(executor: Executor, bench: Bench) -> None:
    """Half a second of work, 60 MB, two workers (they need semaphores)."""
    done = ended(bench.run(executor, WORK), "ok")
    expect("[2, 4]" in done.stdout.text, f"the workers said {done.stdout.text!r}")
    cpu, peak = done.cpu_seconds or 0, done.peak_memory_mb or 0
    expect(0.4 < cpu < 5, f"{done.cpu_seconds} s of processor time")
    expect(55 < peak < 200, f"{done.peak_memory_mb} MiB of memory")
    expect(2 <= done.processes < 15, f"{done.processes} processes")
    expect(done.wall_seconds >= 0.5, f"{done.wall_seconds} s")


@results("streams", "both outputs are kept apart, with their logs")
def streams(executor: Executor, bench: Bench) -> None:
    """And counted."""
    done = ended(
        bench.run(executor, "import sys; print('out'); print('err', file=sys.stderr)"), "ok"
    )
    expect((done.stdout.text, done.stderr.text) == ("out\n", "err\n"), "the outputs are mixed")
    expect((done.stdout.total, done.stdout.dropped) == (4, 0), "the output is counted wrongly")
    expect((bench.job / "stdout.log").read_text() == "out\n", "the log is not the output")


@results("fresh-folder", "what an interrupted run left in the folder is removed")
def fresh_folder(executor: Executor, bench: Bench) -> None:
    """Else its predictions could pass for those of the next script."""
    bench.run(executor, GOOD)
    done = ended(bench.run(executor, "print(1)", required=REQUIRED), "no_score")
    expect(not done.artefacts, "old files are artefacts")
