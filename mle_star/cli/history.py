"""``history`` and ``fork``: the steps of a run, and another run that goes on from one of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from mle_star.cli.output import console, relative, write_json
from mle_star.errors import UserError
from mle_star.observe.lines import who
from mle_star.report.steps import in_words, said
from mle_star.report.text import clean, duration
from mle_star.runs import read_events
from mle_star.runs.history import steps_of


def list_steps(run: Path, *, as_json: bool = False) -> None:
    """Print the steps of a run, the newest last."""
    steps = steps_of(read_events(run))
    if as_json:
        write_json(
            [
                {
                    "step": step.number,
                    "elapsed": step.elapsed,
                    "time": step.time,
                    "solution": step.solution,
                    "node": step.node,
                    "what": in_words(step),
                }
                for step in steps
            ]
        )
        return
    screen = console()
    if not steps:
        screen.print(Text(f"{clean(run.name)} has not finished a step yet."))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in ("step", "time", "solution", "node", "what it did"):
        right = name in ("step", "time")
        last = name == "what it did"
        table.add_column(
            name, justify="right" if right else "left", no_wrap=not last, overflow="fold"
        )
    for step in steps:
        table.add_row(
            str(step.number),
            Text(duration(step.elapsed), style="dim"),
            "" if step.solution < 0 else who(step.solution).removeprefix("solution "),
            Text(clean(step.node), style="bold" if step.node == "accept" else ""),
            Text(in_words(step), style="" if said(step.events) else "dim"),
        )
    screen.print(table)


def fork_run(
    run: Path,
    at: int,
    *,
    changes: list[str] | None,
    edits: list[str] | None,
    name: str | None,
    start: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Fork a run and, unless it is only to be made, go on with the fork; returns the exit code."""
    from mle_star.graph.forking import fork  # takes seconds

    made = relative(
        fork(
            run,
            at=at,
            changes=_pairs("--set", changes or ()),
            edits={k: _content(v) for k, v in _pairs("--edit", edits or ()).items()},
            name=name,
        )
    )
    if start:
        from mle_star.cli.running import go_on

        if not (as_json or quiet):
            console().print(Text(f"{made}: a fork of {clean(run.name)} after step {at}"))
        return go_on(made, {}, as_json=as_json, quiet=quiet)
    if as_json:
        write_json({"run": str(made), "fork_of": str(run), "step": at})
    else:
        console().print(Text(f"{made} is made; run it with: mle-star resume {made}"))
    return 0


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE texts as a dict.

    Raises:
        UserError: one is not of that form.
    """
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (name.strip() and sign and value.strip()):
            raise UserError(f"{option} {text!r} is not NAME=VALUE: write outer_steps=30.")
        found[name.strip().replace("-", "_")] = value
    return found


def _content(value: str) -> str:
    """The text of a file that is named as ``@FILE``, else the text itself.

    Raises:
        UserError: the file can't be read.
    """
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise UserError(f"{value[1:]} can't be read: name a text file after the @.") from None
