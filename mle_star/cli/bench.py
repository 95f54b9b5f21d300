"""``bench``: compare systems on tasks with hidden labels."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.text import Text

from mle_star.cli import completing
from mle_star.cli import helping as h
from mle_star.cli.output import console
from mle_star.errors import RunStopped, SettingsError
from mle_star.report.text import clean, count, duration

app = typer.Typer(
    cls=h.Group,
    help="Compare systems on tasks with hidden labels.",
    epilog=h.ending(
        (
            "mle-star bench split houses.csv --target price --out tasks/houses",
            "mle-star bench run tasks/houses --seconds 60",
        )
    ),
    no_args_is_help=True,
)

USUAL = ("mle-star", "xgboost", "lightgbm", "flaml", "autogluon", "autogluon-medium")
"""Systems that are compared where none is named."""

Out = Annotated[Path, typer.Option("--out", help="Folder that keeps everything.")]
Environments = Annotated[
    Path | None, typer.Option(help="Folder of the peers' environments.", show_default=False)
]


@app.command(
    "run",
    **h.about(
        None,
        "mle-star bench run tasks/titanic --seconds 60 --seeds 3",
        "mle-star bench run tasks --system mle-star --system xgboost --out bench",
        codes=h.BENCH,
    ),
)
def run(
    tasks: Annotated[
        list[Path],
        typer.Argument(
            metavar="TASK",
            help="Tasks with hidden labels, or folders of them.",
            show_default=False,
        ),
    ],
    *,
    system: Annotated[
        list[str] | None,
        typer.Option(
            help=f"A system, or NAME=COMMAND (repeat for more). Default: {', '.join(USUAL)}.",
            metavar="NAME",
            show_default=False,
            autocompletion=completing.systems,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each, with seeds 0, 1, ...")] = 3,
    seconds: Annotated[
        list[float] | None,
        typer.Option(help="Wall clock of a run (repeat for several).", show_default="120"),
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Cores of a run.")] = 2,
    memory_mb: Annotated[
        int | None, typer.Option(min=1, help="End a run that uses more megabytes.")
    ] = None,
    at_once: Annotated[
        int | None,
        typer.Option(help="Runs side by side, each on cores of its own.", show_default="all fit"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Repeat runs without a score.")] = False,
    out: Out = Path("bench"),
    environments: Environments = None,
) -> int:
    """Run every system on every task and report; a bench that was stopped goes on."""
    from mle_star.bench.records import Budget
    from mle_star.bench.running import Bench, run_bench
    from mle_star.bench.sources import find_tasks
    from mle_star.bench.systems import find_system

    limits = seconds or [120.0]
    if min(limits) <= 0:
        raise SettingsError("--seconds must be more than 0.")
    systems = [find_system(text, environments) for text in system or USUAL]
    names = [one.name for one in systems]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SettingsError(f"The system {twice!r} is named twice: give each a name of its own.")
    bench = Bench(
        find_tasks(tasks),
        systems,
        range(seeds),
        [Budget(limit, cores, memory_mb) for limit in dict.fromkeys(limits)],
    )
    screen = console()
    for name, why in bench.missing().items():
        screen.print(Text(f"{name} is left out: {clean(why)}", style="yellow"), soft_wrap=True)
    if not bench.cells():
        raise SettingsError("No system that was named is installed: nothing can be compared.")
    with _stoppable() as stopping:
        lines = _Lines(len(bench.cells()))
        run_bench(bench, out, at_once=at_once, again=again, stopping=stopping, on_cell=lines.hear)
        if stopping.is_set():
            raise RunStopped("The bench was stopped; the same command goes on with it.")
    return _show(out)


@app.command("report", **h.about(None, "mle-star bench report bench"))
def report(
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of a bench.")] = Path(
        "bench"
    ),
) -> int:
    """Print the tables of a bench and write its report again."""
    return _show(out)


@app.command(
    "split", **h.about(None, "mle-star bench split houses.csv --target price --out tasks/houses")
)
def split(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A table with labels (csv or parquet).")
    ],
    *,
    target: Annotated[list[str], typer.Option(help="Column to predict (repeat for several).")],
    out: Annotated[Path, typer.Option(help="Folder of the task; must be new or empty.")],
    share: Annotated[float, typer.Option(help="Share of the rows that are hidden.")] = 0.25,
    seed: Annotated[int, typer.Option(help="Which rows.")] = 0,
    identifier: Annotated[str | None, typer.Option("--id", help="Id column.")] = None,
    metric: Annotated[str | None, typer.Option(help="What is scored.")] = None,
    time_column: Annotated[
        str | None, typer.Option("--time", help="Hide the latest rows by this column.")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Hide whole groups of this column.")] = None,
    description: Annotated[str, typer.Option(help="What the task is about.")] = "",
) -> int:
    """Make a task with a hidden part from a table of your own."""
    from mle_star.bench.split import split_csv

    made = split_csv(
        table,
        target,
        out,
        share=share,
        seed=seed,
        id=identifier,
        metric=metric,
        time=time_column,
        group=group,
        description=description,
    )
    screen = console()
    for note in json.loads((made / "meta.json").read_text(encoding="utf-8")).get("notes", []):
        screen.print(Text(clean(note), style="yellow"), soft_wrap=True)
    screen.print(Text(f"{made}: compare with 'mle-star bench run {made}'"), soft_wrap=True)
    return 0


@app.command("install", **h.about(None, "mle-star bench install flaml autogluon"))
def install(
    peers: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="autogluon, flaml.", autocompletion=completing.peers),
    ],
    *,
    environments: Environments = None,
) -> int:
    """Install other systems, each in an environment of its own."""
    from mle_star.bench import environments as made

    screen = console()
    for peer in peers:
        python = made.install(
            peer, environments, say=lambda line: screen.print(Text(clean(line), style="dim"))
        )
        screen.print(Text(f"{peer}: {python}"), soft_wrap=True)
    return 0


class _Lines:
    """A line for each run that ended, with what is left."""

    def __init__(self, total: int) -> None:
        self._console = console()
        self._total = total
        self._done = 0
        self._begun = time.monotonic()
        self._lock = threading.Lock()

    def hear(self, kind: str, cell: object, result: object) -> None:
        from mle_star.bench.records import CellResult
        from mle_star.bench.running import Cell

        assert isinstance(cell, Cell)
        if kind != "finished" or not isinstance(result, CellResult):
            return
        with self._lock:
            self._done += 1
            past = duration(time.monotonic() - self._begun)
            score = f"{result.score:.6g}" if result.score is not None else "no score"
            line = f"{past:>7}  {self._done}/{self._total}  {cell.label}: {score}"
            line += f" after {duration(result.seconds)}"
            style = ""
            if result.error:
                line, style = f"{line}. {clean(result.error)}", "yellow"
            self._console.print(Text(line, style=style), soft_wrap=True)


@contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set the event; a second one gives up at once."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, stop)
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            with contextlib.suppress(TypeError):
                signal.signal(number, handler)


def _show(out: Path) -> int:
    from mle_star.bench.report import print_tables, write_report
    from mle_star.bench.running import read_missing, read_results

    results = read_results(out)
    if not results:
        raise SettingsError(f"{out} holds no results of a bench: run 'mle-star bench run' first.")
    missing = read_missing(out)
    screen = console()
    print_tables(screen, results, missing)
    files: Sequence[Path] = write_report(results, out, missing)
    failed = sum(result.score is None for result in results)
    screen.print(Text(f"\n{count(len(results), 'run')}, {failed} without a score", style="dim"))
    for path in files:
        if path.suffix == ".html":
            screen.print(Text(f"report  {path}"), soft_wrap=True)
    return 0
