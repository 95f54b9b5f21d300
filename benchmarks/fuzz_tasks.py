"""Try many odd task folders: ``python benchmarks/fuzz_tasks.py --count 10000 --seed 0 --jobs 1``.

Each folder must either work up to its first script or be refused with one sentence. Prints how
often each happened, every sentence with its count, and every crash and hang with a folder that
shows it. ``--scripts 0.02`` also runs a script of the built-in engineer on that share of the
folders that work. ``--only 0:17`` tries one case and keeps its folder. Stopped
by Ctrl-C it says what it has so far.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

WATCHDOG = 30.0
"""Seconds for a case; a script adds its own time-out."""
PATIENCE = 10
"""A case without an answer is tried once more with so many times the seconds: others may keep the
machine busy."""
SCRIPT_SECONDS = 200.0


def try_case(case: str, folder: Path, share: float) -> dict[str, Any]:
    """Make a folder and do with it what a run does; what came of it."""
    from tests.fuzz.checking import Task, check_task, open_folder
    from tests.fuzz.folders import make_folder
    from tests.fuzz.scripts import check_scripts, run_one, write_scripts

    chance = random.Random(case)
    oddities = make_folder(chance, folder / "task")
    try:
        found = open_folder(folder / "task", folder)
        if not isinstance(found, Task):
            return {"outcome": "refused", "text": found, "oddities": oddities}
        text = check_task(found, folder)
        scripts = write_scripts(found)
        check_scripts(found, scripts)
        ran = "no script"
        if scripts and random.Random(case + " script").random() < share:
            ran = run_one(found, scripts, chance, folder)
        return {"outcome": "worked", "text": text, "script": ran, "oddities": oddities}
    except Exception as error:  # noqa: BLE001 - anything that is not a refusal is what we look for
        frames = [
            f for f in traceback.extract_tb(error.__traceback__) if "/site-" not in f.filename
        ]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}"
        text = f"{type(error).__name__} at {place}: {str(error)[:400]}"
        return {"outcome": "crash", "text": text, "oddities": oddities}


def work(pipe: Connection, base: Path, share: float) -> None:
    """Try the cases that come through the pipe."""
    warnings.simplefilter("ignore")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent stops after the case
    while True:
        try:
            case = pipe.recv()
        except EOFError:
            return
        pipe.send(try_case(case, base / case.replace(":", "-"), share))


class Worker:
    """A process that tries cases, and is killed when one takes too long."""

    def __init__(self, base: Path, share: float) -> None:
        self.base, self.share = base, share
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=work, args=(theirs, self.base, self.share), daemon=False
        )
        self.process.start()
        theirs.close()

    def run(self, case: str) -> dict[str, Any]:
        """Try one case."""
        limit = WATCHDOG + (SCRIPT_SECONDS if self.share else 0.0)
        result = self._try(case, limit)
        if result["outcome"] == "hang":
            shutil.rmtree(self.base / case.replace(":", "-"), ignore_errors=True)
            result = self._try(case, PATIENCE * limit)
        return result

    def _try(self, case: str, limit: float) -> dict[str, Any]:
        self.pipe.send(case)
        try:
            if self.pipe.poll(limit):
                result: dict[str, Any] = self.pipe.recv()
                return result
            return self._lost("hang", f"no answer within {limit:g} s")
        except EOFError:
            self.process.join(5)
            return self._lost("crash", f"the process died with {self.process.exitcode}")

    def _lost(self, outcome: str, text: str) -> dict[str, Any]:
        if self.process.is_alive() and self.process.pid:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()
        self._start()
        return {"outcome": outcome, "text": text, "oddities": []}

    def close(self) -> None:
        """End the process."""
        self.pipe.close()
        self.process.join(10)


class Tally:
    """What came of all cases so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.outcomes: Counter[str] = Counter()
        self.sentences: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.failures: list[tuple[str, str, str]] = []

    def add(self, case: str, result: dict[str, Any]) -> None:
        """Count one result."""
        with self.lock:
            self.outcomes[result["outcome"]] += 1
            if result["outcome"] == "refused":
                self.sentences[general(result["text"])] += 1
            elif result["outcome"] == "worked":
                self.results[result["text"]] += 1
                self.results[result["script"]] += 1
            else:
                self.failures.append((case, result["text"], "; ".join(result["oddities"])))
                say(f"{case}  {result['text']}")

    def print(self, base: Path) -> None:
        """Say it all."""
        for outcome, count in self.outcomes.most_common():
            say(f"{count:7d}  {outcome}")
        say("\nOf those that worked:")
        for text, count in self.results.most_common():
            say(f"{count:7d}  {text}")
        say(f"\n{len(self.sentences)} sentences (names and numbers replaced):")
        for text, count in self.sentences.most_common():
            say(f"{count:7d}  {text}")
        for case, text, oddities in self.failures:
            say(f"\n{case}  {text}\n        {oddities}\n        {base / case.replace(':', '-')}")


def general(sentence: str) -> str:
    """A sentence without what differs from folder to folder."""
    text = re.sub(r"/\S+/task", "FOLDER", sentence)
    text = re.sub(r"(?<![a-z])'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "'...'", text)
    text = re.sub(r"(?i)\b(train|test|sample_submission)(\.[a-z]+)+", r"\1", text)
    text = re.sub(
        r"(columns are|columns of \S+|targets?|may be|lacks \w+(?: \w+)? of train): .*?;",
        r"\1 ...;",
        text,
    )
    return re.sub(r"\d+", "N", text)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run_all(cases: list[str], jobs: int, base: Path, share: float) -> Tally:
    """Try all cases on so many processes; folders of failures stay."""
    tally, waiting, started = Tally(), iter(cases), time.monotonic()
    enough = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: enough.set())

    def serve() -> None:
        worker = Worker(base, share)
        while True:
            with tally.lock:
                case = None if enough.is_set() else next(waiting, None)
                done = sum(tally.outcomes.values())
            if case is None:
                worker.close()
                return
            if done and done % 500 == 0:
                bad = len(tally.failures)
                say(f"... {done} done, {bad} bad, {time.monotonic() - started:.0f} s")
            result = worker.run(case)
            tally.add(case, result)
            if result["outcome"] in ("worked", "refused"):
                folder = base / case.replace(":", "-")
                shutil.rmtree(folder, ignore_errors=True)

    threads = [threading.Thread(target=serve) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally


def main() -> int:
    """Run from the command line; 1 when something crashed or hung."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--scripts", type=float, default=0.0, help="share of tasks that run one")
    parser.add_argument("--folder", type=Path, help="where folders of failures are kept")
    parser.add_argument("--only", help="one case, such as 0:17")
    told = parser.parse_args()
    base = told.folder or Path(tempfile.mkdtemp(prefix="mle-star-fuzz-"))
    if told.only:
        place = base / told.only.replace(":", "-")
        say(f"{try_case(told.only, place, told.scripts)}\n{place}")
        return 0
    started = time.monotonic()
    cases = [f"{told.seed}:{told.first + number}" for number in range(told.count)]
    tally = run_all(cases, told.jobs, base, told.scripts)
    done = sum(tally.outcomes.values())
    say(f"{done} task folders of seed {told.seed} in {time.monotonic() - started:.0f} s")
    tally.print(base)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
