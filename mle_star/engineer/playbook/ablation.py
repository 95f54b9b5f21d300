"""The ablation writer.

A study is a script that holds the solution's sections as text, runs them as they are (the
baseline), and then once more for each part under study with that part's section exchanged:
switched off where the solution does something there, or else changed by the most promising
strategy, which tells whether refining it would pay. Only the ordering matters, so it looks at the
first two folds, a few thousand rows and no test predictions.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from mle_star.engineer.base import Brief, Tried
from mle_star.engineer.playbook.blocks.facts import literal
from mle_star.engineer.playbook.findings import findings, summarise
from mle_star.engineer.playbook.planner import gains, propose, refine
from mle_star.engineer.playbook.script import LOAD, WRITE, Block, split
from mle_star.engineer.playbook.strategies import refinable
from mle_star.engineer.playbook.strategies.edits import assigns
from mle_star.engineer.playbook.switches import switched_off
from mle_star.engineer.policy import terms_of
from mle_star.errors import NoAnswer
from mle_star.parsing import parse

PATIENCE = 1.5
"""Times a script's time after which a study begins no further run."""
PARTS = 2
"""Parts under study at a time."""
WORTH = 0.08
"""Share of the time that is left to the search that a study may take: it tells less than the two
or three plans that could be tried instead."""
EVERY = 3
"""Plans that are tried between two studies of a script."""
START = 1.5
"""Seconds that imports and reading take, once for all runs of a study."""
FOLDS = 2
ROWS = 8_000
"""Training rows that a study looks at where all of them might take too long."""
LEAST_ROWS = 1_000
"""Fewer say nothing about the whole table."""

_STUDY = '''"""Ablation study: the solution as it is, and with one part at a time off or changed.

Only the ordering of the scores matters here: a few folds and rows are enough, nothing is written.
"""

import contextlib
import io
import time

LIMIT = {limit}  # seconds

# === the solution ===
SECTIONS = {{
{sections}}}

# === what is exchanged ===
{parts}VARIANTS = {{
{variants}}}


# === the study ===
def score_of(sections: dict[str, str]) -> float:
    """Run the sections one after the other, as one script, and return its score."""
    scope = {{"__name__": "study"}}
    with contextlib.redirect_stdout(io.StringIO()):
        for name, code in sections.items():
            exec(compile(code, f"<{{name}}>", "exec"), scope)
    return float(scope["score"])


start = time.monotonic()
print(f"Baseline: {{score_of(SECTIONS)}}", flush=True)
longest = time.monotonic() - start
for label, (section, code) in VARIANTS.items():
    began = time.monotonic()
    if began - start + longest > LIMIT:
        print(f"Ablation {{label}}: not run, the time is up", flush=True)
        continue
    try:
        print(f"Ablation {{label}}: {{score_of({{**SECTIONS, section: code}})}}", flush=True)
    except Exception as error:
        print(f"Ablation {{label}}: failed, {{type(error).__name__}}: {{error}}", flush=True)
    longest = max(longest, time.monotonic() - began)
'''


@dataclass(frozen=True)
class _Variant:
    label: str
    section: str
    code: str


def ablate(brief: Brief, script: str, summaries: Sequence[str]) -> str:
    """A study of up to two parts of the script that no earlier summary speaks of.

    Raises:
        NoAnswer: the script is not in sections, nothing is left to study, or it is not worth its
            time.
    """
    blocks = split(script)
    if not {LOAD, WRITE} <= {block.name for block in blocks}:
        raise NoAnswer("The script is not made of sections that a study could exchange.")
    if not any(_has_plan(brief, block) for block in refinable(blocks)):
        raise NoAnswer("No plan for any part of the script fits into the time that is left.")
    if _seconds(brief) > WORTH * brief.seconds_left:
        raise NoAnswer("A study would take too much of the time that is left.")
    if _plans(brief) < EVERY * sum(bool(findings(summary)) for summary in summaries):
        raise NoAnswer("A study follows when more plans were tried.")
    variants = _variants(brief, blocks, _studied(summaries))
    if not variants:
        raise NoAnswer("Every part of the script was studied before.")
    sections: dict[str, str] = {}
    for block in blocks:
        sections[block.name] = _scored(block) if block.name == WRITE else _body(block.text)
        if block.name == LOAD:
            sections["first folds only"] = _cut(brief)
    study = _STUDY.format(
        limit=round(PATIENCE * brief.script_seconds, 1),
        sections="".join(f"    {literal(n)}: {_quoted(code)},\n" for n, code in sections.items()),
        parts="".join(
            f"PART_{i} = {_quoted(_body(variant.code))}\n" for i, variant in enumerate(variants, 1)
        ),
        variants="".join(
            f"    {literal(variant.label)}: ({literal(variant.section)}, PART_{i}),\n"
            for i, variant in enumerate(variants, 1)
        ),
    )
    try:
        parse(study)
    except SyntaxError as error:
        raise NoAnswer(f"The study would not compile: {error}.") from None
    return study


def _plans(brief: Brief) -> int:
    """Plans that the branch tried so far on what this script was made of."""
    return sum(lesson.model == brief.base_model for lesson in brief.own_lessons)


def _has_plan(brief: Brief, block: Block) -> bool:
    try:
        propose(brief, block.text, ())
    except NoAnswer:
        return False
    return True


def _studied(summaries: Sequence[str]) -> set[str]:
    """Labels of the parts that earlier summaries speak of."""
    found = set()
    for summary in summaries:
        for finding in findings(summary):
            found.add(f"{finding.block} [{finding.tried}]" if finding.tried else finding.block)
    return found


def _variants(brief: Brief, blocks: list[Block], studied: set[str]) -> list[_Variant]:
    """Changes worth measuring, the most promising part first."""
    ranked = []
    for block in refinable(blocks):
        gain = max(gains(brief, block.text).values(), default=0.0)
        off = switched_off(brief, block, blocks)
        variant: _Variant | None = None
        if gain <= 0:
            continue  # nothing could be made of what is found
        if off is not None and block.name not in studied:
            variant = _Variant(block.name, off.section, off.code)
            gain = max(gain, 0.3)
        else:
            variant = _trial(brief, block, studied)
        if variant is not None:
            ranked.append((gain, variant))
    ranked.sort(key=lambda pair: -pair[0])
    return [variant for _, variant in ranked[:PARTS]]


def _trial(brief: Brief, block: Block, studied: set[str]) -> _Variant | None:
    """The block with the first plan for it that no earlier study tried."""
    before = {label.removeprefix(f"{block.name} ").strip("[]") for label in studied}
    tried = [Tried(f"[{keys}]", None) for keys in sorted(before)]
    try:
        plan = propose(brief, block.text, tried)
        code = refine(brief, block.text, plan)
    except NoAnswer:
        return None
    return _Variant(f"{block.name} [{' + '.join(terms_of(plan))}]", block.name, code)


def _body(text: str) -> str:
    """A section without its marker line."""
    first, _, rest = text.partition("\n")
    return (rest if first.startswith("# === ") else text).strip("\n") + "\n"


def _quoted(code: str) -> str:
    """The code as a string literal that a person can read."""

    def read(text: str) -> object:
        [statement] = parse(text).body
        return ast.literal_eval(statement.value) if isinstance(statement, ast.Expr) else None

    for quotes in ("'''", '"""'):
        text = f"r{quotes}\n{code}{quotes}"
        try:
            if quotes not in code and read(text) == "\n" + code:
                return text
        except (SyntaxError, ValueError):
            continue
    return repr(code)


def _scored(block: Block) -> str:
    """The write section up to the statement that sets the score.

    Raises:
        NoAnswer: it sets none.
    """
    text = _body(block.text)
    ends = [node.end_lineno or 0 for node in parse(text).body if assigns("score")(node)]
    if not ends:
        raise NoAnswer("The script does not put its score into a variable.")
    return "".join(text.splitlines(keepends=True)[: max(ends)])


def _whole(brief: Brief) -> float:
    """Seconds that the script is expected to take with all rows."""
    return brief.base_seconds / max(1, brief.folds) * min(FOLDS, brief.folds)


def _seconds(brief: Brief) -> float:
    """Seconds that the study is expected to take."""
    start = min(START, brief.base_seconds)
    fitting = max(0.0, _whole(brief) - start) * _rows(brief) / max(1, brief.rows)
    return start + (PARTS + 1) * fitting


def _rows(brief: Brief) -> int:
    """Rows with which the baseline and all variants should fit into a script's time.

    Always on two folds: what a finish block learns for one fold comes from the others.
    """
    allowed, whole = brief.script_seconds / (PARTS + 1), _whole(brief)
    # All rows where that surely ends in time: on few rows simple models look too good.
    if 0 < whole <= PATIENCE * allowed:
        return brief.rows
    rows = min(ROWS, brief.rows)
    expected = whole * rows / max(1, brief.rows)
    if expected <= allowed:
        return rows
    return max(min(LEAST_ROWS, rows), int(rows * allowed / expected))


def _cut(brief: Brief) -> str:
    """Code that keeps the first folds, some rows and a few test rows."""
    time_ordered = bool(brief.task.time)
    rows = _rows(brief)
    lines = ["test = test.head(20)"]
    if time_ordered:
        lines += [
            "# Later folds come after those that are scored: they are left out.",
            f"kept = folds < {FOLDS}",
        ]
    else:
        lines += [
            "# All folds are fitted on, the first two are scored.",
            f"folds = np.where(folds < {FOLDS}, folds, -1)",
            "kept = np.ones(len(train), dtype=bool)",
        ]
    if brief.rows > rows:
        share = rows / brief.rows
        lines.append(f"kept &= np.random.default_rng(0).random(len(train)) < {share:.3f}")
    lines.append("train, y, folds = train[kept].reset_index(drop=True), y[kept], folds[kept]")
    return "\n".join(lines) + "\n"


__all__ = ["ablate", "summarise"]
