"""``attacks``: run every attack and every other check of the contract at each sandbox level."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mle_star.cli.output import console, write_json
from mle_star.context import Context, resolve
from mle_star.errors import MleStarError, SettingsError
from mle_star.execution.cages import LEVELS, choose_level
from mle_star.execution.contract import (
    ATTACKS,
    CHECKS,
    DECLARED,
    DEPENDS,
    Check,
    Outcome,
    bad,
    not_run,
    run_contract,
)
from mle_star.execution.process import LocalExecutor
from mle_star.report.text import clean, count, duration

WORDS = {
    "pass": ("pass", "green"),
    "declared": ("declared", "yellow"),
    "fail": ("FAIL", "bold red"),
    "undeclare": ("FAIL (declared, yet holds)", "bold red"),
    "not run": ("not run", "dim"),
}
"""Status -> what is shown, and its style."""


def run_attacks(
    wanted: str | None = None,
    context: Context | None = None,
    *,
    as_json: bool = False,
    checks: Sequence[Check] = CHECKS,
) -> int:
    """Run the table here and print it; returns 0 where all is as declared, else 1.

    Args:
        wanted: one level; None: all that can be had.
        context: interpreter of the scripts, and image of the level ``container``.
        as_json: print JSON instead of a table.
        checks: which ones.

    Raises:
        SettingsError: the level that was asked for can't be had, or there is no such level.
    """
    screen = console(stderr=as_json)
    begun = time.monotonic()
    columns: dict[str, list[Outcome]] = {}
    with _folder() as folder:
        for level in [wanted] if wanted else LEVELS:
            with screen.status(f"{level} ...") if screen.is_terminal else nullcontext():
                columns[level] = _column(level, wanted, context or Context(), folder, checks)
    if as_json:
        write_json([_plain(outcome) for column in columns.values() for outcome in column])
    else:
        _print(screen, columns)
        screen.print(Text(f"\n{duration(time.monotonic() - begun)}", style="dim"))
    return 1 if any(bad(column) for column in columns.values()) else 0


def _column(
    level: str,
    wanted: str | None,
    context: Context,
    folder: Path,
    checks: Sequence[Check],
) -> list[Outcome]:
    """The outcomes of one level; a level that is not here, and was not asked for, is not run."""
    settings = resolve(context.model_copy(update={"sandbox": level}))
    python, image = settings.python, settings.image
    try:
        choose_level(level, python, image=image)
    except SettingsError as error:
        if wanted:
            raise
        return not_run(level, str(error), checks)
    except MleStarError as error:
        return not_run(level, str(error), checks)
    return run_contract(
        lambda: LocalExecutor(python=python, level=level, image=image),
        folder,
        checks=checks,
        show=clean,
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder below the user's home, as runs are; the temporary folder may be hidden as a whole.

    Where the home can't be written, the temporary folder has to do.
    """
    parent = Path.home() / ".cache" / "mle-star"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(prefix="attacks-", dir=parent)
    except OSError:
        folder = tempfile.mkdtemp(prefix="mle-star-attacks-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _plain(outcome: Outcome) -> dict[str, object]:
    return {
        "level": outcome.level,
        "family": outcome.check.family,
        "check": outcome.check.name,
        "title": outcome.check.title,
        "status": outcome.status,
        "detail": outcome.detail,
        "seconds": round(outcome.seconds, 2),
    }


def _print(screen: Console, columns: dict[str, list[Outcome]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    table.add_column("check", overflow="fold")
    for level in columns:
        table.add_column(level, no_wrap=True)
    family = ""
    for row in zip(*columns.values(), strict=True):
        check = row[0].check
        if check.family != family:
            family = check.family
            table.add_row(Text(family, style="bold"))
        cells = [Text(*WORDS[outcome.status]) for outcome in row]
        table.add_row(Text(f"  {clean(check.title)}"), *cells)
    screen.print(table)
    for level, column in columns.items():
        _explain(screen, level, column)


def _explain(screen: Console, level: str, column: list[Outcome]) -> None:
    """One line of counts, then the reasons, each once with the checks it is for."""
    states = [outcome.status for outcome in column]
    counts = ", ".join(f"{states.count(s)} {WORDS[s][0]}" for s in WORDS if s in states)
    screen.print(Text(f"\n{level}: {count(len(column), 'check')}, {counts}", style="bold"))
    reasons: dict[tuple[str, str], list[str]] = {}
    for outcome in column:
        if outcome.status != "pass":
            reasons.setdefault((outcome.status, outcome.detail), []).append(outcome.check.name)
    for (status, detail), names in reasons.items():
        word, style = WORDS[status]
        which = "all of them" if len(names) == len(column) else ", ".join(names)
        screen.print(Text(f"  {word}: {which}: {clean(detail)}", style=style))


def markdown() -> str:
    """The table of the docs: what each level is declared to stop, from the code alone."""
    shown = LEVELS
    lines = ["| attack or promise | " + " | ".join(shown) + " |", "|---" * (len(shown) + 1) + "|"]
    family = ""
    for check in CHECKS:
        if check.family != family:
            family = check.family
            lines.append(f"| **{family}** |" + " |" * len(shown))
        cells = [_cell(level, check.name) for level in shown]
        lines.append(f"| {check.title} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """The list below the table: level, reason, and the checks it is for."""
    found: dict[tuple[str, str], list[str]] = {}
    for (level, name), reason in DECLARED.items():
        found.setdefault((level, reason), []).append(name)
    titles = {check.name: check.title for check in CHECKS}
    lines = []
    for (level, reason), names in found.items():
        which = (
            "; ".join(titles[name] for name in names) if len(names) < 5 else f"{len(names)} rows"
        )
        lines.append(f"- **{level}**: {reason} ({which}).")
    return "\n".join(lines) + "\n"


def _cell(level: str, name: str) -> str:
    if (level, name) in DEPENDS:
        return DEPENDS[level, name]
    word = "stopped" if any(check.name == name for check in ATTACKS) else "kept"
    return f"**not {word}**" if (level, name) in DECLARED else word
