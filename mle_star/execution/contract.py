"""The contract of an executor, as checks that anyone who writes one can run.

About a third says what is a result and what is raised; the rest are attacks. A check that a level
can't pass is declared in :data:`DECLARED` with the reason, and the declaration is checked too.

    from mle_star.execution.contract import run_contract
    for outcome in run_contract(lambda: MyExecutor(), Path("/an/empty/folder")):
        print(outcome)

An executor's own temporary files, and its caller's environment, are part of what is attacked: the
checks plant a key in ``os.environ`` while they run.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mle_star.execution.attacks.bench import Bench, Check, NotRun
from mle_star.execution.attacks.declared import DECLARED, DEPENDS
from mle_star.execution.attacks.display import display
from mle_star.execution.attacks.leftovers import leftovers
from mle_star.execution.attacks.network import network
from mle_star.execution.attacks.planting import planting
from mle_star.execution.attacks.processes import processes
from mle_star.execution.attacks.promises import promises
from mle_star.execution.attacks.reading import reading
from mle_star.execution.attacks.resources import resources
from mle_star.execution.attacks.results import results
from mle_star.execution.attacks.scores import scores
from mle_star.execution.attacks.writing import writing
from mle_star.execution.base import Executor

__all__ = [
    "ATTACKS", "CHECKS", "DECLARED", "DEPENDS", "Bench", "Check", "NotRun", "Outcome", "bad",
    "not_run", "run_contract",
]  # fmt: skip

Status = Literal["pass", "declared", "fail", "undeclare", "not run"]
"""``fail``: broken and not declared. ``undeclare``: declared, yet it holds. The other three are as
they should be."""

RESULTS: tuple[Check, ...] = (*results.checks, *promises.checks, *scores.checks)
ATTACKS: tuple[Check, ...] = (
    *reading.checks, *writing.checks, *planting.checks, *network.checks, *processes.checks,
    *resources.checks, *leftovers.checks, *display.checks,
)  # fmt: skip
CHECKS: tuple[Check, ...] = RESULTS + ATTACKS

MakeExecutor = Callable[[], Executor]


@dataclass(frozen=True)
class Outcome:
    """What came of one check on one level."""

    check: Check
    level: str
    status: Status
    detail: str = ""
    """Why it failed, is declared or was not run."""
    seconds: float = 0.0


def run_contract(
    make_executor: MakeExecutor,
    folder: Path,
    *,
    checks: Iterable[Check] = CHECKS,
    show: Callable[[object], str] | None = None,
    at_once: int | None = None,
) -> list[Outcome]:
    """Run checks against an executor, several at once; outcomes come in the order of the checks.

    Args:
        make_executor: makes an executor; every check has one of its own and shuts it down.
        folder: where canaries and job folders are made. Best not below the machine's temporary
            folder: a sandbox may hide that folder and nothing else.
        checks: which ones.
        show: makes text fit for a terminal; without it the family ``display`` is not run.
        at_once: checks at once; None: two for each core, at most 8.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(checks)
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with _planted_key() as key, ThreadPoolExecutor(at_once or min(8, 2 * cores)) as pool:
        return list(pool.map(lambda check: _judge(check, make_executor, folder, show, key), chosen))


def not_run(level: str, reason: str, checks: Iterable[Check] = CHECKS) -> list[Outcome]:
    """The outcomes of a level that this host does not have."""
    return [Outcome(check, level, "not run", reason) for check in checks]


def bad(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that must not be."""
    return [outcome for outcome in outcomes if outcome.status in ("fail", "undeclare")]


def _judge(
    check: Check,
    make_executor: MakeExecutor,
    folder: Path,
    show: Callable[[object], str] | None,
    key: str,
) -> Outcome:
    begun = time.monotonic()
    executor = make_executor()
    level = executor.capabilities().level
    bench = Bench(folder / f"{check.name}-{secrets.token_hex(4)}", show)
    reason = DECLARED.get((level, check.name), "")
    status: Status
    try:
        if check.linux and sys.platform != "linux":
            raise NotRun("it is about Linux")
        if check.name == "own-environment":
            bench.secret = key
        check.run(executor, bench)
        held = reason and (level, check.name) not in DEPENDS
        status, detail = ("undeclare", reason) if held else ("pass", "")
    except NotRun as why:
        status, detail = "not run", str(why)
    except AssertionError as error:
        status, detail = ("declared", reason) if reason else ("fail", str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks go on
        status, detail = "fail", f"the check broke: {type(error).__name__}: {error}"
    finally:
        bench.close()
        executor.shutdown()
    return Outcome(check, level, status, detail, time.monotonic() - begun)


@contextlib.contextmanager
def _planted_key() -> Iterator[str]:
    """A key in our own environment, as a provider's would be."""
    name, key = "MLE_STAR_CANARY_API_KEY", f"canary{secrets.token_hex(8)}"
    os.environ[name] = key
    try:
        yield key
    finally:
        os.environ.pop(name, None)
