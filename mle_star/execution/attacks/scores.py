"""The printed score: which forms count, which are refused. No cage can stop a faked one."""

from __future__ import annotations

from collections.abc import Callable

from mle_star.execution.attacks.bench import GOOD, Bench, Family, expect
from mle_star.execution.base import Executor

scores = Family("score")

LINE = "Final Validation Performance: "


def _prints(script: str, wanted: float | None) -> Callable[[Executor, Bench], None]:
    def run(executor: Executor, bench: Bench) -> None:
        done = bench.run(executor, script)
        expect(done.outcome == "ok", f"outcome {done.outcome}: {done.problem}")
        expect(done.printed == wanted, f"the score is {done.printed}, not {wanted}")

    return run


def _line(text: str) -> str:
    return f"print({LINE + text!r})"


for _name, _title, _script, _wanted in (
    ("score-nan", "a printed score of nan", _line("nan"), None),
    ("score-overflow", "a printed score of 1e309", _line("1e309"), None),
    ("score-hex", "a printed score of 0x1p3", _line("0x1p3"), None),
    ("score-comma", "a printed score of 1,234.5", _line("1,234.5"), None),
    ("score-three", "three printed scores: the last one counts",
     "\n".join(map(_line, ("0.9", "0.8", "0.7"))), 0.7),
    ("score-last-bad", "a good score, then one of nan: none counts",
     "\n".join(map(_line, ("0.9", "nan"))), None),
    ("score-forms", "a score as models print it",
     _line("**np.float64(0.91)** (+/- 0.02)"), 0.91),
    ("score-terminal", "a score among carriage returns and colours",
     r"print('50 %\r100 %\r\x1b[1mFinal Validation Performance:\x1b[0m 0.5\x1b[0m')", 0.5),
    ("score-stderr", "a score on standard error does not count",
     f"import sys\nprint({LINE + '0.9'!r}, file=sys.stderr)", None),
    ("score-long-line", "a score inside a line of 2 MB does not count",
     f"print('x' * 2_000_000 + {LINE + '0.9'!r})", None),
    ("score-no-newline", "a last line without an end counts",
     f"import os\nos.write(1, {(LINE + '0.25').encode()!r})", 0.25),
):  # fmt: skip
    scores(_name, _title)(_prints(_script, _wanted))


@scores("score-partial", "a score printed before a time-out is kept and does not count")
def score_partial(executor: Executor, bench: Bench) -> None:
    """Partial output is kept as well."""
    script = f"{GOOD}print('half way')\nimport time\ntime.sleep(12)"
    done = bench.run(executor, script, wall_seconds=1.2, required=("final/oof.csv",))
    expect(done.outcome == "timeout", f"outcome {done.outcome}: {done.problem}")
    expect(done.printed == 0.75, f"the score is {done.printed}")
    expect("half way" in done.stdout.text, "the output was lost")
    expect("does not count" in done.problem, "the problem does not say so")
