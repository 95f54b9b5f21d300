"""``doctor``: can a run start, who would think, and what would it cost?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mle_star.cli import checks, model_checks
from mle_star.cli.checks import Check
from mle_star.cli.forecast import Forecast, check_cost, forecast
from mle_star.cli.output import console, write_json
from mle_star.context import Context, Settings, resolve
from mle_star.errors import UserError
from mle_star.report.text import clean

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def examine(task: str | None, context: Context, *, offline: bool, as_json: bool) -> int:
    """Check everything a run needs; returns 0 where it can start, else 2.

    Raises:
        SettingsError: a setting can't be used.
    """
    settings = resolve(context)
    screen = console(stderr=as_json)
    done: list[Check] = []
    with screen.status("looking ...") if screen.is_terminal else nullcontext():
        for check in examined(task, settings, offline):
            done.append(check)
            if not as_json:
                show(screen, check)
    failed = [check.name for check in done if check.state == "fail"]
    if as_json:
        write_json(
            {
                "can_start": not failed,
                "checks": [asdict(check) for check in done],
                "cost": asdict(expected) if (expected := _forecast(settings)) else None,
            }
        )
    else:
        said = (
            f"A run can't start: mend {', '.join(dict.fromkeys(failed))}."
            if failed
            else "A run can start."
        )
        screen.print(Text(f"\n{said}", style="bold red" if failed else "bold green"))
    return 2 if failed else 0


def examined(task: str | None, settings: Settings, offline: bool) -> Iterator[Check]:
    """Every check, in order, each when it is done."""
    yield checks.check_packages()
    interpreter = checks.check_interpreter(settings)
    yield interpreter
    if interpreter.state != "fail":
        yield checks.check_sandbox(settings)
    yield checks.check_machine(settings)
    if task is not None:
        yield from checks.check_task(task)
    yield from thinking(settings, offline)


def thinking(settings: Settings, offline: bool) -> Iterator[Check]:
    """Engineer, models, search and cost."""
    who = model_checks.decide(settings)
    yield model_checks.check_engineer(settings, who)
    if not model_checks.asks_models(settings, who):
        own = who.choice is not None and who.choice.lead == "custom"
        text = "what your engineer spends" if own else "nothing: no language model is asked"
        yield Check("cost", "ok", text)
        return
    failed = False
    for check in model_checks.check_models(settings, who):
        failed |= check.state == "fail"
        if check.text != who.problem:  # has been said
            yield check
    leads = who.choice is not None and who.choice.lead == "llm"
    if leads and not failed and not offline:
        yield from greeted(settings)
    elif leads:
        yield model_checks.check_search(settings, None)
    if (expected := _forecast(settings)) is not None:
        yield check_cost(settings, expected)


def greeted(settings: Settings) -> Iterator[Check]:
    """A hello to every model and a query to the search engine, on a bill of their own."""
    from mle_star.engineer import make_team

    patience = min(settings.model_timeout, model_checks.PATIENCE)
    try:
        team = make_team(settings.model_copy(update={"model_timeout": patience, "record": False}))
    except UserError as error:
        yield Check("model", "fail", str(error))
        return
    hello = model_checks.check_hello(team)
    yield hello
    if hello.state != "fail":
        yield model_checks.check_search(settings, team)


def _forecast(settings: Settings) -> Forecast | None:
    try:
        return forecast(settings)
    except UserError:
        return None  # the price table: another check says so


def show(screen: Console, check: Check) -> None:
    """Print one check: its state, its name, what was found, and the remedy below it."""
    style = STYLES[check.state]
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=4)
    grid.add_column(width=9)
    grid.add_column(overflow="fold")
    grid.add_row(Text(check.state, style=style), Text(check.name), Text(clean(check.text)))
    for detail in check.details:
        grid.add_row("", "", Text(clean(detail), style="dim"))
    if check.remedy:
        grid.add_row("", "", Text(f"→ {clean(check.remedy)}", style=style))
    screen.print(grid)
