"""The commands. The work is done in the modules they call, imported only when they are called."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from mle_star.cli import bench, completing
from mle_star.cli import helping as h
from mle_star.cli import options as o
from mle_star.cli.output import console, write_json
from mle_star.errors import SettingsError, UserError

app = typer.Typer(
    name="mle-star",
    no_args_is_help=False,
    cls=h.Group,
    epilog=h.ending(
        (
            "mle-star inspect my-task",
            "mle-star run my-task --preset quick",
            "mle-star show --follow",
        )
    ),
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From a task folder to a submission, a runnable solution and an honest score.",
)


app.add_typer(bench.app, name="bench", rich_help_panel=h.MORE)


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """From a task folder to a submission, a runnable solution and an honest score."""
    if version:
        import importlib.metadata

        typer.echo(f"mle-star {importlib.metadata.version('mle-star')}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(
    **h.about(
        h.RUN,
        "mle-star run my-task --preset quick",
        "mle-star run my-task --model google_genai:gemini-2.5-pro --max-cost 2",
        codes=h.STOPS,
    )
)
@o.taking(o.fields())
def run(
    task: o.Task,
    *,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    **settings: Any,
) -> int:
    """Solve a task: search, refine, combine, and write the submission."""
    context = o.chosen(**settings, runs_dir=runs_dir)
    from mle_star.cli.running import start_run

    return start_run(task, context, as_json=as_json, quiet=quiet)


@app.command(
    **h.about(
        h.RUN,
        "mle-star resume",
        "mle-star resume 20260102-030405-my-task --time-budget 3600",
        codes=h.STOPS,
    )
)
@o.taking((*o.LATER, "python"))
def resume(
    run: o.OptionalRun = None,
    *,
    task: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Where the task folder lies now, if it was moved."),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(metavar="yes|no", help="Answers every question that waits."),
    ] = None,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
    **settings: Any,
) -> int:
    """Go on with a run that was stopped or killed; what is given here is changed."""
    changes = o.given(settings)
    if answer not in (None, "yes", "no"):
        raise SettingsError(f"--answer is yes or no, not {answer!r}.")
    from mle_star.cli.running import go_on
    from mle_star.runs import find_run
    from mle_star.runs.moving import use_task

    path = find_run(run, o.runs_folder(runs_dir))
    if task is not None:
        use_task(path, task)
    return go_on(path, changes, answer=answer or "", as_json=as_json, quiet=quiet)


@app.command(
    **h.about(
        h.RUN,
        'mle-star tell my-run "no neural networks"',
        "mle-star tell my-run --name RealMLP --card realmlp.md",
        "mle-star tell my-run --block make_features --solution 1",
    )
)
def tell(
    run: o.Run,
    hint: Annotated[
        str, typer.Argument(metavar="HINT", help="What planner and coder should know.")
    ] = "",
    *,
    card: Annotated[
        str | None, typer.Option(metavar="FILE|TEXT", help="A model to try: its card.")
    ] = None,
    name: Annotated[str, typer.Option(help="What that model is called.")] = "",
    block: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="What to refine next: a function, a section, lines 10-25, or text."
        ),
    ] = "",
    solution: Annotated[
        int | None, typer.Option(help="Number of one solution, from 1; all if left out.")
    ] = None,
    runs_dir: o.RunsDir = None,
) -> None:
    """Tell a run something while it goes on, or before it is resumed."""
    from mle_star.cli.telling import tell_run
    from mle_star.runs import find_run

    folder = o.runs_folder(runs_dir)
    if " " in run and not hint and not (folder / run).exists():
        raise UserError('The run comes first, then the hint: mle-star tell RUN "HINT".')
    path = find_run(run, folder)
    tell_run(path, hint, card, name, block, solution)


@app.command(
    **h.about(h.RUN, "mle-star repair my-run --dry-run", "mle-star repair my-run", codes=h.MENDS)
)
def repair(
    run: o.OptionalRun = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look, change nothing.")] = False,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
) -> int:
    """Mend a damaged run folder, so that the run can go on with what is left."""
    from mle_star.cli.repair import mend

    return mend(run, o.runs_folder(runs_dir), dry_run=dry_run, as_json=as_json)


@app.command(**h.about(h.LOOK, "mle-star runs"))
def runs(runs_dir: o.RunsDir = None, as_json: o.AsJson = False) -> None:
    """List the runs, newest first."""
    from mle_star.cli.listing import list_them

    list_them(o.runs_folder(runs_dir), as_json=as_json)


@app.command(
    **h.about(
        h.LOOK,
        "mle-star show",
        "mle-star show --follow",
        "mle-star show 20260102-030405-my-task --bill",
        codes=h.FOLLOWS,
    )
)
def show(
    run: o.OptionalRun = None,
    follow: o.Follow = False,
    bill: o.WithBill = False,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
) -> int:
    """Show what a run came to: scores, steps, every script, the bill, and where the files are."""
    from dataclasses import asdict

    from mle_star.cli.outcome import show_report
    from mle_star.report.reading import read_report
    from mle_star.runs import find_run

    path = find_run(run, o.runs_folder(runs_dir))
    if follow:
        from mle_star.cli.following import watch

        return watch(path, as_json=as_json, whole_bill=bill)
    found = read_report(path)
    if as_json:
        write_json(asdict(found))
    else:
        show_report(console(), found, every_script=True, whole_bill=bill)
    return 0


@app.command(**h.about(h.LOOK, "mle-star history", "mle-star history my-run"))
def history(
    run: o.OptionalRun = None, runs_dir: o.RunsDir = None, as_json: o.AsJson = False
) -> None:
    """List a run's steps: when, which solution, what each did. 'fork' goes on from any of them."""
    from mle_star.cli.history import list_steps
    from mle_star.runs import find_run

    list_steps(find_run(run, o.runs_folder(runs_dir)), as_json=as_json)


@app.command(**h.about(h.RUN, "mle-star fork my-run --at 42 --set outer_steps=30"))
def fork(
    run: o.Run,
    at: Annotated[
        int, typer.Option("--at", metavar="STEP", help="Number of the step, from 'history'.")
    ],
    *,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting to change, such as outer_steps=30 or time_budget=600; repeatable.",
            autocompletion=completing.changes,
        ),
    ] = None,
    edits: Annotated[
        list[str] | None,
        typer.Option(
            "--edit",
            metavar="NAME=VALUE",
            help="After a step extract: another plan or block, as text or @FILE; repeatable.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the new run (default: RUN-fork).")
    ] = None,
    start: Annotated[
        bool, typer.Option("--run/--no-run", help="Run the fork at once, or only make it.")
    ] = True,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> int:
    """Go on from a step of a run in a new folder, with other settings; RUN stays as it is."""
    from mle_star.cli.history import fork_run
    from mle_star.runs import find_run

    return fork_run(
        find_run(run, o.runs_folder(runs_dir)), at, changes=changes, edits=edits, name=name,
        start=start, as_json=as_json, quiet=quiet,
    )  # fmt: skip


@app.command(**h.about(h.RUN, "mle-star submit my-run --kaggle titanic --wait", codes=h.SENDS))
def submit(
    run: o.OptionalRun = None,
    *,
    kaggle: Annotated[
        str, typer.Option(metavar="COMPETITION", help="Name of the competition at Kaggle.")
    ],
    message: Annotated[
        str | None, typer.Option("--message", "-m", help="What is said with it.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file other than the run's submission.csv.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without a question.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the public score (up to 10 minutes).")
    ] = False,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
) -> int:
    """Send a run's submission to Kaggle: check it, show it, ask, send it."""
    from pathlib import Path

    from mle_star.cli.submitting import submit as hand_in
    from mle_star.runs import find_run

    path = find_run(run, o.runs_folder(runs_dir))
    other = Path(file) if file else None
    return hand_in(path, kaggle, message=message, file=other, yes=yes, wait=wait, as_json=as_json)


@app.command(**h.about(h.LOOK, "mle-star report", "mle-star report my-run --output page.html"))
def report(
    run: o.OptionalRun = None, output: o.PageFile = None, runs_dir: o.RunsDir = None
) -> None:
    """Write a run's page, report.html (and its solution's model card and notebook)."""
    from pathlib import Path

    from mle_star.cli.output import relative
    from mle_star.report.writing import write_report, write_story
    from mle_star.runs import find_run

    path = find_run(run, o.runs_folder(runs_dir))
    write_story(path)
    written = write_report(path, Path(output) if output else None)
    sys.stdout.write(f"{relative(written)}\n")


@app.command(**h.about(h.LOOK, "mle-star compare one-run another-run --output both.html"))
def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN", help="Names or paths of the runs.", autocompletion=completing.runs
        ),
    ],
    output: o.PageFile = None,
    runs_dir: o.RunsDir = None,
) -> None:
    """Write one page for several runs: scores, what differs, scores over time."""
    from pathlib import Path

    from mle_star.cli.output import relative
    from mle_star.report.writing import write_comparison
    from mle_star.runs import find_run

    folder = o.runs_folder(runs_dir)
    paths = [find_run(name, folder) for name in runs]
    written = write_comparison(paths, Path(output) if output else folder / "comparison.html")
    sys.stdout.write(f"{relative(written)}\n")


@app.command(**h.about(h.BEFORE, "mle-star inspect my-task"))
@o.taking(("seed", "search_rows", "folds", "audit"))
def inspect(task: o.Task, *, as_json: o.AsJson = False, **settings: Any) -> None:
    """Show how a task folder is understood, what its data look like, and what scripts would see."""
    context = o.chosen(**settings)
    from mle_star.cli.inspection import look_at

    look_at(task, context, as_json=as_json)


@app.command(
    **h.about(
        h.BEFORE,
        "mle-star doctor my-task --offline",
        "mle-star doctor my-task --model google_genai:gemini-2.5-pro",
        codes=h.CHECKS,
    )
)
@o.taking((*o.fields(o.MODEL, o.BUDGET, o.CAGE), "python"))
def doctor(
    task: o.OptionalTask = None,
    *,
    offline: o.Offline = False,
    runs_dir: o.RunsDir = None,
    as_json: o.AsJson = False,
    **settings: Any,
) -> int:
    """Check that a run can start, who would think, and what that would cost."""
    context = o.chosen(**settings, runs_dir=runs_dir)
    from mle_star.cli.doctor import examine

    return examine(task, context, offline=offline, as_json=as_json)


@app.command(
    **h.about(h.BEFORE, "mle-star attacks", "mle-star attacks --level landlock", codes=h.HOLDS)
)
@o.taking(("python", "container_image"))
def attacks(
    *,
    level: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            help="One sandbox level; all of them if left out.",
            autocompletion=completing.levels,
        ),
    ] = None,
    as_json: o.AsJson = False,
    **settings: Any,
) -> int:
    """Attack the sandbox at every level and print what holds (about a minute)."""
    context = o.chosen(**settings)
    from mle_star.cli.attacks import run_attacks

    return run_attacks(level, context, as_json=as_json)


@app.command(**h.about(h.MORE, "mle-star graph --xray > graph.mmd"))
def graph(
    xray: Annotated[bool, typer.Option("--xray", help="Draw the subgraphs as well.")] = False,
) -> None:
    """Print the graph as Mermaid text."""
    from mle_star.cli.drawing import mermaid

    sys.stdout.write(mermaid(xray).rstrip() + "\n")


@app.command(**h.about(h.MORE, "mle-star studio --port 2024"))
def studio(
    port: Annotated[int, typer.Option(help="Port of the local server.")] = 2024,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Start the local server for LangGraph Studio."""
    from mle_star.cli.studio import start_server

    start_server(host, port)


@app.command(**h.about(h.MORE, "mle-star mcp", "mle-star mcp --runs-dir ~/runs"))
def mcp(runs_dir: o.RunsDir = None) -> None:
    """Serve runs to a coding assistant by the Model Context Protocol, on stdin and stdout."""
    from mle_star.cli.serving import serve_assistant

    serve_assistant(o.runs_folder(runs_dir))
